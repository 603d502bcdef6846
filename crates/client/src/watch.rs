//! Following the values of some tags for as long as it is wanted.

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use async_stream::stream;
use futures_util::{Stream, StreamExt, stream as streams};
use mxgateway_contracts::error_code::ErrorCode;
use mxgateway_contracts::v1::{
    EventGap, ItemReference, MxEvent, SnapshotMode, StreamEnd, StreamEndReason, StreamStart,
};
use parking_lot::Mutex;

use crate::connection::Client;
use crate::error::ClientError;
use crate::events::{EventOptions, EventStream, StreamUpdate};
use crate::reconnect::{ReconnectPolicy, Reconnector, Step, dice};
use crate::session::{OpenOptions, SessionClient};

/// Commands on their way at once while tags are added and advised.
const COMMANDS_AT_ONCE: usize = 16;

/// How to watch.
#[derive(Clone, Debug)]
pub struct WatchOptions {
    /// The sessions that are opened.
    pub open: OpenOptions,
    /// Name to register with at MXAccess.
    pub register_name: String,
    /// How to come back; `max_attempts` counts for reaching the gateway, too.
    pub reconnect: ReconnectPolicy,
}

impl Default for WatchOptions {
    fn default() -> Self {
        Self {
            open: OpenOptions::default(),
            register_name: "mxgateway-client".to_owned(),
            reconnect: ReconnectPolicy { resume_slow_reader: true, ..ReconnectPolicy::default() },
        }
    }
}

/// What a watch tells.
#[derive(Debug)]
pub enum WatchUpdate {
    /// A session was opened; what follows belongs to it.
    Session(Box<SessionClient>),
    /// A tag could not be added or advised; the others are watched all the same.
    TagRefused {
        /// The tag as given.
        tag: Arc<str>,
        /// MXAccess's answer, or the gateway's when the API key is not for this tag.
        error: ClientError,
    },
    /// An event of a tag.
    Event {
        /// The tag as given.
        tag: Arc<str>,
        /// The event, in worker order.
        event: Box<MxEvent>,
    },
    /// Events that will not come.
    Gap(EventGap),
    /// The gateway is away or has no session for us now; it is tried again by itself.
    Disconnected {
        /// What happened.
        error: ClientError,
        /// When the next attempt is made.
        retry_in: Duration,
    },
    /// The same session goes on. With a `replay_gap` events are missing.
    Resumed(StreamStart),
    /// The session is gone; a new one is opened and everything is added again.
    NewSession {
        /// Why.
        reason: ClientError,
        /// When the new one is opened.
        retry_in: Duration,
    },
    /// Somebody closed the session on purpose; nothing follows.
    Ended(StreamEnd),
}

type Updates = Pin<Box<dyn Stream<Item = Result<WatchUpdate, ClientError>> + Send>>;

/// The values of some tags, in sessions of its own. Survives lost connections, gateway restarts and
/// failed workers. Closes its session when dropped within a tokio runtime; [`Watch::close`] waits for it.
pub struct Watch {
    /// `None` once closed.
    updates: Option<Updates>,
    session: Arc<Mutex<Option<SessionClient>>>,
}

impl fmt::Debug for Watch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Watch").field("session", &self.session.lock()).finish_non_exhaustive()
    }
}

impl Watch {
    /// Watches `tags`. Nothing is sent before the first update is asked for.
    pub fn new<T: Into<Arc<str>>>(
        client: Client,
        tags: impl IntoIterator<Item = T>,
        options: WatchOptions,
    ) -> Self {
        let tags = tags.into_iter().map(Into::into).collect();
        let session = Arc::new(Mutex::new(None));
        let updates = updates(client, tags, options, session.clone());
        Self { updates: Some(Box::pin(updates)), session }
    }

    /// The next update; `None` after the end. An error is the end, too: waiting would not help. Waiting
    /// for an update may be given up at any time without losing anything.
    pub async fn next(&mut self) -> Option<Result<WatchUpdate, ClientError>> {
        StreamExt::next(self).await
    }

    /// Ends the watch and its session.
    ///
    /// # Errors
    /// Why the session could not be closed; the gateway ends it by itself when nobody uses it.
    pub async fn close(mut self) -> Result<(), ClientError> {
        self.updates = None;
        let session = self.session.lock().take();
        match session {
            Some(session) => close(&session).await,
            None => Ok(()),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.updates = None;
        if let Some(session) = self.session.lock().take() {
            close_behind(session);
        }
    }
}

impl Stream for Watch {
    type Item = Result<WatchUpdate, ClientError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.updates.as_mut() {
            Some(updates) => updates.as_mut().poll_next(context),
            None => Poll::Ready(None),
        }
    }
}

/// What a turn of the loop has to deal with.
enum Turn {
    Advised(Arc<str>, Result<(), ClientError>),
    AllAdvised,
    Stream(Option<Result<StreamUpdate, ClientError>>),
}

fn updates(
    client: Client,
    tags: Vec<Arc<str>>,
    options: WatchOptions,
    slot: Arc<Mutex<Option<SessionClient>>>,
) -> impl Stream<Item = Result<WatchUpdate, ClientError>> + Send {
    stream! {
        let mut reconnector = Reconnector::new(options.reconnect);
        loop {
            // What cost us the session, or kept us from having one.
            let failure = 'failure: {
                let session = match client.open_session(options.open.clone()).await {
                    Ok(session) => session,
                    Err(error) => break 'failure error,
                };
                *slot.lock() = Some(session.clone());
                reconnector.connected(Instant::now());
                yield Ok(WatchUpdate::Session(Box::new(session.clone())));

                let mut events = session.events(EventOptions {
                    snapshot: SnapshotMode::OnGap,
                    reconnect: options.reconnect,
                    ..EventOptions::default()
                });
                let server_handle = match begin(&session, &mut events, &options.register_name).await {
                    Ok(server_handle) => server_handle,
                    Err(error) => break 'failure error,
                };
                let mut items = Vec::new();
                for (tag, added) in add_all(&session, server_handle, &tags).await {
                    match added {
                        Ok(item) => items.push((item, tag)),
                        Err(error) if is_about_tag(&error) => {
                            yield Ok(WatchUpdate::TagRefused { tag, error });
                        }
                        Err(error) => break 'failure error,
                    }
                }
                let names: HashMap<ItemReference, Arc<str>> = items.iter().cloned().collect();

                // Advising goes on while events are read: the first values need not wait for the last tag.
                let mut advising = streams::iter(items)
                    .map(|(item, tag)| advise(&session, item, tag))
                    .buffered(COMMANDS_AT_ONCE);
                let mut all_advised = false;
                loop {
                    let turn = tokio::select! {
                        advised = advising.next(), if !all_advised => match advised {
                            Some((tag, result)) => Turn::Advised(tag, result),
                            None => Turn::AllAdvised,
                        },
                        update = events.next() => Turn::Stream(update),
                    };
                    match turn {
                        Turn::AllAdvised => all_advised = true,
                        Turn::Advised(_, Ok(())) => {}
                        Turn::Advised(tag, Err(error)) if is_about_tag(&error) => {
                            yield Ok(WatchUpdate::TagRefused { tag, error });
                        }
                        // The stream comes back by itself, an advise does not: begin anew.
                        Turn::Advised(_, Err(error)) | Turn::Stream(Some(Err(error))) => break 'failure error,
                        Turn::Stream(None) => return,
                        Turn::Stream(Some(Ok(update))) => match update {
                            StreamUpdate::Event(event) => {
                                yield Ok(WatchUpdate::Event { tag: tag_of(&names, &event), event });
                            }
                            StreamUpdate::Gap(gap) => yield Ok(WatchUpdate::Gap(gap)),
                            StreamUpdate::Bookmark(_) => {}
                            StreamUpdate::Started(start) => yield Ok(WatchUpdate::Resumed(start)),
                            StreamUpdate::Disconnected { error, retry_in } => {
                                yield Ok(WatchUpdate::Disconnected { error, retry_in });
                            }
                            StreamUpdate::Ended(end) if !needs_new_session(&end) => {
                                yield Ok(WatchUpdate::Ended(end));
                                return;
                            }
                            StreamUpdate::Ended(end) => break 'failure ClientError::StreamEnded(Box::new(end)),
                        },
                    }
                }
            };

            let session = slot.lock().take();
            if let Some(session) = session {
                let lost = failure.is_session_lost() || matches!(failure, ClientError::StreamEnded(_));
                // What is left of it must not hold one of the gateway's places.
                close_behind(session);
                let step = if lost {
                    reconnector.replaced(Instant::now(), dice())
                } else {
                    reconnector.failed(&failure, Instant::now(), dice())
                };
                match step {
                    Step::Retry(retry_in) => {
                        yield Ok(WatchUpdate::NewSession { reason: failure, retry_in });
                        tokio::time::sleep(retry_in).await;
                    }
                    Step::Stop => {
                        yield Err(failure);
                        return;
                    }
                }
                continue;
            }
            match reconnector.failed(&failure, Instant::now(), dice()) {
                Step::Retry(retry_in) => {
                    yield Ok(WatchUpdate::Disconnected { error: failure, retry_in });
                    tokio::time::sleep(retry_in).await;
                }
                Step::Stop => {
                    yield Err(failure);
                    return;
                }
            }
        }
    }
}

/// Starts the stream, then registers: the stream must run before anything is advised, so that no first
/// value is missed.
async fn begin(
    session: &SessionClient,
    events: &mut EventStream,
    register_name: &str,
) -> Result<i32, ClientError> {
    match events.next().await {
        Some(Err(error) | Ok(StreamUpdate::Disconnected { error, .. })) => return Err(error),
        Some(Ok(StreamUpdate::Ended(end))) => return Err(ClientError::StreamEnded(Box::new(end))),
        // An event stream begins with Started or not at all.
        Some(Ok(
            StreamUpdate::Started(_)
            | StreamUpdate::Event(_)
            | StreamUpdate::Gap(_)
            | StreamUpdate::Bookmark(_),
        ))
        | None => {}
    }
    session.register(register_name).await
}

async fn add_all(
    session: &SessionClient,
    server_handle: i32,
    tags: &[Arc<str>],
) -> Vec<(Arc<str>, Result<ItemReference, ClientError>)> {
    streams::iter(tags.to_vec())
        .map(|tag| async move {
            let added = session.add_item(server_handle, &tag).await;
            (tag, added)
        })
        .buffered(COMMANDS_AT_ONCE)
        .collect()
        .await
}

async fn advise(
    session: &SessionClient,
    item: ItemReference,
    tag: Arc<str>,
) -> (Arc<str>, Result<(), ClientError>) {
    (tag, session.advise(item).await)
}

fn tag_of(names: &HashMap<ItemReference, Arc<str>>, event: &MxEvent) -> Arc<str> {
    let item = ItemReference { server_handle: event.server_handle, item_handle: event.item_handle };
    names.get(&item).cloned().unwrap_or_else(|| format!("{}:{}", item.server_handle, item.item_handle).into())
}

/// Other tags may do better.
fn is_about_tag(error: &ClientError) -> bool {
    matches!(error, ClientError::MxAccess { .. }) || error.code() == Some(ErrorCode::ConstraintDenied)
}

/// A session that somebody closed on purpose is not opened again.
fn needs_new_session(end: &StreamEnd) -> bool {
    match end.reason() {
        StreamEndReason::SessionFaulted | StreamEndReason::LeaseExpired => true,
        StreamEndReason::SessionClosed
        | StreamEndReason::SlowReader
        | StreamEndReason::KeyRevoked
        | StreamEndReason::GatewayShutdown
        | StreamEndReason::Unspecified => false,
    }
}

async fn close(session: &SessionClient) -> Result<(), ClientError> {
    match session.close().await {
        Ok(_) => Ok(()),
        Err(error) if error.is_session_lost() => Ok(()),
        Err(error) => Err(error),
    }
}

/// Closes a session that nobody waits for.
fn close_behind(session: SessionClient) {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
    runtime.spawn(async move {
        if let Err(error) = close(&session).await {
            tracing::debug!(session_id = session.id(), error = %error, "Session could not be closed");
        }
    });
}
