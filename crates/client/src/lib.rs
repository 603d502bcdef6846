//! Rust client of MxGateway.
//!
//! [`Client`] opens sessions, [`SessionClient`] carries out MXAccess commands in one (each once, also over a
//! lost connection: [`SessionClient::retrying`]), [`EventStream`]
//! delivers a session's events and reconnects and resumes by itself, [`Watch`] follows the values of some
//! tags for as long as it is wanted, through gateway restarts and new sessions.
//!
//! ```no_run
//! # async fn example() -> Result<(), mxgateway_client::ClientError> {
//! use mxgateway_client::{Client, ClientOptions, Watch, WatchOptions, WatchUpdate};
//!
//! let client = Client::connect(ClientOptions::default())?;
//! let mut watch = Watch::new(client, ["Host.Cpu.Load"], WatchOptions::default());
//! while let Some(update) = watch.next().await {
//!     if let WatchUpdate::Event { tag, event } = update? {
//!         println!("{tag}: event {}", event.worker_sequence);
//!     }
//! }
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod connection;
mod connector;
mod credentials;
mod cursor;
mod error;
mod events;
mod galaxy;
mod reconnect;
mod retry;
mod session;
mod tls;
mod watch;

pub use connection::{Client, ClientOptions, DEFAULT_ENDPOINT, GrpcClient};
pub use credentials::Credentials;
pub use cursor::ProtocolViolation;
pub use error::{ClientError, GatewayError};
pub use events::{EventOptions, EventStream, StreamUpdate};
pub use galaxy::{GalaxyPlace, GrpcGalaxyClient};
pub use mxgateway_contracts as contracts;
pub use reconnect::ReconnectPolicy;
pub use secrecy;
pub use session::{InvokeOptions, OpenOptions, SecuredUsers, SessionClient};
pub use tls::{ClientIdentity, TlsOptions, TlsOptionsError, TlsProblem};
pub use watch::{Watch, WatchOptions, WatchUpdate};
