//! What the service needs of the configuration, and what it can do with it.

use std::sync::Arc;
use std::time::Duration;

use crate::config::RecordWrites;
use crate::galaxy_view::GalaxyView;

/// What a client may ask the gateway whether it can.
const CAPABILITIES: [&str; 12] = [
    "invoke",
    "invoke-bulk",
    "invoke-request-id",
    "invoke-cancel",
    "sparse-array-writes",
    "list-sessions",
    "stream-events",
    "stream-resume",
    "stream-bookmarks",
    "stream-filter",
    "stream-snapshot",
    "stream-slow-reader-policy",
];

/// What the service needs of the configuration.
#[derive(Debug)]
pub(crate) struct ServiceSettings {
    /// Limit of a command whose session names none.
    pub(crate) default_command_timeout: Duration,
    /// Where bare names of arrays are looked up.
    pub(crate) galaxy: Arc<GalaxyView>,
    /// Whether InjectFault is let through.
    pub(crate) allow_fault_injection: bool,
    /// Which writes of values get an entry in the audit trail.
    pub(crate) record_writes: RecordWrites,
}

impl ServiceSettings {
    /// What to tell a client that opens a session.
    pub(super) fn capabilities(&self) -> Vec<String> {
        let by_setting = [
            (self.galaxy.galaxy().is_some(), "galaxy-browse"),
            (self.galaxy.completes_array_names(), "array-name-completion"),
            (self.allow_fault_injection, "fault-injection"),
        ];
        let switched_on = by_setting.into_iter().filter(|(on, _)| *on).map(|(_, name)| name);
        CAPABILITIES.into_iter().chain(switched_on).map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_say_what_is_switched_on() {
        let capabilities = |allow_fault_injection| {
            let galaxy = Arc::new(GalaxyView::Unknown);
            let default_command_timeout = Duration::from_secs(30);
            ServiceSettings {
                default_command_timeout,
                galaxy,
                allow_fault_injection,
                record_writes: RecordWrites::None,
            }
            .capabilities()
        };
        assert!(capabilities(true).contains(&"fault-injection".to_owned()));
        assert_eq!(capabilities(false), CAPABILITIES);
    }
}
