//! Values from the command line: text to the type that an item has, or the one that was named.

use std::time::SystemTime;

use clap::ValueEnum;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use mxgateway_client::contracts::v1::mx_value::Kind;
use mxgateway_client::contracts::v1::{MxArray, MxDataType, MxDimension, MxValue};
use mxgateway_client::contracts::value::variant_type::{VT_ARRAY, VT_I8};

/// A type that a value can be written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TypeName {
    Bool,
    /// 32 bits
    Int,
    /// 64 bits
    Int64,
    /// 32 bits
    Float,
    /// 64 bits
    Double,
    String,
    /// Such as 2026-05-28T20:26:40Z, or without a zone in the local one
    Time,
}

/// The value that `text` stands for. Its type is `declared`, or else that of `current`, the item's value;
/// when that is not known either, text. An array is written as JSON: `[1, 2, 3]`.
///
/// # Errors
/// What does not fit.
pub(crate) fn parse(
    text: &str,
    declared: Option<TypeName>,
    current: Option<&MxValue>,
    zone: &TimeZone,
) -> Result<MxValue, String> {
    let current_array = match current.and_then(|value| value.kind.as_ref()) {
        Some(Kind::ArrayValue(array)) => Some(array),
        _ => None,
    };
    let kind = declared
        .or_else(|| current_array.and_then(array_type))
        .or_else(|| current.and_then(value_type))
        .unwrap_or(TypeName::String);
    // Without a type to go by, text in brackets is text.
    let is_array = current_array.is_some() || (declared.is_some() && text.trim_start().starts_with('['));
    if !is_array {
        return scalar(text, kind, zone);
    }
    let elements: Vec<serde_json::Value> =
        serde_json::from_str(text).map_err(|_| format!("{text:?} is no array such as [1, 2, 3]"))?;
    let values = elements
        .iter()
        .map(|element| match element {
            serde_json::Value::String(text) => scalar(text, kind, zone),
            serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {
                scalar(&element.to_string(), kind, zone)
            }
            serde_json::Value::Null | serde_json::Value::Array(_) | serde_json::Value::Object(_) => {
                Err(format!("{element} cannot be an element"))
            }
        })
        .collect::<Result<Vec<MxValue>, String>>()?;
    let lower_bound =
        current_array.and_then(|array| array.dimensions.first()).map_or(0, |first| first.lower_bound);
    array(values, kind, lower_bound, zone)
}

fn scalar(text: &str, kind: TypeName, zone: &TimeZone) -> Result<MxValue, String> {
    let wrong = |what: &str| format!("{text:?} is not {what}; --type string sends it as text");
    let trimmed = text.trim();
    Ok(match kind {
        TypeName::Bool => match trimmed.to_ascii_lowercase().as_str() {
            "true" | "1" | "on" => true.into(),
            "false" | "0" | "off" => false.into(),
            _ => return Err(wrong("true or false")),
        },
        TypeName::Int => trimmed.parse::<i32>().map_err(|_| wrong("a whole number of 32 bits"))?.into(),
        TypeName::Int64 => trimmed.parse::<i64>().map_err(|_| wrong("a whole number of 64 bits"))?.into(),
        TypeName::Float => {
            let number = trimmed.parse::<f32>().map_err(|_| wrong("a number"))?;
            // What does not fit into 32 bits reads as infinite.
            if number.is_infinite() && !trimmed.to_ascii_lowercase().contains("inf") {
                return Err(wrong("a number that 32 bits can hold"));
            }
            number.into()
        }
        TypeName::Double => trimmed.parse::<f64>().map_err(|_| wrong("a number"))?.into(),
        TypeName::String => text.into(),
        TypeName::Time => {
            time(trimmed, zone).ok_or_else(|| wrong("a time such as 2026-05-28T20:26:40"))?.into()
        }
    })
}

fn time(text: &str, zone: &TimeZone) -> Option<SystemTime> {
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return timestamp.try_into().ok();
    }
    let local: DateTime = text.parse().ok()?;
    local.to_zoned_datetime(zone.clone()).ok()?.timestamp().try_into().ok()
}

fn array(values: Vec<MxValue>, kind: TypeName, lower_bound: i32, zone: &TimeZone) -> Result<MxValue, String> {
    // An element of this kind tells its types.
    let sample = match kind {
        TypeName::Bool | TypeName::Int | TypeName::Int64 | TypeName::Float | TypeName::Double => {
            scalar("0", kind, zone)?
        }
        TypeName::String => "".into(),
        TypeName::Time => SystemTime::UNIX_EPOCH.into(),
    };
    let length = u32::try_from(values.len()).map_err(|_| "too many elements".to_owned())?;
    let mut array = MxArray {
        element_variant_type: sample.variant_type,
        element_data_type: sample.data_type,
        dimensions: vec![MxDimension { lower_bound, length }],
        ..MxArray::default()
    };
    for value in values {
        match value.kind {
            Some(Kind::BoolValue(value)) => array.bool_values.push(value),
            Some(Kind::Int32Value(value)) => array.int32_values.push(value),
            Some(Kind::Int64Value(value)) => array.int64_values.push(value),
            Some(Kind::FloatValue(value)) => array.float_values.push(value),
            Some(Kind::DoubleValue(value)) => array.double_values.push(value),
            Some(Kind::StringValue(value)) => array.string_values.push(value),
            Some(Kind::TimeValue(value)) => array.time_values.push(value),
            Some(
                Kind::Uint64Value(_) | Kind::ArrayValue(_) | Kind::RawValue(_) | Kind::SparseArrayValue(_),
            )
            | None => return Err("an array of this type cannot be written".to_owned()),
        }
    }
    Ok(MxValue {
        data_type: sample.data_type,
        variant_type: VT_ARRAY | sample.variant_type,
        kind: Some(Kind::ArrayValue(array)),
        raw_variant: Vec::new(),
    })
}

fn value_type(value: &MxValue) -> Option<TypeName> {
    match value.kind.as_ref()? {
        Kind::BoolValue(_) => Some(TypeName::Bool),
        Kind::Int32Value(_) => Some(TypeName::Int),
        Kind::Int64Value(_) | Kind::Uint64Value(_) => Some(TypeName::Int64),
        Kind::FloatValue(_) => Some(TypeName::Float),
        Kind::DoubleValue(_) => Some(TypeName::Double),
        Kind::StringValue(_) => Some(TypeName::String),
        Kind::TimeValue(_) => Some(TypeName::Time),
        Kind::ArrayValue(_) | Kind::RawValue(_) | Kind::SparseArrayValue(_) => None,
    }
}

fn array_type(array: &MxArray) -> Option<TypeName> {
    match MxDataType::try_from(array.element_data_type).unwrap_or(MxDataType::Unknown) {
        MxDataType::Boolean => Some(TypeName::Bool),
        MxDataType::Integer if array.element_variant_type == VT_I8 => Some(TypeName::Int64),
        MxDataType::Integer => Some(TypeName::Int),
        MxDataType::Float => Some(TypeName::Float),
        MxDataType::Double => Some(TypeName::Double),
        MxDataType::Time => Some(TypeName::Time),
        MxDataType::String | MxDataType::InternationalizedString | MxDataType::BigString => {
            Some(TypeName::String)
        }
        MxDataType::Unknown
        | MxDataType::NoData
        | MxDataType::ElapsedTime
        | MxDataType::ReferenceType
        | MxDataType::StatusType
        | MxDataType::DataTypeEnum
        | MxDataType::SecurityClassificationEnum
        | MxDataType::DataQualityType
        | MxDataType::QualifiedEnum
        | MxDataType::QualifiedStruct => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str, declared: Option<TypeName>, current: Option<MxValue>) -> Result<MxValue, String> {
        parse(text, declared, current.as_ref(), &TimeZone::UTC)
    }

    #[test]
    fn text_takes_the_type_of_the_item() {
        for (text, current, expected) in [
            ("on", MxValue::from(false), MxValue::from(true)),
            (" -5 ", 1_i32.into(), (-5_i32).into()),
            ("5000000000", 1_i64.into(), 5_000_000_000_i64.into()),
            ("2.5", 1.0_f32.into(), 2.5_f32.into()),
            ("2.5", 1.0_f64.into(), 2.5_f64.into()),
            (" 5", "x".into(), " 5".into()),
            ("[1]", "x".into(), "[1]".into()),
        ] {
            assert_eq!(parsed(text, None, Some(current)), Ok(expected), "{text}");
        }
        assert_eq!(parsed("5", None, None), Ok("5".into()));
        assert_eq!(parsed("5", None, Some(MxValue::default())), Ok("5".into()));
    }

    #[test]
    fn a_named_type_goes_before_the_items() {
        assert_eq!(parsed("5", Some(TypeName::String), Some(1_i32.into())), Ok("5".into()));
        assert_eq!(parsed("5", Some(TypeName::Double), None), Ok(5.0_f64.into()));
    }

    #[test]
    fn times_are_read_with_and_without_a_zone() {
        let expected =
            Ok(MxValue::from(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_780_000_000)));
        for text in ["2026-05-28T20:26:40Z", "2026-05-28 20:26:40", "2026-05-28T22:26:40+02:00"] {
            assert_eq!(parsed(text, Some(TypeName::Time), None), expected, "{text}");
        }
    }

    #[test]
    fn arrays_are_json_and_take_the_element_type() {
        let MxValue { kind: Some(Kind::ArrayValue(current)), .. } =
            parsed("[1]", Some(TypeName::Float), None).unwrap()
        else {
            panic!("no array")
        };
        let item = MxValue { kind: Some(Kind::ArrayValue(current)), ..MxValue::default() };
        let value = parsed("[1.5, 2]", None, Some(item.clone())).unwrap();
        let Some(Kind::ArrayValue(array)) = value.kind else { panic!("no array") };
        assert_eq!(array.float_values, [1.5, 2.0]);
        assert_eq!(array.dimensions[0].length, 2);
        assert!(parsed("1.5", None, Some(item.clone())).unwrap_err().contains("no array"));
        assert!(parsed("[null]", None, Some(item)).unwrap_err().contains("cannot be an element"));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (text, kind) in [
            ("2", TypeName::Bool),
            ("2.5", TypeName::Int),
            ("3000000000", TypeName::Int),
            ("1e39", TypeName::Float),
            ("x", TypeName::Double),
            ("yesterday", TypeName::Time),
        ] {
            assert!(parsed(text, Some(kind), None).unwrap_err().contains("is not"), "{text}");
        }
    }
}
