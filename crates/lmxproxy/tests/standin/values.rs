//! Values there and back: a tag that keeps any VARIANT as it is.

use mxgateway_contracts::hresult::E_INVALIDARG;
use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::mx_value::Kind;
use mxgateway_contracts::v1::{MxArray, MxDataType, MxDimension, MxValue, WriteCommand};
use prost_types::Timestamp;

use super::gateway::{Gateway, changes};

const VT_ARRAY: u32 = 0x2000;
const VT_CY: u32 = 6;
const VT_DATE: u32 = 7;
const VT_BSTR: u32 = 8;
const VT_VARIANT: u32 = 12;
const VT_DECIMAL: u32 = 14;

fn scalar(variant_type: u32, data_type: MxDataType, kind: Kind) -> MxValue {
    MxValue { variant_type, data_type: data_type.into(), kind: Some(kind), raw_variant: Vec::new() }
}

fn time(seconds: i64, nanos: i32) -> Timestamp {
    Timestamp { seconds, nanos }
}

/// As many bytes as a decimal has; the first two are no part of it.
fn decimal() -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..16).collect();
    // Its scale and its sign.
    bytes[..4].copy_from_slice(&[0, 0, 2, 0x80]);
    bytes
}

fn scalars() -> Vec<MxValue> {
    use MxDataType::{Boolean, Double, Float, Integer, String, Time, Unknown};
    let raw = |bytes: &[u8]| Kind::RawValue(bytes.to_vec());
    vec![
        scalar(11, Boolean, Kind::BoolValue(true)),
        scalar(11, Boolean, Kind::BoolValue(false)),
        scalar(16, Integer, Kind::Int32Value(-128)),
        scalar(17, Integer, Kind::Int32Value(255)),
        scalar(2, Integer, Kind::Int32Value(-32_768)),
        scalar(18, Integer, Kind::Int32Value(65_535)),
        scalar(3, Integer, Kind::Int32Value(i32::MIN)),
        scalar(22, Integer, Kind::Int32Value(i32::MAX)),
        scalar(10, Unknown, Kind::Int32Value(E_INVALIDARG)),
        scalar(19, Integer, Kind::Int64Value(u32::MAX.into())),
        scalar(23, Integer, Kind::Int64Value(u32::MAX.into())),
        scalar(20, Integer, Kind::Int64Value(i64::MIN)),
        scalar(21, Integer, Kind::Uint64Value(u64::MAX)),
        scalar(4, Float, Kind::FloatValue(f32::MIN_POSITIVE)),
        scalar(5, Double, Kind::DoubleValue(f64::NEG_INFINITY)),
        scalar(VT_BSTR, String, Kind::StringValue("Füllstand 水位 🚰 \0 end".into())),
        scalar(VT_BSTR, String, Kind::StringValue(std::string::String::new())),
        scalar(VT_DATE, Time, Kind::TimeValue(time(1_767_225_600, 500_000_000))),
        scalar(VT_DATE, Time, Kind::TimeValue(time(-11_644_473_600, 0))),
        scalar(VT_CY, Unknown, raw(&[1, 2, 3, 4, 5, 6, 7, 8])),
        scalar(VT_DECIMAL, Unknown, raw(&decimal())),
        MxValue { variant_type: 1, ..MxValue::default() },
        MxValue::default(),
    ]
}

fn array(element: u32, data_type: MxDataType, dimensions: &[(i32, u32)], lists: MxArray) -> MxValue {
    let dimensions = dimensions
        .iter()
        .map(|(lower_bound, length)| MxDimension { lower_bound: *lower_bound, length: *length });
    let list = MxArray {
        element_variant_type: element,
        element_data_type: data_type.into(),
        dimensions: dimensions.collect(),
        ..lists
    };
    scalar(VT_ARRAY | element, data_type, Kind::ArrayValue(list))
}

fn arrays() -> Vec<MxValue> {
    use MxDataType::{Boolean, Double, Float, Integer, String, Time, Unknown};
    let empty = MxArray::default;
    let texts = vec!["one".to_owned(), std::string::String::new(), "drei 三".to_owned()];
    let times = vec![time(0, 0), time(1_767_225_600, 0)];
    let narrow = array(2, Integer, &[(0, 2)], MxArray { int32_values: vec![-1, 7], ..empty() });
    vec![
        array(11, Boolean, &[(0, 3)], MxArray { bool_values: vec![true, false, true], ..empty() }),
        array(16, Integer, &[(0, 2)], MxArray { int32_values: vec![-128, 127], ..empty() }),
        array(17, Integer, &[(0, 3)], MxArray { int32_values: vec![0, 1, 255], ..empty() }),
        narrow.clone(),
        array(3, Integer, &[(1, 2), (-1, 3)], MxArray { int32_values: (1..=6).collect(), ..empty() }),
        array(3, Integer, &[(0, 0)], empty()),
        array(19, Integer, &[(0, 2)], MxArray { int64_values: vec![0, u32::MAX.into()], ..empty() }),
        array(20, Integer, &[(0, 2)], MxArray { int64_values: vec![i64::MIN, i64::MAX], ..empty() }),
        array(21, Integer, &[(0, 1)], MxArray { uint64_values: vec![u64::MAX], ..empty() }),
        array(4, Float, &[(0, 2)], MxArray { float_values: vec![0.5, -0.5], ..empty() }),
        array(5, Double, &[(0, 2)], MxArray { double_values: vec![0.25, f64::MAX], ..empty() }),
        array(VT_BSTR, String, &[(0, 3)], MxArray { string_values: texts, ..empty() }),
        array(VT_DATE, Time, &[(0, 2)], MxArray { time_values: times, ..empty() }),
        array(VT_CY, Unknown, &[(0, 1)], MxArray { raw_values: vec![vec![8; 8]], ..empty() }),
        array(VT_DECIMAL, Unknown, &[(0, 1)], MxArray { raw_values: vec![decimal()], ..empty() }),
        array(
            VT_VARIANT,
            Unknown,
            &[(0, 4)],
            MxArray { variant_values: vec![1.into(), "two".into(), narrow, MxValue::default()], ..empty() },
        ),
    ]
}

#[tokio::test]
async fn values_of_every_type_come_back_as_they_were() {
    let mut gateway = Gateway::start(&[]).await;
    let server = gateway.register().await;
    let item = gateway.advised(server, "StandIn_001.Any").await;
    for value in scalars().into_iter().chain(arrays()) {
        let before = changes(&gateway.events, item).len();
        assert_eq!(gateway.write(server, item, value.clone()).await, 0, "{value:?}");
        gateway.until("the change", |events| changes(events, item).len() > before).await;
        assert_eq!(changes(&gateway.events, item)[before], value);
    }
    gateway.end().await;
}

#[tokio::test]
async fn a_value_without_a_type_gets_the_usual_one_of_its_kind() {
    let mut gateway = Gateway::start(&[]).await;
    let server = gateway.register().await;
    let item = gateway.advised(server, "StandIn_001.Any").await;
    let usual: [MxValue; 6] =
        [true.into(), 7.into(), i64::MAX.into(), 0.5_f32.into(), 0.5_f64.into(), "text".into()];
    for expected in usual {
        let before = changes(&gateway.events, item).len();
        let without = MxValue { variant_type: 0, data_type: 0, ..expected.clone() };
        assert_eq!(gateway.write(server, item, without).await, 0, "{expected:?}");
        gateway.until("the change", |events| changes(events, item).len() > before).await;
        assert_eq!(changes(&gateway.events, item)[before], expected);
    }
    gateway.end().await;
}

#[tokio::test]
async fn a_value_that_makes_no_variant_is_refused() {
    use MxDataType::{Integer, String, Unknown};
    let mut gateway = Gateway::start(&[]).await;
    let server = gateway.register().await;
    let item_handle = gateway.advised(server, "StandIn_001.Any").await;
    let three = || MxArray { int32_values: vec![1, 2, 3], ..MxArray::default() };
    for value in [
        // Too large, of another kind, of no known type, too short.
        scalar(16, Integer, Kind::Int32Value(128)),
        scalar(3, Integer, Kind::StringValue("3".into())),
        scalar(VT_BSTR, String, Kind::Int32Value(3)),
        scalar(9, Unknown, Kind::RawValue(vec![0; 8])),
        scalar(70_000, Unknown, Kind::Int32Value(3)),
        scalar(VT_CY, Unknown, Kind::RawValue(vec![0; 7])),
        MxValue { variant_type: 3, ..MxValue::default() },
        // Not as many elements as the dimensions say, too many dimensions, a type that is the whole's only.
        array(3, Integer, &[(0, 2)], three()),
        array(3, Integer, &[(0, 65_536), (0, 65_536)], three()),
        array(3, Integer, &[(0, 1); 70], MxArray { int32_values: vec![1], ..MxArray::default() }),
        scalar(3, Integer, Kind::ArrayValue(three())),
        array(VT_BSTR, String, &[(0, 3)], three()),
        array(VT_VARIANT, Unknown, &[(0, 3)], three()),
    ] {
        let what = format!("{value:?}");
        let write = WriteCommand { server_handle: server, item_handle, value: Some(value), user_id: 0 };
        let reply = gateway.call(Payload::Write(write)).await;
        assert_eq!(reply.hresult, E_INVALIDARG, "{what}: {reply:?}");
    }
    assert_eq!(changes(&gateway.events, item_handle).len(), 1, "nothing was written");
    gateway.end().await;
}
