//! The audit trail.

use std::time::{Duration, SystemTime};

use mxgateway_auth::audit::{
    AuditEntry, AuditHealth, AuditQuery, AuditTrail, AuditWriter, Outcome, QUEUE_CAPACITY,
};
use serde_json::json;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::stores::{LIMIT, TestStore, seconds, within};

on_both_stores!(
    an_entry_is_stored_whole,
    entries_are_found_by_time_and_actor_and_action,
    what_is_recorded_is_written_before_the_stop,
    a_store_that_fails_stops_nobody_and_what_was_lost_is_told,
    entries_for_which_the_store_fails_are_given_up_when_it_works_otherwise,
    old_entries_are_deleted,
    an_entry_takes_any_text,
);

fn entry(at: u64, actor: &str, action: &'static str) -> AuditEntry {
    AuditEntry::new(seconds(at), actor, action, Outcome::Allowed)
}

/// A writer that runs, and what stops it.
fn running(writer: AuditWriter) -> (CancellationToken, tokio::task::JoinHandle<()>) {
    let stop = CancellationToken::new();
    (stop.clone(), tokio::spawn(writer.run(stop)))
}

async fn wait_for(trail: &AuditTrail, what: &str, reached: impl Fn(&AuditHealth) -> bool) -> AuditHealth {
    let mut health: watch::Receiver<AuditHealth> = trail.health();
    let waited = tokio::time::timeout(LIMIT, health.wait_for(reached)).await;
    *waited.unwrap_or_else(|_| panic!("{what}: not within {LIMIT:?}, it is {trail:?}")).unwrap()
}

async fn an_entry_is_stored_whole(test: TestStore) {
    let all = AuditEntry::new(seconds(1), "a", "Write", Outcome::Denied)
        .target("Tank_001.Level")
        .correlation_id("c-1")
        .peer("[::1]:5")
        .detail("scope", "invoke:write")
        .detail("rows", 3);
    let least = AuditEntry::new(seconds(2), "anonymous", "OpenSession", Outcome::Failed);
    test.store.append_audit(&[all.clone(), least.clone()]).await.unwrap();
    assert_eq!(test.store.audit(&AuditQuery::default()).await.unwrap(), [all, least]);
}

async fn entries_are_found_by_time_and_actor_and_action(test: TestStore) {
    let mut entries = Vec::new();
    for at in 0..10 {
        entries.push(entry(
            at,
            if at % 2 == 0 { "even" } else { "odd" },
            if at < 5 { "early" } else { "late" },
        ));
    }
    // Several at one time stay in their order.
    entries.extend([entry(9, "x", "1"), entry(9, "x", "2")]);
    test.store.append_audit(&entries).await.unwrap();
    let of = |actor: &str, action: &str| AuditQuery {
        actor: Some(actor.to_owned()).filter(|actor| !actor.is_empty()),
        action: Some(action.to_owned()).filter(|action| !action.is_empty()),
        ..AuditQuery::default()
    };
    for (query, expected) in [
        (AuditQuery::default(), (0..12).collect::<Vec<_>>()),
        (AuditQuery { limit: 2, ..AuditQuery::default() }, vec![10, 11]),
        (AuditQuery { since: Some(seconds(3)), until: Some(seconds(5)), ..of("", "") }, vec![3, 4]),
        (of("even", ""), vec![0, 2, 4, 6, 8]),
        (of("odd", "late"), vec![5, 7, 9]),
        (AuditQuery { limit: 1, until: Some(seconds(9)), ..of("odd", "late") }, vec![7]),
        (of("nobody", ""), vec![]),
    ] {
        let expected: Vec<_> = expected.into_iter().map(|index: usize| entries[index].clone()).collect();
        assert_eq!(test.store.audit(&query).await.unwrap(), expected, "{query:?}");
    }
}

async fn what_is_recorded_is_written_before_the_stop(test: TestStore) {
    let (trail, writer) = AuditTrail::new(test.store.clone(), None);
    let (stop, writer) = running(writer);
    for at in 0..1_000 {
        trail.record(entry(at, "a", "Write"));
    }
    stop.cancel();
    within("the writer's stop", writer).await.unwrap();
    let expected = AuditHealth { healthy: true, written: 1_000, lost: 0 };
    assert_eq!(*trail.health().borrow(), expected);
    let stored = test.store.audit(&AuditQuery { limit: 2_000, ..AuditQuery::default() }).await.unwrap();
    assert_eq!(stored.len(), 1_000);
    trail.record(entry(0, "a", "too-late"));
    assert_eq!(*trail.health().borrow(), AuditHealth { healthy: false, lost: 1, ..expected });
}

async fn a_store_that_fails_stops_nobody_and_what_was_lost_is_told(test: TestStore) {
    test.sql("ALTER TABLE key_revision RENAME TO key_revision_gone").await;
    test.sql("ALTER TABLE audit RENAME TO audit_gone").await;
    let (trail, writer) = AuditTrail::new(test.store.clone(), None);
    let (stop, writer) = running(writer);
    trail.record(entry(0, "a", "first"));
    wait_for(&trail, "the failure shows", |health| !health.healthy).await;
    // None of these waits: this task does not let others run in between.
    for at in 0..QUEUE_CAPACITY {
        trail.record(entry(u64::try_from(at).unwrap(), "a", "next"));
    }
    for _ in 0..7 {
        trail.record(entry(0, "a", "lost"));
    }
    assert_eq!(*trail.health().borrow(), AuditHealth { healthy: false, written: 0, lost: 7 });
    test.sql("ALTER TABLE audit_gone RENAME TO audit").await;
    test.sql("ALTER TABLE key_revision_gone RENAME TO key_revision").await;
    let all = u64::try_from(QUEUE_CAPACITY).unwrap() + 1;
    let health = wait_for(&trail, "all is written", |health| health.healthy && health.written == all).await;
    assert_eq!(health.lost, 7);
    let query = AuditQuery { action: Some("audit-lost".to_owned()), ..AuditQuery::default() };
    let told = test.store.audit(&query).await.unwrap();
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].actor.as_str(), &told[0].details["entries"]), ("gateway", &json!(7)));
    stop.cancel();
    within("the writer's stop", writer).await.unwrap();
}

async fn entries_for_which_the_store_fails_are_given_up_when_it_works_otherwise(test: TestStore) {
    test.sql("ALTER TABLE audit RENAME TO audit_gone").await;
    let (trail, writer) = AuditTrail::new(test.store.clone(), None);
    let (stop, writer) = running(writer);
    trail.record(entry(0, "a", "first"));
    wait_for(&trail, "it is given up", |health| health.lost == 1).await;
    test.sql("ALTER TABLE audit_gone RENAME TO audit").await;
    // Nothing else is recorded, and all the same it is found that the store works.
    wait_for(&trail, "all is well again", |health| health.healthy).await;
    stop.cancel();
    within("the writer's stop", writer).await.unwrap();
    assert_eq!(test.store.audit(&AuditQuery::default()).await.unwrap()[0].action, "audit-lost");
}

async fn old_entries_are_deleted(test: TestStore) {
    let mut entries: Vec<_> = (0..2_500).map(|at| entry(at, "a", "old")).collect();
    let now = SystemTime::now();
    entries.push(AuditEntry::new(now - Duration::from_secs(50), "a", "new", Outcome::Allowed));
    test.store.append_audit(&entries).await.unwrap();
    let (_trail, writer) = AuditTrail::new(test.store.clone(), Some(Duration::from_secs(3_600)));
    let (stop, writer) = running(writer);
    // They are deleted at the start, and nothing tells when that is done.
    let all = AuditQuery { limit: 3_000, ..AuditQuery::default() };
    within("old entries are deleted", async {
        while test.store.audit(&all).await.unwrap().len() > 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(test.store.audit(&all).await.unwrap()[0].action, "new");
    stop.cancel();
    within("the writer's stop", writer).await.unwrap();
}

async fn an_entry_takes_any_text(test: TestStore) {
    let text = "a\0b \u{10ffff} 'x\" \\";
    let odd = AuditEntry::new(seconds(1), "a", "Write", Outcome::Allowed).target(text).detail("d", text);
    test.store.append_audit(&[odd]).await.unwrap();
    let stored = test.store.audit(&AuditQuery::default()).await.unwrap();
    assert_eq!(stored[0].target.as_deref(), Some("a\u{fffd}b \u{10ffff} 'x\" \\"));
    assert_eq!(stored[0].details["d"], json!(text));
}
