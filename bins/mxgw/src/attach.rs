//! Items added and advised for one command, in a session of its own or in one that is open, and taken away
//! again.

use std::time::Duration;

use clap::Args;
use mxgateway_client::contracts::v1::{ItemReference, MxEvent};
use mxgateway_client::{
    Client, ClientError, EventOptions, EventStream, OpenOptions, ReconnectPolicy, SessionClient, StreamUpdate,
};
use tokio::time::Instant;

use crate::exit::Failure;

/// How long tidying up may take; a gateway that does not answer ends the session by itself.
const RELEASE_LIMIT: Duration = Duration::from_secs(5);

/// Which session a command works in.
#[derive(Args, Debug)]
pub(crate) struct Source {
    /// Use this session instead of a temporary one
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<String>,
    /// Registration to use in that session; found out when there is just one
    #[arg(long, value_name = "NUMBER", requires = "session")]
    pub(crate) server_handle: Option<i32>,
    /// Backend of the temporary session: simulator or lmxproxy
    #[arg(long, value_name = "NAME", conflicts_with = "session")]
    pub(crate) backend: Option<String>,
}

/// A tag in its session.
#[derive(Debug)]
pub(crate) struct Item {
    /// Where the tag stands on the command line.
    pub(crate) at: usize,
    pub(crate) reference: ItemReference,
}

/// Items of one command.
#[derive(Debug)]
pub(crate) struct Attached {
    session: SessionClient,
    /// The session was opened for this command.
    temporary: bool,
    server_handle: i32,
    /// The registration was made for this command.
    registered: bool,
    items: Vec<Item>,
    events: EventStream,
}

impl Attached {
    /// Opens or takes the session, and starts its event stream.
    pub(crate) async fn new(client: &Client, source: &Source) -> Result<Self, Failure> {
        let (session, temporary) = match &source.session {
            Some(id) => (client.session(id), false),
            None => {
                let backend = source.backend.clone().unwrap_or_default();
                let options = OpenOptions { name: "mxgw".to_owned(), backend, ..OpenOptions::default() };
                (client.open_session(options).await?, true)
            }
        };
        let events =
            session.events(EventOptions { reconnect: ReconnectPolicy::never(), ..EventOptions::default() });
        let mut attached =
            Self { session, temporary, server_handle: 0, registered: false, items: Vec::new(), events };
        match attached.begin(source.server_handle).await {
            Ok(()) => Ok(attached),
            Err(failure) => {
                attached.release().await;
                Err(failure)
            }
        }
    }

    async fn begin(&mut self, server_handle: Option<i32>) -> Result<(), Failure> {
        if let Some(Err(error)) = self.events.next().await {
            return Err(error.into());
        }
        if let Some(server_handle) = server_handle {
            self.server_handle = server_handle;
            return Ok(());
        }
        if !self.temporary {
            let handles: Vec<i32> = self
                .session
                .session_state()
                .await?
                .registrations
                .iter()
                .map(|one| one.server_handle)
                .collect();
            match handles.as_slice() {
                [] => {}
                [only] => {
                    self.server_handle = *only;
                    return Ok(());
                }
                several => {
                    return Err(Failure::Usage(format!(
                        "session {} has the registrations {several:?}; choose one with --server-handle",
                        self.session.id()
                    )));
                }
            }
        }
        self.server_handle = self.session.register("mxgw").await?;
        self.registered = true;
        Ok(())
    }

    pub(crate) fn session(&self) -> &SessionClient {
        &self.session
    }

    /// Adds and advises a tag.
    pub(crate) async fn advise(&mut self, at: usize, tag: &str) -> Result<(), ClientError> {
        let reference = self.session.add_item(self.server_handle, tag).await?;
        // Known before it is advised, so that it is removed whatever comes of that.
        self.items.push(Item { at, reference });
        self.session.advise(reference).await
    }

    /// The next event of one of the items: where its tag stands, its handle, and the event.
    pub(crate) async fn next(
        &mut self,
        until: Instant,
    ) -> Result<Option<(usize, ItemReference, MxEvent)>, Failure> {
        loop {
            let Ok(update) = tokio::time::timeout_at(until, self.events.next()).await else {
                return Ok(None);
            };
            match update {
                Some(Ok(StreamUpdate::Event(event))) => {
                    let (server_handle, item_handle) = (event.server_handle, event.item_handle);
                    let reference = ItemReference { server_handle, item_handle };
                    if let Some(item) = self.items.iter().find(|item| item.reference == reference) {
                        return Ok(Some((item.at, reference, *event)));
                    }
                }
                Some(Ok(
                    StreamUpdate::Started(_)
                    | StreamUpdate::Gap(_)
                    | StreamUpdate::Bookmark(_)
                    | StreamUpdate::Disconnected { .. },
                )) => {}
                Some(Ok(StreamUpdate::Ended(end))) => {
                    return Err(ClientError::StreamEnded(Box::new(end)).into());
                }
                Some(Err(error)) => return Err(error.into()),
                None => return Err(Failure::Other("event stream ended".to_owned())),
            }
        }
    }

    /// Takes everything away again that was made for the command. Failing at that is no failure of the
    /// command.
    pub(crate) async fn release(self) {
        let tidying = async {
            if self.temporary {
                self.session.close().await?;
                return Ok(());
            }
            for item in &self.items {
                // An item whose advise was refused has none to take back.
                let _ = self.session.un_advise(item.reference).await;
                self.session.remove_item(item.reference).await?;
            }
            if self.registered {
                self.session.unregister(self.server_handle).await?;
            }
            Ok::<(), ClientError>(())
        };
        match tokio::time::timeout(RELEASE_LIMIT, tidying).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(error = %error, "Items could not be removed"),
            Err(_) => tracing::warn!("Items could not be removed in time"),
        }
    }
}
