//! The log, for people or as JSON.

use std::io::{self, IsTerminal};

use anyhow::Context;
use mxgateway_server::config::{LogFormat, LoggingConfig};
use tracing_subscriber::Layer;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Identity, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// How many days a service keeps files, its own and its workers'.
#[cfg(any(windows, test))]
const DAYS: u32 = 14;

/// Starts the log of this process on standard error; once only.
pub(crate) fn start(config: &LoggingConfig) -> anyhow::Result<()> {
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    start_with(config, colours, io::stderr, Identity::new())
}

/// The same for a service, which has no standard error: a file in `folder` for each day. `also` sees everything.
#[cfg(windows)]
pub(crate) fn start_in(
    config: &LoggingConfig,
    folder: &std::path::Path,
    also: impl Layer<Registry> + Send + Sync,
) -> anyhow::Result<()> {
    let files = tracing_appender::rolling::Builder::new()
        .rotation(tracing_appender::rolling::Rotation::DAILY)
        .filename_prefix("mxgateway")
        .filename_suffix("log")
        .max_log_files(DAYS as usize)
        .build(folder)
        .with_context(|| format!("cannot write a log into {}", folder.display()))?;
    start_with(config, false, files, also)
}

fn start_with(
    config: &LoggingConfig,
    colours: bool,
    writer: impl for<'a> fmt::MakeWriter<'a> + Send + Sync + 'static,
    also: impl Layer<Registry> + Send + Sync,
) -> anyhow::Result<()> {
    let targets: Targets = config.filter.parse().context("logging.filter cannot be used")?;
    let layer = match config.format {
        LogFormat::Text => fmt::layer().with_ansi(colours).with_writer(writer).boxed(),
        LogFormat::Json => fmt::layer().json().flatten_event(true).with_writer(writer).boxed(),
    };
    let log = layer.with_filter(targets);
    tracing_subscriber::registry().with(also).with(log).try_init().context("cannot start the log")
}

/// Removes the workers' files in which nothing was written for [`DAYS`].
#[cfg(any(windows, test))]
pub(crate) fn remove_old_logs_of_workers(
    folder: &std::path::Path,
    now: std::time::SystemTime,
) -> io::Result<()> {
    let kept = std::time::Duration::from_secs(86_400) * DAYS;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !(name.starts_with("worker-") && name.ends_with(".log")) {
            continue;
        }
        let modified = entry.metadata()?.modified()?;
        if now.duration_since(modified).is_ok_and(|age| age > kept) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn only_the_workers_old_files_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["worker-a.log", "mxgateway.2026-01-01.log", "worker-notes.txt"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let count = || std::fs::read_dir(folder.path()).unwrap().count();
        let day = Duration::from_secs(86_400);
        remove_old_logs_of_workers(folder.path(), SystemTime::now() + day * 13).unwrap();
        assert_eq!(count(), 3);
        remove_old_logs_of_workers(folder.path(), SystemTime::now() + day * 15).unwrap();
        assert_eq!(count(), 2);
        assert!(!folder.path().join("worker-a.log").exists());
    }
}
