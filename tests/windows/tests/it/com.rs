//! End to end through real COM: gateway and worker with 32 bits, and a client of this system.

use mxgateway_contracts::v1::mx_event::Body;
use mxgateway_contracts::v1::mx_value::Kind;
use mxgateway_contracts::v1::{EventFamily, MxStatusCategory, SessionState};
use mxgateway_e2e::until;

use crate::gateway::Gateway;
use crate::programs::processes_with;

const GOOD: i32 = 192;

#[tokio::test]
async fn the_main_job_is_done_and_nothing_is_left() {
    let gateway = Gateway::start().await;
    let session = gateway.session().await;
    assert_eq!(session.opened.backend_name, "lmxproxy");
    let id = session.id();
    assert_eq!(processes_with(&id).len(), 1, "one worker for the session");

    let mut stream = session.stream().await;
    let tags = ["TestMachine_001.TestInteger", "Fast_001.Count"];
    let (server, items) = session.advise_tags(&tags).await;
    // The second one counts.
    let mut counts = Vec::new();
    while counts.len() < 3 {
        let event = stream.event_of(EventFamily::OnDataChange, items[1]).await;
        let Some(Body::OnDataChange(change)) = event.body else { panic!("{event:?}") };
        assert_eq!(change.quality, GOOD);
        assert!(change.source_time.is_some());
        assert_eq!(event.statuses[0].category(), MxStatusCategory::Ok);
        let Some(Kind::Int32Value(count)) = change.value.and_then(|value| value.kind) else {
            panic!("no number")
        };
        counts.push(count);
    }
    assert!(counts.is_sorted_by(|before, after| before < after), "{counts:?}");

    assert_eq!(session.write(server, items[0], 4711).await, 0);
    let (mut changed, mut completed) = (false, false);
    while !(changed && completed) {
        let event = stream.event().await;
        if event.item_handle != items[0] {
            continue;
        }
        match event.body {
            Some(Body::OnDataChange(change)) => {
                changed |= change.value.and_then(|value| value.kind) == Some(Kind::Int32Value(4711));
            }
            Some(Body::OnWriteComplete(_)) => {
                assert_eq!(event.statuses[0].category(), MxStatusCategory::Ok);
                completed = true;
            }
            other => panic!("{other:?}"),
        }
    }

    let closed = session.close().await;
    assert_eq!(closed.final_state(), SessionState::Closed);
    let (_, end, status) = stream.end().await;
    assert!(end.is_some());
    assert!(status.is_ok(), "{status:?}");
    until("the worker is gone", async || processes_with(&id).is_empty().then_some(())).await;
    gateway.kill().await;
}

#[tokio::test]
async fn a_killed_gateway_takes_its_workers_along() {
    let gateway = Gateway::start().await;
    let session = gateway.session().await;
    session.advise_tags(&["Fast_001.Count"]).await;
    let id = session.id();
    assert_eq!(processes_with(&id).len(), 1, "one worker for the session");
    gateway.kill().await;
    until("the worker is gone", async || processes_with(&id).is_empty().then_some(())).await;
}
