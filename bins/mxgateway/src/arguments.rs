//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use mxgateway_server::config::{FileChoice, Override, Sources, Surroundings};

pub(crate) mod apikey;
pub(crate) mod audit;
pub(crate) mod service;
mod text;

/// MxGateway: live plant data from MXAccess, or from a simulator, over gRPC.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Exit codes: 0 success, 1 failure, 2 bad configuration or command line, \
                                 130 ended by a second Ctrl-C"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the gateway until SIGTERM or Ctrl-C
    Run(RunArguments),
    /// Look at the configuration
    Config(ConfigArguments),
    /// Create, list, rotate and revoke API keys
    Apikey(apikey::ApikeyArguments),
    /// Print the audit trail
    Audit(audit::AuditArguments),
    /// Install, start, stop and remove the Windows service
    Service(service::ServiceArguments),
    /// Print every error code with its meaning, as Markdown
    Errors,
    /// Print a script that completes this command line
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
}

#[derive(Args, Debug)]
pub(crate) struct RunArguments {
    #[command(flatten)]
    pub(crate) sources: SourceArguments,
    /// When stopped, leave sessions and their workers to the next gateway (workers.enable_orphan_reattach)
    #[arg(long)]
    pub(crate) handover: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ConfigArguments {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check everything that `run` would check before it listens
    Check {
        #[command(flatten)]
        sources: SourceArguments,
    },
    /// Print the effective value of every key and where it comes from
    Show {
        #[command(flatten)]
        sources: SourceArguments,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Print the list of keys, as Markdown
    Docs {
        /// Print a sample file instead
        #[arg(long)]
        sample: bool,
    },
}

/// Where the configuration comes from besides defaults and environment.
#[derive(Args, Debug)]
pub(crate) struct SourceArguments {
    #[command(flatten)]
    settings: SettingArguments,
    /// Address and port to serve at; the same as --set server.listen=...
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
}

/// The same for commands that serve nothing.
#[derive(Args, Debug)]
pub(crate) struct SettingArguments {
    /// The configuration file [default: mxgateway.toml, when it exists]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Set one key; may be given several times
    #[arg(long, value_name = "SECTION.KEY=VALUE", value_parser = parse_setting)]
    set: Vec<(String, String)>,
}

impl SourceArguments {
    pub(crate) fn sources(&self) -> Sources {
        let mut sources = self.settings.sources();
        sources.overrides.extend(self.listen.iter().map(|value| Override {
            key: "server.listen".to_owned(),
            value: value.clone(),
            option: "--listen".to_owned(),
        }));
        sources
    }
}

impl SettingArguments {
    pub(crate) fn sources(&self) -> Sources {
        let set = self.set.iter().map(|(key, value)| Override {
            key: key.clone(),
            value: value.clone(),
            option: "--set".to_owned(),
        });
        Sources {
            file: self.config.clone().map_or(FileChoice::WhenPresent, FileChoice::Named),
            surroundings: Surroundings::of_process(),
            overrides: set.collect(),
        }
    }
}

fn parse_setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) => Ok((key.trim().to_owned(), value.to_owned())),
        None => Err("write it as section.key=value".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn an_option_of_its_own_wins_over_set() {
        let line = ["mxgateway", "run", "--listen", "[::1]:1", "--set", "server.listen=127.0.0.1:2"];
        let Command::Run(run) = Arguments::try_parse_from(line).unwrap().command else { panic!("not run") };
        let overrides = run.sources.sources().overrides;
        assert_eq!(overrides.last().unwrap().option, "--listen");
        assert_eq!(overrides[0].value, "127.0.0.1:2");
        assert!(Arguments::try_parse_from(["mxgateway", "run", "--set", "novalue"]).is_err());
    }
}
