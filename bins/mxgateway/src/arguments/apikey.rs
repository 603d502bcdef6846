//! The command line of `mxgateway apikey`.

use std::fmt::Write as _;
use std::time::SystemTime;

use clap::{ArgGroup, Args, Subcommand};
use mxgateway_auth::constraints::{Classification, Constraints, Pattern, TooManyPatterns};
use mxgateway_auth::key::KeyId;
use mxgateway_auth::scope::{Scope, Scopes};

use super::{SettingArguments, text};

#[derive(Args, Debug)]
#[command(after_help = "\
A running gateway takes changes up within a second. Where keys are kept in SQLite,
run this as the user that the gateway runs as.

Examples:
  mxgateway apikey create --name Dashboard --scopes session:open,events:read
  mxgateway apikey create --name Batch --scope invoke:read --expires-in 90d > batch.key
  mxgateway apikey list
  mxgateway apikey revoke 3f2a91c07be4d518")]
pub(crate) struct ApikeyArguments {
    #[command(subcommand)]
    pub(crate) command: ApikeyCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ApikeyCommand {
    /// Create a key and print it, this once
    Create(Box<CreateArguments>),
    /// List all keys
    List(CommonArguments),
    /// Show all of one key but its secret
    Show(OneKeyArguments),
    /// Give a key another secret and print it, this once; the one before ends at once
    Rotate(OneKeyArguments),
    /// End a key for ever, and what is done with it
    Revoke(OneKeyArguments),
    /// Forget a key that is revoked or expired; the audit trail still has it
    Delete(OneKeyArguments),
}

#[derive(Args, Debug)]
pub(crate) struct CommonArguments {
    #[command(flatten)]
    pub(crate) settings: SettingArguments,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct OneKeyArguments {
    /// The key's id, which stands between the two underscores of it
    pub(crate) id: KeyId,
    #[command(flatten)]
    pub(crate) common: CommonArguments,
}

#[derive(Args, Debug)]
#[command(
    group = ArgGroup::new("any scope").args(["scope", "scopes"]).multiple(true).required(true),
    after_help = scopes_help(),
)]
pub(crate) struct CreateArguments {
    /// What people call the key
    #[arg(long, value_name = "TEXT", value_parser = text::name)]
    pub(crate) name: String,
    /// Its id: small letters, digits and hyphens [default: random]
    #[arg(long)]
    pub(crate) id: Option<KeyId>,
    /// What it is good for; may be given several times
    #[arg(long)]
    scope: Vec<Scope>,
    /// The same as a list with commas between
    #[arg(long, value_name = "SCOPE,...")]
    scopes: Option<Scopes>,
    /// From when on it is not good any more, such as 90d from now [default: never]
    #[arg(long, value_name = "DURATION", value_parser = text::from_now, conflicts_with = "expires_at")]
    expires_in: Option<SystemTime>,
    /// The same as a time, such as 2027-01-01T00:00:00Z
    #[arg(long, value_name = "TIME", value_parser = text::future_time)]
    expires_at: Option<SystemTime>,
    #[command(flatten)]
    pub(crate) common: CommonArguments,
    // The last, because its heading goes for all that follow.
    #[command(flatten)]
    constraints: ConstraintArguments,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Constraints (each may be given several times; * is any run, ? one character)")]
struct ConstraintArguments {
    /// Tags below this area or object may be read
    #[arg(long, value_name = "PATTERN")]
    read_subtree: Vec<Pattern>,
    /// Tags of this name may be read, such as Tank_*.Level
    #[arg(long, value_name = "PATTERN")]
    read_tag: Vec<Pattern>,
    /// Tags below this area or object may be written
    #[arg(long, value_name = "PATTERN")]
    write_subtree: Vec<Pattern>,
    /// Tags of this name may be written
    #[arg(long, value_name = "PATTERN")]
    write_tag: Vec<Pattern>,
    /// This area or object may be browsed
    #[arg(long, value_name = "PATTERN")]
    browse_subtree: Vec<Pattern>,
    /// Tags up to this security classification may be written, by number or name; once
    #[arg(long, value_name = "CLASSIFICATION")]
    max_write_classification: Option<Classification>,
}

impl CreateArguments {
    pub(crate) fn scopes(&self) -> Scopes {
        self.scope.iter().copied().chain(self.scopes.iter().flat_map(|scopes| scopes.iter())).collect()
    }

    pub(crate) fn constraints(&self) -> Result<Constraints, TooManyPatterns> {
        let given = &self.constraints;
        Ok(Constraints {
            read_subtrees: given.read_subtree.clone().try_into()?,
            write_subtrees: given.write_subtree.clone().try_into()?,
            read_tag_globs: given.read_tag.clone().try_into()?,
            write_tag_globs: given.write_tag.clone().try_into()?,
            browse_subtrees: given.browse_subtree.clone().try_into()?,
            max_write_classification: given.max_write_classification,
        })
    }

    pub(crate) fn expires(&self) -> Option<SystemTime> {
        self.expires_in.or(self.expires_at)
    }
}

fn scopes_help() -> String {
    let mut text = "Scopes:\n".to_owned();
    for scope in Scope::ALL {
        let _ = writeln!(text, "  {:14} {}", scope.name(), scope.meaning());
    }
    text.push_str(
        "\nExamples:\n  \
         mxgateway apikey create --name \"Line 1\" --scopes session:open,invoke:read \\\n    \
         --read-subtree Plant.Line_001 --expires-at 2027-01-01T00:00:00Z\n  \
         mxgateway apikey create --name Setpoints --scope session:open --scope invoke:write \\\n    \
         --write-tag 'Tank_*.Setpoint' --max-write-classification operate",
    );
    text
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::arguments::{Arguments, Command};

    fn create(options: &[&str]) -> Result<CreateArguments, String> {
        let line = ["mxgateway", "apikey", "create", "--name", "N"].iter().chain(options);
        let arguments = Arguments::try_parse_from(line).map_err(|error| error.to_string())?;
        let Command::Apikey(apikey) = arguments.command else { panic!("not apikey") };
        let ApikeyCommand::Create(create) = apikey.command else { panic!("not create") };
        Ok(*create)
    }

    #[test]
    fn scopes_are_given_one_by_one_or_as_a_list() {
        let given = create(&["--scope", "admin", "--scopes", "events:read,invoke:read", "--scope", "admin"]);
        assert_eq!(given.unwrap().scopes(), "events:read invoke:read admin".parse().unwrap());
        for options in [&["--scope", "fly"], &["--scopes", "admin,fly"]] {
            let error = create(options).unwrap_err();
            for known in Scope::ALL {
                assert!(error.contains(known.name()), "{error}");
            }
        }
        assert!(create(&[]).unwrap_err().contains("--scope"));
    }

    #[test]
    fn constraints_are_taken_over() {
        let given = create(&[
            "--scope=admin",
            "--read-subtree=A",
            "--read-subtree=B*",
            "--write-tag=T?.x",
            "--max-write-classification=operate",
        ]);
        let expected = "{\"read_subtrees\":[\"A\",\"B*\"],\"write_tag_globs\":[\"T?.x\"],\
                        \"max_write_classification\":1}";
        let constraints = given.unwrap().constraints().unwrap();
        assert_eq!(serde_json::to_string(&constraints).unwrap(), expected);
        for wrong in ["--read-subtree=", "--max-write-classification=7", "--id=A_b", "--expires-in=0s"] {
            assert!(create(&["--scope=admin", wrong]).is_err(), "{wrong}");
        }
        assert!(create(&["--scope=admin", "--expires-in=1d", "--expires-at=9000-01-01T00:00:00Z"]).is_err());
    }
}
