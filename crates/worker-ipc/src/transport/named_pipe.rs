//! Named pipes that only this process's account may reach, with who is at the other end checked.
//!
//! The name belongs to who makes its first instance, and to it as long as an instance is open: one more than there are
//! connections always is.

use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_trait::async_trait;
use mxgateway_win::pipe::{client_process_id, instances, listen, server_process_id};
use mxgateway_win::process::{Process, current_user};
use mxgateway_win::security::Access;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::windows::named_pipe::{ClientOptions, NamedPipeClient, NamedPipeServer, ServerOptions};
use tracing::{debug, warn};

use super::{Accepted, ConnectError, Connection, Endpoint, Listener, TransportError};

/// Bytes that each direction holds before the writer waits; charged to whoever makes the pipe.
const BUFFER_BYTES: u32 = 128 * 1024;

/// Codes of Windows that mean something here: there is no such pipe, access is denied, all instances have a
/// connection, and the client is gone again.
const ERROR_FILE_NOT_FOUND: i32 = 2;
const ERROR_ACCESS_DENIED: i32 = 5;
const ERROR_PIPE_BUSY: i32 = 231;
const ERROR_NO_DATA: i32 = 232;

pub(super) struct NamedPipeListener {
    name: String,
    access: Access,
    /// Waits for a connection.
    spare: NamedPipeServer,
}

impl NamedPipeListener {
    pub(super) fn bind(name: &str) -> Result<Self, TransportError> {
        let failed = |source| TransportError::Io { endpoint: endpoint(name), source };
        let access = Access::current_user().map_err(failed)?;
        let spare = instance(name, &access, true).map_err(|source| match source.raw_os_error() {
            // Somebody has made the name's first instance.
            Some(ERROR_ACCESS_DENIED | ERROR_PIPE_BUSY) => TransportError::InUse(endpoint(name)),
            Some(_) | None => failed(source),
        })?;
        // Wine (8.0) lets a first instance be made where there are others.
        if instances(&spare).map_err(failed)? > 1 {
            return Err(TransportError::InUse(endpoint(name)));
        }
        Ok(Self { name: name.to_owned(), access, spare })
    }

    fn failed(&self, source: io::Error) -> TransportError {
        TransportError::Io { endpoint: endpoint(&self.name), source }
    }

    /// The instance that waited. Another one waits before anybody gets it, so that the name never is free.
    fn take(&mut self) -> Result<NamedPipeServer, TransportError> {
        let spare = instance(&self.name, &self.access, false).map_err(|source| self.failed(source))?;
        Ok(mem::replace(&mut self.spare, spare))
    }
}

#[async_trait]
impl Listener for NamedPipeListener {
    async fn accept(&mut self) -> Result<Accepted, TransportError> {
        loop {
            match self.spare.connect().await {
                Ok(()) => {}
                Err(error) if error.raw_os_error() == Some(ERROR_NO_DATA) => {
                    debug!(name = self.name, "Client was gone before it was accepted");
                    drop(self.take()?);
                    continue;
                }
                Err(source) => return Err(self.failed(source)),
            }
            let pipe = self.take()?;
            match client_process_id(&pipe) {
                Ok(process_id) => {
                    return Ok(Accepted {
                        connection: Box::new(Stream(pipe)),
                        peer_process_id: Some(process_id),
                    });
                }
                // Turning one away must not take the listener from the worker it is for.
                Err(error) => warn!(name = self.name, %error, "Connection was turned away"),
            }
        }
    }
}

pub(super) fn connect(name: &str) -> Result<Connection, ConnectError> {
    let failed = |source| ConnectError::Final(TransportError::Io { endpoint: endpoint(name), source });
    // Whoever listens may learn who we are, and not act as us: that is what tokio asks for.
    let pipe = ClientOptions::new().open(path(name)).map_err(|source| match source.raw_os_error() {
        Some(ERROR_FILE_NOT_FOUND | ERROR_PIPE_BUSY) => ConnectError::NotYet(source),
        Some(_) | None => failed(source),
    })?;
    let process_id = server_process_id(&pipe).map_err(failed)?;
    let expected = current_user().map_err(failed)?;
    let found = match Process::open(process_id).and_then(|process| process.user()) {
        Ok(user) if user == expected => return Ok(Box::new(Stream(pipe))),
        Ok(user) => user.to_string(),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => "unknown".to_owned(),
        // It ended after it was connected to.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(ConnectError::NotYet(error)),
        Err(source) => return Err(failed(source)),
    };
    let expected = expected.to_string();
    Err(ConnectError::Final(TransportError::ForeignPeer { endpoint: endpoint(name), expected, found }))
}

fn instance(name: &str, access: &Access, first: bool) -> io::Result<NamedPipeServer> {
    let mut options = ServerOptions::new();
    options
        .first_pipe_instance(first)
        .reject_remote_clients(true)
        .in_buffer_size(BUFFER_BYTES)
        .out_buffer_size(BUFFER_BYTES);
    listen(&options, &path(name), access)
}

fn path(name: &str) -> String {
    format!(r"\\.\pipe\{name}")
}

fn endpoint(name: &str) -> Endpoint {
    Endpoint::Pipe(name.to_owned())
}

/// One end of a connected pipe. Pipes cannot close one direction: the peer sees an end when this is dropped.
struct Stream<T>(T);

/// What both ends can and [`AsyncWrite`] cannot say.
trait End: AsyncRead + AsyncWrite + Unpin {
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize>;
    fn poll_write_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>>;
}

impl End for NamedPipeServer {
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.try_write(bytes)
    }

    fn poll_write_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_write_ready(context)
    }
}

impl End for NamedPipeClient {
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.try_write(bytes)
    }

    fn poll_write_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_write_ready(context)
    }
}

impl<T: End> AsyncRead for Stream<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<T: End> AsyncWrite for Stream<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    /// Waits until the pipe has taken what was written, so that it arrives also when this process ends next. A write
    /// goes on after it was accepted, one at a time; nothing can be written before it is done, not even nothing.
    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            match self.0.try_write(&[]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.0.poll_write_ready(context))?;
                }
                done => return Poll::Ready(done.map(drop)),
            }
        }
    }
}
