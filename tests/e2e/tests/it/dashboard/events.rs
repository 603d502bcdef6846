//! Events of a session, and what is told when some do not come.

use mxgateway_contracts::v1::GetWorkerInfoCommand;
use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::mx_command_reply::Payload as ReplyPayload;
use mxgateway_e2e::{Gateway, TestSession, cpu_ticks, signal, until};
use rustix::process::Signal;

use super::visitor::Visitor;
use super::{ANONYMOUS, session, storm};

const TAG: &str = "TestMachine_001.TestInteger";

#[tokio::test]
async fn events_of_a_session_appear_without_loading_the_page_anew() {
    let gateway = Gateway::start_with_dashboard(ANONYMOUS).await;
    let session = session(&gateway, "at-work", "").await;
    let (server, items) = session.advise_tags(&[TAG]).await;
    let Some(visitor) = Visitor::of(&gateway).await else { return };

    visitor.open(&format!("/sessions/{}", session.id())).await;
    visitor.chip_says("Live").await;
    // The first value, of before.
    visitor.reads("[data-rows]", |text| text.contains(TAG)).await;
    visitor.mark_page().await;
    for value in 1_u8..=3 {
        assert_eq!(session.write(server, items[0], i32::from(value)).await, 0);
        // Each write is told of, and so is each change; of the first value, too.
        visitor
            .reads("[data-rows]", |rows| {
                let count = |family| rows.matches(family).count();
                count("write complete") == usize::from(value)
                    && count("data change") == usize::from(value) + 1
            })
            .await;
    }
    let position = visitor.text("[data-position]").await;
    assert!(position.starts_with(&format!("{:016x} / ", session.opened.epoch)), "{position}");
    assert!(!visitor.has("[data-gap]").await);
    visitor.assert_same_page().await;
    visitor.assert_no_complaints().await;
}

/// What the worker numbered last.
async fn newest(session: &TestSession) -> u64 {
    let reply = session.reply(Payload::GetWorkerInfo(GetWorkerInfoCommand {})).await;
    let Some(ReplyPayload::GetWorkerInfo(info)) = reply.payload else { panic!("{reply:?}") };
    info.newest_sequence
}

/// Stops the gateway while a storm passes over its worker.
async fn storm_without_gateway(gateway: &Gateway, session: &TestSession) {
    storm(session, TAG, 1_000_000, 500).await;
    signal(gateway.process_id(), Signal::STOP);
    let worker = session.opened.worker_process_id;
    let (mut ticks, mut idle) = (cpu_ticks(worker), 0);
    until("the storm is over", async || {
        let now = cpu_ticks(worker);
        idle = if now == ticks { idle + 1 } else { 0 };
        ticks = now;
        // So many looks without a tick of a hundredth of a second.
        (idle > 50).then_some(())
    })
    .await;
    signal(gateway.process_id(), Signal::CONT);
}

#[tokio::test]
async fn what_was_lost_at_the_worker_is_shown_as_a_gap() {
    let config = format!("{ANONYMOUS}[workers]\njournal_capacity = 20\n");
    let gateway = Gateway::start_with_dashboard(&config).await;
    let session = session(&gateway, "at-work", "").await;
    session.advise_tags(&[TAG]).await;
    let Some(visitor) = Visitor::of(&gateway).await else { return };
    visitor.open(&format!("/sessions/{}", session.id())).await;
    visitor.chip_says("Live").await;
    visitor.mark_page().await;

    // What fits between the worker and the gateway is the system's to say: again, until something is lost.
    while !visitor.has("[data-gap=journal_overflow]").await {
        storm_without_gateway(&gateway, &session).await;
        let newest = newest(&session).await;
        visitor.reads("[data-position]", |text| sequence_of(text) == newest).await;
    }
    let gap = visitor.text("[data-gap=journal_overflow]").await;
    assert!(gap.starts_with("Gap: ") && gap.ends_with(" lost at the worker"), "{gap}");
    visitor.assert_same_page().await;
}

/// Of a position such as `00f1e2d3c4b5a697 / 1,234`.
fn sequence_of(position: &str) -> u64 {
    let sequence = position.rsplit(" / ").next().unwrap_or_default().replace(',', "");
    sequence.parse().unwrap_or_else(|_| panic!("{position:?} is no position"))
}

#[tokio::test]
async fn what_is_more_than_a_page_can_show_is_told() {
    let gateway = Gateway::start_with_dashboard(ANONYMOUS).await;
    let busy = session(&gateway, "busy", "").await;
    let calm = session(&gateway, "calm", "").await;
    busy.advise_tags(&[TAG]).await;
    let Some(visitor) = Visitor::of(&gateway).await else { return };
    visitor.open(&format!("/events?session={}&session={}", busy.id(), calm.id())).await;
    visitor.chip_says("Live").await;

    storm(&busy, TAG, 4000, 60_000).await;
    let gap = visitor.text("[data-gap=skipped]").await;
    assert!(gap.starts_with("busy: Gap: ") && gap.contains(" passed over"), "{gap}");
    // The page stays as long as it was.
    let rows = visitor.script("return document.querySelectorAll('[data-rows] tr').length").await;
    assert!(rows.as_u64().unwrap() <= 200, "{rows}");
    visitor.assert_no_complaints().await;
}
