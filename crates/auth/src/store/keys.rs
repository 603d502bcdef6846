//! Keys in the store.

use std::collections::HashMap;
use std::time::SystemTime;

use serde::Serialize;
use serde_json::json;
use sqlx::{AnyConnection, Row};

use super::row::{key, key_columns, millis};
use super::{AuthStore, Change, Failure, StoreError, audit, limited};
use crate::audit::{AuditEntry, Outcome};
use crate::constraints::Constraints;
use crate::key::{KeyId, SecretHash};
use crate::principal::KeyGrant;
use crate::scope::Scopes;

/// A key to be created.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// Not that of another key, also not of a revoked one.
    pub id: KeyId,
    /// What people call it.
    pub name: String,
    /// What it is good for.
    pub scopes: Scopes,
    /// Where it is good.
    pub constraints: Constraints,
    /// From when on it is not good any more; `None` is never.
    pub expires: Option<SystemTime>,
}

/// A key as it is stored.
#[derive(Clone, Debug)]
pub struct StoredKey {
    /// Its public name.
    pub id: KeyId,
    /// What people call it.
    pub name: String,
    /// By which its secret is known.
    pub hash: SecretHash,
    /// What it is good for.
    pub scopes: Scopes,
    /// Where it is good.
    pub constraints: Constraints,
    /// When it was created.
    pub created: SystemTime,
    /// From when on it is not good any more.
    pub expires: Option<SystemTime>,
    /// When it was last used; gateways tell so every ten seconds or so.
    pub last_used: Option<SystemTime>,
    /// When it was revoked.
    pub revoked: Option<SystemTime>,
    /// Another one after each change.
    pub revision: i64,
}

/// Whether a key is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// It opens the gateway.
    InForce,
    /// Its time is over.
    Expired,
    /// It was revoked, whether its time is over or not.
    Revoked,
}

impl KeyState {
    /// In a word, for people and scripts.
    pub fn name(self) -> &'static str {
        match self {
            Self::InForce => "in-force",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

impl StoredKey {
    /// Whether it is good at this time.
    pub fn state(&self, now: SystemTime) -> KeyState {
        if self.revoked.is_some() {
            return KeyState::Revoked;
        }
        if self.expires.is_some_and(|expires| expires <= now) { KeyState::Expired } else { KeyState::InForce }
    }

    /// What it grants as long as it is good.
    pub fn grant(&self) -> KeyGrant {
        KeyGrant {
            id: self.id.clone(),
            name: self.name.clone(),
            scopes: self.scopes,
            constraints: self.constraints.clone(),
        }
    }

    /// An error unless it is good at this time.
    fn in_force(&self, now: SystemTime) -> Result<(), StoreError> {
        match self.state(now) {
            KeyState::InForce => Ok(()),
            KeyState::Expired => Err(StoreError::KeyExpired(self.id.clone())),
            KeyState::Revoked => Err(StoreError::KeyRevoked(self.id.clone())),
        }
    }
}

const SELECT: &str = concat!("SELECT ", key_columns!(), " FROM api_keys WHERE id = $1");

impl AuthStore {
    /// Stores a new key.
    pub async fn create(
        &self,
        new: &NewKey,
        hash: &SecretHash,
        change: Change<'_>,
    ) -> Result<StoredKey, StoreError> {
        limited("store the key", async {
            let mut transaction = self.pool.begin().await?;
            let revision = next_revision(&mut transaction).await?;
            if find(&mut transaction, &new.id).await?.is_some() {
                return Err(StoreError::KeyExists(new.id.clone()).into());
            }
            sqlx::query(
                "INSERT INTO api_keys (id, name, hash, scopes, constraints, created, expires, revision) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            )
            .bind(new.id.as_str())
            .bind(&new.name)
            .bind(hash.as_bytes().to_vec())
            .bind(as_json(&new.scopes)?)
            .bind(as_json(&new.constraints)?)
            .bind(millis(change.at))
            .bind(new.expires.map(millis))
            .bind(revision)
            .execute(&mut *transaction)
            .await?;
            let entry = entry("create-key", &new.id, change)
                .detail("name", json!(new.name))
                .detail("scopes", json!(new.scopes))
                .detail("constraints", json!(new.constraints));
            audit::insert(&mut transaction, &entry).await?;
            let stored = found(&mut transaction, &new.id).await?;
            transaction.commit().await?;
            Ok(stored)
        })
        .await
    }

    /// Gives a key another secret; callers with the one before are ended. A key that is revoked or expired
    /// stays so.
    pub async fn rotate(
        &self,
        id: &KeyId,
        hash: &SecretHash,
        change: Change<'_>,
    ) -> Result<StoredKey, StoreError> {
        limited("store the key's new secret", async {
            let mut transaction = self.pool.begin().await?;
            let revision = next_revision(&mut transaction).await?;
            found(&mut transaction, id).await?.in_force(change.at)?;
            sqlx::query("UPDATE api_keys SET hash = $2, revision = $3 WHERE id = $1 AND revoked IS NULL")
                .bind(id.as_str())
                .bind(hash.as_bytes().to_vec())
                .bind(revision)
                .execute(&mut *transaction)
                .await?;
            audit::insert(&mut transaction, &entry("rotate-key", id, change)).await?;
            let stored = found(&mut transaction, id).await?;
            transaction.commit().await?;
            Ok(stored)
        })
        .await
    }

    /// Ends a key for ever. One that is revoked already stays as it is.
    pub async fn revoke(&self, id: &KeyId, change: Change<'_>) -> Result<StoredKey, StoreError> {
        limited("revoke the key", async {
            let mut transaction = self.pool.begin().await?;
            let revision = next_revision(&mut transaction).await?;
            let before = found(&mut transaction, id).await?;
            if before.revoked.is_some() {
                return Ok(before);
            }
            sqlx::query("UPDATE api_keys SET revoked = $2, revision = $3 WHERE id = $1")
                .bind(id.as_str())
                .bind(millis(change.at))
                .bind(revision)
                .execute(&mut *transaction)
                .await?;
            audit::insert(&mut transaction, &entry("revoke-key", id, change)).await?;
            let stored = found(&mut transaction, id).await?;
            transaction.commit().await?;
            Ok(stored)
        })
        .await
    }

    /// Forgets a key that is revoked or expired. Its id may be taken again; the audit trail still has it.
    pub async fn delete(&self, id: &KeyId, change: Change<'_>) -> Result<(), StoreError> {
        limited("delete the key", async {
            let mut transaction = self.pool.begin().await?;
            next_revision(&mut transaction).await?;
            if found(&mut transaction, id).await?.state(change.at) == KeyState::InForce {
                return Err(StoreError::KeyInForce(id.clone()).into());
            }
            sqlx::query("DELETE FROM api_keys WHERE id = $1")
                .bind(id.as_str())
                .execute(&mut *transaction)
                .await?;
            audit::insert(&mut transaction, &entry("delete-key", id, change)).await?;
            transaction.commit().await?;
            Ok(())
        })
        .await
    }

    /// The key of this id.
    pub async fn get(&self, id: &KeyId) -> Result<Option<StoredKey>, StoreError> {
        limited("read the key", async {
            let row = sqlx::query(SELECT).bind(id.as_str()).fetch_optional(&self.pool).await?;
            row.as_ref().map(key).transpose()
        })
        .await
    }

    /// All keys, also revoked and expired ones, in the order of their ids.
    pub async fn list(&self) -> Result<Vec<StoredKey>, StoreError> {
        limited("read the keys", async {
            let query = concat!("SELECT ", key_columns!(), " FROM api_keys ORDER BY id");
            sqlx::query(query).fetch_all(&self.pool).await?.iter().map(key).collect()
        })
        .await
    }

    /// True when there is a key, be it one that ended. Then the pepper must not be another.
    pub async fn has_keys(&self) -> Result<bool, StoreError> {
        limited("look for keys", async {
            let row = sqlx::query("SELECT id FROM api_keys LIMIT 1").fetch_optional(&self.pool).await?;
            Ok(row.is_some())
        })
        .await
    }

    /// Counts the changes of all keys. Anything but a change leaves it as it is.
    pub async fn revision(&self) -> Result<i64, StoreError> {
        limited("read the keys' revision", async {
            let row = sqlx::query("SELECT revision FROM key_revision").fetch_one(&self.pool).await?;
            Ok(row.try_get("revision")?)
        })
        .await
    }

    /// The store's revision, and at that same moment those of the keys, by id.
    pub(crate) async fn key_revisions(&self) -> Result<(i64, HashMap<String, i64>), StoreError> {
        limited("read the revisions of the keys", async {
            let rows = sqlx::query(
                "SELECT r.revision AS store_revision, k.id, k.revision \
                 FROM key_revision r LEFT JOIN api_keys k ON 1 = 1",
            )
            .fetch_all(&self.pool)
            .await?;
            let mut store_revision = None;
            let mut revisions = HashMap::new();
            for row in rows {
                store_revision = Some(row.try_get("store_revision")?);
                if let Some(id) = row.try_get::<Option<String>, _>("id")? {
                    revisions.insert(id, row.try_get("revision")?);
                }
            }
            Ok((store_revision.ok_or(sqlx::Error::RowNotFound)?, revisions))
        })
        .await
    }

    /// The key of this id together with the revision of all keys at that same moment.
    pub(crate) async fn get_at_revision(&self, id: &KeyId) -> Result<(Option<StoredKey>, i64), StoreError> {
        limited("read the key", async {
            let row = sqlx::query(
                "SELECT r.revision AS store_revision, k.id, k.name, k.hash, k.scopes, k.constraints, k.created, \
                 k.expires, k.last_used, k.revoked, k.revision \
                 FROM key_revision r LEFT JOIN api_keys k ON k.id = $1",
            )
            .bind(id.as_str())
            .fetch_one(&self.pool)
            .await?;
            let exists = row.try_get::<Option<&str>, _>("id")?.is_some();
            let stored = exists.then(|| key(&row)).transpose()?;
            Ok((stored, row.try_get("store_revision")?))
        })
        .await
    }

    /// Notes when keys were last used. Is no change of them.
    pub async fn touch_last_used(&self, used: &[(KeyId, SystemTime)]) -> Result<(), StoreError> {
        // Gateways that note the same keys lock them in the same order.
        let mut used: Vec<_> = used.iter().collect();
        used.sort();
        limited("note when keys were used", async {
            let mut transaction = self.pool.begin().await?;
            for (id, at) in used {
                sqlx::query(
                    "UPDATE api_keys SET last_used = $2 WHERE id = $1 AND (last_used IS NULL OR last_used < $2)",
                )
                .bind(id.as_str())
                .bind(millis(*at))
                .execute(&mut *transaction)
                .await?;
            }
            transaction.commit().await?;
            Ok(())
        })
        .await
    }
}

/// Counts up, and so keeps other changes away until the transaction ends.
async fn next_revision(connection: &mut AnyConnection) -> sqlx::Result<i64> {
    let row = sqlx::query("UPDATE key_revision SET revision = revision + 1 RETURNING revision")
        .fetch_one(connection)
        .await?;
    row.try_get("revision")
}

async fn find(connection: &mut AnyConnection, id: &KeyId) -> Result<Option<StoredKey>, Failure> {
    let row = sqlx::query(SELECT).bind(id.as_str()).fetch_optional(connection).await?;
    row.as_ref().map(key).transpose()
}

async fn found(connection: &mut AnyConnection, id: &KeyId) -> Result<StoredKey, Failure> {
    find(connection, id).await?.ok_or_else(|| StoreError::KeyNotFound(id.clone()).into())
}

fn entry(action: &'static str, id: &KeyId, change: Change<'_>) -> AuditEntry {
    let entry = AuditEntry::new(change.at, change.actor, action, Outcome::Allowed).target(id.as_str());
    AuditEntry { peer: change.peer.map(str::to_owned), ..entry }
}

fn as_json<T: Serialize>(value: &T) -> sqlx::Result<String> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(error.into()))
}
