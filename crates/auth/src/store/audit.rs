//! The audit trail in the store.

use std::time::SystemTime;

use sqlx::AnyConnection;

use super::row::{audit_entry, millis};
use super::{AuthStore, StoreError, limited};
use crate::audit::{AuditEntry, AuditQuery};

/// Entries that are deleted in one transaction, so that others do not wait for long.
const DELETED_AT_ONCE: i64 = 1_000;

impl AuthStore {
    /// Adds entries, all or none.
    pub async fn append_audit(&self, entries: &[AuditEntry]) -> Result<(), StoreError> {
        limited("write the audit trail", async {
            let mut transaction = self.pool.begin().await?;
            for entry in entries {
                insert(&mut transaction, entry).await?;
            }
            transaction.commit().await?;
            Ok(())
        })
        .await
    }

    /// The newest entries that the query asks for, the newest last.
    pub async fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditEntry>, StoreError> {
        limited("read the audit trail", async {
            let rows = sqlx::query(
                "SELECT sequence, at, actor, action, outcome, target, correlation_id, peer, details FROM audit \
                 WHERE at >= $1 AND at < $2 AND ($3 = '' OR actor = $3) AND ($4 = '' OR action = $4) \
                 ORDER BY at DESC, sequence DESC LIMIT $5",
            )
            .bind(query.since.map_or(i64::MIN, millis))
            .bind(query.until.map_or(i64::MAX, millis))
            .bind(query.actor.as_deref().unwrap_or_default())
            .bind(query.action.as_deref().unwrap_or_default())
            .bind(i64::from(query.limit))
            .fetch_all(&self.pool)
            .await?;
            rows.iter().rev().map(audit_entry).collect()
        })
        .await
    }

    /// Deletes some of the entries before a time, and says how many; 0 when none are left.
    pub async fn delete_some_audit_before(&self, time: SystemTime) -> Result<u64, StoreError> {
        limited("delete old entries of the audit trail", async {
            let result = sqlx::query(
                "DELETE FROM audit WHERE sequence IN \
                 (SELECT sequence FROM audit WHERE at < $1 ORDER BY at, sequence LIMIT $2)",
            )
            .bind(millis(time))
            .bind(DELETED_AT_ONCE)
            .execute(&self.pool)
            .await?;
            Ok(result.rows_affected())
        })
        .await
    }
}

pub(super) async fn insert(connection: &mut AnyConnection, entry: &AuditEntry) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO audit (at, actor, action, outcome, target, correlation_id, peer, details) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(millis(entry.at))
    .bind(storable(&entry.actor))
    .bind(storable(&entry.action))
    .bind(entry.outcome.name())
    .bind(entry.target.as_deref().map(storable))
    .bind(entry.correlation_id.as_deref().map(storable))
    .bind(entry.peer.as_deref().map(storable))
    .bind(serde_json::to_string(&entry.details).map_err(|error| sqlx::Error::Encode(error.into()))?)
    .execute(connection)
    .await?;
    Ok(())
}

/// PostgreSQL takes no NUL. Some of the texts come from clients, and no entry must fail for what they send.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
