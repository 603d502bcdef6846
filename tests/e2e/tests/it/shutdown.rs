//! Orderly stops.

use mxgateway_contracts::error_code::ErrorCode;
use mxgateway_contracts::v1::StreamEndReason;
use mxgateway_e2e::{Gateway, is_alive};
use rustix::process::Signal;

async fn stops_cleanly(by: Signal) {
    let mut gateway = Gateway::start().await;
    let session = gateway.session().await;
    session.advise_tags(&["Fast_001.Count"]).await;
    let stream = session.stream().await;
    let reading = tokio::spawn(stream.end());
    let status = gateway.stop(by).await;
    assert_eq!(status.code(), Some(0), "{}", gateway.log());

    let (_, end, status) = reading.await.unwrap();
    let end = end.expect("an end item");
    assert_eq!(end.reason(), StreamEndReason::GatewayShutdown);
    assert!(end.retry_after.is_some());
    assert_eq!(ErrorCode::of(&status.unwrap_err()), Some(ErrorCode::GatewayStopping));
    assert!(!is_alive(session.opened.worker_process_id), "a worker outlives an orderly stop");
    assert_eq!(std::fs::read_dir(gateway.runtime_directory()).unwrap().count(), 0, "sockets are left");
}

#[tokio::test]
async fn on_sigterm() {
    stops_cleanly(Signal::TERM).await;
}

#[tokio::test]
async fn on_ctrl_c() {
    stops_cleanly(Signal::INT).await;
}

#[tokio::test]
async fn with_a_reader_that_does_not_read() {
    let mut gateway = Gateway::start().await;
    let session = gateway.session().await;
    let _stuck = session.stream().await;
    let stuck_session = gateway.session().await;
    let _stuck_too = stuck_session.stream().await;
    session.advise_tags(&["Fast_001.Count"]).await;
    stuck_session.advise_tags(&["Fast_001.Count"]).await;
    // More than the windows of a connection hold, so that the ends of the stuck streams cannot be sent.
    session.stream().await.events(1500).await;
    let status = gateway.stop(Signal::TERM).await;
    assert_eq!(status.code(), Some(0), "{}", gateway.log());
}
