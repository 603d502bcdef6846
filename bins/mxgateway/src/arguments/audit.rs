//! The command line of `mxgateway audit`.

use std::time::SystemTime;

use clap::Args;

use super::{SettingArguments, text};

/// Most entries that are printed at once.
const MAX_ENTRIES: i64 = 100_000;

#[derive(Args, Debug)]
#[command(after_help = "\
The newest entry is the last. Keys changed on this machine have the actor operator:USER.

Examples:
  mxgateway audit --since 1h
  mxgateway audit --actor 3f2a91c07be4d518 --action WriteSecured --limit 20
  mxgateway audit --since 2026-05-28T00:00:00Z --until 2026-05-29T00:00:00Z --json | jq .action")]
pub(crate) struct AuditArguments {
    #[command(flatten)]
    pub(crate) settings: SettingArguments,
    /// Not before this time, or so long ago, such as 90m or 7d
    #[arg(long, value_name = "TIME", value_parser = text::time_or_ago)]
    pub(crate) since: Option<SystemTime>,
    /// Before this time, or so long ago
    #[arg(long, value_name = "TIME", value_parser = text::time_or_ago)]
    pub(crate) until: Option<SystemTime>,
    /// Of this actor only, such as the id of a key
    #[arg(long, value_name = "ID")]
    pub(crate) actor: Option<String>,
    /// Of this action only
    #[arg(long, value_name = "NAME")]
    pub(crate) action: Option<String>,
    /// So many of the newest
    #[arg(long, value_name = "COUNT", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(1..=MAX_ENTRIES))]
    pub(crate) limit: u32,
    /// Print JSON, one object a line
    #[arg(long)]
    pub(crate) json: bool,
}
