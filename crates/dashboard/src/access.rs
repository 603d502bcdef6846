//! Who visits, and what that one may see and do. Pure.

use std::collections::BTreeSet;

use crate::model::{Snapshot, Totals};

/// What a visitor may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees the sessions whose tag is allowed, changes nothing.
    Viewer,
    /// Sees everything, closes sessions, kills workers, manages API keys, reads the audit trail and the settings.
    Administrator,
}

/// Which sessions a viewer sees.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sight {
    /// All of them: administrators, and anybody from localhost where that is allowed.
    All,
    /// Those with one of these tags. A session without a tag has none of them.
    Tags(BTreeSet<String>),
}

impl Sight {
    /// Whether a session with this tag is seen.
    pub fn covers(&self, tag: &str) -> bool {
        match self {
            Self::All => true,
            Self::Tags(tags) => !tag.is_empty() && tags.contains(tag),
        }
    }
}

/// What is asked for beyond seeing sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// End a session.
    CloseSession,
    /// End a worker by force.
    KillWorker,
    /// See API keys.
    ReadKeys,
    /// Make, rotate and revoke API keys.
    ChangeKeys,
    /// Read the audit trail.
    ReadAudit,
    /// Read the effective configuration.
    ReadSettings,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 6] = [
        Self::CloseSession,
        Self::KillWorker,
        Self::ReadKeys,
        Self::ChangeKeys,
        Self::ReadAudit,
        Self::ReadSettings,
    ];
}

/// Somebody who may enter.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Visitor {
    /// As the directory has it, or `anonymous`.
    pub name: String,
    /// What the visitor may do.
    pub role: Role,
    /// What the visitor sees.
    pub sight: Sight,
    /// Let in without signing in, from localhost. Sees, and changes nothing, whatever the role.
    pub is_anonymous: bool,
}

impl Visitor {
    /// Whether the visitor may do that.
    pub fn may(&self, action: Action) -> bool {
        let administrator = self.role == Role::Administrator;
        match action {
            Action::CloseSession | Action::KillWorker | Action::ChangeKeys => {
                administrator && !self.is_anonymous
            }
            Action::ReadKeys | Action::ReadAudit | Action::ReadSettings => {
                administrator && !self.is_anonymous
            }
        }
    }

    /// Whether the visitor sees a session with this tag.
    pub fn sees(&self, tag: &str) -> bool {
        self.sight.covers(tag)
    }
}

impl Snapshot {
    /// What a visitor with this sight gets: nothing of other sessions, also not in sums.
    #[must_use]
    pub fn seen_with(&self, sight: &Sight) -> Self {
        let sessions: Vec<_> =
            self.sessions.iter().filter(|session| sight.covers(&session.tag)).cloned().collect();
        let ended: Vec<_> = self.ended.iter().filter(|session| sight.covers(&session.tag)).cloned().collect();
        let totals = Totals::of(&sessions);
        Self { gateway: self.gateway.clone(), at: self.at, number: self.number, totals, sessions, ended }
    }
}
