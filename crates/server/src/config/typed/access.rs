//! Who may see and do what with a browser.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use mxgateway_dashboard::access::Role;
use mxgateway_dashboard::settings::ViewerDefault;
use mxgateway_directory::Transport;

/// Section `dashboard`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DashboardConfig {
    /// Whether it is served.
    pub enabled: bool,
    /// Whether whoever comes from this machine sees everything without signing in.
    pub allow_anonymous_localhost: bool,
    /// Whether people may sign in although others can listen.
    pub allow_insecure: bool,
    /// Whether the values of tags are shown.
    pub show_tag_values: bool,
    /// How long a sign-in lasts after the last request.
    pub session_lifetime: Duration,
    /// What members of a group may do.
    pub group_to_role: BTreeMap<String, Role>,
    /// The session tags that viewers in a group see.
    pub group_to_session_tag: BTreeMap<String, BTreeSet<String>>,
    /// Which sessions viewers see.
    pub viewer_default: ViewerDefault,
}

/// Section `ldap`.
#[derive(Clone, PartialEq, Eq)]
pub struct LdapConfig {
    /// Whether people sign in with names and passwords of a directory.
    pub enabled: bool,
    /// Name or address of its server; not empty when it is enabled.
    pub server: String,
    /// Its port.
    pub port: u16,
    /// How the way there is made secure.
    pub transport: Transport,
    /// Whether it may be not secure at all.
    pub allow_insecure: bool,
    /// Authorities that vouch for the server; `None` is those of the operating system.
    pub ca_file: Option<PathBuf>,
    /// Where people are searched; not empty when it is enabled.
    pub search_base: String,
    /// The account that searches; not empty when it is enabled.
    pub service_account_dn: String,
    /// Its password.
    pub service_account_password: Option<String>,
    /// File of its password; never besides the password itself.
    pub service_account_password_path: Option<PathBuf>,
    /// Attribute of the names that people sign in with.
    pub user_name_attribute: String,
    /// Attribute of the name that is shown.
    pub display_name_attribute: String,
    /// Attribute of the groups that somebody is in.
    pub group_attribute: String,
    /// Whether groups of groups count.
    pub nested_groups: bool,
    /// How long the directory may take.
    pub timeout: Duration,
}

impl fmt::Debug for LdapConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            enabled,
            server,
            port,
            transport,
            allow_insecure,
            ca_file,
            search_base,
            service_account_dn,
            service_account_password,
            service_account_password_path,
            user_name_attribute,
            display_name_attribute,
            group_attribute,
            nested_groups,
            timeout,
        } = self;
        formatter
            .debug_struct("LdapConfig")
            .field("enabled", enabled)
            .field("server", server)
            .field("port", port)
            .field("transport", transport)
            .field("allow_insecure", allow_insecure)
            .field("ca_file", ca_file)
            .field("search_base", search_base)
            .field("service_account_dn", service_account_dn)
            .field("service_account_password", &service_account_password.as_ref().map(|_| "<redacted>"))
            .field("service_account_password_path", service_account_password_path)
            .field("user_name_attribute", user_name_attribute)
            .field("display_name_attribute", display_name_attribute)
            .field("group_attribute", group_attribute)
            .field("nested_groups", nested_groups)
            .field("timeout", timeout)
            .finish()
    }
}
