//! A worker whose backend stands: it serves one gateway after the other, never two, and lives on between them as
//! long as it may.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mxgateway_contracts::worker_v1::WorkerReady;
use mxgateway_worker_ipc::exit::ExitReason;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{MissedTickBehavior, interval, sleep_until, timeout};

use crate::activity::{Activity, Pulse};
use crate::apartment::{End, Report};
use crate::bootstrap::Settings;
use crate::connection::{self, Served};
use crate::inbox::Inbox;
use crate::introduction::{Failed, Link, find_gateway};
use crate::journal::Journal;
use crate::mxaccess::Identity;
use crate::orphan::Orphan;
use crate::process::Termination;
use crate::refusals::Refusals;
use crate::requests::Requests;
use crate::tickets::Tickets;

/// How long the apartment may take to end when nobody waits for it any more.
const ABANDON_LIMIT: Duration = Duration::from_secs(5);

/// What does not change while the worker serves, but for what the journal holds.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) settings: Settings,
    pub(crate) identity: Identity,
    pub(crate) epoch: u64,
    pub(crate) journal: Arc<Journal>,
}

impl About {
    pub(crate) fn ready(&self) -> WorkerReady {
        let bounds = self.journal.bounds();
        let identity = &self.identity;
        WorkerReady {
            epoch: self.epoch,
            journal_oldest_sequence: bounds.oldest,
            journal_newest_sequence: bounds.newest,
            backend_name: identity.backend_name.clone(),
            worker_version: env!("CARGO_PKG_VERSION").to_owned(),
            mxaccess_prog_id: identity.prog_id.clone(),
            mxaccess_class_id: identity.class_id.clone(),
            mxaccess_version: identity.version.clone(),
            mxaccess_path: identity.path.clone(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Apartment {
    Running,
    Stopped,
    Gone,
}

/// What outlives a connection.
#[derive(Debug)]
pub(crate) struct Worker<'a> {
    pub(crate) about: &'a About,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) pulse: Pulse,
    pub(crate) reports: UnboundedReceiver<Report>,
    pub(crate) requests: Requests,
    pub(crate) tickets: Tickets,
    pub(crate) apartment: Apartment,
    pub(crate) termination: Termination,
    /// How long to live on without a gateway; `None` for not at all.
    pub(crate) orphan_lifetime: Option<Duration>,
}

/// Serves until the worker is to end. `link` is that of the first gateway, which has asked for its events;
/// `seen_generation` is its generation.
pub(crate) async fn serve(mut worker: Worker<'_>, mut link: Link, mut seen_generation: u64) -> ExitReason {
    loop {
        match connection::serve(&mut worker, link).await {
            Served::Ended(reason) => return reason,
            Served::Lost => {}
        }
        let Some(lifetime) = worker.orphan_lifetime else {
            return worker.end(ExitReason::GatewayLost).await;
        };
        link = match worker.orphaned(lifetime, &mut seen_generation).await {
            Ok(link) => link,
            Err(reason) => return worker.end(reason).await,
        };
    }
}

impl Worker<'_> {
    /// Goes on without a gateway until one is back. Errors: why the worker is to end.
    async fn orphaned(&mut self, lifetime: Duration, seen_generation: &mut u64) -> Result<Link, ExitReason> {
        let about = self.about;
        let mut orphan = Orphan::new(tokio::time::Instant::now(), lifetime);
        let mut refusals = Refusals::default();
        let mut watchdog = interval(about.settings.heartbeat);
        watchdog.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_hung = false;
        tracing::warn!(lifetime_seconds = lifetime.as_secs(), "Worker lives on without a gateway");
        let result = loop {
            let next_try = orphan.next_try();
            let mut attempt = Box::pin(async {
                sleep_until(next_try).await;
                find_gateway(about, seen_generation).await
            });
            let found = loop {
                tokio::select! {
                    found = &mut attempt => break found,
                    Some(report) = self.reports.recv() => {
                        note(report, &mut self.requests, &mut self.apartment);
                    }
                    _ = watchdog.tick() => {
                        let was_hung = is_hung;
                        let activity = self.activity(Instant::now());
                        is_hung = activity.is_hung;
                        if is_hung && !was_hung {
                            activity.log();
                        }
                    }
                    () = self.termination.asked() => break Err(Failed::Ended(ExitReason::Success)),
                    () = sleep_until(orphan.deadline()) => break Err(Failed::Ended(ExitReason::OrphanExpired)),
                }
            };
            match found {
                Ok(link) => break Ok(link),
                Err(Failed::Ended(reason)) => break Err(reason),
                Err(Failed::Again { cause, error }) => {
                    refusals.note(cause, error.as_ref());
                    // Without chance there is still a pause.
                    let random = getrandom::u64().unwrap_or_default();
                    orphan.failed(tokio::time::Instant::now(), random);
                }
            }
        };
        refusals.sum_up();
        let orphaned_milliseconds =
            u64::try_from(orphan.age(tokio::time::Instant::now()).as_millis()).unwrap_or(u64::MAX);
        let tries = orphan.tries();
        match &result {
            Ok(_) => tracing::info!(orphaned_milliseconds, tries, seen_generation, "A gateway is back"),
            Err(reason) => {
                let reason = reason.meaning();
                tracing::warn!(
                    orphaned_milliseconds,
                    tries,
                    reason,
                    "Worker does not wait for a gateway any more"
                );
            }
        }
        result
    }

    /// What the apartment does, and whether it is too long.
    pub(crate) fn activity(&self, now: Instant) -> Watched {
        let activity = self.pulse.read();
        let ceiling = self.about.settings.hung_ceiling;
        Watched {
            activity,
            silent: now.saturating_duration_since(activity.last),
            is_hung: self.apartment == Apartment::Running && activity.is_hung(now, ceiling),
        }
    }

    /// Takes the apartment down, which nobody waits for any more; gives how the worker ends.
    pub(crate) async fn end(&mut self, reason: ExitReason) -> ExitReason {
        self.inbox.stop();
        if reason == ExitReason::ApartmentHung || self.apartment_ends().await {
            return reason;
        }
        tracing::error!("Apartment did not end when the connection did");
        ExitReason::ApartmentHung
    }

    async fn apartment_ends(&mut self) -> bool {
        if self.apartment != Apartment::Running {
            return true;
        }
        let ended = timeout(ABANDON_LIMIT, async {
            while let Some(report) = self.reports.recv().await {
                if matches!(report, Report::Ended(_)) {
                    break;
                }
            }
        });
        ended.await.is_ok()
    }
}

/// What the watchdog sees.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watched {
    pub(crate) activity: Activity,
    pub(crate) silent: Duration,
    pub(crate) is_hung: bool,
}

impl Watched {
    pub(crate) fn log(&self) {
        let is_in_call = self.activity.call.is_some();
        tracing::error!(is_in_call, silent_seconds = self.silent.as_secs(), "Apartment does not answer");
    }
}

/// Takes a report that no gateway waits for. Replies with a request id are remembered, others are gone.
fn note(report: Report, requests: &mut Requests, apartment: &mut Apartment) {
    match report {
        Report::Ready(_) => {}
        Report::Answer { ticket, answer } => {
            // Who waited is gone with the connection.
            let _gone = requests.finish(ticket, &answer);
        }
        Report::Ended(End::Stopped) => *apartment = Apartment::Stopped,
        Report::Ended(End::Panicked | End::BackendFailed(_)) => {
            *apartment = Apartment::Gone;
            requests.give_up();
        }
    }
}
