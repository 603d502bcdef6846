//! API keys and the audit trail, for administrators at the dashboard.

use std::time::{Duration, SystemTime};

use mxgateway_auth::audit::{AuditEntry, AuditQuery};
use mxgateway_auth::constraints::{Constraints, Pattern, Patterns};
use mxgateway_auth::key::{ApiKey, KeyId};
use mxgateway_auth::scope::{Scope, Scopes};
use mxgateway_auth::store::{self, Change, KeyState, StoreError, StoredKey};
use mxgateway_dashboard::backend::{Actor, AuditFilter, BackendError, NewKey};
use mxgateway_dashboard::model::{AuditView, KeyView, ScopeView};
use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::session_views::time;
use crate::security::Office;

const DAY: Duration = Duration::from_hours(24);

/// Entries of the audit trail that are read when nobody says how many, and at most.
const USUAL_ENTRIES: u32 = 100;
const MOST_ENTRIES: u32 = 1_000;

/// A visitor's name in the audit trail, where keys and people of the machine have other forms.
pub(super) fn actor(actor: &Actor) -> String {
    format!("visitor:{}", actor.name)
}

/// What somebody does now.
struct Deed<'a> {
    actor: String,
    peer: &'a str,
    at: SystemTime,
}

impl<'a> Deed<'a> {
    fn of(by: &'a Actor) -> Self {
        Self { actor: actor(by), peer: &by.peer, at: SystemTime::now() }
    }

    fn change(&self) -> Change<'_> {
        Change { actor: &self.actor, peer: Some(self.peer), at: self.at }
    }
}

pub(super) fn scopes() -> Vec<ScopeView> {
    Scope::ALL.iter().map(|scope| ScopeView { name: scope.name(), meaning: scope.meaning() }).collect()
}

pub(super) async fn list(office: &Office) -> Result<Vec<KeyView>, BackendError> {
    let now = SystemTime::now();
    let keys = office.store.list().await.map_err(|error| failed(&error))?;
    Ok(keys.iter().map(|key| view(key, now)).collect())
}

pub(super) async fn create(
    office: &Office,
    by: &Actor,
    new: NewKey,
) -> Result<(KeyView, String), BackendError> {
    let deed = Deed::of(by);
    let id = KeyId::random().map_err(|error| internal(&error))?;
    let lifetime = new.expires_in_days.map(|days| DAY * days);
    let new = store::NewKey {
        id: id.clone(),
        name: new.name,
        scopes: parse_scopes(&new.scopes)?,
        constraints: parse_constraints(&new.constraints)?,
        expires: lifetime.map(|lifetime| deed.at + lifetime),
    };
    let key = ApiKey::generate(id).map_err(|error| internal(&error))?;
    let stored = office
        .store
        .create(&new, &office.pepper.hash(&key), deed.change())
        .await
        .map_err(|error| failed(&error))?;
    Ok((view(&stored, deed.at), key.token().expose_secret().to_owned()))
}

pub(super) async fn rotate(office: &Office, by: &Actor, id: &str) -> Result<(KeyView, String), BackendError> {
    let (id, deed) = (key_id(id)?, Deed::of(by));
    let key = ApiKey::generate(id.clone()).map_err(|error| internal(&error))?;
    let stored = office
        .store
        .rotate(&id, &office.pepper.hash(&key), deed.change())
        .await
        .map_err(|error| failed(&error))?;
    Ok((view(&stored, deed.at), key.token().expose_secret().to_owned()))
}

pub(super) async fn revoke(office: &Office, by: &Actor, id: &str) -> Result<KeyView, BackendError> {
    let (id, deed) = (key_id(id)?, Deed::of(by));
    let stored = office.store.revoke(&id, deed.change()).await.map_err(|error| failed(&error))?;
    Ok(view(&stored, deed.at))
}

pub(super) async fn audit(office: &Office, filter: AuditFilter) -> Result<Vec<AuditView>, BackendError> {
    let AuditFilter { actor, action, since_seconds, limit } = filter;
    let query = AuditQuery {
        since: since_seconds.and_then(|seconds| SystemTime::now().checked_sub(Duration::from_secs(seconds))),
        until: None,
        actor,
        action,
        limit: limit.unwrap_or(USUAL_ENTRIES).min(MOST_ENTRIES),
    };
    let entries = office.store.audit(&query).await.map_err(|error| failed(&error))?;
    Ok(entries.into_iter().rev().map(audit_view).collect())
}

fn audit_view(entry: AuditEntry) -> AuditView {
    AuditView {
        at: time(entry.at),
        actor: entry.actor,
        action: entry.action.into_owned(),
        outcome: entry.outcome.name().to_owned(),
        target: entry.target,
        peer: entry.peer,
        details: Value::Object(entry.details).to_string(),
    }
}

fn view(key: &StoredKey, now: SystemTime) -> KeyView {
    KeyView {
        id: key.id.to_string(),
        name: key.name.clone(),
        state: match key.state(now) {
            KeyState::InForce => "active",
            KeyState::Expired => "expired",
            KeyState::Revoked => "revoked",
        }
        .to_owned(),
        scopes: key.scopes.iter().map(|scope| scope.name().to_owned()).collect(),
        constraints: constraint_lines(&key.constraints),
        created: time(key.created),
        expires: key.expires.map(time),
        last_used: key.last_used.map(time),
    }
}

fn parse_scopes(names: &[String]) -> Result<Scopes, BackendError> {
    let scopes = names.iter().map(|name| name.parse::<Scope>());
    scopes.collect::<Result<_, _>>().map_err(|error| BackendError::Invalid(format!("scopes: {error}")))
}

/// Lines such as `read_subtree = Plant.Line_001`, one rule each; the names are those of the options of `mxgateway apikey`.
fn parse_constraints(lines: &[String]) -> Result<Constraints, BackendError> {
    let mut lists: [Vec<Pattern>; 5] = Default::default();
    let [read_subtrees, read_tags, write_subtrees, write_tags, browse_subtrees] = &mut lists;
    let mut max_write_classification = None;
    for line in lines {
        let invalid = |why: String| BackendError::Invalid(format!("constraints: {line:?}: {why}"));
        let (name, value) =
            line.split_once('=').ok_or_else(|| invalid("is not of the form name = pattern".to_owned()))?;
        let value = value.trim();
        let list = match name.trim() {
            "read_subtree" => &mut *read_subtrees,
            "read_tag" => &mut *read_tags,
            "write_subtree" => &mut *write_subtrees,
            "write_tag" => &mut *write_tags,
            "browse_subtree" => &mut *browse_subtrees,
            "max_write_classification" => {
                max_write_classification = Some(value.parse().map_err(|error| invalid(format!("{error}")))?);
                continue;
            }
            _ => {
                return Err(invalid(
                    "the names are read_subtree, read_tag, write_subtree, write_tag, browse_subtree and \
                     max_write_classification"
                        .to_owned(),
                ));
            }
        };
        list.push(value.parse().map_err(|error| invalid(format!("{error}")))?);
    }
    let [read_subtrees, read_tag_globs, write_subtrees, write_tag_globs, browse_subtrees] = lists;
    let list = |patterns: Vec<Pattern>| {
        Patterns::try_from(patterns).map_err(|error| BackendError::Invalid(format!("constraints: {error}")))
    };
    Ok(Constraints {
        read_subtrees: list(read_subtrees)?,
        read_tag_globs: list(read_tag_globs)?,
        write_subtrees: list(write_subtrees)?,
        write_tag_globs: list(write_tag_globs)?,
        browse_subtrees: list(browse_subtrees)?,
        max_write_classification,
    })
}

/// The same lines.
fn constraint_lines(constraints: &Constraints) -> Vec<String> {
    let lists = [
        ("read_subtree", &constraints.read_subtrees),
        ("read_tag", &constraints.read_tag_globs),
        ("write_subtree", &constraints.write_subtrees),
        ("write_tag", &constraints.write_tag_globs),
        ("browse_subtree", &constraints.browse_subtrees),
    ];
    let patterns = lists
        .into_iter()
        .flat_map(|(name, patterns)| patterns.iter().map(move |pattern| format!("{name} = {pattern}")));
    let most = constraints.max_write_classification;
    patterns.chain(most.map(|most| format!("max_write_classification = {}", most.name()))).collect()
}

fn key_id(id: &str) -> Result<KeyId, BackendError> {
    id.parse().map_err(|_| BackendError::NotFound(format!("key {id:?}")))
}

/// What a visitor is told of what the store said.
fn failed(error: &StoreError) -> BackendError {
    match error {
        StoreError::KeyNotFound(id) => BackendError::NotFound(format!("key {id}")),
        StoreError::KeyExists(_)
        | StoreError::KeyRevoked(_)
        | StoreError::KeyExpired(_)
        | StoreError::KeyInForce(_) => BackendError::Invalid(error.to_string()),
        StoreError::File { .. }
        | StoreError::Path { .. }
        | StoreError::Open { .. }
        | StoreError::NewerSchema { .. }
        | StoreError::Migrate { .. }
        | StoreError::Query { .. }
        | StoreError::Timeout { .. }
        | StoreError::Damaged { .. } => {
            let error = error as &dyn std::error::Error;
            tracing::error!(error, "The key store did not do what the dashboard asked");
            BackendError::Unavailable(
                "the key store does not answer; the gateway's log has the details".to_owned(),
            )
        }
    }
}

fn internal(error: &(dyn std::error::Error + 'static)) -> BackendError {
    tracing::error!(error, "A key could not be made");
    BackendError::Internal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints_read_as_they_are_shown() {
        let lines = [
            "read_subtree = Plant.Line_001",
            "read_subtree = Plant.Line_002*",
            "read_tag = Tank_*.Level",
            "write_subtree = Plant.Tanks",
            "write_tag = Tank_*.Setpoint",
            "browse_subtree = Plant",
            "max_write_classification = operate",
        ];
        let given: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        assert_eq!(constraint_lines(&parse_constraints(&given).unwrap()), given);
        assert_eq!(parse_constraints(&[]).unwrap(), Constraints::default());
    }

    #[test]
    fn what_is_wrong_with_a_constraint_is_told_with_its_line() {
        for (line, part) in [
            ("Plant.Line_001", "form name = pattern"),
            ("read_subtrees = Plant", "read_subtree, read_tag"),
            ("read_tag =", "read_tag ="),
            ("max_write_classification = much", "much"),
        ] {
            let error = parse_constraints(&[line.to_owned()]).unwrap_err().to_string();
            assert!(error.contains(part) && error.starts_with("constraints: "), "{error}");
        }
    }
}
