//! Connections within one process, met by name.

use std::collections::HashMap;
use std::io;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;

use super::{Accepted, ConnectError, Connection, Endpoint, Listener, TransportError};

/// Bytes that each direction holds before the writer waits.
const BUFFER_BYTES: usize = 64 * 1024;
/// Connections that wait to be accepted, as a socket's backlog.
const BACKLOG: usize = 16;

static LISTENERS: Mutex<Option<HashMap<String, mpsc::Sender<DuplexStream>>>> = Mutex::new(None);

pub(super) struct MemoryListener {
    name: String,
    incoming: mpsc::Receiver<DuplexStream>,
}

impl MemoryListener {
    pub(super) fn bind(name: &str) -> Result<Self, TransportError> {
        let (sender, incoming) = mpsc::channel(BACKLOG);
        let mut listeners = LISTENERS.lock();
        let listeners = listeners.get_or_insert_default();
        if listeners.contains_key(name) {
            return Err(TransportError::InUse(Endpoint::Memory(name.to_owned())));
        }
        listeners.insert(name.to_owned(), sender);
        Ok(Self { name: name.to_owned(), incoming })
    }
}

impl Drop for MemoryListener {
    fn drop(&mut self) {
        if let Some(listeners) = LISTENERS.lock().as_mut() {
            listeners.remove(&self.name);
        }
    }
}

#[async_trait]
impl Listener for MemoryListener {
    async fn accept(&mut self) -> Result<Accepted, TransportError> {
        let connection = self.incoming.recv().await.ok_or_else(|| TransportError::Io {
            endpoint: Endpoint::Memory(self.name.clone()),
            source: io::ErrorKind::NotConnected.into(),
        })?;
        Ok(Accepted { connection: Box::new(connection), peer_process_id: Some(std::process::id()) })
    }
}

pub(super) fn connect(name: &str) -> Result<Connection, ConnectError> {
    let listener = LISTENERS.lock().as_ref().and_then(|listeners| listeners.get(name).cloned());
    let listener = listener.ok_or_else(|| ConnectError::NotYet(io::ErrorKind::NotFound.into()))?;
    let (here, there) = tokio::io::duplex(BUFFER_BYTES);
    match listener.try_send(there) {
        Ok(()) => Ok(Box::new(here)),
        Err(_full_or_closed) => Err(ConnectError::NotYet(io::ErrorKind::ConnectionRefused.into())),
    }
}
