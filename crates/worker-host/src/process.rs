//! The worker as a process of its own: bootstrap from standard input, one thread for the connection.

use std::time::Duration;

use tokio::runtime::Builder;
use tokio::time::timeout;

use crate::{bootstrap, logging, worker};
use mxgateway_worker_ipc::exit::ExitReason;

/// How long the gateway may take to write the bootstrap.
const BOOTSTRAP_LIMIT: Duration = Duration::from_secs(30);

/// Runs the worker of one session to its end. The caller exits with the reason's code at once: a hung
/// apartment leaves a thread behind that nothing can end.
pub fn run_process() -> ExitReason {
    logging::init();
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "Runtime cannot be made");
            return ExitReason::Unexpected;
        }
    };
    let reason = runtime.block_on(async {
        match timeout(BOOTSTRAP_LIMIT, bootstrap::read(tokio::io::stdin())).await {
            Ok(Ok(bootstrap)) => worker::run(bootstrap).await,
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
