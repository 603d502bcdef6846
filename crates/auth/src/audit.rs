//! The audit trail: who did what, and who was refused.

use std::borrow::Cow;
use std::time::SystemTime;

use serde_json::{Map, Value};

pub use trail::{AuditHealth, AuditTrail, AuditWriter, QUEUE_CAPACITY};

mod trail;

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Allowed,
    /// It was refused.
    Denied,
    /// It was allowed and failed.
    Failed,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 3] = [Self::Allowed, Self::Denied, Self::Failed];

    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Failed => "failed",
        }
    }

    /// The outcome of this [`name`](Self::name).
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.name() == name)
    }
}

/// One entry. It never holds the value of a tag or a secret.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditEntry {
    /// When, to the millisecond.
    pub at: SystemTime,
    /// Who: the id of a key, `anonymous`, `gateway` for the gateway itself, `operator:NAME` for a user of the gateway's
    /// machine, or `visitor:NAME` for somebody at the dashboard.
    pub actor: String,
    /// What, such as `revoke-key` or the name of an RPC or command.
    pub action: Cow<'static, str>,
    /// How it went.
    pub outcome: Outcome,
    /// To what: a session, a tag, a key.
    pub target: Option<String>,
    /// By which the client tells its requests apart.
    pub correlation_id: Option<String>,
    /// Where from: the peer's address.
    pub peer: Option<String>,
    /// What else there is to say.
    pub details: Map<String, Value>,
}

impl AuditEntry {
    /// An entry without the parts that are optional.
    pub fn new(
        at: SystemTime,
        actor: impl Into<String>,
        action: impl Into<Cow<'static, str>>,
        outcome: Outcome,
    ) -> Self {
        Self {
            at,
            actor: actor.into(),
            action: action.into(),
            outcome,
            target: None,
            correlation_id: None,
            peer: None,
            details: Map::new(),
        }
    }

    /// With this target.
    pub fn target(self, target: impl Into<String>) -> Self {
        Self { target: Some(target.into()), ..self }
    }

    /// With this peer.
    pub fn peer(self, peer: impl Into<String>) -> Self {
        Self { peer: Some(peer.into()), ..self }
    }

    /// With this correlation id.
    pub fn correlation_id(self, id: impl Into<String>) -> Self {
        Self { correlation_id: Some(id.into()), ..self }
    }

    /// With this detail.
    pub fn detail(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }
}

/// Which entries to read.
#[derive(Clone, Debug)]
pub struct AuditQuery {
    /// Not before this time.
    pub since: Option<SystemTime>,
    /// Before this time.
    pub until: Option<SystemTime>,
    /// Of this actor only.
    pub actor: Option<String>,
    /// Of this action only.
    pub action: Option<String>,
    /// Of what remains, so many of the newest.
    pub limit: u32,
}

impl Default for AuditQuery {
    /// The newest 100 of all.
    fn default() -> Self {
        Self { since: None, until: None, actor: None, action: None, limit: 100 }
    }
}
