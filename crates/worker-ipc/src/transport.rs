//! Where the two ends meet: Unix sockets or named pipes between processes, memory within one.

mod memory;
#[cfg(windows)]
mod named_pipe;
#[cfg(unix)]
mod unix;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep, timeout_at};

/// A stream of bytes in both directions.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// An open connection of any transport.
pub type Connection = Box<dyn Duplex>;

/// First and longest pause between two tries of [`connect`].
const CONNECT_PAUSE: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(100));

/// The address of a listener; as text `unix:PATH`, `pipe:NAME` or `memory:NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// A Unix socket in a directory that only its owner may enter.
    Unix(PathBuf),
    /// A Windows named pipe that only its maker's account may reach; its name without `\\.\pipe\`.
    Pipe(String),
    /// A name within this process, for tests and for embedding.
    Memory(String),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(formatter, "unix:{}", path.display()),
            Self::Pipe(name) => write!(formatter, "pipe:{name}"),
            Self::Memory(name) => write!(formatter, "memory:{name}"),
        }
    }
}

/// The text is no [`Endpoint`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no endpoint; one looks like unix:PATH, pipe:NAME or memory:NAME")]
pub struct ParseEndpointError(String);

impl FromStr for Endpoint {
    type Err = ParseEndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some(("unix", path)) if !path.is_empty() => Ok(Self::Unix(path.into())),
            Some(("pipe", name)) if !name.is_empty() => Ok(Self::Pipe(name.to_owned())),
            Some(("memory", name)) if !name.is_empty() => Ok(Self::Memory(name.to_owned())),
            Some(_) | None => Err(ParseEndpointError(text.to_owned())),
        }
    }
}

/// Why there is no listener or no connection.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// This build has no such transport.
    #[error("endpoint {0} is of a kind that this system does not have")]
    Unsupported(Endpoint),
    /// Somebody listens there.
    #[error("endpoint {0} is in use")]
    InUse(Endpoint),
    /// The operating system limits the length of a socket's path.
    #[error("socket path {} has {length} bytes, more than the {limit} that this system allows; use a shorter runtime directory", path.display())]
    PathTooLong {
        /// The path.
        path: PathBuf,
        /// Its length in bytes.
        length: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Others could reach into the directory.
    #[error("socket directory {} is not private: {problem}", path.display())]
    DirectoryNotPrivate {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The socket's directory could not be made or looked at.
    #[error("socket directory {} cannot be used", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The process at the other end belongs to another user.
    #[error("the process at endpoint {endpoint} belongs to user {found}, not {expected}")]
    ForeignPeer {
        /// Where it was.
        endpoint: Endpoint,
        /// The user this process runs as: a number on Unix, a security identifier on Windows.
        expected: String,
        /// The user the other runs as.
        found: String,
    },
    /// Nobody answered in time.
    #[error("nobody listens at endpoint {endpoint} after {} ms", waited.as_millis())]
    NotReachable {
        /// Where it was tried.
        endpoint: Endpoint,
        /// For how long.
        waited: Duration,
        /// What the last try said.
        source: io::Error,
    },
    /// The listener or connection failed.
    #[error("endpoint {endpoint} failed")]
    Io {
        /// Which.
        endpoint: Endpoint,
        /// Why.
        source: io::Error,
    },
}

/// A connection that came in.
pub struct Accepted {
    /// The connection.
    pub connection: Connection,
    /// The process at the other end, where the transport knows it.
    pub peer_process_id: Option<u32>,
}

impl fmt::Debug for Accepted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Accepted")
            .field("peer_process_id", &self.peer_process_id)
            .finish_non_exhaustive()
    }
}

/// The listening end of an endpoint; dropping it frees the endpoint.
#[async_trait]
pub trait Listener: Send {
    /// The next connection from a process of this user; others are turned away. Cancel-safe.
    async fn accept(&mut self) -> Result<Accepted, TransportError>;
}

/// Listens at an endpoint. Call it within a tokio runtime.
pub fn bind(endpoint: &Endpoint) -> Result<Box<dyn Listener>, TransportError> {
    match endpoint {
        #[cfg(unix)]
        Endpoint::Unix(path) => Ok(Box::new(unix::UnixSocketListener::bind(path)?)),
        #[cfg(not(unix))]
        Endpoint::Unix(_) => Err(TransportError::Unsupported(endpoint.clone())),
        #[cfg(windows)]
        Endpoint::Pipe(name) => Ok(Box::new(named_pipe::NamedPipeListener::bind(name)?)),
        #[cfg(not(windows))]
        Endpoint::Pipe(_) => Err(TransportError::Unsupported(endpoint.clone())),
        Endpoint::Memory(name) => Ok(Box::new(memory::MemoryListener::bind(name)?)),
    }
}

/// Connects to an endpoint, trying again until `limit` has passed while nobody listens there.
pub async fn connect(endpoint: &Endpoint, limit: Duration) -> Result<Connection, TransportError> {
    let begun = Instant::now();
    let deadline = begun + limit;
    let (mut pause, longest_pause) = CONNECT_PAUSE;
    loop {
        let attempt = match timeout_at(deadline, try_connect(endpoint)).await {
            Ok(attempt) => attempt,
            Err(_elapsed) => Err(ConnectError::NotYet(io::ErrorKind::TimedOut.into())),
        };
        let source = match attempt {
            Ok(connection) => return Ok(connection),
            Err(ConnectError::Final(error)) => return Err(error),
            Err(ConnectError::NotYet(source)) => source,
        };
        let now = Instant::now();
        if now >= deadline {
            let waited = now - begun;
            return Err(TransportError::NotReachable { endpoint: endpoint.clone(), waited, source });
        }
        sleep(pause.min(deadline - now)).await;
        pause = (pause * 2).min(longest_pause);
    }
}

/// Tries once to connect to an endpoint, for a caller that chooses the pauses between its tries. Has no time limit.
pub async fn connect_once(endpoint: &Endpoint) -> Result<Connection, TransportError> {
    let begun = Instant::now();
    try_connect(endpoint).await.map_err(|error| match error {
        ConnectError::Final(error) => error,
        ConnectError::NotYet(source) => {
            TransportError::NotReachable { endpoint: endpoint.clone(), waited: begun.elapsed(), source }
        }
    })
}

/// Why one try to connect failed.
enum ConnectError {
    /// Nobody listens; they may later.
    NotYet(io::Error),
    /// It will not get better.
    Final(TransportError),
}

#[cfg_attr(windows, expect(clippy::unused_async, reason = "elsewhere it waits"))]
async fn try_connect(endpoint: &Endpoint) -> Result<Connection, ConnectError> {
    match endpoint {
        #[cfg(unix)]
        Endpoint::Unix(path) => unix::connect(path).await,
        #[cfg(not(unix))]
        Endpoint::Unix(_) => Err(ConnectError::Final(TransportError::Unsupported(endpoint.clone()))),
        #[cfg(windows)]
        Endpoint::Pipe(name) => named_pipe::connect(name),
        #[cfg(not(windows))]
        Endpoint::Pipe(_) => Err(ConnectError::Final(TransportError::Unsupported(endpoint.clone()))),
        Endpoint::Memory(name) => memory::connect(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_survive_their_text() {
        for text in
            ["unix:run/w-0123456789abcdef.sock", "unix:/a:b/c", "pipe:a-b", "memory:name", "memory:a:b"]
        {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!(endpoint.to_string(), text);
        }
    }

    #[test]
    fn text_that_is_no_endpoint_is_refused() {
        for text in ["", "unix", "unix:", "memory:", "pipe:", "tcp:name", "run/w.sock", "Unix:a"] {
            let error = text.parse::<Endpoint>().unwrap_err();
            assert!(error.to_string().starts_with(&format!("{text:?} is no endpoint")), "{error}");
        }
    }
}
