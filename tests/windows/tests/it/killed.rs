//! A gateway that is killed outright under Wine.

use std::time::{Duration, Instant};

use mxgateway_contracts::v1::{GetSessionRequest, SessionState};
use mxgateway_e2e::{until, within};

use crate::prefix::{Prefix, kill};

const TAG: &str = "Fast_001.Count";

/// The one process of the gateway itself.
fn gateway(prefix: &Prefix) -> i32 {
    let found = prefix.processes("mxgateway.exe");
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].0
}

#[tokio::test]
async fn with_reattach_on_the_next_gateway_takes_the_worker_over_and_no_event_is_lost() {
    let prefix = Prefix::new("enable_orphan_reattach = true\nadoption_timeout_seconds = 20").await;
    let mut console = prefix.run().await;
    let session = prefix.session().await;
    let mut stream = session.stream().await;
    session.advise_tags(&[TAG]).await;
    let mut seen: Vec<u64> = stream.events(20).await.iter().map(|event| event.worker_sequence).collect();
    // Of the last that was looked at: there may be more in what has been received.
    let (epoch, last) = (stream.position().epoch, seen[seen.len() - 1]);
    let workers = prefix.processes("mxgateway-worker");
    assert_eq!(workers.len(), 1, "{workers:?}");

    kill(gateway(&prefix));
    within("the gateway ends", console.wait()).await.expect("its exit status");
    drop(stream);
    assert_eq!(prefix.processes("mxgateway-worker"), workers, "the worker outlives the gateway");

    let _console = prefix.run().await;
    let again = until("the session is taken over", async || {
        let request = GetSessionRequest { session_id: session.id() };
        let session = session.client.clone().get_session(request).await.ok()?.into_inner().session?;
        assert_ne!(session.state(), SessionState::Faulted, "{}", session.state_reason);
        (session.state() == SessionState::Ready).then_some(session)
    })
    .await;
    assert_eq!(again.worker_process_id, session.opened.worker_process_id);
    assert_eq!(prefix.processes("mxgateway-worker"), workers, "the same worker");

    let mut stream = session.resume(epoch, last).await;
    assert_eq!(stream.start.replay_gap, None);
    seen.extend(stream.events(100).await.iter().map(|event| event.worker_sequence));
    let first = seen[0];
    assert!(seen.iter().copied().eq(first..first + seen.len() as u64), "{seen:?}");
}

#[tokio::test]
async fn with_reattach_off_the_worker_ends_with_the_gateway() {
    let prefix = Prefix::new("").await;
    let mut console = prefix.run().await;
    let session = prefix.session().await;
    let mut stream = session.stream().await;
    session.advise_tags(&[TAG]).await;
    stream.events(5).await;
    assert_eq!(prefix.processes("mxgateway-worker").len(), 1);

    kill(gateway(&prefix));
    let killed = Instant::now();
    within("the gateway ends", console.wait()).await.expect("its exit status");
    until("the worker is gone", async || prefix.processes("mxgateway").is_empty().then_some(())).await;
    assert!(killed.elapsed() < Duration::from_secs(5), "{:?}", killed.elapsed());
}
