//! A gateway with a galaxy of the test's own, and a session in it.

use std::collections::HashMap;
use std::fmt::Write as _;

use mxgateway_client::{Client, OpenOptions, SessionClient};
use mxgateway_contracts::v1::{
    EventFamily, ItemReference, MxEvent, MxValue, OnDataChange, ReadResult, StreamEventsRequest, WriteEntry,
    mx_event::Body,
};
use mxgateway_e2e::{Gateway, TestStream, client_options, within};
use prost::Message;
use tempfile::TempDir;

/// How often the simulator looks for changes, in milliseconds.
const SCAN_MS: u32 = 5;
pub(super) const GOOD: i32 = 192;

/// See the module's documentation.
pub(super) struct Lab {
    pub(super) session: SessionClient,
    pub(super) server: i32,
    pub(super) stream: TestStream,
    _gateway: Gateway,
    _galaxy: TempDir,
}

/// What a write brought: its detail, and what came as a data change, if anything did.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcome {
    pub(super) details: Vec<i32>,
    pub(super) changes: Vec<OnDataChange>,
}

/// An object of a galaxy file, with attributes as they stand there.
pub(super) fn object(name: &str, attributes: impl IntoIterator<Item = (String, String)>) -> String {
    let mut text = format!("[[object]]\nname = \"{name}\"\nscan_ms = {SCAN_MS}\n[object.attributes]\n");
    for (name, attribute) in attributes {
        writeln!(text, "{name} = {{ {attribute} }}").unwrap();
    }
    text
}

impl Lab {
    /// With these objects.
    pub(super) async fn start(objects: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("galaxy.toml");
        std::fs::write(&path, format!("[galaxy]\nname = \"Lab\"\n{objects}")).unwrap();
        let config = format!("[simulator]\ngalaxy_path = {:?}\n", path.to_str().unwrap());
        let gateway = Gateway::start_as(&config).await;
        let options = client_options(gateway.endpoint());
        let session = Client::connect(options).unwrap().open_session(OpenOptions::default()).await.unwrap();
        let request = StreamEventsRequest { session_id: session.id().to_owned(), ..Default::default() };
        let stream = TestStream::begin(gateway.client().await, request).await.unwrap();
        let server = session.register("values").await.unwrap();
        Self { session, server, stream, _gateway: gateway, _galaxy: folder }
    }

    /// Adds and advises an item; gives its first value too.
    pub(super) async fn advise(&mut self, tag: &str) -> (ItemReference, OnDataChange) {
        let item = self.session.add_item(self.server, tag).await.unwrap();
        (item, self.first(item).await)
    }

    /// The same with a name relative to an object.
    pub(super) async fn advise_within(&mut self, object: &str, name: &str) -> (ItemReference, OnDataChange) {
        let item = self.session.add_item2(self.server, name, object).await.unwrap();
        (item, self.first(item).await)
    }

    async fn first(&mut self, item: ItemReference) -> OnDataChange {
        self.session.advise(item).await.unwrap();
        let event = self.stream.event_of(EventFamily::OnDataChange, item.item_handle);
        change(within("a first value", event).await)
    }

    /// The next event; bookmarks alone are not waited for for ever.
    pub(super) async fn event(&mut self) -> MxEvent {
        within("an event", self.stream.event()).await
    }

    /// Reads events until each of these items has this many completions, and a change for each of them that
    /// was a success; others go to `beside`.
    pub(super) async fn outcomes(
        &mut self,
        writes: &HashMap<i32, usize>,
        mut beside: impl FnMut(MxEvent),
    ) -> HashMap<i32, Outcome> {
        let mut outcomes: HashMap<i32, Outcome> = HashMap::new();
        let is_done = |outcomes: &HashMap<i32, Outcome>| {
            writes.iter().all(|(item, count)| {
                outcomes.get(item).is_some_and(|outcome| {
                    let successes = outcome.details.iter().filter(|detail| **detail == 0).count();
                    outcome.details.len() == *count && outcome.changes.len() >= successes
                })
            })
        };
        let mut events = 0_usize;
        // Looking through all of them at each event would take long.
        while events < writes.len() || !is_done(&outcomes) {
            let event = self.event().await;
            events += 1;
            let outcome = writes.contains_key(&event.item_handle).then_some(event.item_handle);
            let outcome = outcome.map(|item| outcomes.entry(item).or_default());
            match (event.family(), outcome) {
                (EventFamily::OnDataChange, Some(outcome)) => outcome.changes.push(change(event)),
                (EventFamily::OnWriteComplete, Some(outcome)) => {
                    outcome.details.push(event.statuses[0].detail);
                }
                (_, _) => beside(event),
            }
        }
        outcomes
    }

    /// Writes one value and waits for what it brings.
    pub(super) async fn write(&mut self, item: ItemReference, value: MxValue) -> Outcome {
        self.session.write(item, value, 0).await.unwrap();
        self.outcome(item).await
    }

    /// What a write that was just made brings.
    pub(super) async fn outcome(&mut self, item: ItemReference) -> Outcome {
        let writes = HashMap::from([(item.item_handle, 1)]);
        self.outcomes(&writes, drop).await.remove(&item.item_handle).unwrap()
    }

    /// Writes a value to each item, all at once; gives what each brought, in the same order.
    pub(super) async fn write_all(&mut self, values: Vec<(ItemReference, MxValue)>) -> Vec<Outcome> {
        let items: Vec<_> = values.iter().map(|(item, _)| item.item_handle).collect();
        let entries = values.into_iter().map(|(item, value)| WriteEntry {
            item_handle: item.item_handle,
            value: Some(value),
            user_id: 0,
        });
        let rows = self.session.write_bulk(self.server, entries.collect()).await.unwrap();
        assert!(rows.iter().all(|row| row.was_successful), "{rows:?}");
        let writes = items.iter().map(|item| (*item, 1)).collect();
        let outcomes = self.outcomes(&writes, drop).await;
        items.iter().map(|item| outcomes[item].clone()).collect()
    }

    /// ReadBulk.
    pub(super) async fn read(&self, tags: impl IntoIterator<Item = impl Into<String>>) -> Vec<ReadResult> {
        self.session.read_bulk(self.server, tags, std::time::Duration::ZERO).await.unwrap()
    }

    /// ReadBulk of one tag, which must succeed.
    pub(super) async fn read_one(&self, tag: &str) -> MxValue {
        let rows = self.read([tag]).await;
        assert!(rows[0].was_successful, "{rows:?}");
        rows[0].data.clone().unwrap().value.unwrap()
    }
}

/// The data change of an event of that family.
pub(super) fn change(event: MxEvent) -> OnDataChange {
    assert_eq!(event.statuses.len(), 1, "{event:?}");
    assert_ne!(event.statuses[0].success, 0, "{event:?}");
    match event.body {
        Some(Body::OnDataChange(change)) => change,
        body => panic!("{body:?} instead of a data change"),
    }
}

/// Equal to the bit; a NaN is not equal to itself otherwise.
pub(super) fn is_same(one: &MxValue, other: &MxValue) -> bool {
    one.encode_to_vec() == other.encode_to_vec()
}

#[track_caller]
pub(super) fn assert_same(found: &MxValue, expected: &MxValue, what: &str) {
    assert!(is_same(found, expected), "{what}:\n   found {found:?}\nexpected {expected:?}");
}
