//! From a VARIANT to a value of the contract: by its type, without any coercion.
//!
//! A type that has no form in the contract is kept as its bytes, and what loses something has its bytes beside it.
//! Pointers (objects, records) mean nothing outside of this process: of them only the type goes out.

use mxgateway_contracts::v1::mx_value::Kind;
use mxgateway_contracts::v1::{MxArray, MxDataType, MxDimension, MxValue};
use windows::Win32::System::Com::SAFEARRAY;
use windows::Win32::System::Variant::VARIANT;

use crate::dates::{Clock, from_date, from_filetime};
use crate::safearray::Locked;

pub(crate) mod types;
mod write;

pub(crate) use write::{by_value, from_value};

use types::{
    VT_ARRAY, VT_BOOL, VT_BSTR, VT_BYREF, VT_CY, VT_DATE, VT_DECIMAL, VT_EMPTY, VT_ERROR, VT_FILETIME, VT_I1,
    VT_I2, VT_I4, VT_I8, VT_INT, VT_NULL, VT_R4, VT_R8, VT_UI1, VT_UI2, VT_UI4, VT_UI8, VT_UINT, VT_VARIANT,
};

/// A VARIANT that refers to a VARIANT, and so on, is followed this far.
const DEEPEST: u32 = 8;
/// Before the payload stand the type and three reserved words.
const PAYLOAD_OFFSET: usize = 8;
/// Longest text that is taken, in UTF-16 units; more is a length that is wrong.
const LONGEST_TEXT: usize = 128 << 20;

/// Type and data of a VARIANT, behind any references.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts {
    /// Without `VT_BYREF`.
    pub(crate) vartype: u16,
    /// Points to data of that type, which lives as long as the VARIANT.
    pub(crate) data: *const u8,
}

/// Type and data; `None` when a reference leads nowhere.
pub(crate) fn parts(variant: &VARIANT) -> Option<Parts> {
    parts_within(variant, 0)
}

fn parts_within(variant: &VARIANT, depth: u32) -> Option<Parts> {
    let vartype = variant.vt().0;
    let start = std::ptr::from_ref(variant).cast::<u8>();
    let payload = start.wrapping_add(PAYLOAD_OFFSET);
    if vartype & VT_BYREF == 0 {
        // A decimal has no room beside the type, so it lies around it.
        return Some(Parts { vartype, data: if vartype == VT_DECIMAL { start } else { payload } });
    }
    // SAFETY: with VT_BYREF the payload is a pointer.
    let data = unsafe { load::<*const u8>(payload) };
    if data.is_null() {
        return None;
    }
    let vartype = vartype & !VT_BYREF;
    if vartype != VT_VARIANT {
        return Some(Parts { vartype, data });
    }
    if depth == DEEPEST {
        return None;
    }
    // SAFETY: it points to a VARIANT, which lives as long as the one that refers to it.
    let inner = unsafe { &*data.cast::<VARIANT>() };
    parts_within(inner, depth + 1)
}

/// Reads what may not be aligned.
///
/// # Safety
/// At `at` are the bytes of a `T`.
pub(crate) unsafe fn load<T: Copy>(at: *const u8) -> T {
    // SAFETY: as the caller promises.
    unsafe { at.cast::<T>().read_unaligned() }
}

/// The value of a VARIANT.
pub(crate) fn to_value(variant: &VARIANT, clock: Clock) -> MxValue {
    to_value_within(variant, clock, 0)
}

fn to_value_within(variant: &VARIANT, clock: Clock, depth: u32) -> MxValue {
    let Some(Parts { vartype, data }) = parts_within(variant, depth) else {
        return without_form(variant.vt().0);
    };
    if vartype & VT_ARRAY != 0 {
        // SAFETY: with VT_ARRAY the data is a pointer to a SAFEARRAY.
        let array = unsafe { load::<*const SAFEARRAY>(data) };
        if array.is_null() {
            return without_form(vartype);
        }
        // SAFETY: it lives as long as the VARIANT.
        return match unsafe { Locked::new(array) } {
            Ok(locked) => array_value(&locked, vartype, clock, depth),
            Err(error) => {
                tracing::warn!(vartype, %error, "Array cannot be read");
                without_form(vartype)
            }
        };
    }
    // SAFETY: the data is of that type.
    let element = unsafe { element(vartype, data, clock) };
    MxValue {
        data_type: data_type(vartype).into(),
        variant_type: vartype.into(),
        kind: element.kind,
        raw_variant: element.lost,
    }
}

/// A value of which only the type goes out.
fn without_form(vartype: u16) -> MxValue {
    tracing::debug!(vartype, "Value of a type without a form of its own");
    MxValue { variant_type: vartype.into(), kind: Some(Kind::RawValue(Vec::new())), ..MxValue::default() }
}

/// The type of attribute that has values of a type.
fn data_type(vartype: u16) -> MxDataType {
    match vartype {
        VT_BOOL => MxDataType::Boolean,
        VT_I1 | VT_I2 | VT_I4 | VT_I8 | VT_INT | VT_UI1 | VT_UI2 | VT_UI4 | VT_UI8 | VT_UINT => {
            MxDataType::Integer
        }
        VT_R4 => MxDataType::Float,
        VT_R8 => MxDataType::Double,
        VT_BSTR => MxDataType::String,
        VT_DATE | VT_FILETIME => MxDataType::Time,
        _ => MxDataType::Unknown,
    }
}

#[derive(Debug)]
struct Element {
    kind: Option<Kind>,
    /// The bytes, when the kind is less than they are.
    lost: Vec<u8>,
}

impl From<Kind> for Element {
    fn from(kind: Kind) -> Self {
        Self { kind: Some(kind), lost: Vec::new() }
    }
}

/// Reads a scalar.
///
/// # Safety
/// At `at` is a value of the type.
unsafe fn element(vartype: u16, at: *const u8, clock: Clock) -> Element {
    macro_rules! read {
        ($type:ty) => {{
            // SAFETY: the type says what is there.
            unsafe { load::<$type>(at) }
        }};
    }
    match vartype {
        VT_EMPTY | VT_NULL => Element { kind: None, lost: Vec::new() },
        VT_BOOL => {
            let number = read!(i16);
            let is_usual = number == 0 || number == -1;
            let lost = if is_usual { Vec::new() } else { number.to_le_bytes().to_vec() };
            Element { kind: Some(Kind::BoolValue(number != 0)), lost }
        }
        VT_I1 => Kind::Int32Value(read!(i8).into()).into(),
        VT_UI1 => Kind::Int32Value(read!(u8).into()).into(),
        VT_I2 => Kind::Int32Value(read!(i16).into()).into(),
        VT_UI2 => Kind::Int32Value(read!(u16).into()).into(),
        VT_I4 | VT_INT | VT_ERROR => Kind::Int32Value(read!(i32)).into(),
        VT_UI4 | VT_UINT => Kind::Int64Value(read!(u32).into()).into(),
        VT_I8 => Kind::Int64Value(read!(i64)).into(),
        VT_UI8 => Kind::Uint64Value(read!(u64)).into(),
        VT_R4 => Kind::FloatValue(read!(f32)).into(),
        VT_R8 => Kind::DoubleValue(read!(f64)).into(),
        VT_DATE => date(read!(f64), clock),
        VT_FILETIME => {
            let ticks = read!(i64);
            let time = from_filetime(ticks).map(Kind::TimeValue);
            time.unwrap_or_else(|| Kind::RawValue(ticks.to_le_bytes().to_vec())).into()
        }
        VT_BSTR => {
            let pointer = read!(*const u16);
            // SAFETY: the type says that it is a BSTR.
            text(unsafe { units(pointer) })
        }
        VT_CY => Kind::RawValue(read!([u8; 8]).to_vec()).into(),
        VT_DECIMAL => {
            let mut bytes = read!([u8; 16]);
            // In a VARIANT its first word is the VARIANT's type.
            bytes[..2].fill(0);
            Kind::RawValue(bytes.to_vec()).into()
        }
        _ => {
            tracing::debug!(vartype, "Value of a type without a form of its own");
            Kind::RawValue(Vec::new()).into()
        }
    }
}

fn date(date: f64, clock: Clock) -> Element {
    let bytes = date.to_le_bytes().to_vec();
    let Some(time) = from_date(date, clock) else { return Kind::RawValue(bytes).into() };
    let is_kept = crate::dates::to_date(&time, clock).is_some_and(|back| back.to_bits() == date.to_bits());
    Element { kind: Some(Kind::TimeValue(time)), lost: if is_kept { Vec::new() } else { bytes } }
}

fn text(units: Vec<u16>) -> Element {
    match String::from_utf16(&units) {
        Ok(text) => Kind::StringValue(text).into(),
        Err(_) => Element {
            kind: Some(Kind::StringValue(String::from_utf16_lossy(&units))),
            lost: units.iter().flat_map(|unit| unit.to_le_bytes()).collect(),
        },
    }
}

/// The UTF-16 units of a BSTR; a null pointer is an empty one. Its length stands before it.
///
/// # Safety
/// It is a BSTR, or null.
pub(crate) unsafe fn units(text: *const u16) -> Vec<u16> {
    if text.is_null() {
        return Vec::new();
    }
    // SAFETY: a BSTR has its length in bytes in the four bytes before it.
    let bytes = unsafe { load::<u32>(text.cast::<u8>().wrapping_sub(4)) };
    let length = usize::try_from(bytes / 2).unwrap_or(usize::MAX);
    if length > LONGEST_TEXT {
        return Vec::new();
    }
    // SAFETY: so many units are there.
    unsafe { std::slice::from_raw_parts(text, length) }.to_vec()
}

fn array_value(array: &Locked<'_>, vartype: u16, clock: Clock, depth: u32) -> MxValue {
    let element_type = array.element_type.unwrap_or(vartype & !VT_ARRAY);
    let mut list = MxArray {
        element_variant_type: element_type.into(),
        element_data_type: data_type(element_type).into(),
        dimensions: array
            .dimensions
            .iter()
            .map(|dimension| MxDimension { lower_bound: dimension.lower_bound, length: dimension.length })
            .collect(),
        ..MxArray::default()
    };
    let mut lost = Vec::new();
    let expected_size = types::size(element_type);
    if expected_size != Some(array.element_size) {
        // Records and objects, or a size that does not go with the type: their bytes are not ours to explain.
        tracing::debug!(element_type, element_size = array.element_size, "Array of a type without a form");
        list.raw_values = vec![Vec::new(); array.count];
    } else if element_type == VT_VARIANT {
        if depth < DEEPEST {
            list.variant_values = array
                .elements()
                .map(|at| {
                    // SAFETY: the array's elements are VARIANTs of the right size, and locked.
                    let inner = unsafe { &*at.cast::<VARIANT>() };
                    to_value_within(inner, clock, depth + 1)
                })
                .collect();
        }
    } else {
        let elements: Vec<_> = array
            .elements()
            // SAFETY: the array's elements are of the type and of its size, and locked.
            .map(|at| unsafe { element(element_type, at, clock) })
            .collect();
        lost = fill(&mut list, elements, array);
    }
    MxValue {
        data_type: data_type(element_type).into(),
        variant_type: (VT_ARRAY | element_type).into(),
        kind: Some(Kind::ArrayValue(list)),
        raw_variant: lost,
    }
}

/// Puts the elements into the list of their kind; gives the array's bytes when something was lost.
fn fill(list: &mut MxArray, elements: Vec<Element>, array: &Locked<'_>) -> Vec<u8> {
    let is_raw = elements.iter().any(|element| matches!(element.kind, Some(Kind::RawValue(_))));
    let bytes = || {
        array.elements().map(|at| {
            (0..array.element_size)
                // SAFETY: each element has this many bytes.
                .map(|offset| unsafe { load::<u8>(at.wrapping_add(offset)) })
                .collect::<Vec<u8>>()
        })
    };
    if is_raw {
        list.raw_values = bytes().collect();
        return Vec::new();
    }
    // The bytes of a text are a pointer.
    let is_lost = elements.iter().any(|element| !element.lost.is_empty())
        && list.element_variant_type != u32::from(VT_BSTR);
    for element in elements {
        match element.kind {
            Some(Kind::BoolValue(value)) => list.bool_values.push(value),
            Some(Kind::Int32Value(value)) => list.int32_values.push(value),
            Some(Kind::Int64Value(value)) => list.int64_values.push(value),
            Some(Kind::Uint64Value(value)) => list.uint64_values.push(value),
            Some(Kind::FloatValue(value)) => list.float_values.push(value),
            Some(Kind::DoubleValue(value)) => list.double_values.push(value),
            Some(Kind::StringValue(value)) => list.string_values.push(value),
            Some(Kind::TimeValue(value)) => list.time_values.push(value),
            Some(Kind::RawValue(_) | Kind::ArrayValue(_) | Kind::SparseArrayValue(_)) | None => {}
        }
    }
    if is_lost { bytes().flatten().collect() } else { Vec::new() }
}
