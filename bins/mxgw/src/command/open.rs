//! `mxgw open`.

use clap::Args;
use mxgateway_client::OpenOptions;

use crate::command::Context;
use crate::exit::{Exit, Failure};
use crate::json;

/// Open a session and print its id
///
/// The gateway starts a worker for it. The session lives until it is closed, or until nobody uses it for a
/// while.
#[derive(Args, Debug)]
#[command(after_long_help = "Examples:
  mxgw open
  ID=$(mxgw open --name shift-report) && mxgw stream $ID")]
pub(crate) struct Arguments {
    /// Name of the client in lists and logs
    #[arg(long, default_value = "mxgw")]
    name: String,
    /// Mark that dashboard access rules refer to
    #[arg(long, default_value = "")]
    tag: String,
    /// simulator or lmxproxy; the gateway's default otherwise
    #[arg(long, value_name = "NAME", default_value = "")]
    backend: String,
}

pub(crate) async fn run(arguments: Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let Arguments { name, tag, backend } = arguments;
    let session =
        context.client.open_session(OpenOptions { name, tag, backend, ..OpenOptions::default() }).await?;
    context.last.session = Some(session.id().to_owned());
    let line = match session.open_reply() {
        Some(reply) if context.output.is_json() => json::message("session", &[], "OpenSessionReply", reply)?,
        _ => session.id().to_owned(),
    };
    context.output.line(line)?;
    Ok(Exit::Ok)
}
