//! Who gets in, from the configuration.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mxgateway_dashboard::settings::Settings;
use mxgateway_directory::{LdapSettings, SettingsError};
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::config::{Config, LdapConfig};

/// How long a token for the hubs lasts.
const HUB_TOKEN_LIFETIME: Duration = Duration::from_mins(30);

/// Why people cannot sign in at the dashboard although they should.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// The service account's password cannot be read.
    #[error("cannot read {} (ldap.service_account_password_path)", path.display())]
    Password {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The directory cannot be asked like that.
    #[error("the directory cannot be used (section ldap)")]
    Settings(#[from] SettingsError),
}

pub(super) fn settings(config: &Config) -> Settings {
    let dashboard = &config.dashboard;
    Settings {
        allow_anonymous_localhost: dashboard.allow_anonymous_localhost,
        show_tag_values: dashboard.show_tag_values,
        // Behind a proxy that speaks TLS browsers come by HTTPS, too.
        is_secure: config.http.tls || dashboard.allow_insecure,
        group_to_role: dashboard.group_to_role.clone(),
        group_to_session_tag: dashboard.group_to_session_tag.clone(),
        viewer_default: dashboard.viewer_default,
        session_lifetime: dashboard.session_lifetime,
        hub_token_lifetime: HUB_TOKEN_LIFETIME,
    }
}

/// How the directory is asked; `None` where there is none.
pub(super) fn ldap_settings(config: &LdapConfig) -> Result<Option<LdapSettings>, DirectoryError> {
    if !config.enabled {
        return Ok(None);
    }
    let password = match (&config.service_account_password, &config.service_account_password_path) {
        (Some(password), _) => SecretString::from(password.as_str()),
        (None, Some(path)) => read_password(path)?,
        (None, None) => SecretString::default(),
    };
    Ok(Some(LdapSettings {
        server: config.server.clone(),
        port: config.port,
        transport: config.transport,
        allow_insecure: config.allow_insecure,
        search_base: config.search_base.clone(),
        service_account_dn: config.service_account_dn.clone(),
        service_account_password: password,
        user_name_attribute: config.user_name_attribute.clone(),
        display_name_attribute: config.display_name_attribute.clone(),
        group_attribute: config.group_attribute.clone(),
        nested_groups: config.nested_groups,
        ca_file: config.ca_file.clone(),
        timeout: config.timeout,
    }))
}

fn read_password(path: &Path) -> Result<SecretString, DirectoryError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| DirectoryError::Password { path: path.to_owned(), source })?;
    let text = Zeroizing::new(text);
    let password = text.strip_suffix('\n').unwrap_or(&text);
    Ok(SecretString::from(password.strip_suffix('\r').unwrap_or(password)))
}
