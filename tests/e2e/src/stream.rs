//! An event stream through the bare generated client, recorded.

use std::collections::VecDeque;

use mxgateway_contracts::v1::stream_item::Control;
use mxgateway_contracts::v1::{
    EventFamily, EventGap, MxEvent, StreamEnd, StreamEventsRequest, StreamItem, StreamPosition, StreamStart,
};
use tonic::{Status, Streaming};

use crate::recording::{Recording, Seen, SeenEvent};
use crate::{KeyedClient, promises, within};

/// One thing a stream brought.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// An event.
    Event(Box<MxEvent>),
    /// A gap.
    Gap(EventGap),
    /// A bookmark.
    Bookmark(StreamPosition),
    /// The end item.
    End(StreamEnd),
}

/// A stream that was begun. When it is dropped, its log is checked for every promise.
#[derive(Debug)]
pub struct TestStream {
    items: Streaming<StreamItem>,
    /// The first item.
    pub start: StreamStart,
    log: Recording,
    /// How the gateway ended it.
    status: Option<Result<(), Status>>,
    /// Read and not yet asked for.
    waiting: VecDeque<Item>,
}

impl TestStream {
    /// Begins a stream and reads its first item.
    pub async fn begin(client: KeyedClient, request: StreamEventsRequest) -> Result<Self, Status> {
        Self::record(client, request, Recording::new("stream")).await
    }

    /// The same, as the next connection of the client whose log this is.
    pub async fn record(
        mut client: KeyedClient,
        request: StreamEventsRequest,
        mut log: Recording,
    ) -> Result<Self, Status> {
        log.add(Seen::Asked(request.clone()));
        let mut items = within("a stream begins", client.stream_events(request)).await?.into_inner();
        let first = within("the first item", items.message()).await?;
        let Some(StreamItem { control: Some(Control::Start(start)), events }) = first else {
            panic!("a stream begins with {first:?}");
        };
        assert!(events.is_empty(), "events and a control item in one");
        log.add(Seen::Start(start));
        Ok(Self { items, start, log, status: None, waiting: VecDeque::new() })
    }

    /// What was seen so far.
    pub fn log(&self) -> &Recording {
        &self.log
    }

    /// Where it stands.
    pub fn position(&self) -> StreamPosition {
        self.log.position().expect("a stream that began has a position")
    }

    /// Goes away without a word to the gateway; gives the log, to go on with.
    pub fn leave(mut self) -> Recording {
        self.log.add(Seen::Disconnected("by the test".to_owned()));
        self.log.clone()
    }

    /// The next item; `None` when the gateway has ended the stream.
    pub async fn next(&mut self) -> Option<Item> {
        while self.waiting.is_empty() && self.status.is_none() {
            let answer = tokio::time::timeout(crate::LIMIT, self.items.message()).await;
            match answer {
                Ok(Ok(Some(item))) => self.take(item),
                Ok(Ok(None)) => self.ended(Ok(())),
                Ok(Err(status)) => self.ended(Err(status)),
                Err(_) => panic!("waited in vain for an item after {:?}", self.position()),
            }
        }
        self.waiting.pop_front()
    }

    /// The next event; bookmarks are passed over.
    pub async fn event(&mut self) -> MxEvent {
        loop {
            match self.next().await {
                Some(Item::Event(event)) => return *event,
                Some(Item::Bookmark(_)) => {}
                other => panic!("{other:?} ({:?}) instead of an event", self.status),
            }
        }
    }

    /// The next event of a family for an item.
    pub async fn event_of(&mut self, family: EventFamily, item_handle: i32) -> MxEvent {
        loop {
            let event = self.event().await;
            if event.family() == family && event.item_handle == item_handle {
                return event;
            }
        }
    }

    /// This many events.
    pub async fn events(&mut self, count: usize) -> Vec<MxEvent> {
        let mut events = Vec::with_capacity(count);
        while events.len() < count {
            events.push(self.event().await);
        }
        events
    }

    /// The next bookmark; what comes before it is passed over.
    pub async fn bookmark(&mut self) -> StreamPosition {
        loop {
            match self.next().await {
                Some(Item::Bookmark(position)) => return position,
                Some(Item::Event(_) | Item::Gap(_)) => {}
                other => panic!("{other:?} ({:?}) instead of a bookmark", self.status),
            }
        }
    }

    /// Reads until it stands at this sequence or after it; gaps are in order.
    pub async fn read_to(&mut self, sequence: u64) {
        while self.position().sequence < sequence || !self.waiting.is_empty() {
            let item = self.next().await;
            assert!(
                !matches!(item, None | Some(Item::End(_))),
                "{item:?} ({:?}) before {sequence}",
                self.status
            );
        }
    }

    /// Reads to the end: the events, the end item, and the status.
    pub async fn end(mut self) -> (Vec<MxEvent>, Option<StreamEnd>, Result<(), Status>) {
        let (mut events, mut end) = (Vec::new(), None);
        while let Some(item) = self.next().await {
            match item {
                Item::Event(event) => events.push(*event),
                Item::End(item) => end = Some(item),
                Item::Gap(_) | Item::Bookmark(_) => {}
            }
        }
        let status = self.status.clone().expect("a stream that ended has a status");
        (events, end, status)
    }

    fn ended(&mut self, status: Result<(), Status>) {
        self.log.add(Seen::Disconnected(format!("{status:?}")));
        self.status = Some(status);
    }

    fn take(&mut self, item: StreamItem) {
        assert!(item.events.is_empty() || item.control.is_none(), "events and a control item in one");
        for event in item.events {
            assert!(event.gateway_receive_time.is_some(), "{event:?} has no receive time");
            self.log.add(Seen::Event(SeenEvent::from(&event)));
            self.waiting.push_back(Item::Event(Box::new(event)));
        }
        match item.control {
            Some(Control::Start(start)) => self.log.add(Seen::Start(start)),
            Some(Control::Gap(gap)) => {
                self.log.add(Seen::Gap(gap));
                self.waiting.push_back(Item::Gap(gap));
            }
            Some(Control::Bookmark(bookmark)) => {
                let position = bookmark.position.expect("a bookmark has a position");
                self.log.add(Seen::Bookmark(position));
                self.waiting.push_back(Item::Bookmark(position));
            }
            Some(Control::End(end)) => {
                self.log.add(Seen::End(end.clone()));
                self.waiting.push_back(Item::End(end));
            }
            None => {}
        }
    }
}

impl Drop for TestStream {
    fn drop(&mut self) {
        check_at_the_end(&self.log);
    }
}

/// Checks a log when its stream is dropped; in a test that fails anyway it is kept and judged in words.
#[expect(clippy::print_stderr, reason = "a second panic would hide the first")]
pub(crate) fn check_at_the_end(log: &Recording) {
    if !std::thread::panicking() {
        return promises::assert_all_kept(log);
    }
    log.keep();
    if let Err(broken) = promises::all(log) {
        eprintln!("{broken}");
    }
}
