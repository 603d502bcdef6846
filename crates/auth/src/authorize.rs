//! The decision: may this principal do that?

use crate::action::Action;
use crate::constraints::{ConstraintHit, Tag};
use crate::principal::{KeyGrant, Principal};
use crate::scope::Scope;

#[cfg(test)]
mod tests;

/// What the action is to be done with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource<'a> {
    /// Nothing in particular.
    Gateway,
    /// A session.
    Session {
        /// Id of the key that opened it; `None` when nobody's, because authentication was switched off.
        owner: Option<&'a str>,
    },
    /// A tag.
    Tag {
        /// Which.
        tag: Tag<'a>,
        /// Whether it is read or written.
        access: Access,
    },
    /// A place in the Galaxy that is browsed, by its contained path.
    Path(&'a str),
}

/// What is done with a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Its values are read.
    Read,
    /// A value is written.
    Write,
}

/// Why something is not allowed. The text is for the one who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// The key lacks a scope.
    #[error("the key lacks the scope {0} ({meaning}); use a key that has it", meaning = .0.meaning())]
    ScopeMissing(Scope),
    /// The session was opened with another key, or with none.
    #[error(
        "the session is not the key's own; use the key that opened it or one with the scope {}",
        Scope::SessionAll
    )]
    NotOwner,
    /// A constraint of the key stands against it.
    #[error("{0}; use a key that is good for it")]
    Constraint(#[from] ConstraintHit),
}

impl Denial {
    /// What was missing, in one word for the audit trail and metrics: the scope's or constraint's name, or
    /// `owner`.
    pub fn name(self) -> &'static str {
        match self {
            Self::ScopeMissing(scope) => scope.name(),
            Self::NotOwner => "owner",
            Self::Constraint(hit) => hit.name(),
        }
    }
}

/// May the principal do the action with the resource?
///
/// The action's scope is asked for first, whatever the resource; then whether the session is the key's own;
/// then the constraints. What touches several resources (a session, and a tag in it) is asked for each.
pub fn authorize(principal: &Principal, action: Action, resource: &Resource<'_>) -> Result<(), Denial> {
    let grant = match principal {
        Principal::Unrestricted => return Ok(()),
        Principal::Key(grant) => grant,
    };
    if let Some(scope) = action.required_scope()
        && !grant.scopes.contains(scope)
    {
        return Err(Denial::ScopeMissing(scope));
    }
    match resource {
        Resource::Gateway => Ok(()),
        Resource::Session { owner } if owns(grant, *owner) => Ok(()),
        Resource::Session { .. } => Err(Denial::NotOwner),
        Resource::Tag { tag, access: Access::Read } => Ok(grant.constraints.read(tag)?),
        Resource::Tag { tag, access: Access::Write } => Ok(grant.constraints.write(tag)?),
        Resource::Path(path) => Ok(grant.constraints.browse(path)?),
    }
}

fn owns(grant: &KeyGrant, owner: Option<&str>) -> bool {
    owner == Some(grant.id.as_str()) || grant.scopes.contains(Scope::SessionAll)
}
