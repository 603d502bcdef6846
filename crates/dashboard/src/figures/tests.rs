use jiff::Timestamp;

use super::*;
use crate::model::{GatewayView, LatencyView, RingView, Totals};

fn session(id: &str, rate: f64, lags: &[u64]) -> SessionView {
    let subscriber = |(id, lag): (u64, &u64)| SubscriberView {
        id,
        // The first is the gateway's own.
        is_internal: id == 0,
        position: 0,
        lag: *lag,
        attached_seconds: 0.0,
    };
    SessionView {
        id: id.to_owned(),
        state: "ready".to_owned(),
        reason: String::new(),
        client_name: String::new(),
        tag: String::new(),
        owner: None,
        opened_at: Timestamp::UNIX_EPOCH,
        last_activity: Timestamp::UNIX_EPOCH,
        worker: None,
        ring: RingView { retained_events: 30, capacity_events: 40, ..RingView::default() },
        subscribers: (0..).zip(lags).map(subscriber).collect(),
        events_per_second: rate,
        received_events: 0,
        items: 0,
        advised_items: 0,
        pending_commands: 0,
        commands: LatencyView { p99_ms: rate / 2.0, ..LatencyView::default() },
    }
}

fn snapshot(sessions: Vec<SessionView>) -> Snapshot {
    Snapshot {
        at: Timestamp::UNIX_EPOCH,
        number: 1,
        gateway: GatewayView {
            version: String::new(),
            started_at: Timestamp::UNIX_EPOCH,
            listen: String::new(),
            backend: String::new(),
            is_ready: true,
            checks: Vec::new(),
        },
        totals: Totals::of(&sessions),
        sessions,
        ended: Vec::new(),
    }
}

#[test]
fn the_gateways_own_subscribers_do_not_count_as_slow() {
    let snapshot = snapshot(vec![
        session("a", 1.0, &[900, 5, 7]),
        session("b", 1.0, &[900]),
        session("c", 1.0, &[0, 7]),
    ]);
    assert_eq!(worst_lag(&snapshot), 7);
    let found: Vec<_> =
        slowest(&snapshot, 2).iter().map(|it| (it.session.id.as_str(), it.subscriber.id)).collect();
    assert_eq!(found, [("a", 2), ("c", 1)], "equal lags are in the order of sessions");
    assert_eq!(slowest(&snapshot, 9).len(), 3);
    assert_eq!(snapshot.totals.subscribers, 3);
}

#[test]
fn the_busiest_come_first() {
    let snapshot = snapshot(vec![session("a", 1.0, &[]), session("c", 9.0, &[]), session("b", 9.0, &[])]);
    let ids: Vec<_> = busiest(&snapshot, 2).iter().map(|session| session.id.as_str()).collect();
    assert_eq!(ids, ["b", "c"]);
    assert_eq!(worst_p99(&snapshot).to_string(), "4.5");
}

#[test]
fn shares_are_between_none_and_all() {
    let mut session = session("a", 0.0, &[]);
    assert_eq!(session.ring_percent().to_string(), "75");
    assert_eq!(session.memory_percent().to_string(), "0", "of nothing, nothing is taken");
    session.ring.retained_events = 50;
    assert_eq!(session.ring_percent().to_string(), "100");
}

#[test]
fn ids_are_shortened_to_what_tells_them_apart() {
    assert_eq!(short_id("session-0123456789abcdef0123456789abcdef"), "0123456789ab");
    assert_eq!(short_id("x"), "x");
    assert_eq!(short_id("session-12345678901ö"), "12345678901ö", "letters are never cut in two");
}
