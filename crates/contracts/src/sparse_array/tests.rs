use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::value::array_len;

fn sparse(data_type: MxDataType, total_length: u32, elements: &[(u32, MxValue)]) -> MxValue {
    let elements = elements
        .iter()
        .map(|(index, value)| MxSparseElement { index: *index, value: Some(value.clone()) })
        .collect();
    let array = MxSparseArray { element_data_type: data_type.into(), total_length, elements };
    MxValue { kind: Some(Kind::SparseArrayValue(array)), ..MxValue::default() }
}

fn expanded(mut value: MxValue) -> Result<MxArray, SparseArrayError> {
    expand(&mut value, &mut MAX_EXPANDED_ELEMENTS.clone())?;
    match value.kind {
        Some(Kind::ArrayValue(array)) => Ok(array),
        other => panic!("expected an array, got {other:?}"),
    }
}

#[test]
fn elements_that_are_not_named_are_reset() {
    let mut value = sparse(MxDataType::Integer, 5, &[(3, 7.into()), (0, (-1).into())]);
    let mut room = 10;
    expand(&mut value, &mut room).unwrap();
    assert_eq!((room, value.variant_type, value.data_type()), (5, VT_ARRAY | VT_I4, MxDataType::Integer));
    let Some(Kind::ArrayValue(array)) = value.kind else { panic!("no array") };
    assert_eq!(array.int32_values, [-1, 0, 0, 7, 0]);
    assert_eq!(array.dimensions, [MxDimension { lower_bound: 0, length: 5 }]);
    assert_eq!((array.element_variant_type, array.element_data_type()), (VT_I4, MxDataType::Integer));
}

#[test]
fn every_type_has_its_default() {
    let array = |data_type| expanded(sparse(data_type, 2, &[])).unwrap();
    assert_eq!(array(MxDataType::Boolean).bool_values, [false; 2]);
    assert_eq!(array(MxDataType::Integer).int32_values, [0; 2]);
    assert_eq!(array(MxDataType::Float).float_values, [0.0; 2]);
    assert_eq!(array(MxDataType::Double).double_values, [0.0; 2]);
    assert_eq!(array(MxDataType::ElapsedTime).double_values, [0.0; 2]);
    assert_eq!(array(MxDataType::String).string_values, ["", ""]);
    assert_eq!(array(MxDataType::BigString).string_values, ["", ""]);
    let epoch = Timestamp { seconds: 0, nanos: 0 };
    assert_eq!(array(MxDataType::Time).time_values, [epoch; 2]);
}

#[test]
fn what_is_wrong_is_named_by_its_field() {
    let integers = |length, elements: &[(u32, MxValue)]| sparse(MxDataType::Integer, length, elements);
    let mut typed = integers(2, &[]);
    typed.variant_type = VT_ARRAY | VT_BSTR;
    let mut without_value = integers(2, &[(0, 1.into())]);
    if let Some(Kind::SparseArrayValue(array)) = &mut without_value.kind {
        array.elements[0].value = None;
    }
    let mut unknown_type = integers(2, &[]);
    if let Some(Kind::SparseArrayValue(array)) = &mut unknown_type.kind {
        array.element_data_type = 99;
    }
    let nested = sparse(MxDataType::Integer, 1, &[]);
    let cases = [
        (sparse(MxDataType::Unknown, 2, &[]), "sparse_array_value.element_data_type is MX_DATA_TYPE_UNKNOWN"),
        (
            sparse(MxDataType::StatusType, 2, &[]),
            "sparse_array_value.element_data_type is MX_DATA_TYPE_STATUS",
        ),
        (unknown_type, "sparse_array_value.element_data_type is number 99"),
        (typed, "variant_type is 8200; leave it 0, or use 8195"),
        (integers(0, &[]), "sparse_array_value.total_length is missing"),
        (integers(u32::MAX, &[]), "sparse_array_value.total_length is 4294967295, but"),
        (
            integers(2, &[(0, 1.into()), (2, 1.into())]),
            "sparse_array_value.elements[1].index is 2, but the array has 2",
        ),
        (
            integers(2, &[(1, 1.into()), (1, 1.into())]),
            "sparse_array_value.elements[1].index is 1, which an earlier",
        ),
        (
            integers(2, &[(0, "1".into())]),
            "sparse_array_value.elements[0].value is string_value, but must be int32_value",
        ),
        (
            integers(2, &[(0, 1_i64.into())]),
            "sparse_array_value.elements[0].value is int64_value, but must be int32_value",
        ),
        (integers(2, &[(0, nested)]), "sparse_array_value.elements[0].value is sparse_array_value"),
        (integers(2, &[(0, MxValue::default())]), "sparse_array_value.elements[0].value is missing"),
        (without_value, "sparse_array_value.elements[0].value is missing"),
    ];
    for (value, expected) in cases {
        let mut tried = value.clone();
        let mut room = MAX_EXPANDED_ELEMENTS;
        let error = expand(&mut tried, &mut room).unwrap_err();
        let text = format!("{} {error}", error.field());
        assert!(text.starts_with(expected), "{text}");
        assert_eq!((tried, room), (value, MAX_EXPANDED_ELEMENTS), "changed by an error: {text}");
    }
}

#[test]
fn arrays_of_one_command_share_their_room() {
    let mut room = 5;
    expand(&mut sparse(MxDataType::Boolean, 3, &[]), &mut room).unwrap();
    let error = expand(&mut sparse(MxDataType::Boolean, 3, &[]), &mut room).unwrap_err();
    assert_eq!(error, SparseArrayError::TooLong { length: 3, room: 2 });
    expand(&mut sparse(MxDataType::Boolean, 2, &[]), &mut room).unwrap();
    assert_eq!(room, 0);
}

#[test]
fn other_values_are_left_alone() {
    let mut value = MxValue::from(5);
    let mut room = 0;
    expand(&mut value, &mut room).unwrap();
    assert_eq!((value, room), (5.into(), 0));
}

proptest! {
    #[test]
    fn each_named_element_is_where_it_belongs(
        length in 1_u32..500,
        named in prop::collection::btree_map(0_u32..600, any::<i32>(), 0..100),
    ) {
        let elements: Vec<_> = named.iter().map(|(index, value)| (*index, (*value).into())).collect();
        let result = expanded(sparse(MxDataType::Integer, length, &elements));
        let fits: BTreeMap<_, _> = named.iter().filter(|(index, _)| **index < length).collect();
        if fits.len() < named.len() {
            let refused = matches!(result, Err(SparseArrayError::IndexOutOfRange { .. }));
            prop_assert!(refused, "{result:?}");
        } else {
            let array = result.unwrap();
            prop_assert_eq!(array_len(&array), length as usize);
            for (index, value) in array.int32_values.iter().enumerate() {
                let index = u32::try_from(index).unwrap();
                prop_assert_eq!(*value, named.get(&index).copied().unwrap_or_default());
            }
        }
    }
}
