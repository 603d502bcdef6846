use std::time::SystemTime;

use mxgateway_contracts::{stream_item, v1};
use mxgateway_session::{
    EventSink, LaunchError, LaunchRequest, Launched, ManagerSettings, OnReply, OpenOptions, PortError,
    WorkerIdentity,
};
use mxgateway_session_core::event::{EventFamily, ItemKey, Payload};
use mxgateway_session_core::lifecycle::{CloseReason, Fault};
use prost::Message as _;

use super::*;

const EPOCH: u64 = 9;
const LIMIT: Duration = Duration::from_secs(20);

/// A worker that does nothing by itself.
struct Idle;

impl WorkerPort for Idle {
    type Command = ();
    type Reply = ();

    async fn invoke(&self, (): (), _: Option<OnReply<()>>) -> Result<(), PortError> {
        Ok(())
    }
    async fn shutdown(&self, _limit: Duration) {}
    async fn kill(&self) {}
}

/// Starts such workers and keeps where their events go.
#[derive(Clone, Default)]
struct Launcher(Arc<Mutex<Option<EventSink>>>);

impl WorkerLauncher for Launcher {
    type Port = Idle;

    async fn launch(&self, request: LaunchRequest, sink: EventSink) -> Result<Launched<Idle>, LaunchError> {
        sink.handshaking();
        *self.0.lock() = Some(sink);
        let (process_id, protocol_version) = (0, 1);
        let worker =
            WorkerIdentity { process_id, epoch: EPOCH, backend_name: request.backend, protocol_version };
        Ok(Launched { port: Idle, worker })
    }
}

struct World {
    feeds: Feeds<Launcher>,
    readers: Readers,
    session: Session<Idle>,
    sink: EventSink,
}

impl World {
    async fn new() -> Self {
        Self::showing(false).await
    }

    async fn showing(show_values: bool) -> Self {
        let launcher = Launcher::default();
        let sessions = Arc::new(SessionManager::new(launcher.clone(), ManagerSettings::default()));
        let session = sessions.open(OpenOptions::default()).await.unwrap();
        let sink = launcher.0.lock().clone().unwrap();
        let feeds = Feeds::new(sessions, show_values, Duration::from_millis(50));
        Self { feeds, readers: Readers::default(), session, sink }
    }

    fn publish(&self, sequences: impl IntoIterator<Item = u64>) {
        self.sink.publish(sequences.into_iter().map(event));
    }

    fn look(&mut self) {
        self.feeds.look(&mut self.readers);
    }

    fn feed(&self, from: Option<u64>) -> Box<dyn Feed> {
        let from = from.map(|sequence| Position { epoch: EPOCH, sequence });
        self.feeds.feed(&self.session, from).unwrap()
    }
}

fn event(sequence: u64) -> Event {
    let change = v1::OnDataChange { value: Some(7.into()), quality: 192, source_time: None };
    let message =
        v1::MxEvent { body: Some(v1::mx_event::Body::OnDataChange(change)), ..v1::MxEvent::default() };
    let received = SystemTime::UNIX_EPOCH;
    let records = stream_item::records(&[message.encode_to_vec().into()], received);
    let range = records.ranges().next().unwrap();
    Event {
        sequence,
        family: EventFamily::DataChange,
        item: ItemKey { server_handle: 1, item_handle: 2 },
        received,
        payload: Payload::part(&records.memory, range).unwrap(),
    }
}

async fn next(feed: &mut Box<dyn Feed>) -> Option<FeedItem> {
    tokio::time::timeout(LIMIT, feed.next()).await.expect("a feed says nothing, not even that it is there")
}

/// First and last sequence.
async fn events(feed: &mut Box<dyn Feed>) -> (u64, u64) {
    match next(feed).await {
        Some(FeedItem::Events(batch)) => (batch.events[0].sequence, batch.events.last().unwrap().sequence),
        other => panic!("{other:?} instead of events"),
    }
}

async fn begins(feed: &mut Box<dyn Feed>) -> (u64, Option<u64>) {
    match next(feed).await {
        Some(FeedItem::Start { position, missing, .. }) => {
            assert_eq!(position.epoch, EPOCH);
            (position.sequence, missing.map(|hole| hole.count))
        }
        other => panic!("{other:?} instead of the start"),
    }
}

fn skipped(from: u64, to: u64) -> Option<FeedItem> {
    Some(FeedItem::Missing(missing(from, to, "skipped")))
}

#[tokio::test]
async fn a_page_gets_the_last_few_and_then_what_comes() {
    let mut world = World::new().await;
    world.publish(1..=200);
    world.look();
    let mut feed = world.feed(None);
    assert_eq!(begins(&mut feed).await, (150, None));
    assert_eq!(events(&mut feed).await, (151, 200));
    world.publish(201..=210);
    world.look();
    assert_eq!(events(&mut feed).await, (201, 210));
    // Nothing comes: it says so.
    let position = Position { epoch: EPOCH, sequence: 210 };
    assert_eq!(next(&mut feed).await, Some(FeedItem::Bookmark(position)));
}

#[tokio::test]
async fn of_more_than_a_page_can_show_the_newest_come_and_the_rest_is_told() {
    let mut world = World::new().await;
    world.look();
    let mut feed = world.feed(None);
    assert_eq!(begins(&mut feed).await, (0, None));
    world.publish(1..=1_000);
    world.look();
    assert_eq!(next(&mut feed).await, skipped(1, 960));
    assert_eq!(events(&mut feed).await, (961, 1_000));
    // Also more than is retained.
    world.publish(1_001..=9_000);
    world.look();
    assert_eq!(next(&mut feed).await, skipped(1_001, 8_960));
    assert_eq!(events(&mut feed).await, (8_961, 9_000));
}

#[tokio::test]
async fn losses_at_the_worker_are_told_as_such() {
    let world = World::new().await;
    world.publish(1..=3);
    world.sink.publish_loss(5);
    world.publish(6..=7);
    let mut feed = world.feed(None);
    begins(&mut feed).await;
    assert_eq!(events(&mut feed).await, (1, 3));
    assert_eq!(next(&mut feed).await, Some(FeedItem::Missing(missing(4, 5, "journal_overflow"))));
    assert_eq!(events(&mut feed).await, (6, 7));
}

#[tokio::test]
async fn who_comes_back_goes_on_where_it_was_and_hears_of_what_is_gone() {
    let mut world = World::new().await;
    world.publish(1..=3_000);
    world.look();
    let mut feed = world.feed(Some(2_990));
    assert_eq!(begins(&mut feed).await, (2_990, None));
    assert_eq!(events(&mut feed).await, (2_991, 3_000));

    // 1024 are retained.
    let mut late = world.feed(Some(1_000));
    assert_eq!(begins(&mut late).await, (1_976, Some(976)));
    assert_eq!(next(&mut late).await, skipped(1_977, 2_500));
    assert_eq!(events(&mut late).await, (2_501, 3_000));

    let mut other = world.feeds.feed(&world.session, Some(Position { epoch: 1, sequence: 7 })).unwrap();
    let Some(FeedItem::Start { missing: Some(hole), .. }) = next(&mut other).await else { panic!("no hole") };
    assert_eq!(hole.reason, "epoch_changed");
}

#[tokio::test]
async fn a_page_that_does_not_read_misses_some_and_holds_nobody_up() {
    let mut world = World::new().await;
    let (mut slow, mut quick) = (world.feed(None), world.feed(None));
    begins(&mut slow).await;
    begins(&mut quick).await;
    for number in 1..=40 {
        world.publish([number]);
        world.look();
        assert_eq!(events(&mut quick).await, (number, number));
    }
    // What waited for it is there, what was before it is told.
    assert_eq!(next(&mut slow).await, skipped(1, 24));
    assert_eq!(events(&mut slow).await, (25, 25));
}

#[tokio::test]
async fn the_gateways_reader_is_there_without_anybody_and_is_no_client() {
    let mut world = World::new().await;
    world.look();
    world.publish(1..=5_000);
    world.look();
    let status = world.session.status();
    let [(reader, _)] = status.subscribers.as_slice() else { panic!("{:?}", status.subscribers) };
    assert_eq!((reader.kind, reader.lag), (SubscriberKind::Internal, 0));
    assert_eq!(status.retained_events, 1_024);
    assert_eq!(world.feeds.0.live.lock().len(), 0);
}

#[tokio::test]
async fn the_end_is_told_with_its_reason_also_to_who_comes_later() {
    let mut world = World::new().await;
    world.look();
    let mut feed = world.feed(None);
    begins(&mut feed).await;
    world.publish(1..=2);
    world.session.close(CloseReason::Administrator).await;
    world.look();
    assert_eq!(events(&mut feed).await, (1, 2));
    let end = Some(FeedItem::End { reason: "administrator".to_owned() });
    assert_eq!(next(&mut feed).await, end);
    assert_eq!(next(&mut feed).await, None);

    let mut late = world.feed(None);
    assert_eq!(begins(&mut late).await, (2, None));
    assert_eq!(next(&mut late).await, end);
    drop((feed, late));
    world.look();
    assert!(world.readers.is_empty() && world.feeds.0.live.lock().is_empty(), "it is remembered for ever");
}

#[tokio::test]
async fn a_fault_is_told_in_full() {
    let mut world = World::new().await;
    let mut feed = world.feed(None);
    begins(&mut feed).await;
    world.look();
    world.sink.fail(Fault::WorkerExited("exit code 3".to_owned()));
    world.look();
    let Some(FeedItem::End { reason }) = next(&mut feed).await else { panic!("no end") };
    assert!(reason.contains("exit code 3"), "{reason}");
}

#[tokio::test]
async fn values_are_shown_only_where_they_may_be() {
    for show_values in [false, true] {
        let world = World::showing(show_values).await;
        world.publish([1]);
        let mut feed = world.feed(None);
        begins(&mut feed).await;
        let Some(FeedItem::Events(batch)) = next(&mut feed).await else { panic!("no events") };
        let event = &batch.events[0];
        assert_eq!((event.quality, event.family.as_str()), (Some(192), "data_change"));
        assert_eq!(event.value.as_deref(), show_values.then_some("7"));
    }
}
