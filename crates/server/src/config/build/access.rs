//! The sections `dashboard` and `ldap`.

use mxgateway_dashboard::access::Role;
use mxgateway_dashboard::settings::ViewerDefault;
use mxgateway_directory::Transport;

use super::Values;
use crate::config::problem::Problem;
use crate::config::typed::{DashboardConfig, LdapConfig};

const LDAPS_PORT: u16 = 636;
const LDAP_PORT: u16 = 389;

pub(super) fn dashboard(values: &Values<'_>) -> Result<DashboardConfig, Problem> {
    let role = |word: String| if word == "administrator" { Role::Administrator } else { Role::Viewer };
    let group_to_role = values.groups("dashboard.group_to_role")?.words.into_iter();
    Ok(DashboardConfig {
        enabled: values.flag("dashboard.enabled")?,
        allow_anonymous_localhost: values.flag("dashboard.allow_anonymous_localhost")?,
        allow_insecure: values.flag("dashboard.allow_insecure")?,
        show_tag_values: values.flag("dashboard.show_tag_values")?,
        session_lifetime: values.seconds("dashboard.session_lifetime_seconds")?,
        group_to_role: group_to_role
            .flat_map(|(group, words)| words.into_iter().map(move |word| (group.clone(), role(word))))
            .collect(),
        group_to_session_tag: values.groups("dashboard.group_to_session_tag")?.words,
        viewer_default: match values.text("dashboard.viewer_default")? {
            "none" => ViewerDefault::None,
            _ => ViewerDefault::Tagged,
        },
    })
}

pub(super) fn ldap(values: &Values<'_>) -> Result<LdapConfig, Problem> {
    let transport = match values.text("ldap.transport")? {
        "start_tls" => Transport::StartTls,
        "none" => Transport::Plain,
        _ => Transport::Ldaps,
    };
    let usual_port = match transport {
        Transport::Ldaps => LDAPS_PORT,
        Transport::StartTls | Transport::Plain => LDAP_PORT,
    };
    let port = values.number("ldap.port")?;
    Ok(LdapConfig {
        enabled: values.flag("ldap.enabled")?,
        server: values.text("ldap.server")?.to_owned(),
        port: if port == 0 { usual_port } else { port },
        transport,
        allow_insecure: values.flag("ldap.allow_insecure")?,
        ca_file: values.path_if_any("ldap.ca_file")?,
        search_base: values.text("ldap.search_base")?.to_owned(),
        service_account_dn: values.text("ldap.service_account_dn")?.to_owned(),
        service_account_password: values.secret_if_any("ldap.service_account_password")?,
        service_account_password_path: values.path_if_any("ldap.service_account_password_path")?,
        user_name_attribute: values.text("ldap.user_name_attribute")?.to_owned(),
        display_name_attribute: values.text("ldap.display_name_attribute")?.to_owned(),
        group_attribute: values.text("ldap.group_attribute")?.to_owned(),
        nested_groups: values.flag("ldap.nested_groups")?,
        timeout: values.seconds("ldap.timeout_seconds")?,
    })
}
