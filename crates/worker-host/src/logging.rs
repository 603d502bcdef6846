//! The worker's log: text on standard error. Ids and sequence numbers only, never values.

use std::panic::PanicHookInfo;

use tracing::level_filters::LevelFilter;

/// Starts logging at level info and has panics logged without what they say, which may hold a value. Does
/// nothing when the process logs already.
pub fn init() {
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::INFO)
        .with_ansi(false)
        .with_writer(std::io::stderr)
        // Standard error may be a pipe that ended with the gateway, and what would be said of that goes there too:
        // it would be a panic.
        .log_internal_errors(false)
        .finish();
    if tracing::subscriber::set_global_default(subscriber).is_ok() {
        std::panic::set_hook(Box::new(log_panic));
    }
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("unnamed");
    let location = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(thread, location, "Thread panicked");
}
