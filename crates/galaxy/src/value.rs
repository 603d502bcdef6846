//! Values as attributes hold them.

use std::sync::Arc;
use std::time::SystemTime;

/// Type of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataType {
    /// True or false.
    Boolean,
    /// 32 bits with a sign.
    Integer,
    /// 32 bits.
    Float,
    /// 64 bits.
    Double,
    /// Text.
    String,
    /// A moment.
    Time,
    /// Seconds.
    ElapsedTime,
    /// A number that stands for a name; 32 bits with a sign.
    Enumerated(Enumerated),
    /// Text of a special kind.
    Text(Text),
}

/// Types whose values are numbers that stand for names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enumerated {
    /// A status.
    StatusType,
    /// A data type.
    DataTypeEnum,
    /// A security classification.
    SecurityClassificationEnum,
    /// A data quality.
    DataQualityType,
    /// Any enumeration of an object.
    QualifiedEnum,
}

/// Types whose values are text of a special kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// The tag name of another object.
    ReferenceType,
    /// Text in the language of the reader.
    InternationalizedString,
    /// Long text.
    BigString,
}

impl DataType {
    /// Every type.
    pub const ALL: [Self; 15] = [
        Self::Boolean,
        Self::Integer,
        Self::Float,
        Self::Double,
        Self::String,
        Self::Time,
        Self::ElapsedTime,
        Self::Enumerated(Enumerated::StatusType),
        Self::Enumerated(Enumerated::DataTypeEnum),
        Self::Enumerated(Enumerated::SecurityClassificationEnum),
        Self::Enumerated(Enumerated::DataQualityType),
        Self::Enumerated(Enumerated::QualifiedEnum),
        Self::Text(Text::ReferenceType),
        Self::Text(Text::InternationalizedString),
        Self::Text(Text::BigString),
    ];

    /// Name in a galaxy file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Float => "float",
            Self::Double => "double",
            Self::String => "string",
            Self::Time => "time",
            Self::ElapsedTime => "elapsed_time",
            Self::Enumerated(Enumerated::StatusType) => "status",
            Self::Enumerated(Enumerated::DataTypeEnum) => "data_type",
            Self::Enumerated(Enumerated::SecurityClassificationEnum) => "security_classification",
            Self::Enumerated(Enumerated::DataQualityType) => "data_quality",
            Self::Enumerated(Enumerated::QualifiedEnum) => "qualified_enum",
            Self::Text(Text::ReferenceType) => "reference",
            Self::Text(Text::InternationalizedString) => "internationalized_string",
            Self::Text(Text::BigString) => "big_string",
        }
    }

    /// What an attribute holds that was never given a value.
    pub fn default_scalar(self) -> Scalar {
        match self {
            Self::Boolean => Scalar::Boolean(false),
            Self::Integer | Self::Enumerated(_) => Scalar::Integer(0),
            Self::Float => Scalar::Float(0.0),
            Self::Double => Scalar::Double(0.0),
            Self::String | Self::Text(_) => Scalar::String("".into()),
            Self::Time => Scalar::Time(SystemTime::UNIX_EPOCH),
            Self::ElapsedTime => Scalar::ElapsedTime(0.0),
        }
    }

    /// The scalar of this type nearest to a number; used by generators.
    pub fn scalar_near(self, number: f64) -> Scalar {
        match self {
            Self::Boolean => Scalar::Boolean(number != 0.0),
            Self::Integer | Self::Enumerated(_) => Scalar::Integer(saturating_i32(number)),
            Self::Float => Scalar::Float(narrow(number)),
            Self::Double => Scalar::Double(number),
            Self::String | Self::Text(_) => Scalar::String(number.to_string().into()),
            Self::Time => Scalar::Time(SystemTime::UNIX_EPOCH),
            Self::ElapsedTime => Scalar::ElapsedTime(number),
        }
    }

    /// Reads a scalar of this type from text. Errors: it is no such text, or the number is beyond the
    /// type's range.
    pub fn parse(self, text: &str) -> Result<Scalar, TextError> {
        let trimmed = text.trim();
        Ok(match self {
            Self::Boolean => Scalar::Boolean(parse_bool(trimmed).ok_or(TextError::NotOfTheType)?),
            Self::Integer | Self::Enumerated(_) => {
                Scalar::Integer(trimmed.parse().map_err(|_| TextError::NotOfTheType)?)
            }
            Self::Float => {
                let value: f32 = trimmed.parse().map_err(|_| TextError::NotOfTheType)?;
                Scalar::Float(if value.is_finite() { value } else { return Err(TextError::OutOfRange) })
            }
            Self::Double => Scalar::Double(finite(trimmed)?),
            Self::ElapsedTime => Scalar::ElapsedTime(finite(trimmed)?),
            Self::String | Self::Text(_) => Scalar::String(text.into()),
            Self::Time => Scalar::Time(parse_time(trimmed).ok_or(TextError::NotOfTheType)?),
        })
    }
}

/// Why a text is no scalar of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// It does not read as one.
    #[error("the text does not read as the attribute's type")]
    NotOfTheType,
    /// It does, but the number is not finite in that type.
    #[error("the value does not fit the attribute's type")]
    OutOfRange,
}

/// One value. Floating-point numbers compare by their bits, so that a not-a-number is not a change
/// against itself.
#[derive(Clone, Debug)]
pub enum Scalar {
    /// True or false.
    Boolean(bool),
    /// 32 bits with a sign.
    Integer(i32),
    /// 32 bits.
    Float(f32),
    /// 64 bits.
    Double(f64),
    /// Text.
    String(Arc<str>),
    /// A moment.
    Time(SystemTime),
    /// Seconds.
    ElapsedTime(f64),
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Boolean(a), Self::Boolean(b)) => a == b,
            (Self::Integer(a), Self::Integer(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a.to_bits() == b.to_bits(),
            (Self::Double(a), Self::Double(b)) | (Self::ElapsedTime(a), Self::ElapsedTime(b)) => {
                a.to_bits() == b.to_bits()
            }
            (Self::String(a), Self::String(b)) => a == b,
            (Self::Time(a), Self::Time(b)) => a == b,
            _ => false,
        }
    }
}

/// What an attribute holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// One value.
    Scalar(Scalar),
    /// The elements of an array, all of one type.
    Array(Arc<[Scalar]>),
}

/// A moment in RFC 3339 with a time zone.
pub fn parse_time(text: &str) -> Option<SystemTime> {
    text.parse::<jiff::Timestamp>().ok().and_then(|stamp| SystemTime::try_from(stamp).ok())
}

/// The moment in RFC 3339; `None` beyond the years that can be written.
pub fn format_time(at: SystemTime) -> Option<String> {
    jiff::Timestamp::try_from(at).ok().map(|stamp| stamp.to_string())
}

fn parse_bool(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "-1" | "on" | "yes" => Some(true),
        "false" | "0" | "off" | "no" => Some(false),
        _ => None,
    }
}

fn finite(text: &str) -> Result<f64, TextError> {
    let value: f64 = text.parse().map_err(|_| TextError::NotOfTheType)?;
    if value.is_finite() { Ok(value) } else { Err(TextError::OutOfRange) }
}

/// The nearest single precision number; infinity beyond their range.
#[expect(clippy::cast_possible_truncation, reason = "rounds to the nearest f32; infinity beyond its range")]
pub fn narrow(value: f64) -> f32 {
    value as f32
}

/// The nearest whole number, halves to the even one; the ends of the range beyond it.
#[expect(clippy::cast_possible_truncation, reason = "saturates, which is what is wanted")]
pub fn saturating_i32(value: f64) -> i32 {
    value.round_ties_even() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_as_the_type_says() {
        assert_eq!(DataType::Integer.parse(" 42 "), Ok(Scalar::Integer(42)));
        assert_eq!(DataType::Integer.parse("forty"), Err(TextError::NotOfTheType));
        assert_eq!(DataType::Boolean.parse("-1"), Ok(Scalar::Boolean(true)));
        assert_eq!(DataType::Float.parse("1e39"), Err(TextError::OutOfRange));
        assert_eq!(DataType::Double.parse("NaN"), Err(TextError::OutOfRange));
        assert_eq!(DataType::String.parse(" kept "), Ok(Scalar::String(" kept ".into())));
        assert_eq!(DataType::Time.parse("2026-01-01"), Err(TextError::NotOfTheType));
    }

    #[test]
    fn not_a_number_equals_itself() {
        assert_eq!(Scalar::Double(f64::NAN), Scalar::Double(f64::NAN));
        assert_ne!(Scalar::Double(0.0), Scalar::ElapsedTime(0.0));
    }
}
