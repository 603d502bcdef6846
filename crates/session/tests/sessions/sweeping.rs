//! What the sweep closes, and what it leaves alone.

use std::future::Future;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use mxgateway_session::core::distributor::SubscribeOptions;
use mxgateway_session::core::lifecycle::{CloseReason, SessionState};
use mxgateway_session::core::session::{AttachError, NotUsable};
use mxgateway_session::{CloseOutcome, InvokeError, SessionManager, StreamElement};
use tokio_util::sync::CancellationToken;

use crate::{LIMIT, Launcher, manager, next, open, settings, started};

#[tokio::test]
async fn the_sweep_closes_what_nobody_uses() {
    let mut quick = settings();
    quick.sweep_interval = Duration::from_millis(1);
    quick.session.lease.lease = Duration::ZERO;
    let (manager, control) = manager(quick);
    let session = open(&manager).await;
    let stop = CancellationToken::new();
    let sweeping = manager.sweep_until(stop.clone());
    tokio::select! {
        () = sweeping => unreachable!("nobody stops the sweep"),
        () = control.until_ended(1) => {}
    }
    assert_eq!(session.status().close_reason, Some(CloseReason::LeaseExpired));
}

/// Lets the sweep look at the sessions once; what it starts has not run yet.
async fn sweep_once(manager: &SessionManager<Launcher>) {
    let mut sweeping = std::pin::pin!(manager.sweep_until(CancellationToken::new()));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(sweeping.as_mut().poll(&mut context).is_pending());
    tokio::time::pause();
    tokio::time::advance(Duration::from_millis(10)).await;
    assert!(sweeping.as_mut().poll(&mut context).is_pending());
    tokio::time::resume();
}

#[tokio::test]
async fn whoever_comes_back_before_the_sweep_wins_and_after_it_nobody_is_let_in() {
    let mut quick = settings();
    quick.session.lease.detach_grace = Duration::from_nanos(1);
    let (manager, _control) = manager(quick);
    let (back_in_time, late) = (open(&manager).await, open(&manager).await);
    for session in [&back_in_time, &late] {
        drop(started(session, SubscribeOptions::live()).await);
    }
    // The grace of both is over; nobody has looked yet.
    let mut subscription = started(&back_in_time, SubscribeOptions::live()).await;
    sweep_once(&manager).await;
    let refused = NotUsable::State(SessionState::Closing);
    assert_eq!(
        late.subscribe(SubscribeOptions::live()).unwrap_err(),
        AttachError::NotUsable(refused.clone())
    );
    assert_eq!(late.invoke("x", LIMIT).await, Err(InvokeError::NotUsable(refused)));
    assert_eq!(late.close(CloseReason::ClientClose).await, CloseOutcome::AlreadyClosed);
    assert_eq!(late.status().close_reason, Some(CloseReason::DetachGraceExpired));

    sweep_once(&manager).await;
    assert_eq!(back_in_time.invoke("hello", LIMIT).await, Ok(5));
    assert_eq!(back_in_time.state(), SessionState::Ready);
    assert_eq!(back_in_time.close(CloseReason::ClientClose).await, CloseOutcome::Closed);
    assert!(matches!(next(&mut subscription).await, StreamElement::End { .. }));
}

#[tokio::test]
async fn a_command_that_takes_longer_than_the_lease_holds_the_session() {
    let mut quick = settings();
    quick.session.lease.lease = Duration::from_millis(1);
    let (manager, control) = manager(quick);
    let session = open(&manager).await;
    control.hang_commands.store(true, Ordering::SeqCst);
    let command = tokio::spawn({
        let session = session.clone();
        async move { session.invoke("x", LIMIT).await }
    });
    let begun = Instant::now();
    while session.pending_commands() == 0 || begun.elapsed() < Duration::from_millis(2) {
        tokio::task::yield_now().await;
    }
    sweep_once(&manager).await;
    assert_eq!(session.state(), SessionState::Ready);
    command.abort();
    assert!(command.await.unwrap_err().is_cancelled());
    let ended = Instant::now();
    while ended.elapsed() < Duration::from_millis(2) {
        tokio::task::yield_now().await;
    }
    sweep_once(&manager).await;
    assert_eq!(session.state(), SessionState::Closing);
}
