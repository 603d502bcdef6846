//! The worker as a process of its own: bootstrap from standard input, one thread for the connection.

use std::time::Duration;

use tokio::runtime::Builder;
use tokio::time::timeout;

use crate::worker::{self, OtherBackend};
use crate::{bootstrap, logging};
use mxgateway_worker_ipc::exit::ExitReason;

/// How long the gateway may take to write the bootstrap.
const BOOTSTRAP_LIMIT: Duration = Duration::from_secs(30);

/// Where a request to end comes from that is not the gateway's.
#[derive(Debug)]
pub(crate) enum Termination {
    /// From nowhere.
    Never,
    #[cfg(unix)]
    Signal {
        terminate: tokio::signal::unix::Signal,
        /// Not listened to: that it is there keeps SIGHUP from ending the process.
        _hangup: Option<tokio::signal::unix::Signal>,
    },
}

impl Termination {
    /// From SIGTERM, which does not end the process by itself from here on. Neither does SIGHUP: that is what the kernel
    /// sends to a worker which is stopped when its gateway dies.
    #[cfg(unix)]
    pub(crate) fn by_signal() -> Self {
        use tokio::signal::unix::{SignalKind, signal};

        let hangup = signal(SignalKind::hangup()).map_err(|error| {
            tracing::warn!(%error, "SIGHUP will end this worker");
        });
        match signal(SignalKind::terminate()) {
            Ok(terminate) => Self::Signal { terminate, _hangup: hangup.ok() },
            Err(error) => {
                tracing::warn!(%error, "SIGTERM will end this worker without order");
                Self::Never
            }
        }
    }

    #[cfg(not(unix))]
    pub(crate) fn by_signal() -> Self {
        Self::Never
    }

    /// Returns each time the end is asked for. Cancel-safe.
    pub(crate) async fn asked(&mut self) {
        match self {
            Self::Never => std::future::pending().await,
            #[cfg(unix)]
            Self::Signal { terminate, .. } => {
                if terminate.recv().await.is_none() {
                    std::future::pending().await
                }
            }
        }
    }
}

/// Runs the worker of one session to its end, with the simulator or one of the `others` as its backend. The caller
/// exits with the reason's code at once: a hung apartment leaves a thread behind that nothing can end.
pub fn run_process(others: &'static [OtherBackend]) -> ExitReason {
    let early = logging::begin();
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "Runtime cannot be made");
            return ExitReason::Unexpected;
        }
    };
    let reason = runtime.block_on(async {
        match timeout(BOOTSTRAP_LIMIT, bootstrap::read(tokio::io::stdin())).await {
            Ok(Ok(bootstrap)) => {
                if let Err(error) = logging::start(&bootstrap.log_filter, bootstrap.log_json) {
                    tracing::error!(%error, "Filter of the log cannot be used");
                    return ExitReason::InvalidBootstrap;
                }
                drop(early);
                worker::run_until(bootstrap, others, Termination::by_signal).await
            }
            Ok(Err(error)) => {
                tracing::error!(error = &error as &dyn std::error::Error, "Bootstrap cannot be read");
                ExitReason::InvalidBootstrap
            }
            Err(_elapsed) => {
                tracing::error!(limit_seconds = BOOTSTRAP_LIMIT.as_secs(), "No bootstrap came in time");
                ExitReason::InvalidBootstrap
            }
        }
    });
    // A read of standard input that never returned must not hold the exit up.
    runtime.shutdown_background();
    reason
}
