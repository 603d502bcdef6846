//! The task that owns a running worker: its process and the reading half of its connection.

use std::sync::Arc;
use std::time::Duration;

use mxgateway_contracts::worker_v1::WorkerFaultCode;
use mxgateway_session::EventSink;
use mxgateway_session::core::lifecycle::Fault;
use mxgateway_worker_ipc::frame::FrameError;
use mxgateway_worker_ipc::link::LinkError;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::task::AbortOnDropHandle;
use tracing::info;

use crate::connection::{self, ConnectionEnd};
use crate::heartbeat::{Heartbeat, Verdict};
use crate::launcher::chain;
use crate::listing::Listing;
use crate::port::{Outbound, WorkerLink};
use crate::process::{Ended, Exit, WorkerProcess};
use crate::start::StartedWorker;

/// After the process ended, how long its last frames are read.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// After the connection ended, how long the process's own end is waited for.
const EXIT_GRACE: Duration = Duration::from_secs(1);
/// How long the pipe is looked into once more before a worker counts as silent.
const SECOND_LOOK: Duration = Duration::from_millis(100);

type Writing = AbortOnDropHandle<Result<(), LinkError>>;

/// What ended first.
enum End {
    Connection(ConnectionEnd),
    Process(Exit),
    Silent(Duration),
    Killed,
    Released,
}

/// Watches a worker until it is gone, tells those who wait, and reaps it.
pub(crate) async fn guard(
    started: StartedWorker,
    link: Arc<WorkerLink>,
    frames: mpsc::Receiver<Outbound>,
    sink: EventSink,
    heartbeat_grace: Duration,
) {
    let StartedWorker { mut process, mut reader, writer, identity, listing, outlives } = started;
    let burial = Burial(&link);
    let mut writing = AbortOnDropHandle::new(tokio::spawn(connection::write(writer, frames)));
    let heartbeat = Mutex::new(Heartbeat::new(heartbeat_grace, Instant::now()));
    let end = {
        let reading = connection::read(&mut reader, &link, &sink, &heartbeat);
        let noting = listing.as_ref().map(|listing| noting(listing, outlives, &link));
        first_end(reading, noting, &mut writing, &mut process, &link, &heartbeat).await
    };
    if let (End::Released, Some(listing)) = (&end, listing.as_ref().filter(|listing| listing.is_noted())) {
        process.let_stay();
        drop(writing);
        listing.keep();
        link.pending.lock().close("the gateway leaves the worker to the next one");
        info!(session_id = %link.session_id, worker_process_id = identity.process_id, "Worker left to the next gateway");
        return;
    }
    // A worker that was asked to end may do so after it hung up, within the limit it was given.
    let ended = match &end {
        End::Process(exit) => Ended::ByItself(*exit),
        End::Connection(ConnectionEnd::Closed) if link.stopping.is_cancelled() => {
            let killed = link.kill.cancelled();
            tokio::select! {
                exit = process.wait() => Ended::ByItself(exit),
                () = killed => process.end(Duration::ZERO).await,
            }
        }
        End::Connection(end) if hung_up(end) => process.end(EXIT_GRACE).await,
        // Without a listing the next gateway would not know it.
        End::Connection(_) | End::Released | End::Silent(_) | End::Killed => {
            process.end(Duration::ZERO).await
        }
    };
    drop(writing);
    let asked = link.stopping.is_cancelled();
    let fault = fault(&end, ended);
    link.pending.lock().close(&fault.to_string());
    if !asked {
        sink.fail(fault);
    }
    if let Some(listing) = listing {
        listing.leave().await;
    }
    info!(session_id = %link.session_id, worker_process_id = identity.process_id, exit = %ended, asked, "Worker ended");
    drop(burial);
}

/// Ends when the worker is noted; it is told then that it is to outlive this gateway, if it does not know.
async fn noting(listing: &Listing, outlives: Option<Duration>, link: &WorkerLink) {
    listing.catch_up().await;
    if let Some(lifetime) = outlives {
        link.outlive(lifetime).await;
    }
}

async fn first_end(
    reading: impl Future<Output = ConnectionEnd>,
    noting: Option<impl Future<Output = ()>>,
    writing: &mut Writing,
    process: &mut WorkerProcess,
    link: &WorkerLink,
    heartbeat: &Mutex<Heartbeat>,
) -> End {
    let mut reading = std::pin::pin!(reading);
    let mut is_noting = noting.is_some();
    let mut noting = std::pin::pin!(async {
        if let Some(noting) = noting {
            noting.await;
        }
    });
    let mut look_at = Instant::now();
    loop {
        tokio::select! {
            end = &mut reading => return End::Connection(end),
            exit = process.wait() => {
                return match timeout(LAST_WORDS, reading).await {
                    Ok(end @ ConnectionEnd::Fault(..)) => End::Connection(end),
                    Ok(_) | Err(_) => End::Process(exit),
                };
            }
            written = &mut *writing => {
                // The reader knows better why, unless only our direction failed.
                return match timeout(LAST_WORDS, reading).await {
                    Ok(end) => End::Connection(end),
                    Err(_) => End::Connection(match written {
                        Ok(Err(error)) => error.into(),
                        Ok(Ok(())) | Err(_) => ConnectionEnd::Closed,
                    }),
                };
            }
            () = link.kill.cancelled() => return End::Killed,
            () = link.released.cancelled() => return End::Released,
            () = &mut noting, if is_noting => {
                is_noting = false;
                process.let_stay();
                continue;
            }
            () = sleep_until(look_at) => {}
        }
        let verdict = heartbeat.lock().verdict(Instant::now());
        look_at = match verdict {
            Verdict::Alive { look_again } => look_again,
            Verdict::Silent { .. } => {
                // When this process was held up itself, the signs of life lie in the pipe.
                if let Ok(end) = timeout(SECOND_LOOK, &mut reading).await {
                    return End::Connection(end);
                }
                match heartbeat.lock().verdict(Instant::now()) {
                    Verdict::Alive { look_again } => look_again,
                    Verdict::Silent { silence } => return End::Silent(silence),
                }
            }
        };
    }
}

/// The worker's end of the connection is gone, so its process is most likely ending.
fn hung_up(end: &ConnectionEnd) -> bool {
    matches!(
        end,
        ConnectionEnd::Closed
            | ConnectionEnd::Link(LinkError::Frame(FrameError::Io(_) | FrameError::Truncated(_)))
    )
}

/// What the end means for the session.
fn fault(end: &End, ended: Ended) -> Fault {
    match end {
        End::Process(exit) => Fault::WorkerExited(exit.to_string()),
        End::Connection(ConnectionEnd::Fault(text, code)) => match code {
            WorkerFaultCode::ApartmentHung => Fault::WorkerHung(text.to_string()),
            WorkerFaultCode::ProtocolViolation => Fault::Protocol(text.to_string()),
            WorkerFaultCode::Unspecified
            | WorkerFaultCode::BackendFailed
            | WorkerFaultCode::ApartmentGone => Fault::WorkerExited(text.to_string()),
        },
        End::Connection(end) if hung_up(end) => match ended {
            Ended::ByItself(exit) => Fault::WorkerExited(exit.to_string()),
            Ended::Killed => Fault::WorkerExited(format!("{}, and was killed", chain(end))),
        },
        End::Connection(end) => Fault::Protocol(chain(end)),
        End::Silent(silence) => {
            Fault::WorkerHung(format!("no sign of life for {:.1} s; it was killed", silence.as_secs_f64()))
        }
        End::Killed | End::Released => Fault::WorkerExited("killed by the gateway".to_owned()),
    }
}

/// Tells those who wait, whatever way the guardian ends.
struct Burial<'a>(&'a WorkerLink);

impl Drop for Burial<'_> {
    fn drop(&mut self) {
        self.0.pending.lock().close("its guardian failed");
        self.0.gone.cancel();
    }
}
