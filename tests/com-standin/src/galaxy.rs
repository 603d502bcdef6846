//! The tags: a part of the simulator's galaxy, and some for tests.

use windows::Win32::System::Variant::{VARIANT, VT_DATE, VT_I4, VT_R8};

use crate::values::{array, texts, with_payload};

pub(crate) const INVALID_REFERENCE: i16 = 6;
pub(crate) const UNCONVERTIBLE_TEXT: i16 = 19;
pub(crate) const INDEX_OUT_OF_RANGE: i16 = 1003;
pub(crate) const INCORRECT_DATA_TYPE: i16 = 1005;
pub(crate) const NOT_WRITEABLE: i16 = 1007;
pub(crate) const SECURED_WRITE: i16 = 1012;
pub(crate) const VERIFIED_WRITE: i16 = 1013;

/// What a tag does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Keeps what is written, in its own type.
    Plain,
    /// Keeps what is written, in whatever type.
    Any,
    Secured,
    Verified,
    ViewOnly,
    /// Counts with each tick.
    Counter,
    /// Counts up to the number last written, at once.
    Storm,
    /// Its first event comes with events of all bad shapes before it.
    Unruly,
}

pub(crate) struct Tag {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) is_array: bool,
    pub(crate) value: VARIANT,
    /// Grows with each change.
    pub(crate) version: u64,
}

pub(crate) fn tags() -> Vec<Tag> {
    let tag = |name, kind, value| Tag { name, kind, is_array: false, value, version: 1 };
    let list = |name, value| Tag { name, kind: Kind::Plain, is_array: true, value, version: 1 };
    vec![
        tag("TestMachine_001.TestBoolean", Kind::Plain, VARIANT::from(false)),
        tag("TestMachine_001.TestInteger", Kind::Plain, VARIANT::from(0_i32)),
        tag("TestMachine_001.TestFloat", Kind::Plain, VARIANT::from(0_f32)),
        tag("TestMachine_001.TestDouble", Kind::Plain, VARIANT::from(0_f64)),
        tag("TestMachine_001.TestString", Kind::Plain, VARIANT::from("")),
        tag("TestMachine_001.TestTime", Kind::Plain, with_payload(VT_DATE, 46_023.0_f64)),
        tag("TestMachine_001.TestElapsedTime", Kind::Plain, VARIANT::from(0_f64)),
        tag("TestMachine_001.TestReference", Kind::Plain, VARIANT::from("Tank_001")),
        tag("TestMachine_001.TestBigString", Kind::Plain, VARIANT::from("")),
        tag("TestMachine_001.TestEnum", Kind::Plain, VARIANT::from(0_i32)),
        list("TestMachine_001.Samples", array(VT_I4, &[10, 20, 30, 40, 50])),
        list("TestMachine_001.Names", texts(&["one", "two", "three"])),
        list("TestMachine_001.Curve", array(VT_R8, &[0_f64; 100])),
        tag("TestMachine_001.SecuredWrite", Kind::Secured, VARIANT::from(0_i32)),
        tag("TestMachine_001.VerifiedWrite", Kind::Verified, VARIANT::from(0_i32)),
        tag("TestMachine_001.ViewOnly", Kind::ViewOnly, VARIANT::from(42_i32)),
        tag("Tank_001.Level", Kind::Plain, VARIANT::from(50_f64)),
        tag("Platform_001.ScanState", Kind::ViewOnly, VARIANT::from(true)),
        tag("Fast_001.Count", Kind::Counter, VARIANT::from(0_i32)),
        tag("StandIn_001.Any", Kind::Any, VARIANT::default()),
        tag("StandIn_001.Storm", Kind::Storm, VARIANT::from(0_i32)),
        tag("StandIn_001.Unruly", Kind::Unruly, VARIANT::from(7_i32)),
    ]
}

/// The tag of a reference, by its position. Errors: the detail that its first event tells.
pub(crate) fn resolve(tags: &[Tag], reference: &str) -> Result<usize, i16> {
    let (name, has_brackets) = match reference.strip_suffix("[]") {
        Some(name) => (name, true),
        None => (reference, false),
    };
    let position = tags.iter().position(|tag| tag.name.eq_ignore_ascii_case(name));
    let position = position.ok_or(INVALID_REFERENCE)?;
    if tags[position].is_array == has_brackets { Ok(position) } else { Err(INDEX_OUT_OF_RANGE) }
}
