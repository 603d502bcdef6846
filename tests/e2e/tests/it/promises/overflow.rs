//! A gateway that does not read for a while: the worker's journal overflows.

use mxgateway_contracts::v1::{EventGap, EventGapCause, StreamEventsRequest};
use mxgateway_e2e::{Gateway, Item, TestSession, cpu_ticks, signal, until};
use rustix::process::Signal;

use super::{BIG_TAGS, big_gateway, stop_source, worker_info};

/// So much work of the worker fills the socket and its journal many times. The test repeats it until
/// something was lost, whatever the machine.
const TICKS: u64 = 10;

/// Stops the gateway while its worker goes on.
async fn pause(gateway: &Gateway, session: &TestSession) {
    let worker = session.opened.worker_process_id;
    signal(gateway.process_id(), Signal::STOP);
    let before = cpu_ticks(worker);
    until("the worker goes on", async || (cpu_ticks(worker) > before + TICKS).then_some(())).await;
    signal(gateway.process_id(), Signal::CONT);
}

#[tokio::test]
async fn what_the_journal_could_not_keep_is_announced_in_its_place_with_the_exact_number() {
    let (_galaxy, gateway) = big_gateway(
        "[sessions]\nallow_multiple_event_subscribers = true\n[events]\nqueue_capacity = 100000\n\
         replay_buffer_capacity = 100000\nreplay_buffer_bytes = \"1 GiB\"\n[workers]\njournal_capacity = 20\n",
    )
    .await;
    let session = gateway.session().await;
    let mut stream = session.stream_as("live", StreamEventsRequest::default()).await;
    let (server_handle, items) = session.advise_tags(&BIG_TAGS).await;
    while worker_info(&session).await.lost_event_count == 0 {
        pause(&gateway, &session).await;
    }
    let info = stop_source(&session, server_handle, &items).await;

    stream.read_to(info.newest_sequence).await;
    let live = stream.leave();
    let announced: Vec<EventGap> = live.gaps().copied().collect();
    assert!(announced.iter().all(|gap| gap.cause() == EventGapCause::JournalOverflow), "{announced:?}");
    let lost: u64 = announced.iter().map(|gap| gap.lost_count).sum();
    assert_eq!(lost, info.lost_event_count, "{announced:?}");
    assert_eq!(live.live_events().count() as u64 + lost, info.newest_sequence);

    // Whoever comes later is told the same, also in the middle of it.
    let mut replay = session.resume(info.epoch, 0).await;
    replay.read_to(info.newest_sequence).await;
    assert!(replay.log().gaps().eq(&announced), "{:?} instead of {announced:?}", replay.log());
    let widest = announced.iter().max_by_key(|gap| gap.lost_count).unwrap();
    assert!(widest.lost_count > 1, "{widest:?}");
    let mut inside = session.resume(info.epoch, widest.from_sequence).await;
    let Some(Item::Gap(rest)) = inside.next().await else { panic!("no gap") };
    assert_eq!((rest.from_sequence, rest.to_sequence), (widest.from_sequence + 1, widest.to_sequence));
    assert_eq!(rest.lost_count, widest.lost_count - 1);
}
