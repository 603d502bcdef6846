//! What becomes of a value that is not of the attribute's type: it is converted, or its completion says why
//! not and the attribute keeps what it has.

use mxgateway_contracts::v1::{MxArray, MxValue, mx_value::Kind};
use mxgateway_contracts::value::variant_type::{VT_ARRAY, VT_I2, VT_I8, VT_UI4, VT_UI8};
use mxgateway_e2e::Random;
use prost_types::Timestamp;

use super::chance::{self, FIRST_SECOND, LAST_SECOND, LAST_SECOND_AS_TEXT, Type, VT_VARIANT};
use super::lab::{Lab, assert_same, object};

/// Values of each kind that are made by chance.
const COUNT: usize = 40;

// MXAccess's details of a write that came to nothing.
const WRONG_NUMBER_OF_DIMENSIONS: i32 = 14;
const UNABLE_TO_CONVERT_STRING: i32 = 19;
const OVERFLOW: i32 = 20;
const INDEX_OUT_OF_RANGE: i32 = 1003;
const INCORRECT_DATA_TYPE: i32 = 1005;

/// An attribute of its own, what is written to it, and what it holds then or why that came to nothing.
struct Case {
    of: Type,
    /// Of an array.
    length: Option<u32>,
    written: MxValue,
    expected: Result<MxValue, i32>,
}

fn scalar((name, written, expected): (&str, MxValue, Result<Kind, i32>)) -> Case {
    let of = Type::named(name);
    Case { of, length: None, written, expected: expected.map(|kind| of.value(kind)) }
}

fn array((name, length, written, expected): (&str, u32, MxValue, Result<Vec<Kind>, i32>)) -> Case {
    let of = Type::named(name);
    Case { of, length: Some(length), written, expected: expected.map(|kinds| of.array(kinds)) }
}

/// Writes all of them at once.
async fn check(cases: Vec<Case>) {
    let attributes = cases.iter().enumerate().map(|(number, Case { of, length, .. })| {
        let length = length.map(|length| format!(", array = {length}")).unwrap_or_default();
        (format!("Case_{number}"), format!("type = \"{}\"{length}", of.name))
    });
    let mut lab = Lab::start(&object("Cases", attributes)).await;
    let (mut tags, mut writes, mut before) = (Vec::new(), Vec::new(), Vec::new());
    for (number, Case { length, written, .. }) in cases.iter().enumerate() {
        let brackets = length.map_or("", |_| "[]");
        let tag = format!("Cases.Case_{number}{brackets}");
        let (item, first) = lab.advise(&tag).await;
        tags.push(tag);
        writes.push((item, written.clone()));
        before.push(first.value.unwrap());
    }
    let outcomes = lab.write_all(writes).await;
    let rows = lab.read(tags).await;
    for (((case, before), outcome), row) in cases.iter().zip(before).zip(outcomes).zip(rows) {
        let what = format!("{:?} written to {} {:?}", case.written, case.of.name, case.length);
        let (detail, held) = match &case.expected {
            Ok(value) => (0, value),
            Err(detail) => (*detail, &before),
        };
        assert_eq!(outcome.details, [detail], "{what}: {:?}", outcome.changes);
        assert_eq!(outcome.changes.len(), usize::from(detail == 0), "{what}");
        for change in &outcome.changes {
            assert_same(change.value.as_ref().unwrap(), held, &what);
        }
        assert_same(row.data.unwrap().value.as_ref().unwrap(), held, &what);
    }
}

fn kind(kind: Kind) -> MxValue {
    MxValue { kind: Some(kind), ..MxValue::default() }
}

fn of_type(variant_type: u32, kind: Kind) -> MxValue {
    MxValue { variant_type, kind: Some(kind), ..MxValue::default() }
}

fn int(value: i32) -> Kind {
    Kind::Int32Value(value)
}

fn text(value: &str) -> Kind {
    Kind::StringValue(value.to_owned())
}

fn at(seconds: i64, nanos: i32) -> Kind {
    Kind::TimeValue(Timestamp { seconds, nanos })
}

fn time(seconds: i64, nanos: i32) -> MxValue {
    Type::named("time").value(at(seconds, nanos))
}

#[tokio::test]
async fn a_value_of_another_type_is_converted_or_refused() {
    let wide = i64::from(i32::MAX) + 1;
    let cases = [
        ("boolean", 7.into(), Ok(Kind::BoolValue(true))),
        ("boolean", 0.5_f32.into(), Ok(Kind::BoolValue(true))),
        ("boolean", "True".into(), Ok(Kind::BoolValue(true))),
        ("boolean", " -1 ".into(), Ok(Kind::BoolValue(true))),
        ("boolean", "maybe".into(), Err(UNABLE_TO_CONVERT_STRING)),
        ("integer", true.into(), Ok(int(1))),
        ("integer", of_type(VT_I2, int(-32_768)), Ok(int(-32_768))),
        ("integer", of_type(VT_I8, Kind::Int64Value(-5)), Ok(int(-5))),
        ("integer", wide.into(), Err(OVERFLOW)),
        ("integer", of_type(VT_UI4, Kind::Int64Value(wide)), Err(OVERFLOW)),
        ("integer", of_type(VT_UI8, Kind::Uint64Value(u64::MAX)), Err(OVERFLOW)),
        ("integer", 2.5.into(), Ok(int(2))),
        ("integer", 3.5.into(), Ok(int(4))),
        ("integer", (-2_147_483_648.4).into(), Ok(int(i32::MIN))),
        ("integer", 2_147_483_647.5.into(), Err(OVERFLOW)),
        ("integer", f64::NAN.into(), Err(OVERFLOW)),
        ("integer", f32::INFINITY.into(), Err(OVERFLOW)),
        ("integer", " 42 ".into(), Ok(int(42))),
        ("integer", "4.2".into(), Err(UNABLE_TO_CONVERT_STRING)),
        ("integer", time(1, 0), Err(INCORRECT_DATA_TYPE)),
        ("qualified_enum", 3.0.into(), Ok(int(3))),
        ("data_quality", "192".into(), Ok(int(192))),
        ("float", ((1 << 24) + 1).into(), Ok(Kind::FloatValue(16_777_216.0))),
        ("float", 0.1.into(), Ok(Kind::FloatValue(0.1))),
        ("float", f64::NEG_INFINITY.into(), Ok(Kind::FloatValue(f32::NEG_INFINITY))),
        ("float", 1e39.into(), Err(OVERFLOW)),
        ("float", "1e39".into(), Err(OVERFLOW)),
        ("float", "-1.5e3".into(), Ok(Kind::FloatValue(-1500.0))),
        ("double", 7.into(), Ok(Kind::DoubleValue(7.0))),
        ("double", 0.1_f32.into(), Ok(Kind::DoubleValue(f64::from(0.1_f32)))),
        ("double", i64::MAX.into(), Ok(Kind::DoubleValue(9.223_372_036_854_776e18))),
        ("double", kind(Kind::Uint64Value(u64::MAX)), Ok(Kind::DoubleValue(18_446_744_073_709_552_000.0))),
        ("double", "NaN".into(), Err(OVERFLOW)),
        ("double", "".into(), Err(UNABLE_TO_CONVERT_STRING)),
        ("elapsed_time", 90.into(), Ok(Kind::DoubleValue(90.0))),
        ("elapsed_time", "-0.5".into(), Ok(Kind::DoubleValue(-0.5))),
        ("string", true.into(), Ok(text("true"))),
        ("string", i32::MIN.into(), Ok(text("-2147483648"))),
        ("string", kind(Kind::Uint64Value(u64::MAX)), Ok(text("18446744073709551615"))),
        ("string", 0.1_f32.into(), Ok(text("0.1"))),
        ("string", 0.25.into(), Ok(text("0.25"))),
        ("string", time(1_767_225_600, 0), Ok(text("2026-01-01T00:00:00Z"))),
        ("big_string", 5.into(), Ok(text("5"))),
        ("reference", "Tank_001".into(), Ok(text("Tank_001"))),
        ("time", "2026-01-01T01:00:00+01:00".into(), Ok(at(1_767_225_600, 0))),
        ("time", "yesterday".into(), Err(UNABLE_TO_CONVERT_STRING)),
        ("time", 5.into(), Err(INCORRECT_DATA_TYPE)),
        ("time", 5.0.into(), Err(INCORRECT_DATA_TYPE)),
        // Beyond the years that the contract has; and what is no time at all.
        ("time", time(LAST_SECOND + 1, 0), Ok(at(LAST_SECOND, 999_999_999))),
        ("time", time(FIRST_SECOND - 1, 0), Ok(at(FIRST_SECOND, 0))),
        ("time", time(0, -1), Err(OVERFLOW)),
        // No value, or one that no attribute can hold.
        ("integer", MxValue::default(), Err(INCORRECT_DATA_TYPE)),
        ("string", kind(Kind::RawValue(vec![1, 2, 3])), Err(INCORRECT_DATA_TYPE)),
        ("integer", Type::named("integer").array([int(1)]), Err(WRONG_NUMBER_OF_DIMENSIONS)),
    ];
    check(cases.map(scalar).into_iter().collect()).await;
}

#[tokio::test]
async fn an_array_is_converted_element_by_element_or_refused() {
    let of = Type::named;
    let ints = |elements: &[i32]| of("integer").array(elements.iter().copied().map(int));
    let doubles = [1.4, 2.5, -0.5].map(Kind::DoubleValue);
    let texts = |texts: [&str; 3]| of("string").array(texts.map(text));
    let variants = |kinds: &[Option<Kind>]| {
        let variant_values = kinds.iter().cloned().map(|kind| MxValue { kind, ..MxValue::default() });
        let array = MxArray { variant_values: variant_values.collect(), ..MxArray::default() };
        of_type(VT_VARIANT | VT_ARRAY, Kind::ArrayValue(array))
    };
    let cases = [
        ("integer", 3, of("double").array(doubles), Ok(vec![int(1), int(2), int(0)])),
        ("integer", 3, texts(["7", " 8 ", "-9"]), Ok(vec![int(7), int(8), int(-9)])),
        ("integer", 3, texts(["7", "eight", "9"]), Err(UNABLE_TO_CONVERT_STRING)),
        ("double", 2, ints(&[1, 2]), Ok(vec![Kind::DoubleValue(1.0), Kind::DoubleValue(2.0)])),
        ("string", 2, ints(&[1, -2]), Ok(vec![text("1"), text("-2")])),
        ("time", 2, ints(&[1, 2]), Err(INCORRECT_DATA_TYPE)),
        (
            "integer",
            3,
            variants(&[Some(int(1)), Some(text("2")), Some(Kind::BoolValue(true))]),
            Ok(vec![int(1), int(2), int(1)]),
        ),
        // Elements without a value are not left out.
        ("integer", 2, variants(&[Some(int(1)), None, Some(int(3))]), Err(INCORRECT_DATA_TYPE)),
        ("integer", 2, variants(&[Some(int(1)), None]), Err(INCORRECT_DATA_TYPE)),
        ("integer", 1, variants(&[ints(&[1]).kind]), Err(WRONG_NUMBER_OF_DIMENSIONS)),
        ("integer", 3, ints(&[]), Err(INDEX_OUT_OF_RANGE)),
        ("integer", 3, ints(&[1, 2]), Err(INDEX_OUT_OF_RANGE)),
        ("integer", 3, ints(&[1, 2, 3, 4]), Err(INDEX_OUT_OF_RANGE)),
        ("integer", 3, 5.into(), Err(WRONG_NUMBER_OF_DIMENSIONS)),
    ];
    check(cases.map(array).into_iter().collect()).await;
}

#[tokio::test]
async fn any_number_becomes_the_nearest_of_the_attributes_type() {
    let mut random = Random::from_environment();
    let mut cases = Vec::new();
    for _ in 0..COUNT {
        // What text says is the nearest is found in another way than the simulator's.
        let Kind::Int32Value(number) = Type::named("integer").any(&mut random) else { panic!("no integer") };
        let as_text = number.to_string();
        let double = Kind::DoubleValue(as_text.parse().unwrap());
        cases.extend([
            ("float", number.into(), Kind::FloatValue(as_text.parse().unwrap())),
            ("double", number.into(), double.clone()),
            ("elapsed_time", as_text.as_str().into(), double.clone()),
            ("integer", Type::named("double").value(double), int(number)),
            ("qualified_enum", i64::from(number).into(), int(number)),
            ("internationalized_string", number.into(), text(&as_text)),
            ("integer", as_text.into(), int(number)),
            ("boolean", number.into(), Kind::BoolValue(number != 0)),
        ]);
        let Kind::DoubleValue(number) = Type::named("double").any(&mut random) else { panic!("no double") };
        if number.is_finite() {
            let as_text = format!("{number:e}");
            cases.push(("double", as_text.as_str().into(), Kind::DoubleValue(number)));
            let single: f32 = as_text.parse().unwrap();
            if single.is_finite() {
                cases.push(("float", number.into(), Kind::FloatValue(single)));
            }
        }
    }
    // The attribute holds a default already, so there would be no event.
    cases.retain(|(name, _, expected)| *expected != Type::named(name).default());
    let cases = cases.into_iter().map(|(name, written, expected)| scalar((name, written, Ok(expected))));
    check(cases.collect()).await;
}

#[tokio::test]
async fn a_time_becomes_text_and_the_text_becomes_the_time() {
    let mut random = Random::from_environment();
    let attributes = ["string", "time"].map(|name| (name.to_owned(), format!("type = \"{name}\"")));
    let mut lab = Lab::start(&object("Times", attributes)).await;
    let (as_text, _) = lab.advise("Times.string").await;
    let (as_time, _) = lab.advise("Times.time").await;
    for _ in 0..COUNT {
        let time = chance::time(&mut random);
        let value = Type::named("time").value(Kind::TimeValue(time));
        if time.seconds >= LAST_SECOND_AS_TEXT || lab.read_one("Times.time").await == value {
            continue;
        }
        let outcome = lab.write(as_text, value.clone()).await;
        assert_eq!(outcome.details, [0], "{time:?}");
        let written = outcome.changes[0].value.clone().unwrap();
        let Some(Kind::StringValue(text)) = &written.kind else { panic!("{written:?}") };
        assert_eq!(text.parse(), Ok(time));
        let outcome = lab.write(as_time, written).await;
        assert_eq!(outcome.details, [0], "{time:?}");
        assert_same(outcome.changes[0].value.as_ref().unwrap(), &value, "by way of its text");
    }
}
