//! Users, suspension, buffered items and the scan state.

use super::*;

const SECURED_PLANT: &str = r#"
[galaxy]
name = "Secured"
[security]
mode = "galaxy"
[[user]]
name = "Ada"
password = "a"
guid = "{11111111-2222-3333-4444-55555555555A}"
[[user]]
name = "Ben"
password = "b"
[[object]]
name = "Tank"
[object.attributes]
Free = { type = "integer", security = "free_access" }
Mode = { type = "integer" }
Tuned = { type = "integer", security = "tune" }
Secured = { type = "integer", security = "secured_write" }
Verified = { type = "integer", security = "verified_write" }
Locked = { type = "integer", security = "view_only" }
"#;

impl Rig {
    /// Detail of the completion of a write of 1.
    fn completes(&mut self, item: i32, writer: Writer) -> i32 {
        self.engine.write(1, item, &1.into(), None, writer, self.now()).unwrap();
        let events = self.advance(20);
        let completion = events.iter().find(|event| event.family() == EventFamily::OnWriteComplete);
        outcome(completion.unwrap_or_else(|| panic!("no completion in {events:?}"))).2
    }
}

#[test]
fn security_decides_by_class_and_user() {
    const STRANGER: i32 = 9;
    let mut rig = Rig::of(SECURED_PLANT);
    assert_eq!(rig.engine.authenticate_user(1, "ada", "b"), Ok(0));
    assert_eq!(rig.engine.authenticate_user(1, "nobody", ""), Ok(0));
    let ada = rig.engine.authenticate_user(1, "ADA", "a").unwrap();
    assert_eq!(rig.engine.archestra_user_to_id(1, "1111111122223333444455555555555a"), Ok(ada));
    assert_eq!(rig.engine.archestra_user_to_id(1, "nonsense"), Ok(0));
    let ben = rig.engine.authenticate_user(1, "Ben", "b").unwrap();
    assert_eq!((ada, ben), (1, 2));

    let plain = |user| Writer::Plain { user };
    let secured = |user, verifier| Writer::Secured { user, verifier };
    let cases = [
        ("Tank.Free", plain(0), 0),
        ("Tank.Mode", plain(0), 1008),
        ("Tank.Mode", plain(STRANGER), 1008),
        ("Tank.Mode", plain(ada), 0),
        ("Tank.Mode", secured(ada, 0), 0),
        ("Tank.Tuned", plain(0), 1008),
        ("Tank.Tuned", plain(ben), 0),
        ("Tank.Secured", plain(ada), 1012),
        ("Tank.Secured", secured(0, ada), 1016),
        ("Tank.Secured", secured(STRANGER, ada), 1016),
        ("Tank.Secured", secured(ada, STRANGER), 1017),
        ("Tank.Secured", secured(ada, ada), 0),
        ("Tank.Secured", secured(ada, ben), 0),
        ("Tank.Verified", plain(ada), 1013),
        ("Tank.Verified", secured(ada, ada), 1017),
        ("Tank.Verified", secured(ada, 0), 1017),
        ("Tank.Verified", secured(STRANGER, ben), 1016),
        ("Tank.Verified", secured(ada, ben), 0),
        ("Tank.Locked", secured(ada, ben), 1007),
    ];
    let mut carried_out = 0;
    for (definition, writer, expected) in cases {
        let (item, _) = rig.advised(definition);
        assert_eq!(rig.completes(item, writer), expected, "{definition} {writer:?}");
        carried_out += u64::from(expected == 0);
        rig.engine.remove_item(1, item).unwrap();
    }
    assert_eq!(rig.engine.executed_writes(), carried_out);

    // A supervisory advise writes as the client itself.
    let item = rig.add("Tank.Mode");
    rig.engine.advise(1, item, true, rig.now()).unwrap();
    rig.advance(5);
    assert_eq!(rig.completes(item, plain(0)), 0);

    // User ids end with the registration.
    rig.engine.unregister(1).unwrap();
    assert_eq!(rig.engine.register("again"), Ok(2));
    assert_eq!(rig.engine.authenticate_user(1, "Ada", "a").unwrap_err().hresult, hresult::E_INVALIDARG);
    assert_eq!(rig.engine.authenticate_user(2, "Ben", "b"), Ok(1));
}

#[test]
fn without_security_any_user_is_right_but_a_verifier_is_another_one() {
    let mut rig = Rig::new();
    let one = rig.engine.authenticate_user(1, "one", "wrong").unwrap();
    let two = rig.engine.authenticate_user(1, "two", "").unwrap();
    assert_eq!((one, two, rig.engine.authenticate_user(1, "ONE", "x")), (1, 2, Ok(1)));
    let (item, _) = rig.advised("Tank.Verified");
    assert_eq!(rig.completes(item, Writer::Secured { user: one, verifier: one }), 1017);
    assert_eq!(rig.completes(item, Writer::Secured { user: one, verifier: two }), 0);
}

#[test]
fn a_suspended_item_is_silent_until_it_is_activated() {
    let mut rig = Rig::new();
    let (item, _) = rig.advised("Tank.Mode");
    let shape = |status: &mxgateway_contracts::v1::MxStatus| {
        (status.success, status.raw_category, status.raw_detected_by, status.detail)
    };
    let at_once = rig.engine.activate(1, item, rig.now()).unwrap();
    assert_eq!(shape(&at_once), (-1, 0, 1, 0));
    assert_eq!(rig.advance(1000), [], "activating what is not suspended is no operation");

    let status = rig.engine.suspend(1, item, rig.now()).unwrap();
    assert_eq!(shape(&status), (-1, 1, 0, 0), "accepted, and pending");
    assert_eq!(rig.advance(229), []);
    assert_eq!(families(&rig.advance(1)), [(EventFamily::OperationComplete, item)]);
    rig.write(item, 8).unwrap();
    assert_eq!(families(&rig.advance(1000)), [(EventFamily::OnWriteComplete, item)], "no data change");

    let status = rig.engine.activate(1, item, rig.now()).unwrap();
    assert_eq!(shape(&status), (-1, 1, 0, 0));
    let events = rig.advance(230);
    let expected = [(EventFamily::OperationComplete, item), (EventFamily::OnDataChange, item)];
    assert_eq!(families(&events), expected);
    assert_eq!(value(&events[1]), Kind::Int32Value(8), "what it is now");
    assert_eq!(rig.advance(1000), []);
}

#[test]
fn suspension_ends_with_the_advise_and_needs_one() {
    let mut rig = Rig::new();
    let item = rig.add("Tank.Mode");
    let error = rig.engine.suspend(1, item, rig.now()).unwrap_err();
    assert!(error.text.contains("not advised"), "{error}");
    assert_eq!(rig.engine.suspend(1, 99, rig.now()).unwrap_err().hresult, hresult::E_INVALIDARG);
    rig.engine.advise(1, item, false, rig.now()).unwrap();
    rig.engine.suspend(1, item, rig.now()).unwrap();
    assert_eq!(families(&rig.advance(300)), [(EventFamily::OperationComplete, item)], "no first event");
    rig.engine.un_advise(1, item).unwrap();
    rig.engine.advise(1, item, false, rig.now()).unwrap();
    assert_eq!(families(&rig.advance(5)), [(EventFamily::OnDataChange, item)]);
    // Suspended before its first event, it has that when it is activated.
    rig.engine.un_advise(1, item).unwrap();
    rig.engine.advise(1, item, false, rig.now()).unwrap();
    rig.engine.suspend(1, item, rig.now()).unwrap();
    rig.engine.activate(1, item, rig.now()).unwrap();
    let expected =
        [EventFamily::OperationComplete, EventFamily::OnDataChange, EventFamily::OperationComplete];
    let found: Vec<_> = rig.advance(300).iter().map(MxEvent::family).collect();
    assert_eq!(found, expected, "both operations complete, and the last one counts");
}

fn samples(event: &MxEvent) -> (Vec<i32>, Vec<i32>, usize) {
    let Some(Body::OnBufferedDataChange(body)) = &event.body else { panic!("not buffered: {event:?}") };
    let array = |value: &Option<MxValue>| match value.clone().and_then(|value| value.kind) {
        Some(Kind::ArrayValue(array)) => array,
        other => panic!("no array: {other:?}"),
    };
    let values = array(&body.values);
    assert_eq!(values.dimensions[0].length as usize, values.int32_values.len());
    let times = array(&body.source_times).time_values.len();
    (values.int32_values, array(&body.qualities).int32_values, times)
}

#[test]
fn buffered_changes_come_together_at_the_rounded_interval() {
    let mut rig = Rig::new();
    for bad in [0, -5] {
        let refused = rig.engine.set_buffered_update_interval(1, bad, rig.now());
        assert_eq!(refused.unwrap_err().hresult, hresult::E_INVALIDARG);
    }
    assert!(rig.engine.set_buffered_update_interval(9, 100, rig.now()).is_err());
    rig.engine.set_buffered_update_interval(1, 901, rig.now()).unwrap();
    let item = rig.engine.add_buffered_item(1, "me.Count", "Tank").unwrap();
    rig.engine.advise(1, item, false, rig.now()).unwrap();
    assert_eq!(rig.advance(999), [], "901 ms are rounded up to 1000");
    let events = rig.advance(1);
    assert_eq!(families(&events), [(EventFamily::OnBufferedDataChange, item)]);
    assert_eq!(samples(&events[0]), (vec![0, 1, 2, 3, 4], vec![192; 5], 5));
    let Some(Body::OnBufferedDataChange(body)) = &events[0].body else { panic!("{events:?}") };
    let types = [&body.values, &body.qualities, &body.source_times];
    assert_eq!(types.map(|value| value.as_ref().unwrap().variant_type), [0x2003, 0x2003, 0x2007]);
    assert_eq!(samples(&rig.advance(1000)[0]).0, [5, 6, 7, 8]);
    rig.engine.suspend(1, item, rig.now()).unwrap();
    assert_eq!(families(&rig.advance(2000)), [(EventFamily::OperationComplete, item)]);
    rig.engine.un_advise(1, item).unwrap();
    assert_eq!(rig.engine.next_due(), None);
}

#[test]
fn a_buffered_array_keeps_its_arrays_and_an_error_is_told_at_once() {
    let mut rig = Rig::new();
    let item = rig.engine.add_buffered_item(1, "Tank.Samples[]", "").unwrap();
    rig.engine.advise(1, item, false, rig.now()).unwrap();
    let events = rig.advance(1000);
    let Some(Body::OnBufferedDataChange(body)) = &events[0].body else { panic!("{events:?}") };
    let values = body.values.clone().unwrap();
    assert_eq!(values.variant_type, 0x200C, "an array of VARIANTs");
    let Some(Kind::ArrayValue(array)) = values.kind else { panic!("no array") };
    assert_eq!((array.variant_values.len(), array.variant_values[0].variant_type), (1, 0x2003));

    let item = rig.engine.add_buffered_item(1, "Tank.Nothing", "").unwrap();
    rig.engine.advise(1, item, false, rig.now()).unwrap();
    let events = rig.advance(5);
    assert_eq!(families(&events), [(EventFamily::OnBufferedDataChange, item)]);
    assert_eq!(outcome(&events[0]), (0, 4, 1001));
}

#[test]
fn nothing_of_a_fast_buffered_item_is_let_go() {
    let mut rig = Rig::new();
    rig.engine.set_buffered_update_interval(1, 60_000, rig.now()).unwrap();
    let item = rig.engine.add_buffered_item(1, "Fast.Count", "").unwrap();
    rig.engine.advise(1, item, false, rig.now()).unwrap();
    let counts: Vec<_> = rig.advance(60_000).iter().flat_map(|event| samples(event).0).collect();
    assert!(counts.windows(2).all(|pair| pair[1] == pair[0] + 1), "a hole");
    assert!(counts.len() > 59_000, "{}", counts.len());
}

#[test]
fn off_scan_items_are_bad_and_writes_fail() {
    let mut rig = Rig::new();
    let (item, _) = rig.advised("Tank.Mode");
    rig.engine.set_off_scan(true);
    let events = rig.advance(100);
    assert_eq!((change(&events[0]), outcome(&events[0])), ((None, 24), (0, 3, 5)));
    assert_eq!(rig.advance(1000), [], "told once");
    assert_eq!(rig.completes(item, NOBODY), 5);
    assert_eq!(rig.engine.executed_writes(), 0);
    let late = rig.add("Tank.SetPoint");
    rig.engine.advise(1, late, false, rig.now()).unwrap();
    assert_eq!(outcome(&rig.advance(5)[0]), (0, 3, 5));
    let error = rig.write(late, 1.5).unwrap_err();
    assert!(error.text.contains("is not known yet"), "an error tells no type: {error}");
    rig.engine.set_off_scan(false);
    let events = rig.advance(100);
    assert_eq!(events.iter().map(outcome).collect::<Vec<_>>(), [(-1, 0, 0); 2]);
    rig.write(late, 1.5).unwrap();
}
