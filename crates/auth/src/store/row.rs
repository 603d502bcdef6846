//! Rows and what they stand for.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::{Failure, StoreError, StoredKey};
use crate::audit::{AuditEntry, Outcome};
use crate::key::SecretHash;

/// Milliseconds since the epoch, as times are stored. What lies beyond is moved to the nearest that exists.
pub(super) fn millis(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |millis| -millis),
    }
}

pub(super) fn time(millis: i64) -> SystemTime {
    let distance = Duration::from_millis(millis.unsigned_abs());
    let time = if millis < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) };
    time.unwrap_or(UNIX_EPOCH)
}

/// The columns that [`key`] wants.
macro_rules! key_columns {
    () => {
        "id, name, hash, scopes, constraints, created, expires, last_used, revoked, revision"
    };
}
pub(super) use key_columns;

pub(super) fn key(row: &AnyRow) -> Result<StoredKey, Failure> {
    let id: String = row.try_get("id")?;
    let damaged = |why: String| StoreError::Damaged { what: format!("the key {id:?}"), why };
    let hash: Vec<u8> = row.try_get("hash")?;
    let hash: [u8; SecretHash::BYTES] =
        hash.try_into().map_err(|_| damaged("its hash has the wrong length".to_owned()))?;
    let optional_time = |column| -> sqlx::Result<_> { Ok(row.try_get::<Option<i64>, _>(column)?.map(time)) };
    Ok(StoredKey {
        id: id.parse().map_err(|error| damaged(format!("{error}")))?,
        name: row.try_get("name")?,
        hash: SecretHash::from_bytes(hash),
        scopes: json(row.try_get("scopes")?).map_err(damaged)?,
        constraints: json(row.try_get("constraints")?).map_err(damaged)?,
        created: time(row.try_get("created")?),
        expires: optional_time("expires")?,
        last_used: optional_time("last_used")?,
        revoked: optional_time("revoked")?,
        revision: row.try_get("revision")?,
    })
}

pub(super) fn audit_entry(row: &AnyRow) -> Result<AuditEntry, Failure> {
    let sequence: i64 = row.try_get("sequence")?;
    let damaged =
        |why: String| StoreError::Damaged { what: format!("entry {sequence} of the audit trail"), why };
    let outcome: &str = row.try_get("outcome")?;
    Ok(AuditEntry {
        at: time(row.try_get("at")?),
        actor: row.try_get("actor")?,
        action: row.try_get::<String, _>("action")?.into(),
        outcome: Outcome::named(outcome).ok_or_else(|| damaged(format!("the outcome {outcome:?}")))?,
        target: row.try_get("target")?,
        correlation_id: row.try_get("correlation_id")?,
        peer: row.try_get("peer")?,
        details: json(row.try_get("details")?).map_err(damaged)?,
    })
}

fn json<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_milliseconds_before_and_after_the_epoch() {
        for (stored, there) in [
            (0, UNIX_EPOCH),
            (1_500, UNIX_EPOCH + Duration::from_millis(1_500)),
            (-1_500, UNIX_EPOCH - Duration::from_millis(1_500)),
        ] {
            assert_eq!(millis(there), stored);
            assert_eq!(time(stored), there);
        }
        assert_eq!(millis(UNIX_EPOCH + Duration::from_micros(1_999)), 1);
    }
}
