//! Faults on demand: what the simulator does wrong, from its galaxy file or by InjectFault.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use mxgateway_contracts::v1::CommandKind;
use mxgateway_contracts::{command, hresult, time};

use crate::inbox::Inbox;
use crate::mxaccess::CallError;

/// Nothing is held up for longer.
const LONGEST: Duration = Duration::from_secs(3600);

/// Faults that wait for their moment.
#[derive(Debug, Default)]
pub(super) struct Faults {
    refuse_register: u32,
    refuse_with: i32,
    slow: HashMap<CommandKind, Duration>,
    crash_on: Option<CommandKind>,
    hang: Option<Duration>,
}

impl Faults {
    /// Errors: a kind of command that does not exist.
    pub(super) fn of_galaxy(described: &mxgateway_galaxy::faults::Faults) -> Result<Self, String> {
        let mut faults =
            Self { refuse_register: described.refuse_register, hang: described.hang, ..Self::default() };
        for (kind, delay) in &described.slow_commands {
            faults.slow.insert(kind_of(kind)?, *delay);
        }
        faults.crash_on = described.crash_on.as_deref().map(kind_of).transpose()?;
        Ok(faults)
    }

    pub(super) fn refuse_register(&mut self, times: u32, hresult: i32) {
        self.refuse_register = times;
        self.refuse_with = hresult;
    }

    /// Takes one refusal of Register.
    pub(super) fn register(&mut self) -> Result<(), CallError> {
        if self.refuse_register == 0 {
            return Ok(());
        }
        self.refuse_register -= 1;
        let hresult = if hresult::is_success(self.refuse_with) { hresult::E_FAIL } else { self.refuse_with };
        Err(CallError { hresult, text: "Register is refused by an injected fault".to_owned() })
    }

    pub(super) fn slow(&mut self, kind: CommandKind, delay: Duration) {
        if delay.is_zero() {
            self.slow.remove(&kind);
        } else {
            self.slow.insert(kind, delay);
        }
    }

    pub(super) fn hang(&mut self, duration: Duration) {
        self.hang = (!duration.is_zero()).then_some(duration);
    }

    /// Ends the process, now or when a command of this kind begins.
    pub(super) fn crash(&mut self, on: CommandKind) {
        if on == CommandKind::Unspecified {
            std::process::abort();
        }
        self.crash_on = Some(on);
    }

    /// A command of this kind begins.
    pub(super) fn before(&mut self, kind: CommandKind) {
        if self.crash_on == Some(kind) {
            std::process::abort();
        }
        if let Some(delay) = self.slow.get(&kind) {
            hold(*delay);
        }
    }

    /// The apartment comes round.
    pub(super) fn pumping(&mut self) {
        if let Some(duration) = self.hang.take() {
            hold(duration);
        }
    }
}

/// The thread does nothing, as in a call that does not return.
fn hold(duration: Duration) {
    Inbox::default().wait_until(Instant::now() + duration);
}

/// A duration of a fault. Errors: negative, or more than an hour.
pub(super) fn duration(name: &str, wire: Option<&prost_types::Duration>) -> Result<Duration, CallError> {
    let duration = wire.map_or(Some(Duration::ZERO), time::duration).filter(|value| *value <= LONGEST);
    duration.ok_or_else(|| CallError::invalid(format!("{name} must be from zero to an hour")))
}

fn kind_of(name: &str) -> Result<CommandKind, String> {
    (1..100)
        .filter_map(|number| CommandKind::try_from(number).ok())
        .find(|kind| command::name(*kind) == name)
        .ok_or_else(|| format!("faults: there is no command {name}; the names are those of MXAccess"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_named_as_in_mxaccess() {
        assert_eq!(kind_of("SubscribeBulk"), Ok(CommandKind::SubscribeBulk));
        assert_eq!(kind_of("ArchestrAUserToId"), Ok(CommandKind::ArchestraUserToId));
        assert!(kind_of("subscribe").unwrap_err().contains("no command subscribe"));
    }

    #[test]
    fn register_is_refused_as_often_as_asked() {
        let mut faults = Faults::default();
        faults.refuse_register(2, 0);
        assert_eq!(faults.register().unwrap_err().hresult, hresult::E_FAIL);
        faults.refuse_register(1, hresult::E_ACCESSDENIED);
        assert_eq!(faults.register().unwrap_err().hresult, hresult::E_ACCESSDENIED);
        assert_eq!(faults.register(), Ok(()));
    }
}
