//! Starts the real programs for the end-to-end tests: free ports, private state, nothing left behind.

#![forbid(unsafe_code)]

mod client_stream;
mod credentials;
mod gateway;
mod process;
mod programs;
pub mod promises;
mod proxy;
mod random;
pub mod recording;
mod session;
mod stream;

pub use client_stream::ClientStream;
pub use credentials::{ALL_SCOPES, Bearer, KeyedClient, api_key, client_options, secret};
pub use gateway::{Gateway, GatewayOptions, NARROW_WINDOW_BYTES, narrow_client};
pub use process::{EndOfWorkers, cpu_ticks, is_alive, resident_bytes, signal};
pub use programs::{mxgw, program};
pub use proxy::Proxy;
pub use random::Random;
pub use session::TestSession;
pub use stream::{Item, TestStream};

use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

/// Nothing in these tests takes longer, also on a busy machine.
pub const LIMIT: Duration = Duration::from_secs(30);

/// Waits for something, and says what when it does not come.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, future).await.unwrap_or_else(|_| panic!("waited {LIMIT:?} in vain: {what}"))
}

/// Asks until the answer is there; for states that nothing announces.
pub async fn until<T: Debug>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        let mut pause = tokio::time::interval(Duration::from_millis(5));
        loop {
            pause.tick().await;
            if let Some(answer) = ask().await {
                return answer;
            }
        }
    };
    within(what, asking).await
}
