//! Whether the gateway can do its work: one answer for `grpc.health.v1.Health` and for `GET /health/ready`.
//!
//! It is ready when it listens, the worker's program is there and the key store answers. The audit trail has a
//! service name of its own, [`AUDIT_SERVICE`], and does not count for the whole: a trail that cannot be written
//! never stops an action, so a gateway with one still does its work and must not be taken out of service.

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mxgateway_auth::audit::AuditHealth;
use mxgateway_auth::verifier::Verifier;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

/// The health service's names for the whole gateway.
const WHOLE: [&str; 3] = ["", "mxgateway.v1.MxGateway", "mxgateway.v1.GalaxyRepository"];

/// The health service's name for the audit trail.
pub(crate) const AUDIT_SERVICE: &str = "mxgateway.audit";

/// How often is looked at what tells nobody when it changes: the worker's program and the key store.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How one part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// It does its work.
    Good,
    /// It does not.
    Failed,
    /// It is switched off.
    Off,
}

/// How each part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checks {
    /// Requests are taken: not before the start, and not during the stop.
    pub(crate) listener: Check,
    /// The worker's program is where the configuration says (`workers.executable_path`).
    pub(crate) worker_program: Check,
    /// The key store answers. While it does not, keys in use stay good for some time.
    pub(crate) key_store: Check,
    /// The audit trail is written.
    pub(crate) audit_trail: Check,
}

/// What authentication has to be looked at for.
#[derive(Clone, Debug)]
pub(crate) struct KeysAndAudit {
    /// Knows whether the key store answers.
    pub(crate) verifier: Verifier,
    /// Of the audit trail.
    pub(crate) audit: watch::Receiver<AuditHealth>,
}

/// See the module's documentation; clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Readiness {
    checks: Arc<watch::Sender<Checks>>,
    worker_program: PathBuf,
    security: Option<KeysAndAudit>,
}

impl Check {
    fn of(good: bool) -> Self {
        if good { Self::Good } else { Self::Failed }
    }

    /// In a word.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Failed => "failed",
            Self::Off => "off",
        }
    }
}

impl Checks {
    /// Whether the gateway can do its work.
    pub(crate) fn ready(self) -> bool {
        [self.listener, self.worker_program, self.key_store].iter().all(|check| *check != Check::Failed)
    }

    /// Every check with its name.
    pub(crate) fn named(self) -> [(&'static str, Check); 4] {
        let Self { listener, worker_program, key_store, audit_trail } = self;
        [
            ("listener", listener),
            ("worker_program", worker_program),
            ("key_store", key_store),
            ("audit_trail", audit_trail),
        ]
    }
}

impl Readiness {
    /// Not ready before [`open`](Self::open). `security` is `None` when authentication is off.
    pub(crate) fn new(worker_program: PathBuf, security: Option<KeysAndAudit>) -> Self {
        let unknown = Check::of(security.is_none());
        let off = if security.is_none() { Check::Off } else { unknown };
        let checks = Checks {
            listener: Check::Failed,
            worker_program: Check::Failed,
            key_store: off,
            audit_trail: off,
        };
        Self { checks: Arc::new(watch::Sender::new(checks)), worker_program, security }
    }

    /// How each part is at the moment.
    pub(crate) fn checks(&self) -> Checks {
        *self.checks.borrow()
    }

    /// The gateway listens from now on.
    pub(crate) async fn open(&self, reporter: &HealthReporter) {
        self.look(Check::Good).await;
        report(reporter, None, self.checks()).await;
    }

    /// Looks after an [`open`](Self::open) and reports what changes, until `stop`. Once it returns, everybody has
    /// been told that the gateway is not ready any more.
    pub(crate) async fn run(self, reporter: HealthReporter, stop: CancellationToken) {
        let mut told = self.checks();
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut audit = self.security.as_ref().map(|security| security.audit.clone());
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => {}
                _ = ticks.tick() => self.look(Check::Good).await,
                () = changed(&mut audit) => self.look(Check::Good).await,
            }
            told = report(&reporter, Some(told), self.checks()).await;
        }
        self.look(Check::Failed).await;
        report(&reporter, Some(told), self.checks()).await;
    }

    async fn look(&self, listener: Check) {
        let program = tokio::fs::metadata(&self.worker_program).await;
        let new = Checks {
            listener,
            worker_program: Check::of(program.is_ok_and(|file| file.is_file())),
            key_store: self
                .security
                .as_ref()
                .map_or(Check::Off, |security| Check::of(security.verifier.store_answers())),
            audit_trail: self
                .security
                .as_ref()
                .map_or(Check::Off, |security| Check::of(security.audit.borrow().healthy)),
        };
        let old = self.checks.send_replace(new);
        if new.worker_program != old.worker_program && old.listener == Check::Good {
            let path = self.worker_program.display();
            match new.worker_program {
                Check::Good => tracing::info!(%path, "The worker's program is there again"),
                Check::Failed | Check::Off => {
                    tracing::error!(%path, "The worker's program is missing (workers.executable_path)");
                }
            }
        }
    }
}

/// Never without an audit trail, and never again once that ended.
async fn changed(audit: &mut Option<watch::Receiver<AuditHealth>>) {
    if let Some(receiver) = audit {
        if receiver.changed().await.is_ok() {
            return;
        }
        *audit = None;
    }
    std::future::pending().await
}

/// Tells what is different from what was told before. Watchers of the health service hear of each call.
async fn report(reporter: &HealthReporter, told: Option<Checks>, new: Checks) -> Checks {
    let status = |good: bool| if good { ServingStatus::Serving } else { ServingStatus::NotServing };
    let whole = |checks: Checks| status(checks.ready());
    let audit = |checks: Checks| status(checks.audit_trail != Check::Failed);
    if told.map(whole) != Some(whole(new)) {
        for service in WHOLE {
            reporter.set_service_status(service, whole(new)).await;
        }
    }
    if told.map(audit) != Some(audit(new)) {
        reporter.set_service_status(AUDIT_SERVICE, audit(new)).await;
    }
    new
}
