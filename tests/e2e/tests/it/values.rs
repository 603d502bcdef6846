//! Values through the real programs: what a client writes goes through the gateway and the worker into an
//! attribute, and comes back as events and reads, to the bit and with its VARIANT type.

mod chance;
mod conversions;
mod lab;
mod sparse;

use std::collections::{HashMap, HashSet};
use std::time::SystemTime;

use mxgateway_contracts::v1::mx_event::Body;
use mxgateway_contracts::v1::{
    EventFamily, ItemReference, MxDataType, MxEvent, MxValue, OnDataChange, Write2Entry, WriteEntry,
    mx_value::Kind,
};
use mxgateway_contracts::value::variant_type::VT_ARRAY;
use mxgateway_e2e::Random;
use prost_types::Timestamp;

use chance::{LAST_SECOND_AS_TEXT, TYPES, Type, VT_VARIANT};
use lab::{GOOD, Lab, assert_same, is_same, object};

/// Values written to each attribute; with the lanes, a few hundred for each type as scalars and as arrays.
const ROUNDS: usize = 40;

/// How values are written.
#[derive(Clone, Copy, Debug)]
enum By {
    Write,
    Write2,
    WriteBulk,
    Write2Bulk,
}

/// Attributes of every type, as scalar and as array, that are treated alike.
#[derive(Clone, Copy, Debug)]
struct Lane {
    by: By,
    /// Length of the arrays.
    length: usize,
    /// Added relative to its object; then ReadBulk by the full name does not know it and reads afresh.
    relative: bool,
}

const LANES: [Lane; 6] = [
    Lane { by: By::Write, length: 3, relative: false },
    Lane { by: By::Write2, length: 1, relative: false },
    Lane { by: By::WriteBulk, length: 7, relative: false },
    Lane { by: By::Write2Bulk, length: 2, relative: false },
    Lane { by: By::WriteBulk, length: 100, relative: true },
    Lane { by: By::Write2Bulk, length: 5, relative: true },
];

/// One attribute and what happened to it.
struct Attribute {
    tag: String,
    lane: Lane,
    of: Type,
    is_array: bool,
    item: ItemReference,
    buffered: ItemReference,
    /// Everything it held, from the start, and since when.
    held: Vec<(MxValue, When)>,
    /// What its buffered item has told.
    samples: Vec<(MxValue, i32, Timestamp)>,
}

#[derive(Clone, Copy, Debug)]
enum When {
    Exactly(Timestamp),
    After(SystemTime),
}

impl Attribute {
    fn any(&self, random: &mut Random) -> MxValue {
        if self.is_array {
            self.of.array((0..self.lane.length).map(|_| self.of.any(random)).collect::<Vec<_>>())
        } else {
            self.of.value(self.of.any(random))
        }
    }

    /// A value that is not the one it has, for there would be no event.
    fn next(&self, random: &mut Random) -> MxValue {
        let (last, _) = self.held.last().expect("it holds something from the start");
        loop {
            let next = self.any(random);
            if !is_same(&next, last) {
                return next;
            }
        }
    }

    fn check(&self, found: &OnDataChange, what: &str) {
        let (value, when) = self.held.last().expect("it was written");
        let what = format!("{} {what}", self.tag);
        assert_same(found.value.as_ref().expect("a data change has a value"), value, &what);
        assert_eq!(found.quality, GOOD, "{what}");
        when.check(found.source_time.expect("a data change has a time"), &what);
    }

    /// Takes the samples of an event of its buffered item apart.
    fn sampled(&mut self, event: MxEvent) {
        let Some(Body::OnBufferedDataChange(change)) = event.body else { panic!("{event:?}") };
        assert_eq!(change.data_type(), self.of.data_type);
        let (values, data_type) = list(change.values, &self.tag);
        assert_eq!(data_type, self.of.data_type, "{}", self.tag);
        let (qualities, of_qualities) = list(change.qualities, "qualities");
        let (times, of_times) = list(change.source_times, "times");
        assert_eq!((of_qualities, of_times), (MxDataType::Integer, MxDataType::Time));
        assert_eq!((values.len(), qualities.len()), (times.len(), times.len()), "{}", self.tag);
        for ((value, quality), time) in values.into_iter().zip(qualities).zip(times) {
            let (Some(Kind::Int32Value(quality)), Some(Kind::TimeValue(time))) = (quality.kind, time.kind)
            else {
                panic!("a quality or time of {} is none", self.tag);
            };
            self.samples.push((value, quality, time));
        }
    }
}

impl When {
    fn check(self, found: Timestamp, what: &str) {
        match self {
            Self::Exactly(time) => assert_eq!(found, time, "{what}"),
            Self::After(time) => {
                let found = SystemTime::try_from(found).unwrap();
                assert!(time <= found && found <= SystemTime::now(), "{what}: {found:?} after {time:?}");
            }
        }
    }
}

/// The values of a list, each as if it came alone, and their type.
fn list(list: Option<MxValue>, what: &str) -> (Vec<MxValue>, MxDataType) {
    let list = list.unwrap_or_else(|| panic!("no list of {what}"));
    let Some(Kind::ArrayValue(array)) = &list.kind else { panic!("{list:?} is no list of {what}") };
    assert_eq!(list.variant_type, array.element_variant_type | VT_ARRAY, "{what}");
    assert_eq!((list.data_type, array.dimensions.len()), (array.element_data_type, 1), "{what}");
    let data_type = array.element_data_type();
    let values = if array.element_variant_type == VT_VARIANT {
        array.variant_values.clone()
    } else {
        let as_scalar = |kind| MxValue {
            data_type: array.element_data_type,
            variant_type: array.element_variant_type,
            kind: Some(kind),
            raw_variant: Vec::new(),
        };
        chance::elements(array).into_iter().map(as_scalar).collect()
    };
    assert_eq!(values.len(), usize::try_from(array.dimensions[0].length).unwrap(), "{what}");
    (values, data_type)
}

/// The same without its types, as a client may write it.
fn bare(value: &MxValue) -> MxValue {
    MxValue { data_type: MxDataType::Unknown.into(), variant_type: 0, ..value.clone() }
}

fn galaxy() -> String {
    let lanes = LANES.iter().enumerate().map(|(number, lane)| {
        let attributes = TYPES.iter().flat_map(|of| {
            let scalar = (format!("{}_scalar", of.name), format!("type = \"{}\"", of.name));
            let array =
                (format!("{}_array", of.name), format!("type = \"{}\", array = {}", of.name, lane.length));
            [scalar, array]
        });
        object(&format!("Lane_{number}"), attributes)
    });
    lanes.collect()
}

async fn advised(lab: &mut Lab) -> Vec<Attribute> {
    lab.session.set_buffered_update_interval(lab.server, 100).await.unwrap();
    let mut attributes = Vec::new();
    for (number, lane) in LANES.into_iter().enumerate() {
        for of in TYPES {
            for (is_array, suffix) in [(false, "scalar"), (true, "array[]")] {
                let (object, name) = (format!("Lane_{number}"), format!("{}_{suffix}", of.name));
                let tag = format!("{object}.{name}");
                let (item, first) = if lane.relative {
                    lab.advise_within(&object, &format!("me.{name}")).await
                } else {
                    lab.advise(&tag).await
                };
                let expected =
                    if is_array { of.array(vec![of.default(); lane.length]) } else { of.value(of.default()) };
                assert_same(first.value.as_ref().unwrap(), &expected, &format!("{tag} at first"));
                let buffered = lab.session.add_buffered_item(lab.server, &tag, "").await.unwrap();
                let held = vec![(expected, When::Exactly(first.source_time.unwrap()))];
                attributes.push(Attribute {
                    tag,
                    lane,
                    of,
                    is_array,
                    item,
                    buffered,
                    held,
                    samples: Vec::new(),
                });
            }
        }
    }
    let mut positions = HashMap::new();
    for (position, attribute) in attributes.iter().enumerate() {
        lab.session.advise(attribute.buffered).await.unwrap();
        positions.insert(attribute.buffered.item_handle, position);
    }
    while attributes.iter().any(|attribute| attribute.samples.is_empty()) {
        let event = lab.event().await;
        attributes[positions[&event.item_handle]].sampled(event);
    }
    attributes
}

/// Writes a new value to each attribute.
async fn write(lab: &Lab, attributes: &mut [Attribute], random: &mut Random, bare_types: bool) {
    let mut plain = Vec::new();
    let mut timed = Vec::new();
    for attribute in attributes {
        let value = attribute.next(random);
        let written = Some(if bare_types { bare(&value) } else { value.clone() });
        let item_handle = attribute.item.item_handle;
        let when = match attribute.lane.by {
            By::Write | By::WriteBulk => When::After(SystemTime::now()),
            By::Write2 | By::Write2Bulk => When::Exactly(chance::time(random)),
        };
        attribute.held.push((value, when));
        match when {
            When::After(_) => plain.push((
                attribute.lane.by,
                attribute.item,
                WriteEntry { item_handle, value: written, user_id: 0 },
            )),
            When::Exactly(time) => {
                let as_text = time.seconds < LAST_SECOND_AS_TEXT && random.below(2) == 0;
                let timestamp_value = Some(if as_text {
                    time.to_string().into()
                } else {
                    Type::named("time").value(Kind::TimeValue(time))
                });
                let entry = Write2Entry { item_handle, value: written, timestamp_value, user_id: 0 };
                timed.push((attribute.lane.by, attribute.item, entry));
            }
        }
    }
    let (singly, in_bulk): (Vec<_>, Vec<_>) =
        plain.into_iter().partition(|(by, _, _)| matches!(by, By::Write));
    for (_, item, entry) in singly {
        lab.session.write(item, entry.value.unwrap(), 0).await.unwrap();
    }
    let entries = in_bulk.into_iter().map(|(_, _, entry)| entry).collect();
    let mut rows = lab.session.write_bulk(lab.server, entries).await.unwrap();
    let (singly, in_bulk): (Vec<_>, Vec<_>) =
        timed.into_iter().partition(|(by, _, _)| matches!(by, By::Write2));
    for (_, item, entry) in singly {
        let (value, time) = (entry.value.unwrap(), entry.timestamp_value.unwrap());
        lab.session.write2(item, value, time, 0).await.unwrap();
    }
    let entries = in_bulk.into_iter().map(|(_, _, entry)| entry).collect();
    rows.extend(lab.session.write2_bulk(lab.server, entries).await.unwrap());
    assert!(rows.iter().all(|row| row.was_successful), "{rows:?}");
}

#[tokio::test]
async fn any_value_survives_to_the_worker_and_back() {
    let mut random = Random::from_environment();
    let mut lab = Lab::start(&galaxy()).await;
    let mut attributes = advised(&mut lab).await;
    let writes: HashMap<i32, usize> =
        attributes.iter().map(|attribute| (attribute.item.item_handle, 1)).collect();
    let buffered: HashMap<i32, usize> = attributes
        .iter()
        .enumerate()
        .map(|(index, attribute)| (attribute.buffered.item_handle, index))
        .collect();
    let mut samples = Vec::new();
    for round in 0..ROUNDS {
        write(&lab, &mut attributes, &mut random, round % 2 == 1).await;
        let outcomes = lab.outcomes(&writes, |event| samples.push(event)).await;
        for attribute in &attributes {
            let outcome = &outcomes[&attribute.item.item_handle];
            assert_eq!(
                (outcome.details.as_slice(), outcome.changes.len()),
                (&[0][..], 1),
                "{}",
                attribute.tag
            );
            attribute.check(&outcome.changes[0], "in its event");
        }
        let rows = lab.read(attributes.iter().map(|attribute| attribute.tag.as_str())).await;
        assert_eq!(rows.len(), attributes.len());
        for (attribute, row) in attributes.iter().zip(&rows) {
            assert!(row.was_successful && row.tag_address == attribute.tag, "{row:?}");
            assert_eq!(row.was_cached, !attribute.lane.relative, "{}", attribute.tag);
            attribute.check(row.data.as_ref().unwrap(), "as it is read");
        }
    }
    let mut complete = HashSet::new();
    let mut samples = samples.into_iter();
    while complete.len() < attributes.len() {
        let event = match samples.next() {
            Some(event) => event,
            None => lab.event().await,
        };
        assert_eq!(event.family(), EventFamily::OnBufferedDataChange, "{event:?}");
        let index = buffered[&event.item_handle];
        attributes[index].sampled(event);
        if attributes[index].samples.len() > ROUNDS {
            complete.insert(index);
        }
    }
    for Attribute { tag, held, samples, .. } in &attributes {
        assert_eq!(samples.len(), ROUNDS + 1, "{tag}");
        for (number, ((value, quality, time), (expected, when))) in samples.iter().zip(held).enumerate() {
            let what = format!("sample {number} of {tag}");
            assert_same(value, expected, &what);
            assert_eq!(*quality, GOOD, "{what}");
            when.check(*time, &what);
        }
    }
}

#[tokio::test]
async fn long_values_survive_too() {
    const ELEMENTS: usize = 65_536;
    let attributes = [
        ("Text".to_owned(), "type = \"big_string\"".to_owned()),
        ("Numbers".to_owned(), format!("type = \"double\", array = {ELEMENTS}")),
    ];
    let mut lab = Lab::start(&object("Long_1", attributes)).await;
    let (text_item, _) = lab.advise("Long_1.Text").await;
    let (numbers_item, _) = lab.advise("Long_1.Numbers[]").await;
    let text = "液位\0".repeat(1 << 18);
    let text = Type::named("big_string").value(Kind::StringValue(text));
    let numbers = (0..ELEMENTS).map(|number| Kind::DoubleValue(f64::from(u32::try_from(number).unwrap())));
    let numbers = Type::named("double").array(numbers);
    for (item, tag, value) in [(text_item, "Long_1.Text", text), (numbers_item, "Long_1.Numbers[]", numbers)]
    {
        let outcome = lab.write(item, value.clone()).await;
        assert!(is_same(outcome.changes[0].value.as_ref().unwrap(), &value), "the event of {tag}");
        assert!(is_same(&lab.read_one(tag).await, &value), "{tag} as it is read");
    }
}
