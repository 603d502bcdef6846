use mxgateway_contracts::hresult;
use mxgateway_contracts::v1::mx_value::Kind;
use mxgateway_contracts::v1::{MxArray, MxSparseArray};

mod behaviour;

use super::*;
use crate::mxaccess::CallError;

const NOBODY: Writer = Writer::Plain { user: 0 };

const PLANT: &str = r#"
[galaxy]
name = "Test"
scan_ms = 100

[[object]]
name = "Tank"
[object.attributes]
Count = { type = "integer", source = { kind = "counter", step_ms = 250 } }
SetPoint = { type = "double", value = 50 }
Mode = { type = "integer" }
Name = { type = "string", value = "x" }
At = { type = "time" }
Samples = { type = "integer", array = 3, value = [1, 2, 3] }
Secured = { type = "integer", security = "secured_write" }
Verified = { type = "integer", security = "verified_write" }
Locked = { type = "integer", security = "view_only" }

[[object]]
name = "Fast"
scan_ms = 1
[object.attributes]
Count = { type = "integer", source = { kind = "counter", step_ms = 1 } }
"#;

/// An engine with a clock that moves only when told to, registered as server handle 1.
struct Rig {
    engine: Engine,
    start: Now,
    elapsed: Duration,
}

impl Rig {
    fn new() -> Self {
        Self::of(PLANT)
    }

    fn of(plant: &str) -> Self {
        let galaxy = Galaxy::parse(plant, &|_| Err("no recording".to_owned())).unwrap();
        let start = Now {
            monotonic: Instant::now(),
            wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        };
        let mut engine = Engine::new(galaxy, start);
        assert_eq!(engine.register("test"), Ok(1));
        Self { engine, start, elapsed: Duration::ZERO }
    }

    fn now(&self) -> Now {
        Now { monotonic: self.start.monotonic + self.elapsed, wall: self.start.wall + self.elapsed }
    }

    /// Lets time pass from due moment to due moment, as the apartment does.
    fn advance(&mut self, milliseconds: u64) -> Vec<MxEvent> {
        let end = self.elapsed + Duration::from_millis(milliseconds);
        let mut events = Vec::new();
        loop {
            self.engine.run(self.now(), &mut events);
            let due = self.engine.next_due().map(|due| due.duration_since(self.start.monotonic));
            match due.filter(|due| *due <= end) {
                Some(due) => self.elapsed = due,
                None => break,
            }
        }
        self.elapsed = end;
        events
    }

    fn add(&mut self, definition: &str) -> i32 {
        self.engine.add_item(1, definition, "").unwrap()
    }

    /// An advised item after its first event, which is returned too.
    fn advised(&mut self, definition: &str) -> (i32, MxEvent) {
        let item = self.add(definition);
        self.engine.advise(1, item, false, self.now()).unwrap();
        let mut events = self.advance(5);
        assert_eq!(events.len(), 1, "{definition}: {events:?}");
        (item, events.remove(0))
    }

    fn write(&mut self, item: i32, value: impl Into<MxValue>) -> Result<(), CallError> {
        self.engine.write(1, item, &value.into(), None, NOBODY, self.now())
    }
}

fn change(event: &MxEvent) -> (Option<Kind>, i32) {
    match &event.body {
        Some(Body::OnDataChange(change)) => (change.value.clone().unwrap().kind, change.quality),
        other => panic!("expected a data change, got {other:?}"),
    }
}

fn value(event: &MxEvent) -> Kind {
    change(event).0.unwrap()
}

/// Success, category (MXAccess's number) and detail.
fn outcome(event: &MxEvent) -> (i32, i32, i32) {
    let [status] = &event.statuses[..] else { panic!("expected one status in {event:?}") };
    (status.success, status.raw_category, status.detail)
}

fn source_time(event: &MxEvent) -> SystemTime {
    let Some(Body::OnDataChange(change)) = &event.body else { panic!("no data change: {event:?}") };
    mxgateway_contracts::time::system_time(&change.source_time.unwrap()).unwrap()
}

fn families(events: &[MxEvent]) -> Vec<(EventFamily, i32)> {
    events.iter().map(|event| (event.family(), event.item_handle)).collect()
}

fn integers(values: &[i32]) -> MxValue {
    let array = MxArray { int32_values: values.to_vec(), ..MxArray::default() };
    MxValue { kind: Some(Kind::ArrayValue(array)), ..MxValue::default() }
}

#[test]
fn the_first_event_follows_an_advise_a_little_later() {
    let mut rig = Rig::new();
    let item = rig.add("Tank.SetPoint");
    assert_eq!(rig.advance(1000), [], "an item that is not advised");
    rig.engine.advise(1, item, false, rig.now()).unwrap();
    assert_eq!(rig.advance(2), [], "at once");
    let events = rig.advance(3);
    assert_eq!(families(&events), [(EventFamily::OnDataChange, item)]);
    assert_eq!((value(&events[0]), change(&events[0]).1), (Kind::DoubleValue(50.0), 192));
    assert_eq!(outcome(&events[0]), (-1, 0, 0));
    assert_eq!(source_time(&events[0]), rig.start.wall, "the value is as old as the galaxy");
    assert_eq!(rig.advance(10_000), [], "a steady value says nothing more");
}

#[test]
fn changes_come_at_the_scans_with_the_time_of_their_source() {
    let mut rig = Rig::new();
    let (item, first) = rig.advised("Tank.Count");
    assert_eq!(value(&first), Kind::Int32Value(0));
    let events = rig.advance(1000);
    assert_eq!(families(&events), [(EventFamily::OnDataChange, item); 4]);
    let values: Vec<_> = events.iter().map(value).collect();
    assert_eq!(values, [1, 2, 3, 4].map(Kind::Int32Value));
    assert_eq!(source_time(&events[0]), rig.start.wall + Duration::from_millis(250));
    rig.engine.un_advise(1, item).unwrap();
    assert_eq!(rig.advance(1000), []);
    assert_eq!(rig.engine.next_due(), None, "nothing is due without advised items");
    rig.engine.advise(1, item, false, rig.now()).unwrap();
    assert_eq!(families(&rig.advance(5)), [(EventFamily::OnDataChange, item)], "advised again");
}

#[test]
fn an_object_with_its_own_scan_is_as_fast_as_it_says() {
    let mut rig = Rig::new();
    let item = rig.add("Fast.Count");
    rig.engine.advise(1, item, false, rig.now()).unwrap();
    rig.advance(5);
    assert_eq!(rig.advance(1000).len(), 1000);
    // The machine slept: one scan, not ten thousand.
    rig.elapsed += Duration::from_secs(10);
    let mut events = Vec::new();
    rig.engine.run(rig.now(), &mut events);
    assert_eq!(events.len(), 1);
    assert!(rig.engine.next_due().unwrap() > rig.now().monotonic);
}

#[test]
fn references_that_do_not_resolve_are_told_by_the_first_event() {
    let cases = [
        ("Tank.Samples", (0, 4, 1003)),
        ("Tank.Samples[0]", (0, 4, 1003)),
        ("Tank.Samples[4]", (0, 4, 1003)),
        ("Tank.Nothing", (0, 4, 1001)),
        ("Nowhere.Count", (0, 4, 8)),
        ("Nonsense", (0, 4, 6)),
        ("Tank.Mode[1]", (0, 4, 17)),
    ];
    for (definition, expected) in cases {
        let mut rig = Rig::new();
        let (item, event) = rig.advised(definition);
        assert_eq!(outcome(&event), expected, "{definition}");
        assert_eq!(change(&event), (None, 4), "{definition}");
        assert_eq!(rig.advance(1000), [], "{definition} is told once");
        assert_eq!(rig.write(item, 1).unwrap_err().hresult, hresult::E_INVALIDARG);
    }
}

#[test]
fn arrays_are_read_whole_or_by_element() {
    let mut rig = Rig::new();
    let (_, whole) = rig.advised("tank.samples[]");
    let Kind::ArrayValue(array) = value(&whole) else { panic!("{whole:?}") };
    assert_eq!((array.int32_values, array.dimensions[0].length), (vec![1, 2, 3], 3));
    let (_, element) = rig.advised("Tank.Samples[2]");
    assert_eq!(value(&element), Kind::Int32Value(2));
}

#[test]
fn a_write_completes_later_and_is_then_seen() {
    let mut rig = Rig::new();
    let (item, _) = rig.advised("Tank.SetPoint");
    let (other, _) = rig.advised("Tank.SetPoint");
    rig.write(item, 60.5).unwrap();
    assert_eq!(rig.advance(9), [], "before the completion");
    let events = rig.advance(200);
    let expected = [
        (EventFamily::OnWriteComplete, item),
        (EventFamily::OnDataChange, item),
        (EventFamily::OnDataChange, other),
    ];
    assert_eq!(families(&events), expected);
    assert_eq!(outcome(&events[0]), (-1, 0, 0));
    assert_eq!(value(&events[1]), Kind::DoubleValue(60.5));
    rig.write(item, 60.5).unwrap();
    assert_eq!(families(&rig.advance(200)), [(EventFamily::OnWriteComplete, item)], "the same value again");
}

#[test]
fn writes_of_one_item_complete_in_their_order() {
    let mut rig = Rig::new();
    let (item, _) = rig.advised("Tank.Mode");
    rig.write(item, 1).unwrap();
    rig.write(item, "one").unwrap();
    rig.write(item, 3).unwrap();
    let details: Vec<_> = rig.advance(20).iter().map(|event| outcome(event).2).collect();
    assert_eq!(details, [0, 19, 0]);
    assert_eq!(value(&rig.advance(200)[0]), Kind::Int32Value(3));
}

#[test]
fn writes_that_do_not_fit_complete_with_their_detail() {
    let text = |text: &str| MxValue::from(text);
    let cases = [
        ("Tank.Mode", text("12"), (-1, 0, 0)),
        ("Tank.Mode", text("twelve"), (0, 5, 19)),
        ("Tank.Mode", MxValue::from(1e12), (0, 5, 20)),
        ("Tank.Mode", MxValue::default(), (0, 5, 1005)),
        ("Tank.Mode", integers(&[1]), (0, 5, 14)),
        ("Tank.At", MxValue::from(5), (0, 5, 1005)),
        ("Tank.Name", MxValue::from(5), (-1, 0, 0)),
        ("Tank.Samples[]", MxValue::from(5), (0, 5, 14)),
        ("Tank.Samples[]", integers(&[1, 2]), (0, 4, 1003)),
        ("Tank.Samples[]", integers(&[7, 8, 9]), (-1, 0, 0)),
        ("Tank.Samples[3]", MxValue::from(30), (-1, 0, 0)),
        ("Tank.Secured", MxValue::from(1), (0, 6, 1012)),
        ("Tank.Verified", MxValue::from(1), (0, 6, 1013)),
        ("Tank.Locked", MxValue::from(1), (0, 5, 1007)),
        ("Tank.Count", MxValue::from(1), (0, 5, 1007)),
    ];
    for (definition, written, expected) in cases {
        let mut rig = Rig::new();
        let (item, _) = rig.advised(definition);
        rig.write(item, written).unwrap();
        let events = rig.advance(20);
        let completion = events.iter().find(|event| event.family() == EventFamily::OnWriteComplete);
        let completion = completion.unwrap_or_else(|| panic!("{definition}: no completion in {events:?}"));
        assert_eq!(outcome(completion), expected, "{definition}");
    }
}

#[test]
fn an_array_write_replaces_the_whole_and_an_element_write_one() {
    let mut rig = Rig::new();
    let (whole, _) = rig.advised("Tank.Samples[]");
    let (second, _) = rig.advised("Tank.Samples[2]");
    rig.write(second, 20).unwrap();
    rig.advance(200);
    rig.write(whole, integers(&[7, 20, 9])).unwrap();
    let events = rig.advance(200);
    let expected = [(EventFamily::OnWriteComplete, whole), (EventFamily::OnDataChange, whole)];
    assert_eq!(families(&events), expected, "the second element is as it was");
    let Kind::ArrayValue(array) = value(&events[1]) else { panic!("{events:?}") };
    assert_eq!(array.int32_values, [7, 20, 9]);
}

#[test]
fn a_timed_write_brings_its_own_source_time() {
    let mut rig = Rig::new();
    let (item, _) = rig.advised("Tank.Mode");
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000);
    for (number, time) in [(1, MxValue::from(at)), (2, MxValue::from("2020-09-13T12:26:40Z"))] {
        rig.engine.write(1, item, &number.into(), Some(&time), NOBODY, rig.now()).unwrap();
        assert_eq!(source_time(&rig.advance(200)[1]), at);
    }
    let bad = rig.engine.write(1, item, &3.into(), Some(&MxValue::from("noon")), NOBODY, rig.now());
    assert_eq!(bad.unwrap_err().hresult, hresult::E_INVALIDARG);
}

#[test]
fn a_write_needs_an_advised_item_with_a_known_type() {
    let mut rig = Rig::new();
    let item = rig.add("Tank.Mode");
    assert!(rig.write(item, 1).unwrap_err().text.contains("not advised"));
    rig.engine.advise(1, item, false, rig.now()).unwrap();
    assert!(rig.write(item, 1).unwrap_err().text.contains("first OnDataChange"));
    rig.advance(5);
    rig.write(item, 1).unwrap();
    let sparse =
        MxValue { kind: Some(Kind::SparseArrayValue(MxSparseArray::default())), ..MxValue::default() };
    assert_eq!(rig.write(item, sparse).unwrap_err().hresult, hresult::E_INVALIDARG);
    rig.engine.un_advise(1, item).unwrap();
    let error = rig.write(item, 1).unwrap_err();
    assert_eq!(error.hresult, hresult::E_INVALIDARG);
    assert!(error.text.contains("not advised"), "{error}");
}

#[test]
fn bad_handles_and_names_are_refused_with_a_text() {
    let mut rig = Rig::new();
    let now = rig.now();
    let item = rig.add("Tank.Mode");
    let long = "x".repeat(5000);
    let engine = &mut rig.engine;
    let refused = [
        ("unregister", engine.unregister(2), "no server handle 2"),
        ("add", engine.add_item(2, "Tank.Mode", "").map(drop), "no server handle 2"),
        ("add long", engine.add_item(1, &long, "").map(drop), "the limit is 4096"),
        ("remove", engine.remove_item(1, 99), "no item handle 99"),
        ("advise", engine.advise(1, 99, false, now), "no item handle 99"),
        ("advise elsewhere", engine.advise(0, item, false, now), "no server handle 0"),
        ("unadvise", engine.un_advise(1, item), "is not advised"),
        ("write", engine.write(1, 99, &1.into(), None, NOBODY, now), "no item handle 99"),
    ];
    for (call, result, text) in refused {
        let error = result.expect_err(call);
        assert_eq!(error.hresult, hresult::E_INVALIDARG, "{call}");
        assert!(error.text.contains(text), "{call}: {error}");
    }
}

#[test]
fn removed_items_and_ended_registrations_say_nothing_more() {
    let mut rig = Rig::new();
    let (item, _) = rig.advised("Tank.Count");
    let (written, _) = rig.advised("Tank.Mode");
    rig.write(written, 5).unwrap();
    rig.engine.remove_item(1, item).unwrap();
    assert!(rig.engine.advise(1, item, false, rig.now()).is_err());
    rig.engine.unregister(1).unwrap();
    assert_eq!(rig.engine.register("again"), Ok(2));
    let item = rig.engine.add_item(2, "Tank.Mode", "").unwrap();
    rig.engine.add_item(2, "Tank.Mode", "").unwrap();
    assert_eq!(rig.advance(1000), [], "the completion belonged to the first registration");
    rig.engine.advise(2, item, false, rig.now()).unwrap();
    assert_eq!(value(&rig.advance(5)[0]), Kind::Int32Value(5), "the write was carried out");
}

#[test]
fn sensors_are_wanted_only_while_advised() {
    let mut galaxy =
        Galaxy::parse("[galaxy]\nname = \"x\"\n[[object]]\nname = \"Host\"\nsensors = \"host\"\n", &|_| {
            Err("no recording".to_owned())
        })
        .unwrap();
    let mut sensors = crate::simulator::host::HostSensors::new().unwrap();
    galaxy.install_host_sensors(&sensors.attributes());
    let start = Now { monotonic: Instant::now(), wall: SystemTime::now() };
    let mut engine = Engine::new(galaxy, start);
    engine.register("test").unwrap();
    let used = engine.add_item(1, "Host.Memory.Used", "").unwrap();
    let total = engine.add_item(1, "Host.Memory.Total", "").unwrap();
    assert_eq!(engine.host_groups_due(start), None);
    engine.advise(1, used, false, start).unwrap();
    engine.advise(1, total, false, start).unwrap();
    let groups = engine.host_groups_due(start).unwrap();
    assert_eq!(groups, BTreeSet::from([Group::Memory]));
    engine.host_measured(sensors.read(&groups), start);
    assert_eq!(engine.host_groups_due(start), None, "read just now");
    let at = |ms| Now {
        monotonic: start.monotonic + Duration::from_millis(ms),
        wall: start.wall + Duration::from_millis(ms),
    };
    assert_eq!(engine.host_groups_due(at(1000)), Some(groups));
    let mut events = Vec::new();
    engine.run(at(5), &mut events);
    assert_eq!(families(&events), [used, total].map(|item| (EventFamily::OnDataChange, item)));
    assert!(events.iter().all(|event| change(event).1 == 192), "{events:?}");
    engine.un_advise(1, used).unwrap();
    assert!(engine.host_groups_due(at(1000)).is_some());
    engine.un_advise(1, total).unwrap();
    assert_eq!(engine.host_groups_due(at(1000)), None);
    assert_eq!(engine.next_due(), None);
}
