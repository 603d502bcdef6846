//! `mxgw read`.

use clap::Args;
use mxgateway_client::ClientError;
use mxgateway_client::contracts::v1::MxEvent;
use mxgateway_client::contracts::v1::mx_event::Body;
use serde_json::json;
use tokio::time::Instant;

use crate::attach::{Attached, Source};
use crate::command::Context;
use crate::exit::{Exit, Failure};
use crate::json;
use crate::render::columns::width;
use crate::render::event::{self, Subject};
use crate::render::status::failures;
use crate::render::value::escaped;

/// Read the current values of tags
///
/// MXAccess has no read: the tags are added and advised in a temporary session (or in --session), their
/// first values are waited for, and everything is taken away again.
#[derive(Args, Debug)]
#[command(after_long_help = "Examples:
  mxgw read Host.Cpu.Load Host.Memory.Used
  mxgw read Tank_001.Level --json | jq .onDataChange.value
  mxgw read Tank_001.Level --session $ID --timeout 2s")]
pub(crate) struct Arguments {
    /// References such as `Tank_001.Level`, `Tank_001.Samples[]` or `Tank_001.Samples[3]`
    #[arg(value_name = "TAG", required = true)]
    pub(crate) tags: Vec<String>,
    #[command(flatten)]
    source: Source,
}

/// What became of a tag.
enum Outcome {
    Waiting,
    Refused(ClientError),
    Value(Box<MxEvent>),
}

pub(crate) async fn run(arguments: Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let mut attached = Attached::new(&context.client, &arguments.source).await?;
    let mut outcomes: Vec<Outcome> = arguments.tags.iter().map(|_| Outcome::Waiting).collect();
    let stop = context.stop.clone();
    let until = Instant::now() + context.timeout;
    let result = stop
        .run_until_cancelled(collect(&mut attached, &arguments.tags, &mut outcomes, until))
        .await
        .unwrap_or(Err(Failure::Interrupted));
    attached.release().await;
    result?;
    report(&arguments.tags, &outcomes, context)
}

async fn collect(
    attached: &mut Attached,
    tags: &[String],
    outcomes: &mut [Outcome],
    until: Instant,
) -> Result<(), Failure> {
    for (at, tag) in tags.iter().enumerate() {
        match attached.advise(at, tag).await {
            Ok(()) => {}
            Err(error @ ClientError::MxAccess { .. }) => outcomes[at] = Outcome::Refused(error),
            Err(error) => return Err(error.into()),
        }
    }
    while outcomes.iter().any(|outcome| matches!(outcome, Outcome::Waiting)) {
        let Some((at, _, event)) = attached.next(until).await? else { return Ok(()) };
        let is_first = matches!(outcomes[at], Outcome::Waiting);
        if is_first && matches!(event.body, Some(Body::OnDataChange(_))) {
            outcomes[at] = Outcome::Value(Box::new(event));
        }
    }
    Ok(())
}

/// Prints the values in the order of the command line; what failed is told and decides the exit code.
fn report(tags: &[String], outcomes: &[Outcome], context: &mut Context<'_>) -> Result<Exit, Failure> {
    let longest = tags.iter().map(|tag| width(&escaped(tag))).max().unwrap_or_default();
    let (mut failed, mut missing) = (Vec::new(), Vec::new());
    for (tag, outcome) in tags.iter().zip(outcomes) {
        match outcome {
            Outcome::Value(event) => {
                let line = if context.output.is_json() {
                    json::message("event", &[("tag", json!(tag))], "MxEvent", event.as_ref())?
                } else {
                    event::line(context.output.format(), event, Subject::Tag(tag, longest))
                };
                context.output.line(line)?;
                failed.extend(failures(&event.statuses).map(|failure| format!("{tag}: {failure}")));
            }
            Outcome::Refused(error) => failed.push(format!("{tag}: {error}")),
            Outcome::Waiting => missing.push(tag.as_str()),
        }
    }
    if !missing.is_empty() {
        failed.push(format!("no value within {:?} of {}", context.timeout, missing.join(", ")));
        return Err(Failure::Timeout(failed.join("; ")));
    }
    if failed.is_empty() { Ok(Exit::Ok) } else { Err(Failure::MxAccess(failed.join("; "))) }
}
