//! One connection to the server.

use std::error::Error;
use std::sync::Arc;

use ldap3::{
    Ldap, LdapConnAsync, LdapConnSettings, LdapError, LdapResult, Scope, SearchEntry, SearchOptions,
};
use rustls::ClientConfig;
use secrecy::{ExposeSecret, SecretString};
use tokio_util::task::AbortOnDropHandle;

use super::entry::Entry;
use super::{SUCCESS, told};
use crate::SignInError;
use crate::settings::{LdapSettings, Transport};

/// The answer of a server that found more entries than it was asked for.
const SIZE_LIMIT_EXCEEDED: u32 = 4;

/// How the server is reached.
pub(super) struct Reach {
    pub(super) url: String,
    tls: Option<Arc<ClientConfig>>,
    is_start_tls: bool,
    /// Seconds that the server may take for a search.
    search_seconds: i32,
}

impl Reach {
    pub(super) fn new(settings: &LdapSettings, tls: Option<Arc<ClientConfig>>) -> Self {
        let seconds = settings.timeout.as_secs().max(1);
        Self {
            url: settings.url(),
            tls,
            is_start_tls: settings.transport == Transport::StartTls,
            search_seconds: i32::try_from(seconds).unwrap_or(i32::MAX),
        }
    }

    fn failed(&self, error: &LdapError) -> SignInError {
        let mut text = error.to_string();
        // What wraps another error often says what that one says.
        let mut source = error.source();
        while let Some(inner) = source {
            let told = inner.to_string();
            if !text.contains(&told) {
                text = format!("{text}: {told}");
            }
            source = inner.source();
        }
        SignInError::Unavailable(format!("{}: {}", self.url, text.escape_debug()))
    }
}

/// A connection; dropping it closes it.
pub(super) struct Connection<'a> {
    reach: &'a Reach,
    ldap: Ldap,
    _driver: AbortOnDropHandle<()>,
}

/// What a search found.
pub(super) struct Found {
    pub(super) entries: Vec<Entry>,
    /// Whether there were more than asked for.
    pub(super) is_cut: bool,
    /// The server's answer, if that is not success.
    pub(super) result: Option<LdapResult>,
}

impl Found {
    /// The server's answer, as text for the log.
    pub(super) fn told(&self) -> String {
        self.result.as_ref().map_or_else(|| "success".to_owned(), told)
    }

    /// The answer's code.
    pub(super) fn code(&self) -> u32 {
        self.result.as_ref().map_or(SUCCESS, |result| result.rc)
    }
}

impl<'a> Connection<'a> {
    /// Connects, with TLS unless the settings say plain. Nothing but that was said to the server then.
    pub(super) async fn open(reach: &'a Reach) -> Result<Self, SignInError> {
        let mut settings = LdapConnSettings::new().set_starttls(reach.is_start_tls);
        if let Some(tls) = &reach.tls {
            settings = settings.set_config(Arc::clone(tls));
        }
        let (connection, ldap) =
            LdapConnAsync::with_settings(settings, &reach.url).await.map_err(|error| reach.failed(&error))?;
        let driver = tokio::spawn(async move {
            // Whoever waits for an answer learns that there is none.
            if let Err(error) = connection.drive().await {
                tracing::debug!(error = %error, "A connection to the directory ended");
            }
        });
        Ok(Self { reach, ldap, _driver: AbortOnDropHandle::new(driver) })
    }

    /// Signs this connection in. The server's answer says whether the password is right.
    pub(super) async fn bind(
        &mut self,
        dn: &str,
        password: &SecretString,
    ) -> Result<LdapResult, SignInError> {
        let answer = self.ldap.simple_bind(dn, password.expose_secret()).await;
        answer.map_err(|error| self.reach.failed(&error))
    }

    /// Looks for at most `limit` entries. References to other servers are left out.
    pub(super) async fn search(
        &mut self,
        base: &str,
        scope: Scope,
        filter: &str,
        attributes: &[&str],
        limit: usize,
    ) -> Result<Found, SignInError> {
        let reach = self.reach;
        let failed = |error: LdapError| reach.failed(&error);
        let options = SearchOptions::new()
            .sizelimit(i32::try_from(limit).unwrap_or(i32::MAX))
            .timelimit(reach.search_seconds);
        let search = self.ldap.with_search_options(options);
        let mut stream = search.streaming_search(base, scope, filter, attributes).await.map_err(failed)?;
        let mut entries = Vec::new();
        let mut is_cut = false;
        while let Some(entry) = stream.next().await.map_err(failed)? {
            if entry.is_ref() || entry.is_intermediate() {
                continue;
            }
            // The server was told the limit, and need not keep to it.
            if entries.len() == limit {
                is_cut = true;
                break;
            }
            entries.push(Entry::from(SearchEntry::construct(entry)));
        }
        let result = stream.finish().await;
        if is_cut {
            let search = stream.ldap_handle().last_id();
            stream.ldap_handle().abandon(search).await.map_err(failed)?;
            return Ok(Found { entries, is_cut, result: None });
        }
        is_cut = result.rc == SIZE_LIMIT_EXCEEDED;
        let result = (result.rc != SUCCESS && !is_cut).then_some(result);
        Ok(Found { entries, is_cut, result })
    }
}
