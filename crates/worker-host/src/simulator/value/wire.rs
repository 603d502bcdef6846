//! Values from and to the wire.

use std::time::SystemTime;

use mxgateway_contracts::time;
use mxgateway_contracts::v1::{MxArray, MxDataType, MxDimension, MxValue, mx_value::Kind};
use mxgateway_contracts::value::simple_elements;
use mxgateway_contracts::value::variant_type::{
    VT_ARRAY, VT_BOOL, VT_BSTR, VT_DATE, VT_EMPTY, VT_I4, VT_R4, VT_R8,
};

use mxgateway_galaxy::value::{Enumerated, Text, format_time, narrow, parse_time, saturating_i32};

use super::{Data, DataType, Scalar};
use crate::simulator::status::Detail;

/// VARTYPE of a VARIANT within an array.
const VT_VARIANT: u32 = 12;

fn wire_type(data_type: DataType) -> MxDataType {
    match data_type {
        DataType::Boolean => MxDataType::Boolean,
        DataType::Integer => MxDataType::Integer,
        DataType::Float => MxDataType::Float,
        DataType::Double => MxDataType::Double,
        DataType::String => MxDataType::String,
        DataType::Time => MxDataType::Time,
        DataType::ElapsedTime => MxDataType::ElapsedTime,
        DataType::Enumerated(Enumerated::StatusType) => MxDataType::StatusType,
        DataType::Enumerated(Enumerated::DataTypeEnum) => MxDataType::DataTypeEnum,
        DataType::Enumerated(Enumerated::SecurityClassificationEnum) => {
            MxDataType::SecurityClassificationEnum
        }
        DataType::Enumerated(Enumerated::DataQualityType) => MxDataType::DataQualityType,
        DataType::Enumerated(Enumerated::QualifiedEnum) => MxDataType::QualifiedEnum,
        DataType::Text(Text::ReferenceType) => MxDataType::ReferenceType,
        DataType::Text(Text::InternationalizedString) => MxDataType::InternationalizedString,
        DataType::Text(Text::BigString) => MxDataType::BigString,
    }
}

fn variant_type(data_type: DataType) -> u32 {
    match data_type {
        DataType::Boolean => VT_BOOL,
        DataType::Integer | DataType::Enumerated(_) => VT_I4,
        DataType::Float => VT_R4,
        DataType::Double | DataType::ElapsedTime => VT_R8,
        DataType::String | DataType::Text(_) => VT_BSTR,
        DataType::Time => VT_DATE,
    }
}

/// The wire form of what an attribute of a type holds.
pub(crate) fn to_wire(data: &Data, data_type: DataType) -> MxValue {
    let (variant_type, kind) = match data {
        Data::Scalar(scalar) => (variant_type(data_type), scalar_kind(scalar)),
        Data::Array(elements) => {
            (variant_type(data_type) | VT_ARRAY, Kind::ArrayValue(array(elements, data_type)))
        }
    };
    MxValue {
        data_type: wire_type(data_type).into(),
        variant_type,
        kind: Some(kind),
        raw_variant: Vec::new(),
    }
}

/// The wire form of several values of one attribute: an array of its type, or of VARIANTs when the values are
/// arrays themselves.
pub(crate) fn list(values: impl Iterator<Item = Data>, data_type: DataType) -> MxValue {
    let values: Vec<_> = values.collect();
    let scalars: Option<Vec<_>> = values
        .iter()
        .map(|value| match value {
            Data::Scalar(scalar) => Some(scalar.clone()),
            Data::Array(_) => None,
        })
        .collect();
    if let Some(scalars) = scalars {
        return to_wire(&Data::Array(scalars.into()), data_type);
    }
    let array = MxArray {
        element_variant_type: VT_VARIANT,
        element_data_type: wire_type(data_type).into(),
        dimensions: vec![dimension(values.len())],
        variant_values: values.iter().map(|value| to_wire(value, data_type)).collect(),
        ..MxArray::default()
    };
    array_value(array)
}

/// An array of integers.
pub(crate) fn integers(values: Vec<i32>) -> MxValue {
    array_value(MxArray {
        element_variant_type: VT_I4,
        element_data_type: MxDataType::Integer.into(),
        dimensions: vec![dimension(values.len())],
        int32_values: values,
        ..MxArray::default()
    })
}

/// An array of times.
pub(crate) fn times(values: Vec<prost_types::Timestamp>) -> MxValue {
    array_value(MxArray {
        element_variant_type: VT_DATE,
        element_data_type: MxDataType::Time.into(),
        dimensions: vec![dimension(values.len())],
        time_values: values,
        ..MxArray::default()
    })
}

/// MXAccess's name for a type.
pub(crate) fn wire_type_of(data_type: Option<DataType>) -> MxDataType {
    data_type.map_or(MxDataType::Unknown, wire_type)
}

fn array_value(array: MxArray) -> MxValue {
    MxValue {
        data_type: array.element_data_type,
        variant_type: array.element_variant_type | VT_ARRAY,
        kind: Some(Kind::ArrayValue(array)),
        raw_variant: Vec::new(),
    }
}

fn dimension(length: usize) -> MxDimension {
    MxDimension { lower_bound: 0, length: u32::try_from(length).unwrap_or(u32::MAX) }
}

/// The wire form of no value, as it comes with an error status.
pub(crate) fn empty() -> MxValue {
    MxValue { data_type: MxDataType::Unknown.into(), variant_type: VT_EMPTY, ..MxValue::default() }
}

fn scalar_kind(scalar: &Scalar) -> Kind {
    match scalar {
        Scalar::Boolean(value) => Kind::BoolValue(*value),
        Scalar::Integer(value) => Kind::Int32Value(*value),
        Scalar::Float(value) => Kind::FloatValue(*value),
        Scalar::Double(value) | Scalar::ElapsedTime(value) => Kind::DoubleValue(*value),
        Scalar::String(value) => Kind::StringValue(value.to_string()),
        Scalar::Time(value) => Kind::TimeValue(time::timestamp(*value)),
    }
}

fn array(elements: &[Scalar], data_type: DataType) -> MxArray {
    let mut array = MxArray {
        element_variant_type: variant_type(data_type),
        element_data_type: wire_type(data_type).into(),
        dimensions: vec![dimension(elements.len())],
        ..MxArray::default()
    };
    for element in elements {
        match element {
            Scalar::Boolean(value) => array.bool_values.push(*value),
            Scalar::Integer(value) => array.int32_values.push(*value),
            Scalar::Float(value) => array.float_values.push(*value),
            Scalar::Double(value) | Scalar::ElapsedTime(value) => array.double_values.push(*value),
            Scalar::String(value) => array.string_values.push(value.to_string()),
            Scalar::Time(value) => array.time_values.push(time::timestamp(*value)),
        }
    }
    array
}

/// Converts a written value to an attribute's type, strings included where they parse.
pub(crate) fn from_wire(value: &MxValue, data_type: DataType, is_array: bool) -> Result<Data, Detail> {
    let kind = value.kind.as_ref().ok_or(Detail::IncorrectDataType)?;
    match (kind, is_array) {
        (Kind::ArrayValue(array), true) => elements(array)?
            .iter()
            .map(|element| scalar(element, data_type))
            .collect::<Result<_, _>>()
            .map(Data::Array),
        (Kind::ArrayValue(_), false) | (_, true) => Err(Detail::WrongNumberOfDimensions),
        (kind, false) => scalar(kind, data_type).map(Data::Scalar),
    }
}

/// Every element; an error when one is a VARIANT without a value.
fn elements(array: &MxArray) -> Result<Vec<Kind>, Detail> {
    let mut kinds = simple_elements(array);
    for value in &array.variant_values {
        kinds.push(value.kind.clone().ok_or(Detail::IncorrectDataType)?);
    }
    kinds.extend(array.raw_values.iter().cloned().map(Kind::RawValue));
    Ok(kinds)
}

fn scalar(kind: &Kind, data_type: DataType) -> Result<Scalar, Detail> {
    match kind {
        Kind::BoolValue(value) => from_integer(i128::from(*value), data_type, || value.to_string()),
        Kind::Int32Value(value) => from_integer(i128::from(*value), data_type, || value.to_string()),
        Kind::Int64Value(value) => from_integer(i128::from(*value), data_type, || value.to_string()),
        Kind::Uint64Value(value) => from_integer(i128::from(*value), data_type, || value.to_string()),
        // Not by way of the wider type: that would quieten a signalling not-a-number.
        Kind::FloatValue(value) if data_type == DataType::Float => Ok(Scalar::Float(*value)),
        Kind::FloatValue(value) => from_float(f64::from(*value), data_type, || value.to_string()),
        Kind::DoubleValue(value) => from_float(*value, data_type, || value.to_string()),
        Kind::StringValue(text) => data_type.parse(text).map_err(Detail::from),
        Kind::TimeValue(stamp) => match data_type {
            DataType::Time => time::system_time(stamp).map(Scalar::Time).ok_or(Detail::Overflow),
            DataType::String | DataType::Text(_) => {
                let at = time::system_time(stamp).ok_or(Detail::Overflow)?;
                format_time(at).map(|text| Scalar::String(text.into())).ok_or(Detail::Overflow)
            }
            DataType::Boolean
            | DataType::Integer
            | DataType::Enumerated(_)
            | DataType::Float
            | DataType::Double
            | DataType::ElapsedTime => Err(Detail::IncorrectDataType),
        },
        Kind::ArrayValue(_) => Err(Detail::WrongNumberOfDimensions),
        Kind::RawValue(_) | Kind::SparseArrayValue(_) => Err(Detail::IncorrectDataType),
    }
}

fn from_integer(value: i128, data_type: DataType, text: impl Fn() -> String) -> Result<Scalar, Detail> {
    match data_type {
        DataType::Boolean => Ok(Scalar::Boolean(value != 0)),
        DataType::Integer | DataType::Enumerated(_) => {
            i32::try_from(value).map(Scalar::Integer).map_err(|_| Detail::Overflow)
        }
        DataType::String | DataType::Text(_) => Ok(Scalar::String(text().into())),
        DataType::Float | DataType::Double | DataType::ElapsedTime => Ok(data_type.scalar_near(widen(value))),
        DataType::Time => Err(Detail::IncorrectDataType),
    }
}

fn from_float(value: f64, data_type: DataType, text: impl Fn() -> String) -> Result<Scalar, Detail> {
    match data_type {
        DataType::Boolean => Ok(Scalar::Boolean(value != 0.0)),
        DataType::Integer | DataType::Enumerated(_) => {
            let rounded = value.round_ties_even();
            if (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&rounded) {
                Ok(Scalar::Integer(saturating_i32(rounded)))
            } else {
                Err(Detail::Overflow)
            }
        }
        DataType::Float if value.is_finite() => finite32(narrow(value)).map(Scalar::Float),
        DataType::Float => Ok(Scalar::Float(narrow(value))),
        DataType::Double => Ok(Scalar::Double(value)),
        DataType::ElapsedTime => Ok(Scalar::ElapsedTime(value)),
        DataType::String | DataType::Text(_) => Ok(Scalar::String(text().into())),
        DataType::Time => Err(Detail::IncorrectDataType),
    }
}

fn finite32(value: f32) -> Result<f32, Detail> {
    if value.is_finite() { Ok(value) } else { Err(Detail::Overflow) }
}

#[expect(clippy::cast_precision_loss, reason = "a wide integer becomes the nearest number, as in COM")]
fn widen(value: i128) -> f64 {
    value as f64
}

/// Time stamp of a Write2: a time, or text in RFC 3339.
pub(crate) fn write_time(value: &MxValue) -> Option<SystemTime> {
    match value.kind.as_ref()? {
        Kind::TimeValue(stamp) => time::system_time(stamp),
        Kind::StringValue(text) => parse_time(text.trim()),
        Kind::BoolValue(_)
        | Kind::Int32Value(_)
        | Kind::Int64Value(_)
        | Kind::Uint64Value(_)
        | Kind::FloatValue(_)
        | Kind::DoubleValue(_)
        | Kind::ArrayValue(_)
        | Kind::RawValue(_)
        | Kind::SparseArrayValue(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: impl Into<MxValue>, data_type: DataType) -> Result<Scalar, Detail> {
        match from_wire(&value.into(), data_type, false)? {
            Data::Scalar(scalar) => Ok(scalar),
            Data::Array(_) => panic!("a scalar became an array"),
        }
    }

    #[test]
    fn written_values_are_converted_to_the_attributes_type() {
        use DataType::{Boolean, Double, Float, Integer, String, Time};
        let text = |text: &str| Ok(Scalar::String(text.into()));
        assert_eq!(written(5, Integer), Ok(Scalar::Integer(5)));
        assert_eq!(written(2.5, Integer), Ok(Scalar::Integer(2)), "halves go to the even neighbour");
        assert_eq!(written(" 42 ", Integer), Ok(Scalar::Integer(42)));
        assert_eq!(written("forty", Integer), Err(Detail::UnableToConvertString));
        assert_eq!(written(3e9, Integer), Err(Detail::Overflow));
        assert_eq!(written(i64::from(i32::MAX) + 1, Integer), Err(Detail::Overflow));
        assert_eq!(written(1e300, Float), Err(Detail::Overflow));
        assert_eq!(written(7, Double), Ok(Scalar::Double(7.0)));
        let largest = || MxValue { kind: Some(Kind::Uint64Value(u64::MAX)), ..MxValue::default() };
        assert_eq!(written(largest(), Integer), Err(Detail::Overflow));
        assert_eq!(written(largest(), Double), Ok(Scalar::Double(2_f64.powi(64))));
        assert_eq!(written(largest(), String), text("18446744073709551615"));
        let signalling = f32::from_bits(0x7F80_0001);
        assert_eq!(written(signalling, Float), Ok(Scalar::Float(signalling)));
        assert_eq!(written(true, Integer), Ok(Scalar::Integer(1)));
        assert_eq!(written("True", Boolean), Ok(Scalar::Boolean(true)));
        assert_eq!(written(7, String), text("7"));
        assert_eq!(written("  kept ", String), text("  kept "));
        assert_eq!(written(7, Time), Err(Detail::IncorrectDataType));
        assert_eq!(
            written("2026-01-01T00:00:00Z", Time),
            Ok(Scalar::Time(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_767_225_600)))
        );
        assert_eq!(from_wire(&MxValue::default(), Integer, false), Err(Detail::IncorrectDataType));
        assert_eq!(from_wire(&5.into(), Integer, true), Err(Detail::WrongNumberOfDimensions));
    }

    #[test]
    fn an_array_survives_the_wire() {
        for data_type in DataType::ALL {
            let data = Data::Array(vec![data_type.default_scalar(); 3].into());
            let wire = to_wire(&data, data_type);
            assert_eq!(from_wire(&wire, data_type, true), Ok(data));
            assert_eq!(from_wire(&wire, data_type, false), Err(Detail::WrongNumberOfDimensions));
        }
    }

    #[test]
    fn an_element_without_a_value_is_not_left_out() {
        let variant_values = vec![1.into(), MxValue::default(), 3.into()];
        let array = array_value(MxArray { variant_values, ..MxArray::default() });
        assert_eq!(from_wire(&array, DataType::Integer, true), Err(Detail::IncorrectDataType));
    }

    #[test]
    fn every_type_has_the_variant_type_it_has_in_mxaccess() {
        let found: Vec<_> = DataType::ALL
            .iter()
            .map(|data_type| {
                let wire = to_wire(&Data::Scalar(data_type.default_scalar()), *data_type);
                // MXAccess's own number of the type is one lower.
                (data_type.name(), wire.data_type - 1, wire.variant_type)
            })
            .collect();
        let expected = [
            ("boolean", 1, 11),
            ("integer", 2, 3),
            ("float", 3, 4),
            ("double", 4, 5),
            ("string", 5, 8),
            ("time", 6, 7),
            ("elapsed_time", 7, 5),
            ("status", 9, 3),
            ("data_type", 10, 3),
            ("security_classification", 11, 3),
            ("data_quality", 12, 3),
            ("qualified_enum", 13, 3),
            ("reference", 8, 8),
            ("internationalized_string", 15, 8),
            ("big_string", 16, 8),
        ];
        assert_eq!(found, expected);
    }
}
