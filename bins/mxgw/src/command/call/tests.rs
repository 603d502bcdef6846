//! Every kind is there, and each example of its help gives it.

use std::collections::BTreeSet;
use std::path::Path;

use clap::{CommandFactory, Parser};
use jiff::tz::TimeZone;
use mxgateway_client::contracts::command::{kind, name};
use mxgateway_client::contracts::v1::{CommandKind, MxCommand};

use super::fault::{kinds, plain};
use super::payload::Surroundings;
use crate::cli::{Arguments, Command};
use crate::exit::Failure;

/// The command that a line of the help gives.
fn command(line: &str) -> MxCommand {
    let words = shlex::split(line).unwrap();
    let arguments = Arguments::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}"));
    let Command::Call(arguments) = arguments.command else { panic!("{line}: no call") };
    let password = |_: Option<&Path>| Ok::<_, Failure>("secret".to_owned());
    let with = Surroundings { zone: &TimeZone::UTC, password: &password };
    let (session, payload) = arguments.call.payload(&with).unwrap();
    assert_eq!(session, "$ID", "{line}");
    payload.into()
}

#[test]
fn each_example_gives_the_kind_it_is_about_and_no_kind_is_missing() {
    let mut seen = BTreeSet::new();
    let call = Arguments::command().find_subcommand("call").unwrap().clone();
    for one in call.get_subcommands() {
        let help = one.get_after_long_help().unwrap().to_string();
        let lines: Vec<&str> = help.lines().map(str::trim).filter(|line| line.starts_with("mxgw ")).collect();
        assert!(!lines.is_empty(), "{} has no example", one.get_name());
        for line in lines {
            let given = kind(&command(line)).unwrap();
            assert_eq!(plain(name(given)), plain(one.get_name()), "{line}");
            seen.insert(i32::from(given));
        }
    }
    for kind in kinds() {
        assert!(seen.contains(&i32::from(kind)), "{} has no subcommand", name(kind));
    }
}

#[test]
fn short_names_are_understood() {
    for (line, kind) in [
        ("unadvise $ID 1:2", CommandKind::UnAdvise),
        ("set-buffered-interval $ID 1 1s", CommandKind::SetBufferedUpdateInterval),
        ("user-to-id $ID 1 guid", CommandKind::ArchestraUserToId),
        ("advise-bulk $ID 1 2", CommandKind::AdviseItemBulk),
        ("unadvise-bulk $ID 1 2", CommandKind::UnAdviseItemBulk),
        ("session-state $ID", CommandKind::GetSessionState),
        ("worker-info $ID", CommandKind::GetWorkerInfo),
        ("write $ID 1:2 -5 --type int --request-id r1 --retry-for 5s", CommandKind::Write),
    ] {
        assert_eq!(super::kind(&command(&format!("mxgw call {line}"))), Some(kind), "{line}");
    }
}

#[test]
fn wrong_arguments_are_refused() {
    for line in [
        "advise $ID 1",
        "register",
        "write2 $ID 1:2 5",
        "write-secured $ID 1:2 5 --user-id 1",
        "write-bulk $ID 1 3",
        "write $ID 1:2 {} --length 3",
        "set-buffered-interval $ID 1 0s",
        "authenticate-user $ID 1 me secret",
    ] {
        let words = format!("mxgw call {line}");
        assert!(Arguments::try_parse_from(words.split(' ')).is_err(), "{line}");
    }
}
