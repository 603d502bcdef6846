//! The one door: who asks, whether it is allowed, and what goes into the audit trail.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use mxgateway_auth::action::Action;
use mxgateway_auth::audit::{AuditEntry, AuditTrail, Outcome};
use mxgateway_auth::authorize::{Denial, Resource, authorize};
use mxgateway_auth::principal::Principal;
use mxgateway_auth::verifier::{Caller, Refusal, RefusalCause};
use mxgateway_contracts::error_code::ErrorCode;
use parking_lot::Mutex;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Status};

use super::tag_access::TagDenial;
use crate::metrics::{Metrics, Missing};

/// The actor of requests that come without a key that is good.
const ANONYMOUS: &str = "anonymous";

/// Who asks, and from where; in the extensions of each request that was let in.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    caller: Caller,
    peer: Option<IpAddr>,
    correlation_id: Option<String>,
}

impl Visitor {
    pub(crate) fn new(caller: Caller, peer: Option<IpAddr>, correlation_id: Option<String>) -> Self {
        Self { caller, peer, correlation_id }
    }

    /// Who sent a request. One that did not come through the front door is a fault of the gateway, and nobody.
    pub(super) fn of<T>(request: &Request<T>) -> Result<Self, Status> {
        let visitor = request.extensions().get::<Self>().cloned();
        visitor.ok_or_else(|| ErrorCode::Internal.status("the request was not authenticated", &[]))
    }

    /// What it is good for.
    pub(super) fn principal(&self) -> &Principal {
        &self.caller.principal
    }

    /// Cancelled when the key is good no more.
    pub(super) fn ended(&self) -> CancellationToken {
        self.caller.ended.clone()
    }
}

/// What a request is about, for the audit trail.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Subject<'a> {
    /// Session or tag; empty for the gateway.
    pub(super) target: &'a str,
    /// The request's; empty without one.
    pub(super) correlation_id: &'a str,
}

impl<'a> Subject<'a> {
    pub(super) fn of(target: &'a str) -> Self {
        Self { target, correlation_id: "" }
    }
}

/// Refusals that cost their peer nothing are noted one in this time, with how many there were.
const NOTED_EVERY: Duration = Duration::from_secs(10);

/// See the module's documentation.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    audit: Option<AuditTrail>,
    metrics: Metrics,
    /// When a cheap refusal was last noted, and how many were not since.
    unnoted: Arc<Mutex<(Option<Instant>, u64)>>,
}

impl Door {
    /// Without an audit trail nothing is noted.
    pub(crate) fn new(audit: Option<AuditTrail>, metrics: Metrics) -> Self {
        Self { audit, metrics, unnoted: Arc::default() }
    }

    /// Where what happens at the door is counted.
    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Notes that somebody was not let in.
    pub(super) fn refused(&self, refusal: &Refusal, rpc: &str, peer: Option<IpAddr>) {
        let cause = refusal.cause.name();
        self.metrics.refused(refusal.cause);
        tracing::debug!(cause, rpc, peer = peer.map(tracing::field::display), "Request refused");
        let Some(audit) = &self.audit else { return };
        let suppressed = match refusal.cause {
            // Whoever sends these by the thousand must not fill the disk.
            RefusalCause::Missing | RefusalCause::TooManyAttempts { .. } | RefusalCause::StoreUnavailable => {
                match self.take_turn(Instant::now()) {
                    Some(suppressed) => suppressed,
                    None => return,
                }
            }
            // Of these each peer has only so many.
            RefusalCause::Malformed(_)
            | RefusalCause::Unknown
            | RefusalCause::WrongSecret
            | RefusalCause::Revoked
            | RefusalCause::Expired => 0,
        };
        let mut entry = AuditEntry::new(SystemTime::now(), ANONYMOUS, "authenticate", Outcome::Denied)
            .target(rpc)
            .detail("cause", cause);
        entry.peer = peer.map(|peer| peer.to_string());
        if let Some(key) = &refusal.key {
            entry = entry.detail("claimed_key", key.as_str());
        }
        if suppressed > 0 {
            entry = entry.detail("similar_not_noted", suppressed);
        }
        audit.record(entry);
    }

    /// How many were not noted since the last that was; `None` when this one is not either.
    fn take_turn(&self, now: Instant) -> Option<u64> {
        let mut unnoted = self.unnoted.lock();
        let (last, suppressed) = &mut *unnoted;
        if last.is_some_and(|last| now.saturating_duration_since(last) < NOTED_EVERY) {
            *suppressed += 1;
            return None;
        }
        *last = Some(now);
        Some(std::mem::take(suppressed))
    }

    /// Whether the visitor may do that. A denial is noted.
    pub(super) fn check(
        &self,
        visitor: &Visitor,
        action: Action,
        resource: &Resource<'_>,
        subject: Subject<'_>,
    ) -> Result<(), Status> {
        authorize(visitor.principal(), action, resource).map_err(|denial| {
            self.denied(visitor, action, denial.into(), subject, 1);
            denied(action, denial, subject.target)
        })
    }

    /// Notes that a tag was denied and says so.
    pub(super) fn deny_tag(
        &self,
        visitor: &Visitor,
        action: Action,
        denial: &TagDenial,
        subject: Subject<'_>,
    ) -> Status {
        self.note_tags(visitor, action, denial, subject, 1);
        let code = match denial {
            TagDenial::Denied { denial: Denial::ScopeMissing(_), .. } => ErrorCode::ScopeMissing,
            TagDenial::Denied { denial: Denial::NotOwner, .. } => ErrorCode::NotSessionOwner,
            TagDenial::Denied { denial: Denial::Constraint(_), .. }
            | TagDenial::Unidentified { .. }
            | TagDenial::NoItem { .. }
            | TagDenial::Everything => ErrorCode::ConstraintDenied,
        };
        code.status(format!("{}: {denial}", action.name()), &[("constraint", denial.name())])
    }

    /// Notes that rows of a bulk command were denied.
    pub(super) fn note_tags(
        &self,
        visitor: &Visitor,
        action: Action,
        first: &TagDenial,
        subject: Subject<'_>,
        count: usize,
    ) {
        let target = first.target();
        self.denied(visitor, action, first.missing(), Subject { target: &target, ..subject }, count);
    }

    /// Notes something that was done.
    pub(super) fn done(
        &self,
        visitor: &Visitor,
        action: Action,
        outcome: Outcome,
        subject: Subject<'_>,
        details: Map<String, Value>,
    ) {
        if let Some(audit) = &self.audit {
            audit.record(entry(visitor, action, outcome, subject, details));
        }
    }

    fn denied(
        &self,
        visitor: &Visitor,
        action: Action,
        missing: Missing,
        subject: Subject<'_>,
        count: usize,
    ) {
        self.metrics.denied(missing, count);
        let missing = missing.name();
        tracing::debug!(
            actor = visitor.principal().actor(),
            action = action.name(),
            missing,
            count,
            "Request denied"
        );
        if let Some(audit) = &self.audit {
            let mut details = Map::from_iter([("missing".to_owned(), Value::from(missing))]);
            if count > 1 {
                details.insert("rows".to_owned(), Value::from(count));
            }
            audit.record(entry(visitor, action, Outcome::Denied, subject, details));
        }
    }
}

fn entry(
    visitor: &Visitor,
    action: Action,
    outcome: Outcome,
    subject: Subject<'_>,
    details: Map<String, Value>,
) -> AuditEntry {
    let given = Some(subject.correlation_id).filter(|id| !id.is_empty()).map(str::to_owned);
    AuditEntry {
        target: Some(subject.target).filter(|target| !target.is_empty()).map(str::to_owned),
        correlation_id: given.or_else(|| visitor.correlation_id.clone()),
        peer: visitor.peer.map(|peer| peer.to_string()),
        details,
        ..AuditEntry::new(SystemTime::now(), visitor.principal().actor(), action.name(), outcome)
    }
}

/// The refusal that the client gets.
pub(crate) fn denied(action: Action, denial: Denial, target: &str) -> Status {
    let code = match denial {
        Denial::ScopeMissing(_) => ErrorCode::ScopeMissing,
        Denial::NotOwner => ErrorCode::NotSessionOwner,
        Denial::Constraint(_) => ErrorCode::ConstraintDenied,
    };
    let mut subject = vec![("missing", denial.name())];
    if !target.is_empty() {
        subject.push(("target", target));
    }
    code.status(format!("{}: {denial}", action.name()), &subject)
}
