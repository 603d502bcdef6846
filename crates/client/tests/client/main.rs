//! The client against a scripted gateway, over real connections.

#![expect(clippy::unwrap_used, reason = "a helper that cannot go on ends the test")]

mod gateway;

mod calls;
mod commands;
mod events;
mod retrying;
mod secure;
mod watch;

use std::future::Future;
use std::time::Duration;

use mxgateway_client::{Client, ClientOptions};

/// Waits for what must happen.
async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future)
        .await
        .unwrap_or_else(|_| panic!("no {what} in 20 s"))
}

fn client(endpoint: String) -> Client {
    Client::connect(ClientOptions { endpoint, ..ClientOptions::default() }).unwrap()
}
