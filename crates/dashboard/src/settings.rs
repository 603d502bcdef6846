//! What the dashboard is told by the configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::access::Role;

/// The dashboard's settings. By default nobody gets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whoever comes from this machine's loopback address sees everything without signing in, and changes nothing.
    pub allow_anonymous_localhost: bool,
    /// Whether pages and hubs show values of tags.
    pub show_tag_values: bool,
    /// Whether browsers reach the dashboard by HTTPS only: the cookie is sent by HTTPS only then.
    pub is_secure: bool,
    /// Which role a group of the directory gives. By full name (DN) or the value of its first part, in any case.
    pub group_to_role: BTreeMap<String, Role>,
    /// The tags whose sessions a group's members see.
    pub group_to_session_tag: BTreeMap<String, BTreeSet<String>>,
    /// What viewers see.
    pub viewer_default: ViewerDefault,
    /// A sign-in lasts this long after the visitor's last request.
    pub session_lifetime: Duration,
    /// How long a token for the hubs lasts.
    pub hub_token_lifetime: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            allow_anonymous_localhost: false,
            show_tag_values: false,
            is_secure: false,
            group_to_role: BTreeMap::new(),
            group_to_session_tag: BTreeMap::new(),
            viewer_default: ViewerDefault::Tagged,
            session_lifetime: Duration::from_hours(8),
            hub_token_lifetime: Duration::from_mins(30),
        }
    }
}

/// What viewers see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewerDefault {
    /// Sessions with a tag of one of their groups.
    Tagged,
    /// No session at all.
    None,
}
