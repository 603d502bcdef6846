use std::collections::BTreeSet;

use jiff::Timestamp;

use super::*;
use crate::model::{GatewayView, Totals};

fn snapshot(number: u64) -> Arc<Snapshot> {
    Arc::new(Snapshot {
        at: Timestamp::UNIX_EPOCH,
        number,
        gateway: GatewayView {
            version: String::new(),
            started_at: Timestamp::UNIX_EPOCH,
            listen: String::new(),
            backend: String::new(),
            is_ready: true,
            checks: Vec::new(),
        },
        totals: Totals::default(),
        sessions: Vec::new(),
        ended: Vec::new(),
    })
}

fn tag(name: &str) -> Sight {
    Sight::Tags(BTreeSet::from([name.to_owned()]))
}

#[test]
fn who_sees_the_same_shares_it_until_there_is_something_new() {
    let seeing = Seeing::default();
    let (first, second) = (snapshot(1), snapshot(2));
    let seen = seeing.of(&first, &tag("a"));
    assert!(Arc::ptr_eq(&seen, &seeing.of(&first, &tag("a"))));
    assert!(!Arc::ptr_eq(&seen, &seeing.of(&first, &tag("b"))));
    let text = seen.json();
    assert_eq!(text.as_str().as_ptr(), seen.json().as_str().as_ptr(), "the text was made twice");
    let newer = seeing.of(&second, &tag("a"));
    assert_eq!(newer.snapshot().number, 2);
    assert_eq!(seeing.0.lock().len(), 1, "what is no longer the newest is kept");
}

#[test]
fn everything_is_not_copied() {
    let whole = snapshot(1);
    assert!(Arc::ptr_eq(Seeing::default().of(&whole, &Sight::All).snapshot(), &whole));
}

#[test]
fn no_more_kinds_of_sight_are_kept_than_the_limit() {
    let seeing = Seeing::default();
    let whole = snapshot(1);
    for number in 0..MAX_SIGHTS + 10 {
        let seen = seeing.of(&whole, &tag(&number.to_string()));
        assert_eq!(seen.snapshot().number, 1);
    }
    assert_eq!(seeing.0.lock().len(), MAX_SIGHTS);
}
