//! When a worker without a gateway ends.

use std::time::{Duration, Instant};

use mxgateway_contracts::v1::GetWorkerInfoCommand;
use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::worker_v1::{Heartbeat, OutliveGateway, Shutdown, WorkerFaultCode, envelope::Body};
use mxgateway_worker_host::ExitReason;

use super::gateway::{Gateway, within};
use super::orphans::{lives_on, order};
use super::unruly::watched;

const LIFETIME: Duration = Duration::from_millis(400);

fn short_life(bootstrap: &mut mxgateway_contracts::worker_v1::Bootstrap) {
    let nanos = i32::try_from(LIFETIME.as_nanos()).unwrap();
    bootstrap.max_orphan_lifetime = Some(prost_types::Duration { seconds: 0, nanos });
}

#[tokio::test]
async fn it_ends_in_order_when_no_gateway_came() {
    let (gateway, _let_go, progress) = watched(short_life).await;
    let lost = Instant::now();
    assert_eq!(gateway.lose().ended().await, ExitReason::OrphanExpired);
    let lived = lost.elapsed();
    assert!(lived >= LIFETIME, "it lived on for {lived:?}");
    assert!(progress.borrow().is_dropped, "the backend was not taken down");
}

#[tokio::test]
async fn only_a_gateway_that_asks_for_events_counts() {
    let (gateway, _let_go, _) = watched(short_life).await;
    let lost = Instant::now();
    let orphan = gateway.lose();
    let mut listener = orphan.bind();
    // It proves itself and goes, twice; then it stays, but says nothing.
    let orphan = orphan.met_at(&mut *listener, 1).await.lose();
    let orphan = orphan.met_at(&mut *listener, 1).await.lose();
    let mut silent = orphan.met_at(&mut *listener, 1).await;
    assert!(matches!(silent.read().await.unwrap().body, Body::WorkerReady(_)));
    assert!(silent.read().await.is_none());
    assert_eq!(silent.lose().ended().await, ExitReason::OrphanExpired);
    let lived = lost.elapsed();
    assert!(lived >= LIFETIME && lived < LIFETIME * 10, "it lived on for {lived:?}");
}

#[tokio::test]
async fn a_gateway_that_was_there_gives_it_its_whole_life_again() {
    let (gateway, let_go, _) = watched(short_life).await;
    drop(let_go);
    let begun = Instant::now();
    let mut gateway = gateway.lose().found().await;
    gateway.ready().await;
    while begun.elapsed() < LIFETIME + Duration::from_millis(50) {
        gateway.call(order("x")).await.unwrap();
    }
    let lost = Instant::now();
    assert_eq!(gateway.lose().ended().await, ExitReason::OrphanExpired);
    assert!(lost.elapsed() >= LIFETIME);
}

#[tokio::test]
async fn without_a_lifetime_it_ends_at_once() {
    for lifetime in [None, Some(prost_types::Duration::default())] {
        let (gateway, _let_go, progress) =
            watched(|bootstrap| bootstrap.max_orphan_lifetime = lifetime).await;
        let orphan = gateway.lose();
        let mut listener = orphan.bind();
        let lost = Instant::now();
        assert_eq!(orphan.ended().await, ExitReason::GatewayLost);
        assert!(lost.elapsed() < Duration::from_secs(5));
        assert!(progress.borrow().is_dropped, "the backend was not taken down");
        let tried = tokio::time::timeout(Duration::from_millis(1), listener.accept()).await;
        assert!(tried.is_err(), "it looked for another gateway");
    }
}

#[tokio::test]
async fn a_first_gateway_that_goes_before_it_asked_for_events_leaves_nothing_to_take_over() {
    let mut bootstrap = super::gateway::bootstrap();
    lives_on(&mut bootstrap);
    let mut gateway = Gateway::start(bootstrap).await;
    assert!(matches!(gateway.read().await.unwrap().body, Body::WorkerReady(_)));
    assert_eq!(gateway.lose().ended().await, ExitReason::GatewayLost);
}

#[tokio::test]
async fn a_gateway_that_asked_for_the_end_is_not_waited_for() {
    // It goes at once; the worker may learn of it by reading or by writing, with the request still unread.
    for name in ["nothing at", "flow 7", "storm 100000"] {
        let (mut gateway, let_go, mut progress) = watched(lives_on).await;
        drop(let_go);
        gateway.command(order(name)).await;
        within("the command", progress.wait_for(|progress| progress.ordered == 1)).await.unwrap();
        gateway.send(9, Body::Shutdown(Shutdown::default())).await;
        assert_eq!(gateway.lose().ended().await, ExitReason::Success, "{name}");
        assert!(progress.borrow().is_dropped);
    }
}

#[tokio::test]
async fn a_gateway_that_breaks_the_protocol_is_not_waited_for() {
    let (mut gateway, _let_go, _) = watched(lives_on).await;
    gateway.send(0, Body::Heartbeat(Heartbeat::default())).await;
    let (gateway, reason) = gateway.ended().await;
    assert_eq!(reason, ExitReason::ProtocolViolation);
    assert_eq!(gateway.faults[0].code(), WorkerFaultCode::ProtocolViolation);

    // Nor one that does so before it is served.
    let (gateway, _let_go, _) = watched(lives_on).await;
    let mut gateway = gateway.lose().found().await;
    assert!(matches!(gateway.read().await.unwrap().body, Body::WorkerReady(_)));
    gateway.command(Payload::GetWorkerInfo(GetWorkerInfoCommand {})).await;
    let (gateway, reason) = gateway.ended().await;
    assert_eq!(reason, ExitReason::ProtocolViolation);
    assert_eq!(gateway.faults[0].message, "Command came where StartEvents follows");
}

#[tokio::test]
async fn a_gateway_may_say_later_whether_it_lives_on() {
    let (mut gateway, let_go, _) = watched(|bootstrap| bootstrap.max_orphan_lifetime = None).await;
    drop(let_go);
    let max_orphan_lifetime = Some(prost_types::Duration { seconds: 60, nanos: 0 });
    gateway.send(0, Body::OutliveGateway(OutliveGateway { max_orphan_lifetime })).await;
    // Still unread when the gateway goes.
    let mut gateway = gateway.lose().found().await;
    gateway.ready().await;
    gateway.call(order("x")).await.unwrap();
    gateway.send(0, Body::OutliveGateway(OutliveGateway::default())).await;
    assert_eq!(gateway.lose().ended().await, ExitReason::GatewayLost);
}
