//! `MxValue`: VARTYPE numbers and short ways to make and show a value.

use std::time::SystemTime;

use crate::time::timestamp;
use crate::v1::{MxArray, MxDataType, MxValue, mx_value::Kind};

/// VARTYPE numbers of the VARIANT types that MXAccess uses.
pub mod variant_type {
    /// No value.
    pub const VT_EMPTY: u32 = 0;
    /// SQL-style null.
    pub const VT_NULL: u32 = 1;
    /// i16.
    pub const VT_I2: u32 = 2;
    /// i32; MXAccess's Integer.
    pub const VT_I4: u32 = 3;
    /// f32; MXAccess's Float.
    pub const VT_R4: u32 = 4;
    /// f64; MXAccess's Double.
    pub const VT_R8: u32 = 5;
    /// OLE date; MXAccess's Time.
    pub const VT_DATE: u32 = 7;
    /// Text.
    pub const VT_BSTR: u32 = 8;
    /// MXAccess's Boolean.
    pub const VT_BOOL: u32 = 11;
    /// u32.
    pub const VT_UI4: u32 = 19;
    /// i64.
    pub const VT_I8: u32 = 20;
    /// u64.
    pub const VT_UI8: u32 = 21;
    /// Added for an array.
    pub const VT_ARRAY: u32 = 0x2000;
}
use variant_type::{VT_BOOL, VT_BSTR, VT_DATE, VT_I4, VT_I8, VT_R4, VT_R8};

/// The elements of an array's lists of simple values, one list after the other; not the raw ones and the VARIANTs.
pub fn simple_elements(array: &MxArray) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = array.bool_values.iter().copied().map(Kind::BoolValue).collect();
    kinds.extend(array.int32_values.iter().copied().map(Kind::Int32Value));
    kinds.extend(array.int64_values.iter().copied().map(Kind::Int64Value));
    kinds.extend(array.uint64_values.iter().copied().map(Kind::Uint64Value));
    kinds.extend(array.float_values.iter().copied().map(Kind::FloatValue));
    kinds.extend(array.double_values.iter().copied().map(Kind::DoubleValue));
    kinds.extend(array.string_values.iter().cloned().map(Kind::StringValue));
    kinds.extend(array.time_values.iter().copied().map(Kind::TimeValue));
    kinds
}

fn scalar(data_type: MxDataType, variant_type: u32, kind: Kind) -> MxValue {
    MxValue { data_type: data_type.into(), variant_type, kind: Some(kind), raw_variant: Vec::new() }
}

impl From<bool> for MxValue {
    fn from(value: bool) -> Self {
        scalar(MxDataType::Boolean, VT_BOOL, Kind::BoolValue(value))
    }
}

impl From<i32> for MxValue {
    fn from(value: i32) -> Self {
        scalar(MxDataType::Integer, VT_I4, Kind::Int32Value(value))
    }
}

impl From<i64> for MxValue {
    fn from(value: i64) -> Self {
        scalar(MxDataType::Integer, VT_I8, Kind::Int64Value(value))
    }
}

impl From<f32> for MxValue {
    fn from(value: f32) -> Self {
        scalar(MxDataType::Float, VT_R4, Kind::FloatValue(value))
    }
}

impl From<f64> for MxValue {
    fn from(value: f64) -> Self {
        scalar(MxDataType::Double, VT_R8, Kind::DoubleValue(value))
    }
}

impl From<&str> for MxValue {
    fn from(value: &str) -> Self {
        value.to_owned().into()
    }
}

impl From<String> for MxValue {
    fn from(value: String) -> Self {
        scalar(MxDataType::String, VT_BSTR, Kind::StringValue(value))
    }
}

impl From<SystemTime> for MxValue {
    fn from(value: SystemTime) -> Self {
        scalar(MxDataType::Time, VT_DATE, Kind::TimeValue(timestamp(value)))
    }
}

/// Number of elements in an array's filled list.
pub fn array_len(array: &MxArray) -> usize {
    [
        array.bool_values.len(),
        array.int32_values.len(),
        array.int64_values.len(),
        array.uint64_values.len(),
        array.float_values.len(),
        array.double_values.len(),
        array.string_values.len(),
        array.time_values.len(),
        array.variant_values.len(),
        array.raw_values.len(),
    ]
    .into_iter()
    .max()
    .unwrap_or_default()
}
