//! Ctrl-C and SIGTERM.

use tokio_util::sync::CancellationToken;

use crate::exit::Exit;

/// A token that the first Ctrl-C or SIGTERM cancels. A second one ends the process at once: the command may
/// be stuck in a write to somebody who does not read.
pub(crate) fn on_signal() -> CancellationToken {
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        signal().await;
        token.cancel();
        signal().await;
        std::process::exit(i32::from(Exit::Interrupted.code()));
    });
    stop
}

async fn signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
