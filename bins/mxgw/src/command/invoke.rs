//! `mxgw invoke`.

use std::io::Read as _;

use clap::Args;
use mxgateway_client::contracts::hresult;
use mxgateway_client::{ClientError, InvokeOptions};

use crate::command::Context;
use crate::exit::{Exit, Failure};
use crate::json;

/// Carry out any command in a session and print the reply as it came
///
/// The payload is the command's message in JSON form. The reply goes to standard output as JSON, also when
/// MXAccess refused the command (exit code 6).
#[derive(Args, Debug)]
#[command(after_long_help = "Examples:
  mxgw invoke $ID Ping '{\"message\": \"hello\"}'
  mxgw invoke $ID Register '{\"clientName\": \"me\"}'
  mxgw invoke $ID AddItem '{\"serverHandle\": 1, \"itemDefinition\": \"Tank_001.Level\"}'
  mxgw invoke $ID GetSessionState
  mxgw invoke $ID AuthenticateUser - < login.json      # keeps the password out of the process list")]
pub(crate) struct Arguments {
    /// Id of the session
    #[arg(value_name = "ID")]
    session: String,
    /// Command, such as AddItem2
    #[arg(value_name = "KIND")]
    kind: String,
    /// Payload; `-` reads it from standard input
    #[arg(value_name = "JSON", default_value = "{}")]
    payload: String,
    /// Makes a retry safe: a repeated id gets the first reply and does nothing again
    #[arg(long, value_name = "ID", default_value = "")]
    request_id: String,
}

pub(crate) async fn run(arguments: Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let payload = if arguments.payload == "-" {
        if context.is_batch {
            return Err(Failure::Usage(
                "standard input has the batch; give the payload on the line".to_owned(),
            ));
        }
        let mut payload = String::new();
        std::io::stdin().read_to_string(&mut payload).map_err(|error| {
            Failure::Usage(format!("cannot read the payload from standard input: {error}"))
        })?;
        payload
    } else {
        arguments.payload
    };
    let command = json::command(&arguments.kind, &payload)?;
    let options = InvokeOptions { request_id: arguments.request_id, ..InvokeOptions::default() };
    let reply = context.client.session(arguments.session).invoke(command, options).await?;
    context.output.line(json::message("reply", &[], "InvokeReply", &reply)?)?;
    match reply.reply {
        Some(reply) if !hresult::is_success(reply.hresult) => Err(ClientError::MxAccess {
            kind: reply.kind(),
            hresult: reply.hresult,
            diagnostic_text: reply.diagnostic_text,
            statuses: reply.statuses,
        }
        .into()),
        Some(_) | None => Ok(Exit::Ok),
    }
}
