//! Sparse array writes. MXAccess can only write a whole array, so the gateway makes one of what the client
//! wrote: elements that are not named become the type's default (false, 0, "", 1970-01-01T00:00Z). That is
//! a reset of those elements; what they held before is not looked at.

use prost_types::Timestamp;

use crate::v1::{MxArray, MxDataType, MxDimension, MxSparseArray, MxSparseElement, MxValue, mx_value::Kind};
use crate::value::variant_type::{VT_ARRAY, VT_BOOL, VT_BSTR, VT_DATE, VT_I4, VT_R4, VT_R8};

/// Elements that the expanded arrays of one command may have together, so that a small request cannot ask
/// for much memory.
pub const MAX_EXPANDED_ELEMENTS: usize = 1 << 20;

/// What is wrong with a sparse array. The texts name fields and numbers, never values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SparseArrayError {
    /// The element type is missing, or not one that arrays are written with.
    #[error(
        "is {given}; it must be boolean, integer, float, double, string, time, elapsed time, \
         internationalized string or big string"
    )]
    ElementType {
        /// Name of the type, or its number when that is unknown.
        given: String,
    },
    /// The value names a VARIANT type that the expanded array would not have.
    #[error("is {given}; leave it 0, or use {expected} for an array of this element type")]
    VariantType {
        /// What the value says.
        given: u32,
        /// What the expanded array has.
        expected: u32,
    },
    /// An array without elements cannot be written.
    #[error("is missing; it is the length of the whole array, at least 1")]
    NoLength,
    /// More elements than a command may expand to.
    #[error("is {length}, but the command's sparse arrays have room for {room} elements more")]
    TooLong {
        /// The length asked for.
        length: u32,
        /// Elements left.
        room: usize,
    },
    /// An index at or beyond the length.
    #[error("is {index}, but the array has {length} elements, counted from 0")]
    IndexOutOfRange {
        /// Position of the element in the request.
        position: usize,
        /// Its index.
        index: u32,
        /// Length of the whole array.
        length: u32,
    },
    /// An index named twice.
    #[error("is {index}, which an earlier element has already")]
    DuplicateIndex {
        /// Position of the later element in the request.
        position: usize,
        /// The index.
        index: u32,
    },
    /// An element's value is missing, no scalar, or of another type.
    #[error("is {given}, but must be {expected}, as element_data_type says")]
    Element {
        /// Position of the element in the request.
        position: usize,
        /// The kind of value it has.
        given: &'static str,
        /// The kind of value it must have.
        expected: &'static str,
    },
}

impl SparseArrayError {
    /// The field it is about, as a path below the value.
    pub fn field(&self) -> String {
        match self {
            Self::ElementType { .. } => "sparse_array_value.element_data_type".to_owned(),
            Self::VariantType { .. } => "variant_type".to_owned(),
            Self::NoLength | Self::TooLong { .. } => "sparse_array_value.total_length".to_owned(),
            Self::IndexOutOfRange { position, .. } | Self::DuplicateIndex { position, .. } => {
                format!("sparse_array_value.elements[{position}].index")
            }
            Self::Element { position, .. } => format!("sparse_array_value.elements[{position}].value"),
        }
    }
}

/// Makes a whole array of a value that is a sparse one; leaves any other value alone. `room` is how many
/// elements may still be made, and shrinks by those made. On an error neither is changed.
pub fn expand(value: &mut MxValue, room: &mut usize) -> Result<(), SparseArrayError> {
    let Some(Kind::SparseArrayValue(sparse)) = &value.kind else { return Ok(()) };
    let (array, left) = whole_array(sparse, *room)?;
    let expected = array.element_variant_type | VT_ARRAY;
    if value.variant_type != 0 && value.variant_type != expected {
        return Err(SparseArrayError::VariantType { given: value.variant_type, expected });
    }
    *room = left;
    value.variant_type = expected;
    if value.data_type == i32::from(MxDataType::Unknown) {
        value.data_type = array.element_data_type;
    }
    value.kind = Some(Kind::ArrayValue(array));
    Ok(())
}

/// The array, and how much room is left.
fn whole_array(sparse: &MxSparseArray, room: usize) -> Result<(MxArray, usize), SparseArrayError> {
    let unsupported = |given: String| SparseArrayError::ElementType { given };
    let data_type = MxDataType::try_from(sparse.element_data_type)
        .map_err(|_| unsupported(format!("number {}", sparse.element_data_type)))?;
    let elements = Elements::of(data_type).ok_or_else(|| unsupported(data_type.as_str_name().to_owned()))?;
    let length = sparse.total_length;
    if length == 0 {
        return Err(SparseArrayError::NoLength);
    }
    let too_long = SparseArrayError::TooLong { length, room };
    let total = usize::try_from(length).map_err(|_| too_long.clone())?;
    let left = room.checked_sub(total).ok_or(too_long)?;
    let mut array = MxArray {
        element_variant_type: elements.variant_type(),
        element_data_type: data_type.into(),
        dimensions: vec![MxDimension { lower_bound: 0, length }],
        ..MxArray::default()
    };
    elements.fill(&mut array, total);
    let mut named = vec![false; total];
    for (position, MxSparseElement { index, value }) in sparse.elements.iter().enumerate() {
        let index = *index;
        let slot = usize::try_from(index).ok().filter(|slot| *slot < total);
        let slot = slot.ok_or(SparseArrayError::IndexOutOfRange { position, index, length })?;
        if std::mem::replace(&mut named[slot], true) {
            return Err(SparseArrayError::DuplicateIndex { position, index });
        }
        let kind = value.as_ref().and_then(|value| value.kind.as_ref());
        if !put(&mut array, elements, slot, kind) {
            let given = kind.map_or("missing", kind_name);
            return Err(SparseArrayError::Element { position, given, expected: elements.kind_name() });
        }
    }
    Ok((array, left))
}

/// Which list of an array the elements are in.
#[derive(Clone, Copy)]
enum Elements {
    Bool,
    Int32,
    Float,
    Double,
    String,
    Time,
}

impl Elements {
    fn of(data_type: MxDataType) -> Option<Self> {
        match data_type {
            MxDataType::Boolean => Some(Self::Bool),
            MxDataType::Integer => Some(Self::Int32),
            MxDataType::Float => Some(Self::Float),
            MxDataType::Double | MxDataType::ElapsedTime => Some(Self::Double),
            MxDataType::String | MxDataType::InternationalizedString | MxDataType::BigString => {
                Some(Self::String)
            }
            MxDataType::Time => Some(Self::Time),
            MxDataType::Unknown
            | MxDataType::NoData
            | MxDataType::ReferenceType
            | MxDataType::StatusType
            | MxDataType::DataTypeEnum
            | MxDataType::SecurityClassificationEnum
            | MxDataType::DataQualityType
            | MxDataType::QualifiedEnum
            | MxDataType::QualifiedStruct => None,
        }
    }

    fn variant_type(self) -> u32 {
        match self {
            Self::Bool => VT_BOOL,
            Self::Int32 => VT_I4,
            Self::Float => VT_R4,
            Self::Double => VT_R8,
            Self::String => VT_BSTR,
            Self::Time => VT_DATE,
        }
    }

    fn kind_name(self) -> &'static str {
        match self {
            Self::Bool => "bool_value",
            Self::Int32 => "int32_value",
            Self::Float => "float_value",
            Self::Double => "double_value",
            Self::String => "string_value",
            Self::Time => "time_value",
        }
    }

    fn fill(self, array: &mut MxArray, total: usize) {
        match self {
            Self::Bool => array.bool_values = vec![false; total],
            Self::Int32 => array.int32_values = vec![0; total],
            Self::Float => array.float_values = vec![0.0; total],
            Self::Double => array.double_values = vec![0.0; total],
            Self::String => array.string_values = vec![String::new(); total],
            Self::Time => array.time_values = vec![Timestamp::default(); total],
        }
    }
}

/// Puts an element in its place; false when its kind does not fit.
fn put(array: &mut MxArray, elements: Elements, slot: usize, kind: Option<&Kind>) -> bool {
    match (elements, kind) {
        (Elements::Bool, Some(Kind::BoolValue(value))) => array.bool_values[slot] = *value,
        (Elements::Int32, Some(Kind::Int32Value(value))) => array.int32_values[slot] = *value,
        (Elements::Float, Some(Kind::FloatValue(value))) => array.float_values[slot] = *value,
        (Elements::Double, Some(Kind::DoubleValue(value))) => array.double_values[slot] = *value,
        (Elements::String, Some(Kind::StringValue(value))) => array.string_values[slot].clone_from(value),
        (Elements::Time, Some(Kind::TimeValue(value))) => array.time_values[slot] = *value,
        (
            Elements::Bool
            | Elements::Int32
            | Elements::Float
            | Elements::Double
            | Elements::String
            | Elements::Time,
            _,
        ) => return false,
    }
    true
}

fn kind_name(kind: &Kind) -> &'static str {
    match kind {
        Kind::BoolValue(_) => "bool_value",
        Kind::Int32Value(_) => "int32_value",
        Kind::Int64Value(_) => "int64_value",
        Kind::Uint64Value(_) => "uint64_value",
        Kind::FloatValue(_) => "float_value",
        Kind::DoubleValue(_) => "double_value",
        Kind::StringValue(_) => "string_value",
        Kind::TimeValue(_) => "time_value",
        Kind::ArrayValue(_) => "array_value",
        Kind::RawValue(_) => "raw_value",
        Kind::SparseArrayValue(_) => "sparse_array_value",
    }
}

#[cfg(test)]
mod tests;
