//! The command line: options that every command has, and the list of commands.

use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use mxgateway_client::DEFAULT_ENDPOINT;

use crate::access::Access;
use crate::command::{
    batch, browse, call, close, completions, invoke, open, read, sessions, stream, watch, write,
};
use crate::exit::Exit;

/// Talk to an MxGateway: watch, read and write MXAccess tags from the command line
///
/// Data goes to standard output, notices and errors to standard error. On a terminal the output is made
/// for people; in a pipe it is one line per item with tabs between the columns; with --json it is one JSON
/// object per line.
#[derive(Debug, Parser)]
#[command(name = "mxgw", version, after_long_help = Exit::help(), max_term_width = 110, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Common options")]
pub(crate) struct Global {
    /// URL of the gateway
    #[arg(long, global = true, env = "MXGW_ENDPOINT", value_name = "URL", default_value = DEFAULT_ENDPOINT)]
    pub(crate) endpoint: String,
    /// One JSON object per line, protobuf messages in their canonical JSON form
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// When to use colours; `auto` also respects NO_COLOR
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    pub(crate) color: Color,
    /// Limit for each call, and for values and write completions that are waited for
    #[arg(long, global = true, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub(crate) timeout: Duration,
    /// Log to standard error; twice for more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    #[command(flatten)]
    pub(crate) access: Access,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// When standard output is a terminal
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Watch(watch::Arguments),
    Read(read::Arguments),
    Write(write::Arguments),
    Open(open::Arguments),
    Close(close::Arguments),
    Sessions(sessions::Arguments),
    Browse(browse::Arguments),
    Stream(stream::Arguments),
    Call(call::Arguments),
    Invoke(invoke::Arguments),
    Batch(batch::Arguments),
    Completions(completions::Arguments),
}

/// A duration such as `10s`, `1m 30s` or `500ms`; more than nothing and at most a year.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    const MOST: Duration = Duration::from_secs(365 * 24 * 3600);
    let duration = humantime::parse_duration(text).map_err(|error| format!("{error}; try 10s or 500ms"))?;
    if duration.is_zero() || duration > MOST {
        return Err("must be more than nothing and at most a year".to_owned());
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(std::iter::once("mxgw").chain(line.split_whitespace()))
    }

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn common_options_may_stand_before_and_after_the_command() {
        for line in ["--json --timeout 500ms watch A B", "watch A B --timeout 500ms --json"] {
            let arguments = parse(line).unwrap();
            assert!(arguments.global.json);
            assert_eq!(arguments.global.timeout, Duration::from_millis(500));
            let Command::Watch(watch) = arguments.command else { panic!("not watch") };
            assert_eq!(watch.tags, ["A", "B"]);
        }
    }

    #[test]
    fn every_command_of_the_book_parses() {
        for line in [
            "watch Host.Cpu.Load --count 3 --for 10s --wait",
            "open --name x --tag y --backend simulator",
            "close session-1",
            "sessions",
            "browse",
            "browse Plant.TankFarm --depth 2 --attributes --glob Tank_*",
            "read A B --timeout 2s",
            "read A --session session-1 --server-handle 1",
            "write A -5",
            "write A -5.5 --type float",
            "write A=1 B=2",
            "stream session-1 --after 7:12 --snapshot on-gap --item 1:2 --family on-data-change --count 2",
            "stream session-1 --after 0x1f:12 --no-reconnect --for 1m",
            "invoke session-1 Ping",
            "invoke session-1 AddItem {\"serverHandle\":1} --request-id r1",
            "call add-item session-1 1 Tank_001.Level --request-id r1",
            "call write session-1 1:2 -5 --type int --retry-for 5s --json",
            "batch --timeout 2s",
            "completions bash",
            "sessions --api-key-file key --ca ca.pem --tls-server-name plant.example",
            "--client-certificate own.pem --client-key own-key.pem sessions",
        ] {
            assert!(parse(line).is_ok(), "{line}: {}", parse(line).unwrap_err());
        }
    }

    #[test]
    fn wrong_lines_are_refused_with_what_is_wrong() {
        for (line, kind, text) in [
            ("watch", ErrorKind::MissingRequiredArgument, "<TAG>"),
            ("watch A --for 0s", ErrorKind::ValueValidation, "more than nothing"),
            ("watch A --count 0", ErrorKind::ValueValidation, "--count"),
            ("stream session-1 --after 12", ErrorKind::ValueValidation, "EPOCH:SEQUENCE"),
            ("stream session-1 --item 1", ErrorKind::ValueValidation, "SERVER:ITEM"),
            ("read A --server-handle 1", ErrorKind::MissingRequiredArgument, "--session"),
            ("call", ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand, "add-item"),
            ("call advise session-1 1", ErrorKind::ValueValidation, "SERVER:ITEM"),
            ("unknown", ErrorKind::InvalidSubcommand, "unknown"),
            ("sessions --api-key mxgw_me_secret", ErrorKind::UnknownArgument, "--api-key"),
            ("sessions --client-key key.pem", ErrorKind::MissingRequiredArgument, "--client-certificate"),
            ("sessions --client-certificate own.pem", ErrorKind::MissingRequiredArgument, "--client-key"),
        ] {
            let error = parse(line).unwrap_err();
            assert_eq!(error.kind(), kind, "{line}");
            assert_eq!(error.exit_code(), i32::from(Exit::Usage.code()));
            assert!(error.to_string().contains(text), "{line}: {error}");
        }
    }

    #[test]
    fn the_options_of_a_connection_are_all_known_to_batches() {
        let command = Arguments::command();
        let heading = Some("Access options");
        let ids: Vec<_> = command
            .get_arguments()
            .filter(|argument| argument.get_help_heading() == heading)
            .map(|argument| argument.get_id().as_str())
            .collect();
        assert_eq!(ids, Access::IDS);
    }

    #[test]
    fn each_command_has_an_example() {
        for command in Arguments::command().get_subcommands_mut() {
            let help = command.render_long_help().to_string();
            assert!(help.contains("Example"), "{}", command.get_name());
        }
        assert!(Arguments::command().render_long_help().to_string().contains("Exit codes"));
    }
}
