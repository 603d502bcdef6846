//! Sparse arrays: the gateway makes whole ones of them, which resets the elements that are not named.

use std::collections::{BTreeMap, HashMap};

use mxgateway_contracts::error_code::ErrorCode;
use mxgateway_contracts::hresult::E_INVALIDARG;
use mxgateway_contracts::v1::{
    ItemReference, MxDataType, MxSparseArray, MxSparseElement, MxValue, WriteEntry, mx_value::Kind,
};
use mxgateway_e2e::Random;

use super::chance::{self, TYPES, Type};
use super::lab::{Lab, assert_same, is_same, object};

const ROUNDS: usize = 30;

/// Types that the contract has sparse arrays of.
fn types() -> impl Iterator<Item = Type> {
    TYPES.into_iter().filter(|of| {
        matches!(
            of.name,
            "boolean"
                | "integer"
                | "float"
                | "double"
                | "string"
                | "time"
                | "elapsed_time"
                | "internationalized_string"
                | "big_string"
        )
    })
}

fn sparse(of: Type, total_length: u32, elements: impl IntoIterator<Item = (u32, Kind)>) -> MxValue {
    let elements = elements.into_iter().map(|(index, kind)| MxSparseElement {
        index,
        value: Some(MxValue { kind: Some(kind), ..MxValue::default() }),
    });
    MxValue {
        kind: Some(Kind::SparseArrayValue(MxSparseArray {
            element_data_type: of.data_type.into(),
            total_length,
            elements: elements.collect(),
        })),
        ..MxValue::default()
    }
}

fn integers(elements: &[i32]) -> MxValue {
    Type::named("integer").array(elements.iter().copied().map(Kind::Int32Value))
}

/// Five numbers, 1 to 5, twice.
async fn lab() -> Lab {
    let numbers = "type = \"integer\", array = 5, value = [1, 2, 3, 4, 5]";
    let attributes = ["Numbers", "Others"].map(|name| (name.to_owned(), numbers.to_owned()));
    Lab::start(&object("Sparse", attributes)).await
}

#[tokio::test]
async fn a_sparse_write_changes_what_it_names_and_resets_the_rest() {
    let mut lab = lab().await;
    let integer = Type::named("integer");
    let (item, first) = lab.advise("Sparse.Numbers[]").await;
    assert_same(first.value.as_ref().unwrap(), &integers(&[1, 2, 3, 4, 5]), "at first");

    let written = sparse(integer, 5, [(3, Kind::Int32Value(40)), (0, Kind::Int32Value(-1))]);
    let outcome = lab.write(item, written).await;
    assert_eq!(outcome.details, [0]);
    let expected = integers(&[-1, 0, 0, 40, 0]);
    assert_same(outcome.changes[0].value.as_ref().unwrap(), &expected, "in its event");
    assert_same(&lab.read_one("Sparse.Numbers[]").await, &expected, "as it is read");
    let element = integer.value(Kind::Int32Value(40));
    assert_same(&lab.read_one("Sparse.Numbers[4]").await, &element, "one element, counted from 1");

    // With a time, and without any element: all are reset.
    let time = chance::time(&mut Random::from_environment());
    let stamp = Type::named("time").value(Kind::TimeValue(time));
    lab.session.write2(item, sparse(integer, 5, []), stamp, 0).await.unwrap();
    let outcome = lab.outcome(item).await;
    assert_same(outcome.changes[0].value.as_ref().unwrap(), &integers(&[0; 5]), "a reset");
    assert_eq!(outcome.changes[0].source_time, Some(time));

    // The length must be the attribute's, as for any array.
    let outcome = lab.write(item, sparse(integer, 4, [(0, Kind::Int32Value(7))])).await;
    assert_eq!((outcome.details.as_slice(), outcome.changes.len()), (&[1003][..], 0));
    assert_same(&lab.read_one("Sparse.Numbers[]").await, &integers(&[0; 5]), "after a wrong length");
    let (element, _) = lab.advise("Sparse.Numbers[1]").await;
    let outcome = lab.write(element, sparse(integer, 5, [])).await;
    assert_eq!((outcome.details.as_slice(), outcome.changes.len()), (&[14][..], 0));
}

#[tokio::test]
async fn a_bad_sparse_array_is_refused_and_changes_nothing() {
    let mut lab = lab().await;
    let integer = Type::named("integer");
    let (item, _) = lab.advise("Sparse.Numbers[]").await;
    let one = Kind::Int32Value(1);
    let bad = [
        ("elements[1].index", sparse(integer, 5, [(0, one.clone()), (5, one.clone())])),
        ("elements[1].index", sparse(integer, 5, [(2, one.clone()), (2, one.clone())])),
        ("elements[0].value", sparse(integer, 5, [(0, Kind::DoubleValue(1.0))])),
        ("total_length", sparse(integer, 0, [])),
        ("total_length", sparse(integer, u32::MAX, [(0, one.clone())])),
        ("element_data_type", sparse(Type { data_type: MxDataType::Unknown, ..integer }, 5, [])),
    ];
    for (field, value) in &bad {
        let error = lab.session.write(item, value.clone(), 0).await.unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::InvalidRequest), "{error}");
        assert!(error.to_string().contains(field), "{error} without {field}");
    }

    // In a bulk it is a row of its own, and the rows around it are written.
    let (others, _) = lab.advise("Sparse.Others[]").await;
    let good = |item: ItemReference| (item, sparse(integer, 5, [(1, Kind::Int32Value(8))]));
    let mut values = vec![good(item)];
    values.extend(bad.map(|(_, value)| (item, value)));
    values.push(good(others));
    let entries = values.into_iter().map(|(item, value)| WriteEntry {
        item_handle: item.item_handle,
        value: Some(value),
        user_id: 0,
    });
    let rows = lab.session.write_bulk(lab.server, entries.collect()).await.unwrap();
    let hresults: Vec<_> = rows.iter().map(|row| row.hresult).collect();
    assert_eq!(hresults, [[0].as_slice(), &[E_INVALIDARG; 6], &[0]].concat());
    let writes = HashMap::from([(item.item_handle, 1), (others.item_handle, 1)]);
    let outcomes = lab.outcomes(&writes, drop).await;
    for (item, tag) in [(item, "Sparse.Numbers[]"), (others, "Sparse.Others[]")] {
        let outcome = &outcomes[&item.item_handle];
        assert_eq!((outcome.details.as_slice(), outcome.changes.len()), (&[0][..], 1), "{tag}");
        assert_same(&lab.read_one(tag).await, &integers(&[0, 8, 0, 0, 0]), tag);
    }
}

#[tokio::test]
async fn any_sparse_array_becomes_the_whole_one_it_stands_for() {
    let mut random = Random::from_environment();
    let lengths = [1, 2, 9, 130];
    let attributes = types().zip(lengths.into_iter().cycle()).map(|(of, length)| {
        (format!("{}_array", of.name), format!("type = \"{}\", array = {length}", of.name))
    });
    let mut lab = Lab::start(&object("Sparse", attributes)).await;
    let mut items = Vec::new();
    for (of, length) in types().zip(lengths.into_iter().cycle()) {
        let tag = format!("Sparse.{}_array[]", of.name);
        let (item, first) = lab.advise(&tag).await;
        items.push((of, length, item, tag, first.value.unwrap()));
    }
    for round in 0..ROUNDS {
        let mut values = Vec::new();
        for (of, length, item, _, last) in &mut items {
            let (whole, written) = loop {
                let count = random.below(u64::from(*length) + 1);
                // A later value for the same index replaces the earlier one.
                let named: BTreeMap<u32, Kind> = (0..count)
                    .map(|_| (u32::try_from(random.below(u64::from(*length))).unwrap(), of.any(&mut random)))
                    .collect();
                let whole = (0..*length)
                    .map(|index| named.get(&index).cloned().unwrap_or_else(|| of.default()))
                    .collect::<Vec<_>>();
                let whole = of.array(whole);
                if !is_same(&whole, last) {
                    break (whole, sparse(*of, *length, named));
                }
            };
            *last = whole;
            values.push((*item, written));
        }
        let outcomes = lab.write_all(values).await;
        let rows = lab.read(items.iter().map(|(_, _, _, tag, _)| tag.as_str())).await;
        for (((_, _, _, tag, expected), outcome), row) in items.iter().zip(outcomes).zip(rows) {
            let what = format!("{tag} in round {round}");
            assert_eq!((outcome.details.as_slice(), outcome.changes.len()), (&[0][..], 1), "{what}");
            assert_same(outcome.changes[0].value.as_ref().unwrap(), expected, &what);
            assert_same(row.data.unwrap().value.as_ref().unwrap(), expected, &what);
        }
    }
}
