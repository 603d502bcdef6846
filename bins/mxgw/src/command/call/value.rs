//! Values of writes by handle: typed text, times, users.

use std::collections::BTreeMap;
use std::time::SystemTime;

use clap::{Args, ValueEnum};
use jiff::tz::TimeZone;
use mxgateway_client::contracts::v1::mx_value::Kind;
use mxgateway_client::contracts::v1::{MxSparseArray, MxSparseElement, MxValue};

use crate::exit::Failure;
use crate::input::{self, TypeName};

/// A value and its type.
#[derive(Args, Debug)]
pub(crate) struct Typed {
    /// Value; with --type an array is `[1, 2, 3]`
    #[arg(value_name = "VALUE", allow_negative_numbers = true)]
    value: String,
    /// Type to write as; otherwise text, which MXAccess converts to the attribute's type
    #[arg(long = "type", value_enum, value_name = "TYPE")]
    kind: Option<TypeName>,
    /// Write an array of this length of which VALUE names only some elements: `{"0": 1, "7": 5}`, counted
    /// from 0. The others are RESET to 0, false or empty text: MXAccess can only write whole arrays
    #[arg(long, value_name = "ELEMENTS", requires = "kind")]
    length: Option<u32>,
}

/// A time stamp.
#[derive(Args, Debug)]
pub(crate) struct At {
    /// Time stamp such as `2026-05-28T20:26:40Z`, without a zone in the local one, or `now`
    #[arg(long, value_name = "TIME")]
    time: String,
}

/// Who stands behind a secured write.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Users {
    /// Id of who writes: what authenticate-user gave
    #[arg(long, value_name = "NUMBER")]
    pub(crate) user_id: i32,
    /// Id of who confirms it
    #[arg(long, value_name = "NUMBER")]
    pub(crate) verifier_id: i32,
}

/// An entry of a bulk write.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) item_handle: i32,
    kind: Option<TypeName>,
    text: String,
}

/// Reads `ITEM=VALUE` or `ITEM:TYPE=VALUE`.
pub(crate) fn entry(text: &str) -> Result<Entry, String> {
    let (item, value) = text.split_once('=').ok_or("not of the form ITEM=VALUE or ITEM:TYPE=VALUE")?;
    let (handle, kind) = match item.split_once(':') {
        Some((handle, kind)) => (handle, Some(TypeName::from_str(kind, false)?)),
        None => (item, None),
    };
    let item_handle = handle.parse().map_err(|_| format!("{handle:?} is no item handle"))?;
    Ok(Entry { item_handle, kind, text: value.to_owned() })
}

impl Typed {
    pub(crate) fn read(&self, zone: &TimeZone) -> Result<Option<MxValue>, Failure> {
        match (self.length, self.kind) {
            (Some(length), Some(kind)) => sparse(&self.value, kind, length, zone).map(Some),
            (Some(_) | None, kind) => read(&self.value, kind, zone),
        }
    }
}

impl Entry {
    pub(crate) fn read(
        &self,
        fallback: Option<TypeName>,
        zone: &TimeZone,
    ) -> Result<Option<MxValue>, Failure> {
        read(&self.text, self.kind.or(fallback), zone)
    }
}

impl At {
    pub(crate) fn read(&self, zone: &TimeZone) -> Result<Option<MxValue>, Failure> {
        if self.time.eq_ignore_ascii_case("now") {
            return Ok(Some(SystemTime::now().into()));
        }
        read(&self.time, Some(TypeName::Time), zone)
    }
}

fn read(text: &str, kind: Option<TypeName>, zone: &TimeZone) -> Result<Option<MxValue>, Failure> {
    input::parse(text, kind, None, zone).map(Some).map_err(Failure::Usage)
}

fn sparse(text: &str, kind: TypeName, total_length: u32, zone: &TimeZone) -> Result<MxValue, Failure> {
    let wrong = |what: String| Failure::Usage(format!("{text:?} does not name elements: {what}"));
    let named: BTreeMap<u32, serde_json::Value> = serde_json::from_str(text)
        .map_err(|_| wrong("an object such as {\"0\": 1, \"7\": 5} is wanted".to_owned()))?;
    let mut elements = Vec::with_capacity(named.len());
    for (index, element) in named {
        if index >= total_length {
            return Err(wrong(format!("{index} is not below the length {total_length}")));
        }
        let element = match element {
            serde_json::Value::String(text) => text,
            serde_json::Value::Bool(_) | serde_json::Value::Number(_) => element.to_string(),
            serde_json::Value::Null | serde_json::Value::Array(_) | serde_json::Value::Object(_) => {
                return Err(wrong(format!("{element} cannot be an element")));
            }
        };
        elements.push(MxSparseElement { index, value: read(&element, Some(kind), zone)? });
    }
    // An element that reads tells the type of them all.
    let element_data_type = elements
        .first()
        .and_then(|first| first.value.as_ref())
        .map(|value| value.data_type)
        .ok_or_else(|| wrong("at least one is wanted".to_owned()))?;
    let array = MxSparseArray { element_data_type, total_length, elements };
    Ok(MxValue { kind: Some(Kind::SparseArrayValue(array)), ..MxValue::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_with_and_without_a_type() {
        let typed = entry("3:double=42.5").unwrap();
        assert_eq!(typed.item_handle, 3);
        assert_eq!(typed.read(Some(TypeName::Int), &TimeZone::UTC).unwrap(), Some(42.5.into()));
        let plain = entry("-4=a=b:c").unwrap();
        assert_eq!(plain.item_handle, -4);
        assert_eq!(plain.read(None, &TimeZone::UTC).unwrap(), Some("a=b:c".into()));
        assert_eq!(entry("4=7").unwrap().read(Some(TypeName::Int), &TimeZone::UTC).unwrap(), Some(7.into()));
        for wrong in ["3", "x=1", "3:number=1", "=1"] {
            assert!(entry(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn some_elements_of_an_array_are_named_by_position() {
        let value = sparse(r#"{"7": 5, "0": 1}"#, TypeName::Int, 10, &TimeZone::UTC).unwrap();
        let Some(Kind::SparseArrayValue(array)) = value.kind else { panic!("{value:?}") };
        assert_eq!(array.total_length, 10);
        let named: Vec<_> = array.elements.into_iter().map(|one| (one.index, one.value)).collect();
        assert_eq!(named, [(0, Some(1.into())), (7, Some(5.into()))]);
        for wrong in ["{}", "[1]", r#"{"10": 1}"#, r#"{"-1": 1}"#, r#"{"1": [2]}"#, r#"{"1": "x"}"#] {
            assert!(sparse(wrong, TypeName::Int, 10, &TimeZone::UTC).is_err(), "{wrong}");
        }
    }
}
