//! Key store, verifier and audit trail of a running gateway.

use std::sync::Arc;

use mxgateway_auth::audit::{AuditTrail, AuditWriter};
use mxgateway_auth::key::Pepper;
use mxgateway_auth::pepper_file::{self, PepperFileError};
use mxgateway_auth::store::{AuthStore, StoreError, StoreLocation};
use mxgateway_auth::verifier::Verifier;
use secrecy::SecretString;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::{AuthMode, Config};
use crate::readiness::KeysAndAudit;

/// The SQLite file in the data directory.
const SQLITE_FILE: &str = "auth.db";

/// Why nobody can be told from anybody.
#[derive(Debug, thiserror::Error)]
pub enum SecurityError {
    /// The key store.
    #[error("the key store cannot be used (auth.database_url, server.data_directory)")]
    Store(#[from] StoreError),
    /// The pepper.
    #[error("the pepper cannot be used (auth.pepper_path)")]
    Pepper(#[from] PepperFileError),
}

/// Where the configuration wants keys and audit trail to be kept.
pub fn store_location(config: &Config) -> StoreLocation {
    match &config.auth.database_url {
        Some(url) => StoreLocation::Postgres(SecretString::from(url.clone())),
        None => StoreLocation::Sqlite(config.server.data_directory.join(SQLITE_FILE)),
    }
}

/// Keys and the audit trail, for those who look after them. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Office {
    pub(crate) store: AuthStore,
    pub(crate) pepper: Arc<Pepper>,
    pub(crate) audit: AuditTrail,
}

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Security {
    /// Tells who asks.
    pub(crate) verifier: Verifier,
    /// Takes what is noted; `None` when authentication is off.
    pub(crate) audit: Option<AuditTrail>,
    /// What may be done with keys and the audit trail; `None` when authentication is off.
    pub(crate) office: Option<Office>,
    writer: Option<AuditWriter>,
}

/// The parts of it that run as long as the gateway.
#[derive(Debug)]
pub(crate) struct Guards {
    /// Notices keys that others revoked.
    pub(crate) verifying: JoinHandle<()>,
    /// Writes the audit trail.
    pub(crate) auditing: JoinHandle<()>,
}

impl Security {
    /// Opens everything, and makes at the first start what is not there yet.
    pub(crate) async fn open(config: &Config) -> Result<Self, SecurityError> {
        if config.auth.mode == AuthMode::Disabled {
            tracing::warn!(
                "Authentication is off: everybody who reaches the gateway may do everything (auth.mode)"
            );
            return Ok(Self { verifier: Verifier::disabled(), audit: None, office: None, writer: None });
        }
        let address = config.server.listen;
        if !address.ip().is_loopback() && config.tls.mode == crate::config::TlsMode::Off {
            tracing::warn!(%address, "API keys and data cross the network in the clear (tls.mode)");
        }
        let store = AuthStore::open(&store_location(config)).await?;
        let has_keys = store.has_keys().await?;
        let pepper = Arc::new(pepper_file::read_or_make(&config.auth.pepper_path, has_keys)?);
        if !has_keys {
            tracing::warn!("There is no API key yet; `mxgateway apikey create` makes one");
        }
        let (audit, writer) = AuditTrail::new(store.clone(), config.audit.retention);
        let verifier = Verifier::start(store.clone(), Arc::clone(&pepper), config.auth.cache).await?;
        let office = Office { store, pepper, audit: audit.clone() };
        Ok(Self { verifier, audit: Some(audit), office: Some(office), writer: Some(writer) })
    }

    /// What readiness looks at; `None` when authentication is off.
    pub(crate) fn watched(&self) -> Option<KeysAndAudit> {
        let audit = self.audit.as_ref()?.health();
        Some(KeysAndAudit { verifier: self.verifier.clone(), audit })
    }

    /// Starts what runs in the background.
    pub(crate) fn guard(&mut self, stop: &CancellationToken) -> Guards {
        let verifying = tokio::spawn({
            let (verifier, stop) = (self.verifier.clone(), stop.clone());
            async move { verifier.run(stop).await }
        });
        let writer = self.writer.take();
        let auditing = tokio::spawn({
            let stop = stop.clone();
            async move {
                match writer {
                    Some(writer) => writer.run(stop).await,
                    None => stop.cancelled().await,
                }
            }
        });
        Guards { verifying, auditing }
    }
}
