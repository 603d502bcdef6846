//! Unix sockets in a private directory, with the user at the other end checked.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use tokio::net::{UnixListener, UnixStream, unix::UCred};
use tracing::{debug, warn};

use super::{Accepted, ConnectError, Connection, Endpoint, Listener, TransportError};

/// Bytes of `sun_path` without the closing zero.
const MAX_PATH_BYTES: usize = if cfg!(any(target_os = "linux", target_os = "android")) { 107 } else { 103 };
/// What group and others may do.
const FOREIGN_BITS: u32 = 0o077;

pub(super) struct UnixSocketListener {
    path: PathBuf,
    listener: UnixListener,
}

impl UnixSocketListener {
    pub(super) fn bind(path: &Path) -> Result<Self, TransportError> {
        check_length(path)?;
        prepare_directory(path)?;
        let listener = UnixListener::bind(path).map_err(|source| {
            if source.kind() == io::ErrorKind::AddrInUse {
                TransportError::InUse(endpoint(path))
            } else {
                TransportError::Io { endpoint: endpoint(path), source }
            }
        })?;
        Ok(Self { path: path.to_owned(), listener })
    }
}

impl Drop for UnixSocketListener {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            debug!(path = %self.path.display(), %error, "Socket file was not removed");
        }
    }
}

#[async_trait]
impl Listener for UnixSocketListener {
    async fn accept(&mut self) -> Result<Accepted, TransportError> {
        loop {
            let failed = |source| TransportError::Io { endpoint: endpoint(&self.path), source };
            let (stream, _unnamed) = self.listener.accept().await.map_err(failed)?;
            match check_peer(&stream, &self.path) {
                Ok(peer) => {
                    let peer_process_id = peer.pid().and_then(|pid| u32::try_from(pid).ok());
                    return Ok(Accepted { connection: Box::new(stream), peer_process_id });
                }
                // Turning one away must not take the listener from the worker it is for.
                Err(error) => warn!(%error, "Connection was turned away"),
            }
        }
    }
}

pub(super) async fn connect(path: &Path) -> Result<Connection, ConnectError> {
    check_length(path).map_err(ConnectError::Final)?;
    let stream = UnixStream::connect(path).await.map_err(|source| {
        // The last is a full backlog.
        use io::ErrorKind::{ConnectionRefused, NotFound, WouldBlock};
        if matches!(source.kind(), NotFound | ConnectionRefused | WouldBlock) {
            ConnectError::NotYet(source)
        } else {
            ConnectError::Final(TransportError::Io { endpoint: endpoint(path), source })
        }
    })?;
    check_peer(&stream, path).map_err(ConnectError::Final)?;
    Ok(Box::new(stream))
}

fn endpoint(path: &Path) -> Endpoint {
    Endpoint::Unix(path.to_owned())
}

fn check_length(path: &Path) -> Result<(), TransportError> {
    let length = path.as_os_str().as_bytes().len();
    if length > MAX_PATH_BYTES {
        return Err(TransportError::PathTooLong { path: path.to_owned(), length, limit: MAX_PATH_BYTES });
    }
    Ok(())
}

/// Makes the socket's directory when it is missing and refuses one that others could reach into.
fn prepare_directory(socket: &Path) -> Result<(), TransportError> {
    let directory = match socket.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    let unusable = |source| TransportError::Directory { path: directory.to_owned(), source };
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(unusable)?;
    // A link is judged as such: what it points to may change after this.
    let metadata = std::fs::symlink_metadata(directory).map_err(unusable)?;
    let user = rustix::process::geteuid().as_raw();
    let mode = metadata.mode() & 0o7777;
    let problem = if !metadata.is_dir() {
        "it is not a directory itself".to_owned()
    } else if metadata.uid() != user {
        format!("it belongs to user {}, not {user}", metadata.uid())
    } else if mode & FOREIGN_BITS != 0 {
        format!("its mode is {mode:03o}; run chmod 700 on it")
    } else {
        return Ok(());
    };
    Err(TransportError::DirectoryNotPrivate { path: directory.to_owned(), problem })
}

fn check_peer(stream: &UnixStream, path: &Path) -> Result<UCred, TransportError> {
    let peer =
        stream.peer_cred().map_err(|source| TransportError::Io { endpoint: endpoint(path), source })?;
    let expected = rustix::process::geteuid().as_raw();
    if peer.uid() != expected {
        let (expected, found) = (expected.to_string(), peer.uid().to_string());
        return Err(TransportError::ForeignPeer { endpoint: endpoint(path), expected, found });
    }
    Ok(peer)
}
