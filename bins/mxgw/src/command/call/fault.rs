//! `mxgw call inject-fault`: faults of the simulator.

use std::time::Duration;

use clap::Subcommand;
use mxgateway_client::contracts::command::name;
use mxgateway_client::contracts::time::wire_duration;
use mxgateway_client::contracts::v1::inject_fault_command::Fault as Wire;
use mxgateway_client::contracts::v1::{
    CommandKind, CrashFault, EngineOffScanFault, EventStormFault, HangApartmentFault, InjectFaultCommand,
    RefuseRegisterFault, SlowCommandFault,
};

use super::arguments::Session;

/// A fault with its numbers.
#[derive(Debug, Subcommand)]
pub(crate) enum Fault {
    /// Fail the next calls of Register
    RefuseRegister {
        #[command(flatten)]
        on: Session,
        /// How many; 0 ends the fault
        #[arg(value_name = "TIMES", default_value_t = 1)]
        times: u32,
        /// What to fail with, such as 0x80070005; otherwise 0x80004005 (E_FAIL)
        #[arg(long, value_name = "CODE", value_parser = hresult, default_value = "0", hide_default_value = true)]
        hresult: i32,
    },
    /// Let commands of a kind take longer
    SlowCommand {
        #[command(flatten)]
        on: Session,
        /// Such as `write`
        #[arg(value_name = "KIND", value_parser = kind)]
        kind: CommandKind,
        /// At most an hour; 0s ends the fault
        #[arg(value_name = "DURATION", value_parser = any_duration)]
        delay: Duration,
    },
    /// Let MXAccess's thread answer nothing for a while
    HangApartment {
        #[command(flatten)]
        on: Session,
        /// At most an hour
        #[arg(value_name = "DURATION", value_parser = any_duration)]
        duration: Duration,
    },
    /// End the worker's process without a reply
    Crash {
        #[command(flatten)]
        on: Session,
        /// Not now, but when the next command of this kind begins
        #[arg(value_name = "KIND", value_parser = kind)]
        on_kind: Option<CommandKind>,
    },
    /// Raise data changes of a tag's advised items
    EventStorm {
        #[command(flatten)]
        on: Session,
        /// Reference, as the item was added
        #[arg(value_name = "TAG")]
        tag: String,
        /// Events per second
        #[arg(value_name = "RATE", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        rate: u32,
        /// At most an hour; 0s ends the storm
        #[arg(value_name = "DURATION", value_parser = any_duration)]
        duration: Duration,
    },
    /// Take the engine off scan, or back
    EngineOffScan {
        #[command(flatten)]
        on: Session,
        /// Back on scan
        #[arg(long)]
        end: bool,
    },
    /// Only print how many writes were carried out since the worker started
    Count {
        #[command(flatten)]
        on: Session,
    },
}

impl Fault {
    /// The session's id, and the command.
    pub(crate) fn command(self) -> (String, InjectFaultCommand) {
        let (on, fault) = match self {
            Self::RefuseRegister { on, times, hresult } => {
                (on, Some(Wire::RefuseRegister(RefuseRegisterFault { times, hresult })))
            }
            Self::SlowCommand { on, kind, delay } => {
                let fault = SlowCommandFault { kind: kind.into(), delay: Some(wire_duration(delay)) };
                (on, Some(Wire::SlowCommand(fault)))
            }
            Self::HangApartment { on, duration } => {
                let duration = Some(wire_duration(duration));
                (on, Some(Wire::HangApartment(HangApartmentFault { duration })))
            }
            Self::Crash { on, on_kind } => {
                let on_kind = on_kind.unwrap_or_default().into();
                (on, Some(Wire::Crash(CrashFault { on_kind })))
            }
            Self::EventStorm { on, tag, rate, duration } => {
                let (tag_address, events_per_second) = (tag, rate);
                let duration = Some(wire_duration(duration));
                let fault = EventStormFault { tag_address, events_per_second, duration };
                (on, Some(Wire::EventStorm(fault)))
            }
            Self::EngineOffScan { on, end } => {
                (on, Some(Wire::EngineOffScan(EngineOffScanFault { is_off_scan: !end })))
            }
            Self::Count { on } => (on, None),
        };
        (on.session, InjectFaultCommand { fault })
    }
}

/// Every command kind of the contract.
pub(crate) fn kinds() -> impl Iterator<Item = CommandKind> {
    (1..=i32::from(u8::MAX)).filter_map(|number| CommandKind::try_from(number).ok())
}

/// `add-item`, `AddItem` and `add_item` are one.
pub(crate) fn plain(text: &str) -> String {
    text.replace(['-', '_'], "").to_lowercase()
}

fn kind(text: &str) -> Result<CommandKind, String> {
    kinds()
        .find(|kind| plain(name(*kind)) == plain(text))
        .ok_or_else(|| "no command kind; `mxgw call --help` lists them".to_owned())
}

/// A duration, also of nothing.
fn any_duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error}; try 10s or 500ms"))
}

/// An HRESULT as people write it: its 32 bits in hexadecimal, or a number.
fn hresult(text: &str) -> Result<i32, String> {
    let read = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16).map(u32::cast_signed),
        None => text.parse(),
    };
    read.map_err(|_| "not an HRESULT such as 0x80070005".to_owned())
}

#[cfg(test)]
mod tests {
    use mxgateway_client::contracts::hresult::E_ACCESSDENIED;

    use super::*;

    #[test]
    fn kinds_and_hresults_are_read_as_people_write_them() {
        for text in ["write-secured2", "WriteSecured2", "write_secured2"] {
            assert_eq!(kind(text), Ok(CommandKind::WriteSecured2), "{text}");
        }
        assert!(kind("nonsense").is_err());
        assert_eq!(hresult("0x80070005"), Ok(E_ACCESSDENIED));
        assert_eq!(hresult("0"), Ok(0));
        assert!(hresult("0x123456789").is_err() && hresult("E_FAIL").is_err());
    }
}
