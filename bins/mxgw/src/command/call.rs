//! `mxgw call`: every command kind with typed arguments.

mod arguments;
mod fault;
mod kinds;
mod password;
mod payload;
mod reply;
#[cfg(test)]
mod tests;
mod value;

use std::time::Duration;

use clap::Args;
use mxgateway_client::contracts::command::kind;
use mxgateway_client::contracts::hresult;
use mxgateway_client::contracts::v1::mx_command::Payload;
use mxgateway_client::contracts::v1::{InvokeReply, MxCommand, MxCommandReply};
use mxgateway_client::{ClientError, InvokeOptions};

use self::kinds::Call;
use self::payload::Surroundings;
use crate::cli::duration;
use crate::command::Context;
use crate::exit::{Exit, Failure};
use crate::json;

/// Carry out one MXAccess command in an open session
///
/// Each command kind of the contract by its name, with typed arguments; `mxgw invoke` takes the same as JSON.
/// Items are SERVER:ITEM, as add-item prints them. With --json the reply is printed as it came, also when
/// MXAccess refused (exit code 6); otherwise a handle or id alone, a table, or a notice.
#[derive(Args, Debug)]
#[command(
    after_long_help = "Examples:
  ID=$(mxgw open) && SERVER=$(mxgw call register $ID me)
  ITEM=$(mxgw call add-item $ID $SERVER TestMachine_001.TestInteger)
  mxgw call advise $ID $ITEM && mxgw call write $ID $ITEM 5 --type int --retry-for 10s
  mxgw call subscribe-bulk $ID $SERVER Host.Cpu.Load Host.Memory.Used --json",
    disable_help_subcommand = true
)]
pub(crate) struct Arguments {
    /// Makes a retry safe: a repeated id gets the first reply and does nothing again
    #[arg(long, global = true, value_name = "ID", default_value = "", hide_default_value = true)]
    request_id: String,
    /// Repeat over lost connections for this long, with one request id: it is done once
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration)]
    retry_for: Option<Duration>,
    #[command(subcommand)]
    call: Call,
}

pub(crate) async fn run(arguments: Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let (session, payload) = {
        let password = |file: Option<&std::path::Path>| password::read(file, !context.is_batch);
        let with = Surroundings { zone: &context.output.format().zone, password: &password };
        arguments.call.payload(&with)?
    };
    let server_handle = server_of(&payload);
    let command = MxCommand::from(payload);
    let sent = kind(&command).unwrap_or_default();
    let options = InvokeOptions { request_id: arguments.request_id, ..InvokeOptions::default() };
    let session = context.client.session(session);
    let answer = match arguments.retry_for {
        None => session.invoke(command, options).await?,
        Some(limit) => Box::pin(session.invoke_retrying(command, options, limit)).await?,
    };
    if context.output.is_json() {
        context.output.line(json::message("reply", &[], "InvokeReply", &answer)?)?;
    } else if answer.repeated_request {
        context.output.notice("this is the remembered reply of an earlier call with the same request id");
    }
    let reply = reply_of(answer)?;
    if !hresult::is_success(reply.hresult) {
        return Err(ClientError::MxAccess {
            kind: sent,
            hresult: reply.hresult,
            diagnostic_text: reply.diagnostic_text,
            statuses: reply.statuses,
        }
        .into());
    }
    context.last.see(&reply, server_handle);
    if !context.output.is_json() {
        let lines = reply::lines(context.output.format(), &reply, server_handle);
        if lines.is_empty() {
            context.output.notice(&reply::done(sent, &reply));
        }
        for line in lines {
            context.output.line(line)?;
        }
    }
    match reply::failed_rows(&reply) {
        None => Ok(Exit::Ok),
        Some(text) => Err(Failure::MxAccess(text)),
    }
}

fn reply_of(answer: InvokeReply) -> Result<MxCommandReply, Failure> {
    answer.reply.ok_or_else(|| Failure::Other("the gateway's reply is empty".to_owned()))
}

/// The registration of a command that adds an item, whose reply has the item's handle alone.
fn server_of(payload: &Payload) -> i32 {
    if let Payload::AddItem(add) = payload {
        add.server_handle
    } else if let Payload::AddItem2(add) = payload {
        add.server_handle
    } else if let Payload::AddBufferedItem(add) = payload {
        add.server_handle
    } else {
        0
    }
}
