//! The worker's log: lines on standard error. Ids and sequence numbers only, never values.

use std::io;
use std::panic::PanicHookInfo;

use tracing::Subscriber;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, ParseError, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;

/// Has this thread log text at level info as long as what this gives is kept: until the worker knows how to log. Panics
/// are logged without what they say, which may hold a value.
pub(crate) fn begin() -> DefaultGuard {
    std::panic::set_hook(Box::new(log_panic));
    tracing::subscriber::set_default(subscriber(Targets::new().with_default(LevelFilter::INFO), false))
}

/// Logs what the filter lets through, which is info when it is empty. Does nothing when the process logs already.
pub(crate) fn start(filter: &str, json: bool) -> Result<(), ParseError> {
    let targets = match filter {
        "" => Targets::new().with_default(LevelFilter::INFO),
        filter => filter.parse()?,
    };
    // It is told by nobody but this, once.
    tracing::subscriber::set_global_default(subscriber(targets, json)).ok();
    Ok(())
}

fn subscriber(targets: Targets, json: bool) -> impl Subscriber + Send + Sync {
    // Standard error may be a pipe that ended with the gateway, and what would be said of that goes there too:
    // it would be a panic.
    let layer = fmt::layer().with_ansi(false).with_writer(io::stderr).log_internal_errors(false);
    let layer = if json { layer.json().flatten_event(true).boxed() } else { layer.boxed() };
    tracing_subscriber::registry().with(layer.with_filter(targets))
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("unnamed");
    let location = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(thread, location, "Thread panicked");
}
