//! An event stream through the project's own client, which comes back by itself; recorded.

use mxgateway_client::{Client, ClientError, EventOptions, EventStream, StreamUpdate};
use mxgateway_contracts::v1::{StreamEventsRequest, StreamPosition};

use crate::recording::{Recording, Seen, SeenEvent};
use crate::stream::check_at_the_end;
use crate::within;

/// A stream over any number of connections. When it is dropped, its log is checked for every promise.
#[derive(Debug)]
pub struct ClientStream {
    events: EventStream,
    asks: StreamEventsRequest,
    /// A connection is recorded.
    open: bool,
    log: Recording,
}

impl ClientStream {
    /// The events of a session of the gateway (or the proxy) at `endpoint`.
    pub fn new(name: &str, endpoint: String, session_id: String, options: EventOptions) -> Self {
        let asks = StreamEventsRequest {
            session_id: session_id.clone(),
            resume: options.resume,
            snapshot: options.snapshot.into(),
            filter: options.filter.clone(),
            slow_reader_policy: options.slow_reader.into(),
        };
        let client = Client::connect(crate::client_options(endpoint));
        let events = client.expect("an endpoint").session(session_id).events(options);
        Self { events, asks, open: false, log: Recording::new(name) }
    }

    /// What was seen so far.
    pub fn log(&self) -> &Recording {
        &self.log
    }

    /// Where the client says it stands.
    pub fn position(&self) -> Option<StreamPosition> {
        self.events.position()
    }

    /// What comes next; `None` after the end.
    pub async fn next(&mut self) -> Option<Result<StreamUpdate, ClientError>> {
        let update = within("an update", self.events.next()).await?;
        if !self.open {
            self.log.add(Seen::Asked(self.asks.clone()));
            self.open = true;
        }
        match &update {
            Ok(StreamUpdate::Started(start)) => self.log.add(Seen::Start(*start)),
            Ok(StreamUpdate::Event(event)) => self.log.add(Seen::Event(SeenEvent::from(&**event))),
            Ok(StreamUpdate::Gap(gap)) => self.log.add(Seen::Gap(*gap)),
            Ok(StreamUpdate::Bookmark(position)) => self.log.add(Seen::Bookmark(*position)),
            Ok(StreamUpdate::Ended(end)) => self.log.add(Seen::End(end.clone())),
            Ok(StreamUpdate::Disconnected { error, .. }) => self.disconnected(error),
            Err(error) => self.disconnected(error),
        }
        Some(update)
    }

    /// The next update, of a stream that goes on.
    pub async fn update(&mut self) -> StreamUpdate {
        match self.next().await {
            Some(Ok(update)) => update,
            other => panic!("{other:?} on a stream that was to go on"),
        }
    }

    fn disconnected(&mut self, error: &ClientError) {
        self.log.add(Seen::Disconnected(error.to_string()));
        self.open = false;
        self.asks.resume = self.events.position();
    }
}

impl Drop for ClientStream {
    fn drop(&mut self) {
        check_at_the_end(&self.log);
    }
}
