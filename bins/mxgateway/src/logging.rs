//! The log: on standard error, for people or as JSON.

use std::io::{self, IsTerminal};

use anyhow::Context;
use mxgateway_server::config::{LogFormat, LoggingConfig};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts the log of this process; once only.
pub(crate) fn start(config: &LoggingConfig) -> anyhow::Result<()> {
    let targets: Targets = config.filter.parse().context("logging.filter cannot be used")?;
    let layer = match config.format {
        LogFormat::Text => {
            let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            fmt::layer().with_ansi(colours).with_writer(io::stderr).boxed()
        }
        LogFormat::Json => fmt::layer().json().flatten_event(true).with_writer(io::stderr).boxed(),
    };
    tracing_subscriber::registry().with(layer.with_filter(targets)).try_init().context("cannot start the log")
}
