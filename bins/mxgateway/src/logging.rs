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
    /// How many days' files are kept.
    const DAYS: usize = 14;

    let files = tracing_appender::rolling::Builder::new()
        .rotation(tracing_appender::rolling::Rotation::DAILY)
        .filename_prefix("mxgateway")
        .filename_suffix("log")
        .max_log_files(DAYS)
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
