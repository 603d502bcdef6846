//! Who asks.

use std::sync::Arc;

use crate::constraints::Constraints;
use crate::key::{ANONYMOUS, KeyId};
use crate::scope::Scopes;

/// Who asks.
#[derive(Clone, Debug)]
pub enum Principal {
    /// Anybody, because authentication is switched off.
    Unrestricted,
    /// The holder of a key.
    Key(Arc<KeyGrant>),
}

/// What a key grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyGrant {
    /// Which key.
    pub id: KeyId,
    /// What people call it.
    pub name: String,
    /// What it is good for.
    pub scopes: Scopes,
    /// Where it is good.
    pub constraints: Constraints,
}

impl Principal {
    /// Its name in logs and the audit trail: the key's id, or `anonymous`, which is no key's id.
    pub fn actor(&self) -> &str {
        self.owner().unwrap_or(ANONYMOUS)
    }

    /// Whom the sessions belong to that it opens: the key's id, or nobody.
    pub fn owner(&self) -> Option<&str> {
        match self {
            Self::Unrestricted => None,
            Self::Key(grant) => Some(grant.id.as_str()),
        }
    }
}
