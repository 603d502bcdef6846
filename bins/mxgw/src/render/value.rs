//! Values, times and qualities as text.

use std::fmt::Write as _;

use jiff::Timestamp;
use mxgateway_client::contracts::v1::mx_value::Kind;
use mxgateway_client::contracts::v1::{MxArray, MxValue};
use mxgateway_client::contracts::value::variant_type::VT_NULL;

use crate::render::Format;

/// Elements of an array that a terminal shows.
const TERMINAL_ELEMENTS: usize = 8;
/// Raw bytes that a terminal shows.
const TERMINAL_BYTES: usize = 16;

/// A value; control characters are escaped, so it stays on its line and cannot steer the terminal.
pub(crate) fn value(format: &Format, value: &MxValue) -> String {
    match &value.kind {
        None if value.variant_type == VT_NULL => "(null)".to_owned(),
        None => "(empty)".to_owned(),
        Some(Kind::BoolValue(value)) => value.to_string(),
        Some(Kind::Int32Value(value)) => value.to_string(),
        Some(Kind::Int64Value(value)) => value.to_string(),
        Some(Kind::Uint64Value(value)) => value.to_string(),
        Some(Kind::FloatValue(value)) => single(*value),
        Some(Kind::DoubleValue(value)) => double(*value),
        Some(Kind::StringValue(value)) if value.is_empty() => "\"\"".to_owned(),
        Some(Kind::StringValue(value)) => escaped(value),
        Some(Kind::TimeValue(value)) => full_time(format, value),
        Some(Kind::ArrayValue(value)) => array(format, value),
        Some(Kind::RawValue(value)) => raw(format, value),
        Some(Kind::SparseArrayValue(value)) => {
            format!("({} of {} elements)", value.elements.len(), value.total_length)
        }
    }
}

fn array(format: &Format, array: &MxArray) -> String {
    let elements: Vec<String> = if !array.bool_values.is_empty() {
        some(format, &array.bool_values, bool::to_string)
    } else if !array.int32_values.is_empty() {
        some(format, &array.int32_values, i32::to_string)
    } else if !array.int64_values.is_empty() {
        some(format, &array.int64_values, i64::to_string)
    } else if !array.uint64_values.is_empty() {
        some(format, &array.uint64_values, u64::to_string)
    } else if !array.float_values.is_empty() {
        some(format, &array.float_values, |element| single(*element))
    } else if !array.double_values.is_empty() {
        some(format, &array.double_values, |element| double(*element))
    } else if !array.string_values.is_empty() {
        some(format, &array.string_values, |element| format!("\"{}\"", escaped(element).replace('"', "\\\"")))
    } else if !array.time_values.is_empty() {
        some(format, &array.time_values, |element| full_time(format, element))
    } else if !array.variant_values.is_empty() {
        some(format, &array.variant_values, |element| value(format, element))
    } else {
        some(format, &array.raw_values, |element| raw(format, element))
    };
    format!("[{}]", elements.join(", "))
}

/// Each element as text, or the first ones and a count on a terminal.
fn some<T>(format: &Format, elements: &[T], text: impl Fn(&T) -> String) -> Vec<String> {
    let shown = if format.terminal { TERMINAL_ELEMENTS } else { usize::MAX };
    let mut texts: Vec<String> = elements.iter().take(shown).map(text).collect();
    if elements.len() > shown {
        texts.push(format!("... {} more", elements.len() - shown));
    }
    texts
}

fn raw(format: &Format, bytes: &[u8]) -> String {
    let shown = if format.terminal { TERMINAL_BYTES } else { usize::MAX };
    let mut text = "0x".to_owned();
    for byte in bytes.iter().take(shown) {
        let _ = write!(text, "{byte:02x}");
    }
    if bytes.len() > shown {
        let _ = write!(text, "... ({} bytes)", bytes.len());
    }
    text
}

fn single(value: f32) -> String {
    if readable(f64::from(value)) { value.to_string() } else { format!("{value:e}") }
}

fn double(value: f64) -> String {
    if readable(value) { value.to_string() } else { format!("{value:e}") }
}

/// Whether a number is short enough without an exponent.
fn readable(value: f64) -> bool {
    value == 0.0 || !value.is_finite() || (1e-5..1e16).contains(&value.abs())
}

/// Text without characters that would end its line, its column, or change the terminal.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        if char.is_control() {
            escaped.extend(char.escape_default());
        } else {
            escaped.push(char);
        }
    }
    escaped
}

/// A time on a terminal without its date, elsewhere in full.
pub(crate) fn time(format: &Format, time: Option<&prost_types::Timestamp>) -> String {
    match time {
        None => "-".to_owned(),
        Some(time) if format.terminal => strftime(format, time, "%H:%M:%S%.3f"),
        Some(time) => full_time(format, time),
    }
}

/// A time with its date.
pub(crate) fn full_time(format: &Format, time: &prost_types::Timestamp) -> String {
    strftime(format, time, if format.terminal { "%Y-%m-%d %H:%M:%S%.3f" } else { "%Y-%m-%dT%H:%M:%S%.3f%:z" })
}

fn strftime(format: &Format, time: &prost_types::Timestamp, pattern: &str) -> String {
    match Timestamp::new(time.seconds, time.nanos) {
        Ok(timestamp) => timestamp.to_zoned_datetime(format.zone.clone()).strftime(pattern).to_string(),
        // Out of range: the number as it came.
        Err(_) => format!("{}s", time.seconds),
    }
}

/// A quality word as its class, with the number when that says more; painted by class.
pub(crate) fn quality(format: &Format, quality: i32, width: usize) -> String {
    let palette = format.palette;
    let text = |class: &str, plain: i32| {
        let text = if quality == plain { class.to_owned() } else { format!("{class} {quality}") };
        super::columns::pad(&text, width)
    };
    match quality & 0xC0 {
        0xC0 => palette.good(&text("good", 0xC0)),
        0x40 => palette.uncertain(&text("uncertain", 0x40)),
        _ => palette.bad(&text("bad", 0)),
    }
}

#[cfg(test)]
mod tests {
    use mxgateway_client::contracts::v1::mx_value::Kind;

    use super::*;
    use crate::render::{Palette, test_format};

    fn shown(terminal: bool, kind: Kind) -> String {
        value(&test_format(terminal, Palette::PLAIN), &MxValue { kind: Some(kind), ..MxValue::default() })
    }

    #[test]
    fn scalars_are_short_and_exact() {
        for (kind, text) in [
            (Kind::BoolValue(true), "true"),
            (Kind::Int32Value(-5), "-5"),
            (Kind::Uint64Value(u64::MAX), "18446744073709551615"),
            (Kind::FloatValue(0.1), "0.1"),
            (Kind::DoubleValue(12.0), "12"),
            (Kind::DoubleValue(1e300), "1e300"),
            (Kind::DoubleValue(1.5e-9), "1.5e-9"),
            (Kind::DoubleValue(f64::NAN), "NaN"),
            (Kind::StringValue("plain text".into()), "plain text"),
            (Kind::StringValue(String::new()), "\"\""),
            (Kind::RawValue(vec![0, 255]), "0x00ff"),
        ] {
            assert_eq!(shown(true, kind.clone()), text, "{kind:?}");
        }
        let null = MxValue { variant_type: VT_NULL, ..MxValue::default() };
        let format = test_format(true, Palette::PLAIN);
        assert_eq!(value(&format, &null), "(null)");
        assert_eq!(value(&format, &MxValue::default()), "(empty)");
    }

    #[test]
    fn text_can_neither_break_its_line_nor_steer_the_terminal() {
        let hostile = Kind::StringValue("a\tb\nc\u{1b}[31m\u{9b}".into());
        assert_eq!(shown(false, hostile), "a\\tb\\nc\\u{1b}[31m\\u{9b}");
    }

    #[test]
    fn long_arrays_are_cut_on_a_terminal_only() {
        let array = MxArray { int32_values: (1..=10).collect(), ..MxArray::default() };
        assert_eq!(shown(true, Kind::ArrayValue(array.clone())), "[1, 2, 3, 4, 5, 6, 7, 8, ... 2 more]");
        assert_eq!(shown(false, Kind::ArrayValue(array)), "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]");
        let text = MxArray { string_values: vec!["a, \"b\"".into()], ..MxArray::default() };
        assert_eq!(shown(true, Kind::ArrayValue(text)), "[\"a, \\\"b\\\"\"]");
        assert_eq!(shown(true, Kind::ArrayValue(MxArray::default())), "[]");
    }

    #[test]
    fn times_are_short_for_people_and_full_for_pipes() {
        let at = prost_types::Timestamp { seconds: 1_780_000_000, nanos: 5_000_000 };
        assert_eq!(time(&test_format(true, Palette::PLAIN), Some(&at)), "20:26:40.005");
        assert_eq!(time(&test_format(false, Palette::PLAIN), Some(&at)), "2026-05-28T20:26:40.005+00:00");
        let beyond = prost_types::Timestamp { seconds: i64::MAX, nanos: 0 };
        assert_eq!(time(&test_format(false, Palette::PLAIN), Some(&beyond)), "9223372036854775807s");
    }

    #[test]
    fn quality_is_named_by_class() {
        let plain = test_format(true, Palette::PLAIN);
        for (number, text) in
            [(192, "good"), (216, "good 216"), (64, "uncertain"), (0, "bad"), (24, "bad 24")]
        {
            assert_eq!(quality(&plain, number, 0), text);
        }
        assert_eq!(quality(&test_format(true, Palette::COLOURED), 192, 5), "\u{1b}[32mgood \u{1b}[0m");
    }
}
