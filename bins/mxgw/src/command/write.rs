//! `mxgw write`.

use clap::Args;
use jiff::tz::TimeZone;
use mxgateway_client::ClientError;
use mxgateway_client::contracts::v1::mx_event::Body;
use mxgateway_client::contracts::v1::{ItemReference, MxEvent};
use serde_json::json;
use tokio::time::Instant;

use crate::attach::{Attached, Source};
use crate::command::Context;
use crate::exit::{Exit, Failure};
use crate::input::{self, TypeName};
use crate::json;
use crate::render::columns::width;
use crate::render::event::{self, Subject};
use crate::render::status::failures;
use crate::render::value::escaped;

/// Write values to tags and wait for their completion
///
/// Each tag is advised first, because MXAccess takes a write only when it knows the tag's type: its first
/// value is waited for, then the value is written as that type, then its OnWriteComplete is waited for.
#[derive(Args, Debug)]
#[command(after_long_help = "Examples:
  mxgw write Pump_001.Setpoint 42.5
  mxgw write Pump_001.Setpoint=42.5 Pump_001.Enabled=true
  mxgw write Line_1.Recipe 0815 --type string
  mxgw write 'Tank_001.Samples[]' '[1, 2, 3]'")]
pub(crate) struct Arguments {
    /// A tag and its value, or any number of TAG=VALUE
    #[arg(value_name = "TAG VALUE | TAG=VALUE", required = true, allow_negative_numbers = true)]
    words: Vec<String>,
    /// Type to write as, instead of the tag's own
    #[arg(long = "type", value_enum, value_name = "TYPE")]
    kind: Option<TypeName>,
    /// MXAccess user id
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    user_id: i32,
    #[command(flatten)]
    source: Source,
}

/// How far a write has come.
enum Progress {
    /// The tag's type is not known yet.
    Advised,
    /// MXAccess has taken the write.
    Queued,
    Refused(String),
    /// Its OnWriteComplete, or the first value when that was none.
    Completed(Box<MxEvent>),
}

struct Job {
    tag: String,
    text: String,
    progress: Progress,
}

pub(crate) async fn run(arguments: Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let mut jobs: Vec<Job> = pairs(&arguments.words)?
        .into_iter()
        .map(|(tag, text)| Job { tag, text, progress: Progress::Advised })
        .collect();
    let mut attached = Attached::new(&context.client, &arguments.source).await?;
    let stop = context.stop.clone();
    let zone = context.output.format().zone.clone();
    let until = Instant::now() + context.timeout;
    let writing = carry_out(&mut attached, &mut jobs, arguments.kind, arguments.user_id, &zone, until);
    let result = stop.run_until_cancelled(writing).await.unwrap_or(Err(Failure::Interrupted));
    attached.release().await;
    let reported = report(&jobs, context);
    result?;
    reported
}

/// `TAG VALUE`, or each word a `TAG=VALUE`.
fn pairs(words: &[String]) -> Result<Vec<(String, String)>, Failure> {
    if let [tag, value] = words
        && !tag.contains('=')
    {
        return Ok(vec![(tag.clone(), value.clone())]);
    }
    words
        .iter()
        .map(|word| match word.split_once('=') {
            Some((tag, value)) if !tag.is_empty() => Ok((tag.to_owned(), value.to_owned())),
            _ => Err(Failure::Usage(format!("{word:?} is not TAG=VALUE (or give just one TAG VALUE)"))),
        })
        .collect()
}

async fn carry_out(
    attached: &mut Attached,
    jobs: &mut [Job],
    kind: Option<TypeName>,
    user_id: i32,
    zone: &TimeZone,
    until: Instant,
) -> Result<(), Failure> {
    for (at, job) in jobs.iter_mut().enumerate() {
        match attached.advise(at, &job.tag).await {
            Ok(()) => {}
            Err(error @ ClientError::MxAccess { .. }) => job.progress = Progress::Refused(error.to_string()),
            Err(error) => return Err(error.into()),
        }
    }
    while jobs.iter().any(|job| matches!(job.progress, Progress::Advised | Progress::Queued)) {
        let Some((at, item, event)) = attached.next(until).await? else { return Ok(()) };
        let job = &mut jobs[at];
        match (&job.progress, &event.body) {
            (Progress::Advised, Some(Body::OnDataChange(_))) => {
                job.progress = begin(attached, item, event, &job.text, kind, user_id, zone).await?;
            }
            (Progress::Queued, Some(Body::OnWriteComplete(_))) => {
                job.progress = Progress::Completed(Box::new(event));
            }
            // Values beside the one waited for.
            _ => {}
        }
    }
    Ok(())
}

/// The tag's type is known: writes, unless the tag itself is bad.
async fn begin(
    attached: &Attached,
    item: ItemReference,
    first: MxEvent,
    text: &str,
    kind: Option<TypeName>,
    user_id: i32,
    zone: &TimeZone,
) -> Result<Progress, Failure> {
    if failures(&first.statuses).is_some() {
        return Ok(Progress::Completed(Box::new(first)));
    }
    let current = match &first.body {
        Some(Body::OnDataChange(data)) => data.value.as_ref(),
        _ => None,
    };
    let value = input::parse(text, kind, current, zone).map_err(Failure::Usage)?;
    match attached.session().write(item, value, user_id).await {
        Ok(()) => Ok(Progress::Queued),
        Err(error @ ClientError::MxAccess { .. }) => Ok(Progress::Refused(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

/// Prints what became of each write, in the order of the command line.
fn report(jobs: &[Job], context: &mut Context<'_>) -> Result<Exit, Failure> {
    let longest = jobs.iter().map(|job| width(&escaped(&job.tag))).max().unwrap_or_default();
    let (mut failed, mut missing) = (Vec::new(), Vec::new());
    for job in jobs {
        match &job.progress {
            Progress::Completed(event) => {
                let line = if context.output.is_json() {
                    json::message("event", &[("tag", json!(job.tag))], "MxEvent", event.as_ref())?
                } else {
                    event::line(context.output.format(), event, Subject::Tag(&job.tag, longest))
                };
                context.output.line(line)?;
                failed.extend(failures(&event.statuses).map(|failure| format!("{}: {failure}", job.tag)));
            }
            Progress::Refused(error) => failed.push(format!("{}: {error}", job.tag)),
            Progress::Advised => missing.push(format!("{}: no first value, not written", job.tag)),
            Progress::Queued => missing.push(format!("{}: written, completion unknown", job.tag)),
        }
    }
    if !missing.is_empty() {
        failed.push(format!("after {:?}: {}", context.timeout, missing.join(", ")));
        return Err(Failure::Timeout(failed.join("; ")));
    }
    if failed.is_empty() { Ok(Exit::Ok) } else { Err(Failure::MxAccess(failed.join("; "))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &[&str]) -> Result<Vec<(String, String)>, Failure> {
        pairs(&words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn both_forms_are_understood() {
        let pair = |tag: &str, value: &str| (tag.to_owned(), value.to_owned());
        assert_eq!(of(&["A", "-5"]).unwrap(), [pair("A", "-5")]);
        assert_eq!(of(&["A", "x=y"]).unwrap(), [pair("A", "x=y")]);
        assert_eq!(of(&["A=1", "B=x=y"]).unwrap(), [pair("A", "1"), pair("B", "x=y")]);
        assert_eq!(of(&["A="]).unwrap(), [pair("A", "")]);
        for words in [&["A"][..], &["=1"], &["A=1", "B"], &["A", "1", "B", "2"]] {
            assert!(matches!(of(words), Err(Failure::Usage(_))), "{words:?}");
        }
    }
}
