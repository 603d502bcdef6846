//! Faults that the simulator shows from its start on.

use std::time::Duration;

use crate::keys::{Keys, Problems};

/// See the module's documentation. Kinds of commands are named as in MXAccess: `AddItem`, `SubscribeBulk`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Calls of Register that fail.
    pub refuse_register: u32,
    /// Kinds of commands that hold the apartment, and how long.
    pub slow_commands: Vec<(String, Duration)>,
    /// The first command of this kind ends the process.
    pub crash_on: Option<String>,
    /// How long the apartment does not answer at first.
    pub hang: Option<Duration>,
    /// The engine is off scan.
    pub off_scan: bool,
}

impl Faults {
    /// Reads `[faults]`.
    pub(crate) fn read(root: &Keys<'_>, problems: &Problems) -> Self {
        let mut faults = Self::default();
        let Some(table) = root.table("faults") else { return faults };
        let keys = Keys::new("faults", table, problems);
        faults.refuse_register = keys
            .whole("refuse_register", 0..=i64::from(u32::MAX))
            .and_then(|times| u32::try_from(times).ok())
            .unwrap_or_default();
        for slow in keys.tables("slow_command") {
            let keys = Keys::new("faults slow_command", slow, problems);
            let kind = keys.required_text("kind").unwrap_or_default().to_owned();
            match keys.milliseconds("delay_ms") {
                Some(delay) => faults.slow_commands.push((kind, delay)),
                None => keys.problem("delay_ms is needed"),
            }
            keys.finish();
        }
        faults.crash_on = keys.text("crash_on").map(str::to_owned);
        faults.hang = keys.milliseconds("hang_ms");
        faults.off_scan = keys.flag("off_scan").unwrap_or_default();
        keys.finish();
        faults
    }
}
