//! The apartment: the one thread that makes, calls, pumps and drops the backend.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;

use crate::activity::Pulse;
use crate::book::Book;
use crate::commands::{self, Answer, Calls};
use crate::inbox::{Inbox, Next};
use crate::journal::Journal;
use crate::mxaccess::{BackendError, Identity, MxAccess};
use crate::tap::Tap;
use crate::tickets::Ticket;

/// Name of the thread.
const THREAD_NAME: &str = "mxgateway-apartment";
/// The apartment comes round its loop at least this often.
const LONGEST_PUMP: Duration = Duration::from_secs(1);
/// Commands carried out between two pumps, so that neither starves the other.
const COMMANDS_PER_PUMP: usize = 32;

/// Makes the backend, on the apartment thread.
pub type BackendFactory = Box<dyn FnOnce() -> Result<Box<dyn MxAccess>, BackendError> + Send>;

/// What the apartment tells the worker, in this order: Ready, any number of answers, Ended. Without
/// Ready, Ended is the only one.
#[derive(Debug)]
pub(crate) enum Report {
    Ready(Identity),
    Answer { ticket: Ticket, answer: Box<Answer> },
    Ended(End),
}

/// How the apartment ended.
#[derive(Debug)]
pub(crate) enum End {
    /// As asked, after taking everything down.
    Stopped,
    /// There never was a backend.
    BackendFailed(BackendError),
    /// The backend panicked; the panic hook has logged where.
    Panicked,
}

/// Starts the thread. It ends after [`Inbox::stop`]; nobody needs to join it, `Ended` is its last act.
/// Errors: the operating system gives no thread.
pub(crate) fn start(
    factory: BackendFactory,
    inbox: Arc<Inbox>,
    pulse: Pulse,
    tap: Arc<Tap>,
    journal: Arc<Journal>,
    reports: UnboundedSender<Report>,
) -> std::io::Result<()> {
    let run = move || {
        let stop_inbox = Arc::clone(&inbox);
        let ended = catch_unwind(AssertUnwindSafe(|| run(factory, &inbox, &pulse, &tap, &journal, &reports)));
        // What the panic says may hold a value, so it goes no further.
        let end = ended.unwrap_or(End::Panicked);
        // From here on, commands are refused instead of waiting for ever; those that wait are reported
        // by the worker when it learns of the end.
        drop(stop_inbox.stop());
        tell(&reports, Report::Ended(end));
    };
    std::thread::Builder::new().name(THREAD_NAME.to_owned()).spawn(run).map(drop)
}

fn run(
    factory: BackendFactory,
    inbox: &Inbox,
    pulse: &Pulse,
    tap: &Tap,
    journal: &Journal,
    reports: &UnboundedSender<Report>,
) -> End {
    let mut backend = match factory() {
        Ok(backend) => backend,
        Err(error) => return End::BackendFailed(error),
    };
    let mut book = Book::default();
    pulse.beat(None);
    tell(reports, Report::Ready(backend.identity()));
    loop {
        backend.pump(inbox, Instant::now() + LONGEST_PUMP);
        pulse.beat(None);
        for _ in 0..COMMANDS_PER_PUMP {
            match inbox.take() {
                Next::Nothing => break,
                Next::Stop => {
                    commands::tear_down(backend.as_mut(), &book);
                    return End::Stopped;
                }
                Next::Job(job) => {
                    pulse.beat(Some(job.ticket));
                    let go_on = || {
                        pulse.beat(Some(job.ticket));
                        !inbox.is_stopping()
                    };
                    let mut calls =
                        Calls { backend: backend.as_mut(), book: &mut book, tap, journal, go_on: &go_on };
                    let answer = commands::execute(&mut calls, *job.command);
                    pulse.beat(None);
                    tell(reports, Report::Answer { ticket: job.ticket, answer: Box::new(answer) });
                }
            }
        }
    }
}

/// Nobody listens any more when the worker is about to exit; then there is nobody to tell.
fn tell(reports: &UnboundedSender<Report>, report: Report) {
    drop(reports.send(report));
}
