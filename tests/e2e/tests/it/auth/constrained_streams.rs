//! A key that is good for some tags only sees every event of those, and none of any other.

use std::collections::BTreeMap;
use std::time::Duration;

use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::mx_command_reply::Payload as ReplyPayload;
use mxgateway_contracts::v1::mx_event::Body;
use mxgateway_contracts::v1::mx_value::Kind;
use mxgateway_contracts::v1::{
    AddItemCommand, AdviseCommand, EventFilter, MxEvent, RemoveItemCommand, SnapshotMode,
    StreamEventsRequest, SubscribeBulkCommand, UnAdviseCommand, UnsubscribeBulkCommand,
};
use mxgateway_e2e::{ALL_SCOPES, Gateway, Item, Random, TestSession, TestStream, within};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Tags of each kind.
const TAGS: usize = 20;

/// A gateway with objects Own_001 and Foreign_001, whose texts say whose they are and change all the time.
async fn gateway() -> (TempDir, Gateway) {
    let folder = tempfile::tempdir().unwrap();
    let mut galaxy = "[galaxy]\nname = \"Two\"\n[[area]]\nname = \"All\"\n".to_owned();
    for whose in ["Own", "Foreign"] {
        galaxy += &format!(
            "[[object]]\nname = \"{whose}_001\"\narea = \"All\"\nscan_ms = 10\n[object.attributes]\n"
        );
        for number in 0..TAGS {
            galaxy += &format!(
                "Text{number} = {{ type = \"string\", source = {{ kind = \"text_cycle\", texts = [\"{whose} a\", \
                 \"{whose} b\"], step_ms = 10 }} }}\n"
            );
        }
    }
    let path = folder.path().join("two.toml");
    std::fs::write(&path, galaxy).unwrap();
    let config = format!(
        "[sessions]\nallow_multiple_event_subscribers = true\n[events]\n\
         replay_buffer_capacity = 500000\nreplay_buffer_bytes = 268435456\n[simulator]\ngalaxy_path = {path:?}\n"
    );
    (folder, Gateway::start_as(&config).await)
}

fn tag(whose: &str, number: usize) -> String {
    format!("{whose}_001.Text{number}")
}

/// What a reader saw.
#[derive(Debug, Default)]
struct Seen {
    from: u64,
    /// Each event's item and whether it is an own one, by the sequence.
    events: BTreeMap<u64, (i32, bool)>,
}

impl Seen {
    fn add(&mut self, event: &MxEvent) {
        self.events.insert(event.worker_sequence, (event.item_handle, is_own(event)));
    }
}

/// A reader on a task of its own.
struct Reader {
    until: watch::Sender<u64>,
    task: JoinHandle<Seen>,
}

fn is_own(event: &MxEvent) -> bool {
    let value = match &event.body {
        Some(Body::OnDataChange(change)) => change.value.as_ref().and_then(|value| value.kind.as_ref()),
        other => panic!("{other:?} where only values change"),
    };
    match value {
        Some(Kind::StringValue(text)) if text.starts_with("Own ") => true,
        Some(Kind::StringValue(text)) if text.starts_with("Foreign ") => false,
        other => panic!("{other:?} is nobody's value"),
    }
}

impl Reader {
    fn of(mut stream: TestStream) -> Self {
        let (until, mut wanted) = watch::channel(u64::MAX);
        let task = tokio::spawn(async move {
            let mut seen = Seen { from: stream.start.after_sequence, events: BTreeMap::new() };
            while stream.position().sequence < *wanted.borrow_and_update() {
                tokio::select! {
                    item = stream.next() => match item {
                        Some(Item::Event(event)) => {
                            seen.add(&event);
                        }
                        Some(Item::Bookmark(_)) => {}
                        other => panic!("{other:?} on a stream that was to go on"),
                    },
                    changed = wanted.changed() => changed.unwrap(),
                }
            }
            // Read with the last one.
            while let Ok(Some(item)) = tokio::time::timeout(Duration::ZERO, stream.next()).await {
                if let Item::Event(event) = item {
                    seen.add(&event);
                }
            }
            seen
        });
        Self { until, task }
    }

    /// All it saw, which goes at least this far.
    async fn stop_at(self, sequence: u64) -> Seen {
        self.until.send_replace(sequence);
        within("a reader gets there", self.task).await.unwrap()
    }
}

/// The request of a stream; a filter that lets everything pass tells the log that holes are none.
fn everything_allowed() -> StreamEventsRequest {
    StreamEventsRequest { filter: Some(EventFilter::default()), ..StreamEventsRequest::default() }
}

async fn subscribe(session: &TestSession, server_handle: i32, tags: Vec<String>) -> Vec<i32> {
    let subscribe = SubscribeBulkCommand { server_handle, tag_addresses: tags, supervisory: false };
    let reply = session.reply(Payload::SubscribeBulk(subscribe)).await;
    let Some(ReplyPayload::SubscribeBulk(rows)) = reply.payload else { panic!("{reply:?}") };
    rows.results.iter().inspect(|row| assert_eq!(row.hresult, 0)).map(|row| row.item_handle).collect()
}

/// Items come and go in every way there is: in bulk and one by one, of both kinds, through both keys' handles.
async fn churn(session: &TestSession, server_handle: i32, random: &mut Random) {
    let mut there: Vec<i32> = Vec::new();
    for _ in 0..250 {
        let tags = (0..1 + random.below(8)).map(|_| {
            let whose = if random.below(2) == 0 { "Own" } else { "Foreign" };
            tag(whose, usize::try_from(random.below(TAGS as u64)).unwrap())
        });
        let tags: Vec<String> = tags.collect();
        if random.below(3) == 0 {
            for item_definition in tags {
                let add = Payload::AddItem(AddItemCommand { server_handle, item_definition });
                let reply = session.reply(add).await;
                let Some(ReplyPayload::AddItem(added)) = reply.payload else { panic!("{reply:?}") };
                session.advise(server_handle, added.item_handle).await;
                there.push(added.item_handle);
            }
        } else {
            there.extend(subscribe(session, server_handle, tags).await);
        }
        while there.len() > 40 {
            let at = usize::try_from(random.below(there.len() as u64)).unwrap();
            let item_handle = there.swap_remove(at);
            let payload = match random.below(3) {
                0 => Payload::RemoveItem(RemoveItemCommand { server_handle, item_handle }),
                1 => {
                    let un_advise = UnAdviseCommand { server_handle, item_handle };
                    session.reply(Payload::UnAdvise(un_advise)).await;
                    if random.below(2) == 0 {
                        there.push(item_handle);
                        Payload::Advise(AdviseCommand { server_handle, item_handle })
                    } else {
                        Payload::RemoveItem(RemoveItemCommand { server_handle, item_handle })
                    }
                }
                _ => Payload::UnsubscribeBulk(UnsubscribeBulkCommand {
                    server_handle,
                    item_handles: vec![item_handle],
                }),
            };
            assert_eq!(session.reply(payload).await.hresult, 0);
        }
    }
    let remove = UnsubscribeBulkCommand { server_handle, item_handles: there };
    session.reply(Payload::UnsubscribeBulk(remove)).await;
}

/// No foreign event, and each own one that the unconstrained reader got.
fn compare(constrained: &Seen, all: &Seen, to: u64) {
    if let Some((sequence, _)) = constrained.events.iter().find(|(_, (_, own))| !*own) {
        panic!("the constrained key got the foreign event {sequence}");
    }
    let from = constrained.from.max(all.from);
    let own = all.events.values().filter(|(_, own)| *own).count();
    let foreign = all.events.len() - own;
    let missing: Vec<u64> = all
        .events
        .range(from + 1..=to)
        .filter(|(sequence, (_, own))| *own && !constrained.events.contains_key(*sequence))
        .map(|(sequence, _)| *sequence)
        .collect();
    assert!(missing.is_empty(), "{} of {own} own events are missing: {missing:?}", missing.len());
    assert!(own > 1000 && foreign > 1000, "only {own} own and {foreign} foreign events");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_constrained_stream_has_every_own_event_and_no_other_while_items_come_and_go() {
    let mut random = Random::from_environment();
    let (_galaxy, gateway) = gateway().await;
    let key = gateway.create_key(&["--name=Own", "--scopes", ALL_SCOPES, "--read-tag=Own_*"]);
    let session = gateway.session().await;
    let constrained = session.through(gateway.client_with(&key).await);
    let all = Reader::of(session.stream_as("all", StreamEventsRequest::default()).await);
    let own = Reader::of(constrained.stream_as("own", everything_allowed()).await);
    let server_handle = session.register().await;
    churn(&session, server_handle, &mut random).await;

    let newest = session.status().await.events.unwrap().newest_sequence;
    // A last own event, for the constrained reader to come past that.
    subscribe(&session, server_handle, vec![tag("Own", 0)]).await;
    let (all, own) = (all.stop_at(newest + 1).await, own.stop_at(newest + 1).await);
    compare(&own, &all, newest);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_constrained_reader_that_comes_back_gets_what_it_may_see_of_what_was_kept() {
    let mut random = Random::from_environment();
    let (_galaxy, gateway) = gateway().await;
    let key = gateway.create_key(&["--name=Own", "--scopes", ALL_SCOPES, "--read-tag=Own_*"]);
    let session = gateway.session().await;
    let constrained = session.through(gateway.client_with(&key).await);
    let stream = session.stream_as("all", StreamEventsRequest::default()).await;
    let begin = stream.position();
    let all = Reader::of(stream);
    let server_handle = session.register().await;
    churn(&session, server_handle, &mut random).await;
    let newest = session.status().await.events.unwrap().newest_sequence;

    // The items are no more; the events of each are known by what it was.
    let request = StreamEventsRequest { resume: Some(begin), ..everything_allowed() };
    let resumed = constrained.stream_as("own", request).await;
    assert_eq!(resumed.start.replay_gap, None, "the ring is too small for this test");
    let own = Reader::of(resumed);
    let mut with_snapshot = {
        subscribe(&session, server_handle, vec![tag("Own", 0), tag("Foreign", 0)]).await;
        let request = StreamEventsRequest { snapshot: SnapshotMode::Always.into(), ..everything_allowed() };
        constrained.stream_as("snapshot", request).await
    };
    let (all, own) = (all.stop_at(newest + 1).await, own.stop_at(newest + 1).await);
    compare(&own, &all, newest);
    for event in with_snapshot.events(50).await {
        assert!(is_own(&event), "{event:?}");
    }
}
