//! `mxgw close`.

use clap::Args;

use crate::command::Context;
use crate::exit::{Exit, Failure};
use crate::json;

/// Close a session and end its worker
#[derive(Args, Debug)]
#[command(after_long_help = "Example:
  mxgw close session-0123456789abcdef0123456789abcdef")]
pub(crate) struct Arguments {
    /// Id of the session
    #[arg(value_name = "ID")]
    session: String,
}

pub(crate) async fn run(arguments: Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let reply = context.client.session(arguments.session).close().await?;
    if context.output.is_json() {
        context.output.line(json::message("closed", &[], "CloseSessionReply", &reply)?)?;
    } else {
        let done = if reply.already_closed { "was closed already" } else { "closed" };
        context.output.notice(&format!("session {} {done}", reply.session_id));
    }
    Ok(Exit::Ok)
}
