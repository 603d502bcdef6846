//! The dashboard, and the directory that its visitors are looked up in.

use super::{Key, SECONDS, key};
use crate::config::kind::Kind;

/// Where an empty text means that there is none.
const NONE: Option<&str> = Some("none");

pub(super) const KEYS: &[Key] = &[
    key("dashboard.enabled", Kind::Flag, "true", "Whether the dashboard is served at `http.listen`."),
    key(
        "dashboard.allow_anonymous_localhost",
        Kind::Flag,
        "false",
        "Whether whoever comes from this machine sees everything without signing in; changing anything needs a \
         sign-in all the same. For development.",
    ),
    key(
        "dashboard.allow_insecure",
        Kind::Flag,
        "false",
        "Whether people may sign in, with their passwords, at an address that other machines reach and without \
         `http.tls`. For a proxy in front that speaks TLS.",
    ),
    key(
        "dashboard.show_tag_values",
        Kind::Flag,
        "false",
        "Whether the values of tags are shown with their events.",
    ),
    key(
        "dashboard.session_lifetime_seconds",
        SECONDS,
        "28800",
        "How long somebody stays signed in after the last request.",
    ),
    key(
        "dashboard.group_to_role",
        Kind::GroupRoles,
        "",
        "What members of a group of the directory may do: see the sessions of their tags (`viewer`), or see and \
         do everything (`administrator`). A group is written as its full name (DN) or the value of the first \
         part; whoever is in none of these groups does not get in.",
    ),
    key(
        "dashboard.group_to_session_tag",
        Kind::GroupTags,
        "",
        "The session tags that viewers in a group see.",
    ),
    key(
        "dashboard.viewer_default",
        Kind::Choice(&["tagged", "none"]),
        "tagged",
        "Which sessions viewers see: those with a tag of `dashboard.group_to_session_tag`, or none.",
    ),
    key(
        "ldap.enabled",
        Kind::Flag,
        "false",
        "Whether people sign in at the dashboard with their names and passwords of an LDAP directory.",
    ),
    key("ldap.server", Kind::HostName { empty: NONE }, "", "Name or address of the directory's server."),
    key(
        "ldap.port",
        Kind::Count { min: 1, max: 65_535, zero: Some("636 for ldaps, otherwise 389") },
        "0",
        "Port of the directory's server.",
    ),
    key(
        "ldap.transport",
        Kind::Choice(&["ldaps", "start_tls", "none"]),
        "ldaps",
        "How the way to the directory is made secure; `none` needs `ldap.allow_insecure`.",
    ),
    key(
        "ldap.allow_insecure",
        Kind::Flag,
        "false",
        "Whether passwords may cross the network in the clear; for tests.",
    ),
    key(
        "ldap.ca_file",
        Kind::Path { empty: Some("those that the operating system trusts") },
        "",
        "PEM file of the authorities that vouch for the directory's server.",
    ),
    key(
        "ldap.search_base",
        Kind::Text { empty: NONE },
        "",
        "Where people are searched, such as `dc=plant,dc=example`.",
    ),
    key(
        "ldap.service_account_dn",
        Kind::Text { empty: NONE },
        "",
        "Full name of the account that searches for people.",
    ),
    key(
        "ldap.service_account_password",
        Kind::Secret,
        "",
        "Its password. Better in the environment or in a file of its own than in this one.",
    ),
    key(
        "ldap.service_account_password_path",
        Kind::Path { empty: NONE },
        "",
        "File of its password, instead of `ldap.service_account_password`; a line end after it is left out.",
    ),
    key(
        "ldap.user_name_attribute",
        Kind::LdapAttribute,
        "cn",
        "Attribute that people's names for the sign-in are looked for in, such as `uid` or `sAMAccountName`.",
    ),
    key("ldap.display_name_attribute", Kind::LdapAttribute, "cn", "Attribute of the name that is shown."),
    key(
        "ldap.group_attribute",
        Kind::LdapAttribute,
        "memberOf",
        "Attribute that has the full names of the groups that somebody is in.",
    ),
    key(
        "ldap.nested_groups",
        Kind::Flag,
        "false",
        "Whether groups that contain somebody's groups count, too, where the server can tell (Active Directory).",
    ),
    key("ldap.timeout_seconds", SECONDS, "10", "How long the directory may take to answer."),
];
