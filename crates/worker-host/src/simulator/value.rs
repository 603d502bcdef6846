//! Values as attributes hold them.

use std::sync::Arc;
use std::time::SystemTime;

use super::status::Detail;

mod wire;

pub(crate) use wire::{empty, from_wire, to_wire, write_time};

/// Type of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DataType {
    Boolean,
    Integer,
    Float,
    Double,
    String,
    Time,
    /// Seconds.
    ElapsedTime,
}

impl DataType {
    pub(crate) const ALL: [Self; 7] = [
        Self::Boolean,
        Self::Integer,
        Self::Float,
        Self::Double,
        Self::String,
        Self::Time,
        Self::ElapsedTime,
    ];

    /// Name in a galaxy file.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Float => "float",
            Self::Double => "double",
            Self::String => "string",
            Self::Time => "time",
            Self::ElapsedTime => "elapsed_time",
        }
    }

    /// What an attribute holds that was never given a value.
    pub(crate) fn default_scalar(self) -> Scalar {
        match self {
            Self::Boolean => Scalar::Boolean(false),
            Self::Integer => Scalar::Integer(0),
            Self::Float => Scalar::Float(0.0),
            Self::Double => Scalar::Double(0.0),
            Self::String => Scalar::String("".into()),
            Self::Time => Scalar::Time(SystemTime::UNIX_EPOCH),
            Self::ElapsedTime => Scalar::ElapsedTime(0.0),
        }
    }

    /// The scalar of this type nearest to a number; used by generators.
    pub(crate) fn scalar_near(self, number: f64) -> Scalar {
        match self {
            Self::Boolean => Scalar::Boolean(number != 0.0),
            Self::Integer => Scalar::Integer(saturating_i32(number)),
            Self::Float => Scalar::Float(narrow(number)),
            Self::Double => Scalar::Double(number),
            Self::String => Scalar::String(number.to_string().into()),
            Self::Time => Scalar::Time(SystemTime::UNIX_EPOCH),
            Self::ElapsedTime => Scalar::ElapsedTime(number),
        }
    }

    /// Reads a scalar of this type from text.
    pub(crate) fn parse(self, text: &str) -> Result<Scalar, Detail> {
        let trimmed = text.trim();
        let unable = |_| Detail::UnableToConvertString;
        Ok(match self {
            Self::Boolean => Scalar::Boolean(parse_bool(trimmed).ok_or(Detail::UnableToConvertString)?),
            Self::Integer => Scalar::Integer(trimmed.parse().map_err(unable)?),
            Self::Float => {
                Scalar::Float(finite32(trimmed.parse().map_err(|_| Detail::UnableToConvertString)?)?)
            }
            Self::Double => {
                Scalar::Double(finite(trimmed.parse().map_err(|_| Detail::UnableToConvertString)?)?)
            }
            Self::ElapsedTime => {
                Scalar::ElapsedTime(finite(trimmed.parse().map_err(|_| Detail::UnableToConvertString)?)?)
            }
            Self::String => Scalar::String(text.into()),
            Self::Time => Scalar::Time(parse_time(trimmed).ok_or(Detail::UnableToConvertString)?),
        })
    }
}

/// One value. Floating-point numbers compare by their bits, so that a not-a-number is not a change
/// against itself.
#[derive(Clone, Debug)]
pub(crate) enum Scalar {
    Boolean(bool),
    Integer(i32),
    Float(f32),
    Double(f64),
    String(Arc<str>),
    Time(SystemTime),
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
pub(crate) enum Data {
    Scalar(Scalar),
    Array(Arc<[Scalar]>),
}

/// RFC 3339 with a time zone.
pub(crate) fn parse_time(text: &str) -> Option<SystemTime> {
    text.parse::<jiff::Timestamp>().ok().and_then(|stamp| SystemTime::try_from(stamp).ok())
}

fn format_time(at: SystemTime) -> Option<String> {
    jiff::Timestamp::try_from(at).ok().map(|stamp| stamp.to_string())
}

fn parse_bool(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "-1" | "on" | "yes" => Some(true),
        "false" | "0" | "off" | "no" => Some(false),
        _ => None,
    }
}

fn finite(value: f64) -> Result<f64, Detail> {
    if value.is_finite() { Ok(value) } else { Err(Detail::Overflow) }
}

fn finite32(value: f32) -> Result<f32, Detail> {
    if value.is_finite() { Ok(value) } else { Err(Detail::Overflow) }
}

#[expect(clippy::cast_possible_truncation, reason = "rounds to the nearest f32; infinity beyond its range")]
fn narrow(value: f64) -> f32 {
    value as f32
}

#[expect(clippy::cast_precision_loss, reason = "a wide integer becomes the nearest number, as in COM")]
fn widen(value: i64) -> f64 {
    value as f64
}

#[expect(clippy::cast_possible_truncation, reason = "saturates, which is what is wanted")]
fn saturating_i32(value: f64) -> i32 {
    value.round_ties_even() as i32
}
