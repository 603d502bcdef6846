//! `mxgateway run`.

use std::io::{self, Write};

use anyhow::Context;
use mxgateway_server::config::Loaded;
use mxgateway_server::{Addresses, AtStop};
use tokio_util::sync::CancellationToken;

use crate::arguments::RunArguments;
use crate::command::config::load;
use crate::logging;

/// What a shell reports for a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

pub(crate) fn run(arguments: &RunArguments) -> anyhow::Result<()> {
    let loaded = load(&arguments.sources.sources())?;
    logging::start(&loaded.config.logging)?;
    serve(loaded, arguments.handover, stop_on_signals, |addresses| {
        // That nobody reads it is no reason to stop.
        if let Err(error) = print(&addresses) {
            tracing::warn!(%error, "Cannot write to standard output");
        }
    })
}

/// Scripts wait for these lines; the first is always there.
fn print(addresses: &Addresses) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "mxgateway listening on {}", addresses.grpc)?;
    if let Some(url) = addresses.dashboard_url() {
        writeln!(out, "mxgateway dashboard at {url}")?;
    }
    out.flush()
}

/// Runs the gateway until what `stop_on` listens to asks for the end; on a console and as a service.
pub(super) fn serve(
    loaded: Loaded,
    handover: bool,
    stop_on: impl FnOnce(&CancellationToken) -> anyhow::Result<()>,
    ready: impl FnOnce(Addresses) + Send,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let result = runtime.block_on(async {
        let stop = CancellationToken::new();
        stop_on(&stop)?;
        let at_stop = if handover { AtStop::HandOver } else { AtStop::Close };
        mxgateway_server::run_with(loaded, at_stop, stop, ready).await.context("the gateway failed")
    });
    // What still blocks a thread now does not keep the process.
    runtime.shutdown_background();
    result
}

/// The first SIGTERM or Ctrl-C asks for an orderly stop, a second Ctrl-C ends the process at once.
#[cfg(unix)]
fn stop_on_signals(stop: &CancellationToken) -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let stop = stop.clone();
    tokio::spawn(async move {
        let mut interrupted = false;
        loop {
            let name = tokio::select! {
                _ = interrupt.recv() => {
                    if interrupted {
                        std::process::exit(INTERRUPTED);
                    }
                    interrupted = true;
                    "SIGINT"
                }
                _ = terminate.recv() => "SIGTERM",
            };
            if !stop.is_cancelled() {
                tracing::info!(signal = name, "Stopping");
                stop.cancel();
            }
        }
    });
    Ok(())
}

/// The first Ctrl-C asks for an orderly stop, a second one ends the process at once.
#[cfg(not(unix))]
fn stop_on_signals(stop: &CancellationToken) -> anyhow::Result<()> {
    let stop = stop.clone();
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            if stop.is_cancelled() {
                std::process::exit(INTERRUPTED);
            }
            tracing::info!(signal = "Ctrl-C", "Stopping");
            stop.cancel();
        }
    });
    Ok(())
}
