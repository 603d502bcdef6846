//! Watching tags through everything that happens to a session.

use std::time::Duration;

use mxgateway_client::contracts::error_code::ErrorCode;
use mxgateway_client::contracts::v1::mx_command::Payload;
use mxgateway_client::{ClientError, ReconnectPolicy, Watch, WatchOptions, WatchUpdate};

use crate::gateway::{Gateway, Script};
use crate::{client, within};

fn watch(gateway: &Gateway, tags: &[&'static str]) -> Watch {
    let reconnect =
        ReconnectPolicy { initial_delay: Duration::from_millis(10), ..ReconnectPolicy::default() };
    Watch::new(
        client(gateway.url()),
        tags.iter().copied(),
        WatchOptions { reconnect, ..WatchOptions::default() },
    )
}

async fn next(watch: &mut Watch) -> String {
    match within("update", watch.next()).await {
        None => "none".to_owned(),
        Some(Ok(WatchUpdate::Session(_))) => "session".to_owned(),
        Some(Ok(WatchUpdate::TagRefused { tag, .. })) => format!("refused {tag}"),
        Some(Ok(WatchUpdate::Event { tag, .. })) => format!("event of {tag}"),
        Some(Ok(WatchUpdate::Gap(_))) => "gap".to_owned(),
        Some(Ok(WatchUpdate::Disconnected { .. })) => "disconnected".to_owned(),
        Some(Ok(WatchUpdate::Resumed(_))) => "resumed".to_owned(),
        Some(Ok(WatchUpdate::NewSession { reason, .. })) => format!("new session: {reason}"),
        Some(Ok(WatchUpdate::Ended(_))) => "ended".to_owned(),
        Some(Err(error)) => format!("error {error}"),
    }
}

async fn next_but(watch: &mut Watch, skipped: &str) -> String {
    loop {
        let update = next(watch).await;
        if update != skipped {
            return update;
        }
    }
}

#[tokio::test]
async fn values_come_by_tag_and_a_refused_tag_costs_only_itself() {
    let gateway = Gateway::start(Script::default());
    let mut watch = watch(&gateway, &["Tank.Level", "Refused", "Forbidden", "Pump.Running"]);
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.push(next(&mut watch).await);
    }
    // Tags are advised side by side, so their first values come in any order.
    seen[3..].sort();
    let refused = ["session", "refused Refused", "refused Forbidden"];
    assert_eq!(seen[..3], refused);
    assert_eq!(seen[3..], ["event of Pump.Running", "event of Tank.Level"]);
    within("close", watch.close()).await.unwrap();
    assert_eq!(gateway.script.state().closed.len(), 1);
}

#[tokio::test]
async fn a_restarted_gateway_gives_a_new_session_with_all_tags() {
    let gateway = Gateway::start(Script::default());
    let address = gateway.address;
    let mut watch = watch(&gateway, &["Tank.Level"]);
    assert_eq!(next(&mut watch).await, "session");
    assert_eq!(next(&mut watch).await, "event of Tank.Level");
    drop(gateway);
    assert_eq!(next(&mut watch).await, "disconnected");
    assert_eq!(next(&mut watch).await, "disconnected");
    let gateway = Gateway::start_at(address, Script::default());
    let update = next_but(&mut watch, "disconnected").await;
    assert!(
        update.starts_with("new session: session session-") && update.ends_with("is not known"),
        "{update}"
    );
    assert_eq!(next(&mut watch).await, "session");
    assert_eq!(next(&mut watch).await, "event of Tank.Level");
    let advised = |payload: &Payload| matches!(payload, Payload::Advise(_));
    let state = gateway.script.state();
    let sent = state.invokes.iter().filter_map(|request| request.command.as_ref()?.payload.as_ref());
    assert_eq!(sent.filter(|payload| advised(payload)).count(), 1);
}

#[tokio::test]
async fn a_failed_worker_gives_a_new_session() {
    let gateway = Gateway::start(Script::default());
    let mut watch = watch(&gateway, &["Tank.Level"]);
    for round in 0..3 {
        assert_eq!(next(&mut watch).await, "session", "round {round}");
        assert_eq!(next(&mut watch).await, "event of Tank.Level");
        gateway.script.state().fault_sessions();
        assert_eq!(
            next(&mut watch).await,
            "new session: gateway ended the event stream: worker ended",
            "round {round}"
        );
    }
}

#[tokio::test]
async fn opening_is_tried_again_while_that_helps() {
    let gateway = Gateway::start(Script::default());
    gateway.script.state().refusals.extend([
        ErrorCode::SessionLimit.status("full", &[]),
        ErrorCode::GatewayStopping.status("stopping", &[]),
    ]);
    let mut patient = watch(&gateway, &["Tank.Level"]);
    assert_eq!(next(&mut patient).await, "disconnected");
    assert_eq!(next(&mut patient).await, "disconnected");
    assert_eq!(next(&mut patient).await, "session");

    gateway.script.state().refusals.push_back(ErrorCode::InvalidRequest.status("no such backend", &[]));
    let mut refused = watch(&gateway, &["Tank.Level"]);
    let error = within("error", refused.next()).await.unwrap().unwrap_err();
    assert!(matches!(error, ClientError::Gateway(_)), "{error:?}");
    assert_eq!(next(&mut refused).await, "none");
}

#[tokio::test]
async fn a_dropped_watch_closes_its_session() {
    let gateway = Gateway::start(Script::default());
    let mut watch = watch(&gateway, &["Tank.Level"]);
    assert_eq!(next(&mut watch).await, "session");
    let closing = gateway.script.state().closing.clone();
    drop(watch);
    within("closing", closing.notified()).await;
}
