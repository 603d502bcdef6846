//! A recorded event stream and the promises that hold for every one of them.

use mxgateway_contracts::v1::stream_item::Control;
use mxgateway_contracts::v1::{
    EventFamily, MxEvent, StreamEnd, StreamEventsRequest, StreamItem, StreamPosition, StreamStart,
};
use mxgateway_contracts::v1_client::mx_gateway_client::MxGatewayClient;
use tonic::transport::Channel;
use tonic::{Status, Streaming};

use crate::within;

/// A stream that was begun. Checks while it reads that it is ordered, unique and without a silent hole.
#[derive(Debug)]
pub struct TestStream {
    items: Streaming<StreamItem>,
    /// The first item.
    pub start: StreamStart,
    last: u64,
    filtered: bool,
    /// Events read and not yet asked for.
    waiting: std::collections::VecDeque<MxEvent>,
}

impl TestStream {
    /// Begins a stream and reads its first item.
    pub async fn begin(
        mut client: MxGatewayClient<Channel>,
        request: StreamEventsRequest,
    ) -> Result<Self, Status> {
        let filtered = request.filter.is_some();
        let mut items = within("a stream begins", client.stream_events(request)).await?.into_inner();
        let first = within("the first item", items.message()).await?;
        let Some(StreamItem { control: Some(Control::Start(start)), .. }) = first else {
            panic!("a stream begins with {first:?}");
        };
        let last = start.after_sequence;
        Ok(Self { items, start, last, filtered, waiting: Default::default() })
    }

    /// Where it stands.
    pub fn position(&self) -> StreamPosition {
        StreamPosition { epoch: self.start.epoch, sequence: self.last }
    }

    /// The next event; bookmarks are passed over.
    pub async fn event(&mut self) -> MxEvent {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return event;
            }
            let item = within("an event", self.items.message()).await.expect("the stream goes on");
            let item = item.expect("the stream goes on");
            assert!(!matches!(item.control, Some(Control::End(_) | Control::Gap(_))), "{:?}", item.control);
            self.take(item);
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

    /// Reads to the end: the events, the end item, and the status.
    pub async fn end(mut self) -> (Vec<MxEvent>, Option<StreamEnd>, Result<(), Status>) {
        let mut end = None;
        let status = loop {
            match within("the stream ends", self.items.message()).await {
                Ok(Some(item)) => {
                    assert!(end.is_none(), "{item:?} after the end");
                    if let Some(Control::End(last)) = &item.control {
                        end = Some(last.clone());
                    }
                    self.take(item);
                }
                Ok(None) => break Ok(()),
                Err(status) => break Err(status),
            }
        };
        (self.waiting.into(), end, status)
    }

    fn take(&mut self, item: StreamItem) {
        assert!(item.events.is_empty() || item.control.is_none(), "events and a control item in one");
        for event in item.events {
            let sequence = event.worker_sequence;
            assert!(sequence > self.last, "event {sequence} after {}", self.last);
            assert!(
                self.filtered || sequence == self.last + 1,
                "event {sequence} after {} without a gap",
                self.last
            );
            assert!(event.gateway_receive_time.is_some(), "event {sequence} has no receive time");
            self.last = sequence;
            self.waiting.push_back(event);
        }
        match item.control {
            Some(Control::Bookmark(bookmark)) => {
                assert_eq!(bookmark.position, Some(self.position()), "a bookmark overtook events");
            }
            Some(Control::Gap(gap)) => self.last = gap.to_sequence,
            Some(Control::Start(_)) => panic!("a second start"),
            Some(Control::End(_)) | None => {}
        }
    }
}
