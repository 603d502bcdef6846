//! Any value survives its encoding and the conversions, to the bit.

use mxgateway_contracts::time;
use mxgateway_contracts::v1::{
    MxArray, MxDataType, MxDimension, MxSparseArray, MxSparseElement, MxStatus, MxValue, OnDataChange,
    mx_value::Kind,
};
use mxgateway_contracts::value::array_len;
use proptest::prelude::*;
use prost::Message;
use prost_types::Timestamp;

fn stamps() -> impl Strategy<Value = Timestamp> {
    (-62_135_596_800_i64..=253_402_300_799, 0..1_000_000_000)
        .prop_map(|(seconds, nanos)| Timestamp { seconds, nanos })
}

/// Numbers by their bits, so that every NaN is among them.
fn floats() -> impl Strategy<Value = f32> {
    prop_oneof![any::<u32>().prop_map(f32::from_bits), Just(f32::from_bits(0x7FC0_1234)), Just(-0.0)]
}

fn doubles() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        Just(f64::from_bits(0xFFF8_0000_0000_BEEF)),
        Just(-0.0)
    ]
}

fn extremes() -> impl Strategy<Value = u64> {
    prop_oneof![any::<u64>(), Just(0), Just(u64::MAX), Just(1 << 63)]
}

fn scalar_kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![
        any::<bool>().prop_map(Kind::BoolValue),
        prop_oneof![any::<i32>(), Just(i32::MIN), Just(i32::MAX)].prop_map(Kind::Int32Value),
        prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX)].prop_map(Kind::Int64Value),
        extremes().prop_map(Kind::Uint64Value),
        floats().prop_map(Kind::FloatValue),
        doubles().prop_map(Kind::DoubleValue),
        any::<String>().prop_map(Kind::StringValue),
        stamps().prop_map(Kind::TimeValue),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(Kind::RawValue),
    ]
}

fn lists(inner: impl Strategy<Value = MxValue> + 'static) -> impl Strategy<Value = MxArray> {
    let few = 0..8_usize;
    prop_oneof![
        prop::collection::vec(any::<bool>(), few.clone())
            .prop_map(|bool_values| MxArray { bool_values, ..MxArray::default() }),
        prop::collection::vec(any::<i32>(), few.clone())
            .prop_map(|int32_values| MxArray { int32_values, ..MxArray::default() }),
        prop::collection::vec(any::<i64>(), few.clone())
            .prop_map(|int64_values| MxArray { int64_values, ..MxArray::default() }),
        prop::collection::vec(extremes(), few.clone())
            .prop_map(|uint64_values| MxArray { uint64_values, ..MxArray::default() }),
        prop::collection::vec(floats(), few.clone())
            .prop_map(|float_values| MxArray { float_values, ..MxArray::default() }),
        prop::collection::vec(doubles(), few.clone())
            .prop_map(|double_values| MxArray { double_values, ..MxArray::default() }),
        prop::collection::vec(any::<String>(), few.clone())
            .prop_map(|string_values| MxArray { string_values, ..MxArray::default() }),
        prop::collection::vec(stamps(), few.clone())
            .prop_map(|time_values| MxArray { time_values, ..MxArray::default() }),
        prop::collection::vec(inner, few.clone())
            .prop_map(|variant_values| MxArray { variant_values, ..MxArray::default() }),
        prop::collection::vec(prop::collection::vec(any::<u8>(), 0..16), few)
            .prop_map(|raw_values| MxArray { raw_values, ..MxArray::default() }),
    ]
}

fn arrays(inner: impl Strategy<Value = MxValue> + 'static) -> impl Strategy<Value = MxArray> {
    let dimensions = prop::collection::vec((any::<i32>(), any::<u32>()), 0..4);
    (lists(inner), any::<u32>(), -1..20, dimensions).prop_map(
        |(list, element_variant_type, element_data_type, dimensions)| MxArray {
            element_variant_type,
            element_data_type,
            dimensions: dimensions
                .into_iter()
                .map(|(lower_bound, length)| MxDimension { lower_bound, length })
                .collect(),
            ..list
        },
    )
}

fn values() -> impl Strategy<Value = MxValue> {
    // VT_EMPTY and VT_NULL have no kind; the number of the data type need not be one this build knows.
    let value =
        |kind: BoxedStrategy<Option<Kind>>| {
            let raw = prop::collection::vec(any::<u8>(), 0..17);
            (-1..20, any::<u32>(), kind, raw).prop_map(|(data_type, variant_type, kind, raw_variant)| {
                MxValue { data_type, variant_type, kind, raw_variant }
            })
        };
    let leaf = value(prop::option::of(scalar_kinds()).boxed());
    leaf.prop_recursive(3, 32, 8, move |inner| {
        let array = arrays(inner.clone()).prop_map(Kind::ArrayValue);
        let elements = prop::collection::vec((any::<u32>(), prop::option::of(inner)), 0..4);
        let sparse =
            (-1..20, any::<u32>(), elements).prop_map(|(element_data_type, total_length, elements)| {
                Kind::SparseArrayValue(MxSparseArray {
                    element_data_type,
                    total_length,
                    elements: elements
                        .into_iter()
                        .map(|(index, value)| MxSparseElement { index, value })
                        .collect(),
                })
            });
        value(prop_oneof![array, sparse].prop_map(Some).boxed())
    })
}

proptest! {
    // Bytes are compared too, because a NaN is not equal to itself.
    #[test]
    fn any_value_survives_its_encoding(value in values()) {
        let encoded = value.encode_to_vec();
        let decoded = MxValue::decode(encoded.as_slice()).unwrap();
        prop_assert_eq!(format!("{decoded:?}"), format!("{value:?}"));
        prop_assert_eq!(decoded.encode_to_vec(), encoded);
    }

    #[test]
    fn any_value_survives_within_an_event(value in values(), quality in any::<i32>(), at in stamps()) {
        let change = OnDataChange { value: Some(value.clone()), quality, source_time: Some(at) };
        let decoded = OnDataChange::decode(change.encode_to_vec().as_slice()).unwrap();
        prop_assert_eq!((decoded.quality, decoded.source_time), (quality, Some(at)));
        prop_assert_eq!(decoded.value.unwrap().encode_to_vec(), value.encode_to_vec());
    }

    #[test]
    fn not_a_number_keeps_its_bits(single in floats(), double in doubles()) {
        let through = |value: MxValue| MxValue::decode(value.encode_to_vec().as_slice()).unwrap().kind;
        match (through(single.into()), through(double.into())) {
            (Some(Kind::FloatValue(a)), Some(Kind::DoubleValue(b))) => {
                prop_assert_eq!((a.to_bits(), b.to_bits()), (single.to_bits(), double.to_bits()));
            }
            other => prop_assert!(false, "{other:?}"),
        }
    }

    #[test]
    fn scalars_keep_their_type(number in any::<i32>(), wide in any::<i64>(), text in any::<String>()) {
        let number_value = MxValue::from(number);
        prop_assert_eq!(number_value.data_type(), MxDataType::Integer);
        prop_assert_eq!(number_value.kind, Some(Kind::Int32Value(number)));
        prop_assert_eq!(MxValue::from(wide).kind, Some(Kind::Int64Value(wide)));
        prop_assert_eq!(MxValue::from(text.as_str()).kind, Some(Kind::StringValue(text)));
    }

    #[test]
    fn any_time_of_the_contract_survives_the_conversion(stamp in stamps()) {
        let time = time::system_time(&stamp).unwrap();
        prop_assert_eq!(time::timestamp(time), stamp);
        prop_assert_eq!(MxValue::from(time).data_type(), MxDataType::Time);
    }

    #[test]
    fn a_status_keeps_all_its_numbers(fields in any::<[i32; 6]>(), diagnostic_text in any::<String>()) {
        let [success, category, detected_by, detail, raw_category, raw_detected_by] = fields;
        let status = MxStatus {
            success, category, detected_by, detail, raw_category, raw_detected_by, diagnostic_text,
        };
        prop_assert_eq!(MxStatus::decode(status.encode_to_vec().as_slice()).unwrap(), status);
    }

    #[test]
    fn the_length_of_an_array_is_that_of_its_one_list(array in arrays(Just(MxValue::default()))) {
        let decoded = MxArray::decode(array.encode_to_vec().as_slice()).unwrap();
        prop_assert_eq!(array_len(&decoded), array_len(&array));
    }
}
