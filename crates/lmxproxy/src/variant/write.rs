//! From a value of the contract to a VARIANT: of the type it names, or else by its kind.

use std::mem::ManuallyDrop;

use mxgateway_contracts::v1::mx_value::Kind;
use mxgateway_contracts::v1::{MxArray, MxValue};
use mxgateway_contracts::value::simple_elements;
use windows::Win32::System::Variant::VARIANT;
use windows_core::BSTR;

use super::PAYLOAD_OFFSET;
use super::types::{
    VT_ARRAY, VT_BOOL, VT_BSTR, VT_CY, VT_DATE, VT_DECIMAL, VT_EMPTY, VT_ERROR, VT_FILETIME, VT_I1, VT_I2,
    VT_I4, VT_I8, VT_INT, VT_NULL, VT_R4, VT_R8, VT_UI1, VT_UI2, VT_UI4, VT_UI8, VT_UINT, VT_VARIANT, size,
};
use crate::dates::{Clock, to_date, to_filetime};
use crate::safearray::{Dimension, Made};

/// A value that makes no VARIANT. The text names types, never a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfit {
    #[error("VARIANT type {0} does not go with the value's kind")]
    Kind(u32),
    #[error("the value does not fit VARIANT type {0}")]
    Range(u16),
    #[error("a sparse array is made whole before it gets here")]
    Sparse,
    #[error("the array has more or fewer elements than its dimensions say")]
    Dimensions,
    #[error("no array can be made of it: {0}")]
    Array(#[from] windows_core::Error),
}

/// The VARIANT's bytes as they go in by value. What they own stays `variant`'s, which outlives the call.
pub(crate) fn by_value(variant: &VARIANT) -> ManuallyDrop<VARIANT> {
    // SAFETY: a bitwise copy that is never dropped, so that nothing is freed twice.
    ManuallyDrop::new(unsafe { std::ptr::read(variant) })
}

/// A VARIANT of the value.
pub(crate) fn from_value(value: &MxValue, clock: Clock) -> Result<VARIANT, Unfit> {
    let wanted = u16::try_from(value.variant_type).map_err(|_large| Unfit::Kind(value.variant_type))?;
    match &value.kind {
        None if wanted == VT_EMPTY || wanted == VT_NULL => Ok(with_payload(wanted, &[])),
        None => Err(Unfit::Kind(value.variant_type)),
        Some(Kind::SparseArrayValue(_)) => Err(Unfit::Sparse),
        Some(Kind::ArrayValue(array)) => {
            let element_type = element_type(array, wanted)?;
            let made = from_array(array, element_type, clock)?;
            let pointer = made.into_raw().expose_provenance();
            Ok(with_payload(VT_ARRAY | element_type, &pointer.to_le_bytes()))
        }
        Some(kind) => {
            let vartype = if wanted == VT_EMPTY { usual_type(kind)? } else { wanted };
            Ok(match payload(vartype, kind, clock)? {
                Payload::Bytes(bytes, length) => with_payload(vartype, &bytes[..length]),
                Payload::Text(text) => {
                    with_payload(vartype, &text.into_raw().expose_provenance().to_le_bytes())
                }
            })
        }
    }
}

/// Where a write says nothing: by the kind.
fn usual_type(kind: &Kind) -> Result<u16, Unfit> {
    Ok(match kind {
        Kind::BoolValue(_) => VT_BOOL,
        Kind::Int32Value(_) => VT_I4,
        Kind::Int64Value(_) => VT_I8,
        Kind::Uint64Value(_) => VT_UI8,
        Kind::FloatValue(_) => VT_R4,
        Kind::DoubleValue(_) => VT_R8,
        Kind::StringValue(_) => VT_BSTR,
        Kind::TimeValue(_) => VT_DATE,
        Kind::ArrayValue(_) | Kind::RawValue(_) | Kind::SparseArrayValue(_) => {
            return Err(Unfit::Kind(VT_EMPTY.into()));
        }
    })
}

/// Sets type and payload. What the payload owns, the VARIANT owns from here on.
fn with_payload(vartype: u16, bytes: &[u8]) -> VARIANT {
    let mut variant = VARIANT::default();
    let start = (&raw mut variant).cast::<u8>();
    let offset = if vartype == VT_DECIMAL { 0 } else { PAYLOAD_OFFSET };
    debug_assert!(offset + bytes.len() <= size_of::<VARIANT>());
    // SAFETY: no payload is larger than what is left of the VARIANT.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), start.wrapping_add(offset), bytes.len()) };
    // SAFETY: the type is the VARIANT's first word.
    unsafe { start.cast::<u16>().write(vartype) };
    variant
}

#[derive(Debug)]
enum Payload {
    /// Bytes, and how many of them.
    Bytes([u8; 16], usize),
    Text(BSTR),
}

fn bytes<const LENGTH: usize>(from: [u8; LENGTH]) -> Payload {
    let mut all = [0; 16];
    all[..LENGTH].copy_from_slice(&from);
    Payload::Bytes(all, LENGTH)
}

fn payload(vartype: u16, kind: &Kind, clock: Clock) -> Result<Payload, Unfit> {
    macro_rules! narrow {
        ($type:ty, $number:expr) => {
            bytes(<$type>::try_from(*$number).map_err(|_| Unfit::Range(vartype))?.to_le_bytes())
        };
    }
    Ok(match (vartype, kind) {
        (VT_BOOL, Kind::BoolValue(value)) => bytes((if *value { -1_i16 } else { 0 }).to_le_bytes()),
        (VT_I1, Kind::Int32Value(value)) => narrow!(i8, value),
        (VT_UI1, Kind::Int32Value(value)) => narrow!(u8, value),
        (VT_I2, Kind::Int32Value(value)) => narrow!(i16, value),
        (VT_UI2, Kind::Int32Value(value)) => narrow!(u16, value),
        (VT_I4 | VT_INT | VT_ERROR, Kind::Int32Value(value)) => bytes(value.to_le_bytes()),
        (VT_UI4 | VT_UINT, Kind::Int64Value(value)) => narrow!(u32, value),
        (VT_I8, Kind::Int64Value(value)) => bytes(value.to_le_bytes()),
        (VT_UI8, Kind::Uint64Value(value)) => bytes(value.to_le_bytes()),
        (VT_R4, Kind::FloatValue(value)) => bytes(value.to_le_bytes()),
        (VT_R8, Kind::DoubleValue(value)) => bytes(value.to_le_bytes()),
        (VT_BSTR, Kind::StringValue(text)) => Payload::Text(text.as_str().into()),
        (VT_DATE, Kind::TimeValue(time)) => {
            bytes(to_date(time, clock).ok_or(Unfit::Range(vartype))?.to_le_bytes())
        }
        (VT_I8 | VT_UI8 | VT_FILETIME, Kind::TimeValue(time)) => {
            bytes(to_filetime(time).ok_or(Unfit::Range(vartype))?.to_le_bytes())
        }
        (VT_DATE | VT_CY | VT_DECIMAL, Kind::RawValue(raw)) if size(vartype) == Some(raw.len()) => {
            let mut all = [0; 16];
            all[..raw.len()].copy_from_slice(raw);
            Payload::Bytes(all, raw.len())
        }
        _ => return Err(Unfit::Kind(vartype.into())),
    })
}

/// The elements as scalars, whichever list they are in.
fn kinds(array: &MxArray) -> Vec<Kind> {
    let mut kinds = simple_elements(array);
    kinds.extend(array.raw_values.iter().cloned().map(Kind::RawValue));
    kinds
}

fn element_type(array: &MxArray, wanted: u16) -> Result<u16, Unfit> {
    let named = u16::try_from(array.element_variant_type)
        .map_err(|_large| Unfit::Kind(array.element_variant_type))?;
    if wanted != VT_EMPTY && wanted & VT_ARRAY == 0 {
        return Err(Unfit::Kind(wanted.into()));
    }
    let of_whole = wanted & !VT_ARRAY;
    match (named, of_whole) {
        (VT_EMPTY, VT_EMPTY) if !array.variant_values.is_empty() => Ok(VT_VARIANT),
        (VT_EMPTY, VT_EMPTY) => usual_type(kinds(array).first().ok_or(Unfit::Kind(wanted.into()))?),
        (VT_EMPTY, one) | (one, VT_EMPTY) => Ok(one),
        (one, other) if one == other => Ok(one),
        (_, other) => Err(Unfit::Kind(other.into())),
    }
}

fn from_array(array: &MxArray, element_type: u16, clock: Clock) -> Result<Made, Unfit> {
    let kinds = kinds(array);
    let count = kinds.len() + array.variant_values.len();
    let dimensions = if array.dimensions.is_empty() {
        vec![Dimension { lower_bound: 0, length: u32::try_from(count).map_err(|_many| Unfit::Dimensions)? }]
    } else {
        let dimension = |dimension: &mxgateway_contracts::v1::MxDimension| Dimension {
            lower_bound: dimension.lower_bound,
            length: dimension.length,
        };
        array.dimensions.iter().map(dimension).collect()
    };
    let room = dimensions
        .iter()
        .try_fold(1_usize, |product, dimension| product.checked_mul(usize::try_from(dimension.length).ok()?));
    if room != Some(count) {
        return Err(Unfit::Dimensions);
    }
    if size(element_type).is_none() {
        return Err(Unfit::Kind(element_type.into()));
    }
    let mut made = Made::new(element_type, &dimensions)?;
    let locked = made.lock()?;
    if size(element_type) != Some(locked.element_size) {
        return Err(Unfit::Kind(element_type.into()));
    }
    if element_type == VT_VARIANT {
        if !kinds.is_empty() {
            return Err(Unfit::Kind(element_type.into()));
        }
        for (at, value) in locked.elements().zip(&array.variant_values) {
            let variant = from_value(value, clock)?;
            // SAFETY: the element is a VARIANT that is empty; the array owns what is put there.
            unsafe { at.cast_mut().cast::<VARIANT>().write(variant) };
        }
    } else {
        if !array.variant_values.is_empty() {
            return Err(Unfit::Kind(element_type.into()));
        }
        for (at, kind) in locked.elements().zip(&kinds) {
            let (from, length) = match payload(element_type, kind, clock)? {
                Payload::Bytes(bytes, length) => (bytes, length),
                Payload::Text(text) => {
                    let pointer = text.into_raw().expose_provenance().to_le_bytes();
                    let mut all = [0; 16];
                    all[..pointer.len()].copy_from_slice(&pointer);
                    (all, pointer.len())
                }
            };
            debug_assert_eq!(length, locked.element_size);
            // SAFETY: the element has as many bytes as its type; the array owns what is put there.
            unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), at.cast_mut(), length) };
        }
    }
    drop(locked);
    Ok(made)
}
