//! A session's events as one stream over any number of connections.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use async_stream::stream;
use futures_util::{Stream, StreamExt};
use mxgateway_contracts::v1::stream_item::Control;
use mxgateway_contracts::v1::{
    EventFilter, EventGap, MxEvent, SlowReaderPolicy, SnapshotMode, StreamEnd, StreamEventsRequest,
    StreamItem, StreamPosition, StreamStart,
};
use tonic::codec::Streaming;

use crate::connection::Client;
use crate::cursor::{Cursor, ProtocolViolation};
use crate::error::ClientError;
use crate::reconnect::{ReconnectPolicy, Reconnector, Step, dice};

/// What to stream and how.
#[derive(Clone, Debug, Default)]
pub struct EventOptions {
    /// Continue after this position; `None` for what comes from now on.
    pub resume: Option<StreamPosition>,
    /// Whether the last event of each advised item is sent first.
    pub snapshot: SnapshotMode,
    /// Which events; `None` for all.
    pub filter: Option<EventFilter>,
    /// What the gateway does when this stream is not read fast enough.
    pub slow_reader: SlowReaderPolicy,
    /// What happens when the connection is lost.
    pub reconnect: ReconnectPolicy,
}

/// What a stream tells its reader.
#[derive(Debug)]
pub enum StreamUpdate {
    /// The stream runs, for the first time or again. With a `replay_gap` events are missing.
    Started(StreamStart),
    /// An event, in worker order and never twice (except those marked as retained).
    Event(Box<MxEvent>),
    /// Events that will not come.
    Gap(EventGap),
    /// Nothing to report; the position is up to date.
    Bookmark(StreamPosition),
    /// The connection was lost; the stream comes back by itself at the last position.
    Disconnected {
        /// What happened.
        error: ClientError,
        /// When the next attempt is made.
        retry_in: Duration,
    },
    /// The gateway ended the stream for good; nothing follows.
    Ended(StreamEnd),
}

type Updates =
    Pin<Box<dyn Stream<Item = (Option<StreamPosition>, Result<StreamUpdate, ClientError>)> + Send>>;

/// A session's events. Reconnects and resumes by itself; ends after [`StreamUpdate::Ended`] or an error.
///
/// Reading is what keeps it going: a stream that is not read is cut by the gateway as too slow. Waiting
/// for an update may be given up at any time without losing anything.
pub struct EventStream {
    updates: Updates,
    position: Option<StreamPosition>,
}

impl fmt::Debug for EventStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("EventStream").field("position", &self.position).finish_non_exhaustive()
    }
}

impl EventStream {
    pub(crate) fn new(client: Client, session_id: String, options: EventOptions) -> Self {
        let position = options.resume;
        Self { updates: Box::pin(updates(client, session_id, options)), position }
    }

    /// The next update; `None` after the end.
    pub async fn next(&mut self) -> Option<Result<StreamUpdate, ClientError>> {
        StreamExt::next(self).await
    }

    /// Everything up to here was seen. May be stored, and given as [`EventOptions::resume`] later.
    pub fn position(&self) -> Option<StreamPosition> {
        self.position
    }
}

impl Stream for EventStream {
    type Item = Result<StreamUpdate, ClientError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.updates.as_mut().poll_next(context).map(|next| {
            next.map(|(position, update)| {
                self.position = position;
                update
            })
        })
    }
}

fn updates(
    client: Client,
    session_id: String,
    options: EventOptions,
) -> impl Stream<Item = (Option<StreamPosition>, Result<StreamUpdate, ClientError>)> + Send {
    stream! {
        let mut cursor = Cursor::new(options.resume, options.snapshot);
        let mut reconnector = Reconnector::new(options.reconnect);
        loop {
            let (resume, snapshot) = cursor.connect();
            let request = StreamEventsRequest {
                session_id: session_id.clone(),
                resume,
                snapshot: snapshot.into(),
                filter: options.filter.clone(),
                slow_reader_policy: options.slow_reader.into(),
            };
            let error = 'connection: {
                let mut items = match start(&client, request, &mut cursor).await {
                    Ok((start, items)) => {
                        reconnector.connected(Instant::now());
                        yield (cursor.position(), Ok(StreamUpdate::Started(start)));
                        items
                    }
                    Err(error) => break 'connection error,
                };
                loop {
                    let item = match items.message().await {
                        Ok(Some(item)) => item,
                        // Ended without an end item: not by the gateway's will.
                        Ok(None) => break 'connection cut(),
                        Err(status) => break 'connection client.error(status),
                    };
                    for event in item.events {
                        if let Err(violation) = cursor.event(&event) {
                            break 'connection violation.into();
                        }
                        yield (cursor.position(), Ok(StreamUpdate::Event(Box::new(event))));
                    }
                    match item.control.map(|control| apply(control, &mut cursor)) {
                        // A control item newer than this build.
                        None => {}
                        Some(Ok(update)) => yield (cursor.position(), Ok(update)),
                        Some(Err(error)) => break 'connection error,
                    }
                }
            };
            match (reconnector.failed(&error, Instant::now(), dice()), error) {
                (Step::Retry(retry_in), error) => {
                    tracing::debug!(session_id, error = %error, ?retry_in, "Event stream was lost");
                    yield (cursor.position(), Ok(StreamUpdate::Disconnected { error, retry_in }));
                    tokio::time::sleep(retry_in).await;
                }
                (Step::Stop, ClientError::StreamEnded(end)) => {
                    yield (cursor.position(), Ok(StreamUpdate::Ended(*end)));
                    return;
                }
                (Step::Stop, error) => {
                    yield (cursor.position(), Err(error));
                    return;
                }
            }
        }
    }
}

/// Connects and reads the start item.
async fn start(
    client: &Client,
    request: StreamEventsRequest,
    cursor: &mut Cursor,
) -> Result<(StreamStart, Streaming<StreamItem>), ClientError> {
    let limit = client.options().call_timeout;
    let mut items = client.stream_events(request).await?;
    let first = tokio::time::timeout(limit, items.message())
        .await
        .map_err(|_| ClientError::Deadline { call: "StreamEvents", limit })?
        .map_err(|status| client.error(status))?
        .ok_or_else(cut)?;
    match first.control {
        Some(Control::Start(start)) if first.events.is_empty() => {
            cursor.start(&start)?;
            Ok((start, items))
        }
        Some(Control::End(end)) => Err(ClientError::StreamEnded(Box::new(end))),
        Some(Control::Start(_) | Control::Gap(_) | Control::Bookmark(_)) | None => {
            Err(ProtocolViolation::MisplacedStart.into())
        }
    }
}

fn apply(control: Control, cursor: &mut Cursor) -> Result<StreamUpdate, ClientError> {
    match control {
        Control::Start(_) => Err(ProtocolViolation::MisplacedStart.into()),
        Control::Gap(gap) => {
            cursor.gap(&gap)?;
            Ok(StreamUpdate::Gap(gap))
        }
        Control::Bookmark(bookmark) => {
            cursor.bookmark(&bookmark)?;
            Ok(StreamUpdate::Bookmark(bookmark.position.unwrap_or_default()))
        }
        Control::End(end) => Err(ClientError::StreamEnded(Box::new(end))),
    }
}

fn cut() -> ClientError {
    ClientError::Gateway(Box::new(crate::GatewayError {
        status: tonic::Code::Unavailable,
        code: None,
        message: "event stream was cut without an end item".to_owned(),
        retry_after: None,
    }))
}
