//! Opening the key store for one command.

use std::time::SystemTime;

use anyhow::Context;
use mxgateway_auth::store::AuthStore;
use mxgateway_server::config::Config;
use mxgateway_server::security::store_location;
use serde_json::{Value, json};

use crate::arguments::SettingArguments;

/// Runs the command with the configured store.
pub(super) fn with_store<T>(
    settings: &SettingArguments,
    command: impl AsyncFnOnce(&AuthStore, &Config) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let config = Config::load(&settings.sources())?.config;
    let location = store_location(&config);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(async {
        let store = AuthStore::open(&location).await?;
        let result = command(&store, &config).await;
        store.close().await;
        result
    })
}

/// Who runs this, as the audit trail calls them. Whoever can open the store could write anything there.
pub(super) fn operator() -> String {
    let user = ["SUDO_USER", "USER", "LOGNAME", "USERNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()));
    format!("operator:{}", user.unwrap_or_else(user_number))
}

/// In containers nothing else is known.
#[cfg(unix)]
fn user_number() -> String {
    format!("uid-{}", rustix::process::getuid())
}

#[cfg(not(unix))]
fn user_number() -> String {
    "unknown".to_owned()
}

/// To the second, in UTC; empty for never.
pub(super) fn seconds(time: Option<SystemTime>) -> String {
    timestamp(time, 0).unwrap_or_default()
}

/// To the millisecond, in UTC.
pub(super) fn millis(time: SystemTime) -> String {
    timestamp(Some(time), 3).unwrap_or_default()
}

/// To the millisecond, in UTC; null for never.
pub(super) fn json_time(time: Option<SystemTime>) -> Value {
    json!(timestamp(time, 3))
}

fn timestamp(time: Option<SystemTime>, decimals: usize) -> Option<String> {
    // Beyond the year 9999, which no command line takes.
    let timestamp = jiff::Timestamp::try_from(time?).ok()?;
    Some(format!("{timestamp:.decimals$}"))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn times_are_in_utc() {
        let time = UNIX_EPOCH + Duration::from_millis(1_500);
        assert_eq!(seconds(Some(time)), "1970-01-01T00:00:01Z");
        assert_eq!(millis(time), "1970-01-01T00:00:01.500Z");
        assert_eq!(json_time(Some(UNIX_EPOCH)), json!("1970-01-01T00:00:00.000Z"));
        assert_eq!((seconds(None), json_time(None)), (String::new(), Value::Null));
    }
}
