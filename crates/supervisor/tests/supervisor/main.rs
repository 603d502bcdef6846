//! The supervisor with real processes that play scripted workers, good and bad.
//!
//! The worker program is this test program itself, started through `tests/fake-worker.sh`.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "tests may panic")]

#[cfg(target_os = "linux")]
mod adopting;
#[cfg(target_os = "linux")]
mod fake_orphan;
mod fake_worker;
mod harness;
mod running;
mod starting;

/// Plays a worker when this program was started as one; as a test it has nothing to do.
#[test]
fn play_the_worker() {
    let Ok(script) = std::env::var("MXGATEWAY_FAKE_WORKER") else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    std::process::exit(runtime.block_on(fake_worker::play(&script)));
}
