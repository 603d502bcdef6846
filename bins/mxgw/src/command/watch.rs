//! `mxgw watch`.

use std::time::Duration;

use clap::Args;
use mxgateway_client::contracts::error_code::ErrorCode;
use mxgateway_client::contracts::v1::ReplayGapReason;
use mxgateway_client::{ClientError, OpenOptions, Watch, WatchOptions, WatchUpdate};
use serde_json::json;

use crate::cli::duration;
use crate::command::Context;
use crate::command::stream::ended;
use crate::exit::{Exit, Failure};
use crate::json;
use crate::output::Output;
use crate::render::columns::width;
use crate::render::event::{self, Subject};
use crate::render::status::failures;
use crate::render::value::escaped;

/// Show the values of tags as they change
///
/// Opens a session, adds and advises the tags, and prints each event. Survives a gateway that goes away:
/// the same session is resumed when there still is one, otherwise a new one is opened. Ends with Ctrl-C.
///
/// With --json each line has a type: session, event, refused, gap, disconnected, resumed, newSession, ended.
#[derive(Args, Debug)]
#[command(after_long_help = "Examples:
  mxgw watch Host.Cpu.Load Host.Memory.Used
  mxgw watch Tank_001.Level --count 10 --for 1m     # exit code 7 when fewer came
  mxgw watch Tank_001.Level --json | jq -c 'select(.type == \"event\") | .onDataChange'")]
pub(crate) struct Arguments {
    /// References such as Tank_001.Level
    #[arg(value_name = "TAG", required = true)]
    pub(crate) tags: Vec<String>,
    /// Stop after this many events
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Stop after this long; exit code 7 when there was no event at all, or fewer than --count
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    limit: Option<Duration>,
    /// Wait for a gateway that is not reachable yet instead of failing
    #[arg(long)]
    wait: bool,
    /// Backend of the session: simulator or lmxproxy; the gateway's default otherwise
    #[arg(long, value_name = "NAME", default_value = "")]
    backend: String,
}

pub(crate) async fn run(arguments: Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let options = WatchOptions {
        open: OpenOptions {
            name: "mxgw watch".to_owned(),
            backend: arguments.backend.clone(),
            ..OpenOptions::default()
        },
        register_name: "mxgw".to_owned(),
        ..WatchOptions::default()
    };
    let mut watch = Watch::new(context.client.clone(), arguments.tags.iter().map(String::as_str), options);
    let mut view = View::new(&arguments);
    let stop = context.stop.clone();
    let result = tokio::select! {
        result = follow(&mut watch, &mut view, context.output) => result,
        () = stop.cancelled() => Ok(Exit::Ok),
        () = elapsed(arguments.limit) => view.at_limit(),
    };
    if let Err(error) = watch.close().await {
        tracing::debug!(error = %error, "Session could not be closed");
    }
    result
}

/// Waits for the end of `--for`, or for ever.
pub(crate) async fn elapsed(limit: Option<Duration>) {
    match limit {
        Some(limit) => tokio::time::sleep(limit).await,
        None => std::future::pending().await,
    }
}

async fn follow(watch: &mut Watch, view: &mut View, output: &mut Output) -> Result<Exit, Failure> {
    while let Some(update) = watch.next().await {
        view.show(update?, output)?;
        if view.count.is_some_and(|count| view.events >= count) {
            break;
        }
        if view.refused >= view.tags {
            let text = "no tag could be advised";
            return Err(if view.is_denied {
                Failure::Denied(text.to_owned())
            } else {
                Failure::MxAccess(text.to_owned())
            });
        }
    }
    Ok(Exit::Ok)
}

/// What has been shown so far.
struct View {
    tags: usize,
    tag_width: usize,
    count: Option<u64>,
    limit: Option<Duration>,
    wait: bool,
    events: u64,
    /// Tags refused in the present session.
    refused: usize,
    /// One of them because the API key is not for it.
    is_denied: bool,
    had_session: bool,
}

impl View {
    fn new(arguments: &Arguments) -> Self {
        Self {
            tags: arguments.tags.len(),
            tag_width: arguments.tags.iter().map(|tag| width(&escaped(tag))).max().unwrap_or_default(),
            count: arguments.count,
            limit: arguments.limit,
            wait: arguments.wait,
            events: 0,
            refused: 0,
            is_denied: false,
            had_session: false,
        }
    }

    fn at_limit(&self) -> Result<Exit, Failure> {
        let wanted = self.count.unwrap_or(1);
        if self.events >= wanted {
            return Ok(Exit::Ok);
        }
        let limit = self.limit.unwrap_or_default();
        Err(Failure::Timeout(format!("{} of {wanted} events came within {limit:?}", self.events)))
    }

    fn show(&mut self, update: WatchUpdate, output: &mut Output) -> Result<(), Failure> {
        match update {
            WatchUpdate::Event { tag, event } => {
                self.events += 1;
                let line = if output.is_json() {
                    json::message("event", &[("tag", json!(&*tag))], "MxEvent", event.as_ref())?
                } else {
                    event::line(output.format(), &event, Subject::Tag(&tag, self.tag_width))
                };
                output.line(line)?;
                if let Some(failure) = failures(&event.statuses) {
                    tracing::debug!(tag = &*tag, failure, "Event reports a failure");
                }
            }
            WatchUpdate::Disconnected { error, .. } if !self.had_session && !self.wait => {
                return Err(error.into());
            }
            WatchUpdate::Disconnected { error, retry_in } => {
                let notice = format!("{}; trying again until it answers", trouble(&error));
                tell(output, "disconnected", &notice, &error, retry_in)?;
            }
            WatchUpdate::NewSession { reason, retry_in } => {
                let notice = format!("session was lost: {}; opening a new one", trouble(&reason));
                tell(output, "newSession", &notice, &reason, retry_in)?;
            }
            WatchUpdate::Session(session) => {
                self.had_session = true;
                self.refused = 0;
                self.is_denied = false;
                match session.open_reply() {
                    Some(reply) if output.is_json() => {
                        output.line(json::message("session", &[], "OpenSessionReply", reply)?)?;
                    }
                    _ => output.notice(&format!("session {} opened", session.id())),
                }
            }
            WatchUpdate::TagRefused { tag, error } => {
                self.refused += 1;
                self.is_denied |= error.code() == Some(ErrorCode::ConstraintDenied);
                if output.is_json() {
                    let extras = [("tag", json!(&*tag)), ("message", json!(error.to_string()))];
                    output.line(json::object("refused", &extras))?;
                } else {
                    output.notice(&format!("{}: {}", escaped(&tag), Failure::from(error)));
                }
            }
            WatchUpdate::Gap(gap) if output.is_json() => {
                output.line(json::message("gap", &[], "EventGap", &gap)?)?;
            }
            WatchUpdate::Gap(gap) => output.notice(&gap_text(&gap)),
            WatchUpdate::Resumed(start) if output.is_json() => {
                output.line(json::message("resumed", &[], "StreamStart", &start)?)?;
            }
            WatchUpdate::Resumed(start) => {
                output.notice(&format!("resumed after event {}{}", start.after_sequence, lost_text(&start)));
            }
            WatchUpdate::Ended(end) => return ended(end, "ended", output),
        }
        Ok(())
    }
}

/// An error's text without the advice for somebody who has to act on it: this is acted on.
fn trouble(error: &ClientError) -> String {
    crate::exit::one_line(&error.to_string())
}

pub(crate) fn tell(
    output: &mut Output,
    kind: &str,
    notice: &str,
    error: &ClientError,
    retry_in: Duration,
) -> Result<(), Failure> {
    if output.is_json() {
        let extras =
            [("message", json!(error.to_string())), ("retryInSeconds", json!(retry_in.as_secs_f64()))];
        return output.line(json::object(kind, &extras));
    }
    output.notice(notice);
    Ok(())
}

/// What a gap item says.
pub(crate) fn gap_text(gap: &mxgateway_client::contracts::v1::EventGap) -> String {
    let cause = crate::render::status::short(gap.cause().as_str_name(), "EVENT_GAP_CAUSE_");
    format!(
        "gap: {} events of {} to {} are lost ({cause})",
        gap.lost_count, gap.from_sequence, gap.to_sequence
    )
}

/// What a start item says about loss; empty when nothing is lost.
pub(crate) fn lost_text(start: &mxgateway_client::contracts::v1::StreamStart) -> String {
    let Some(gap) = &start.replay_gap else { return String::new() };
    let lost = gap.lost_count;
    match gap.reason() {
        ReplayGapReason::Evicted | ReplayGapReason::Unspecified => {
            format!("; gap: {lost} events are lost, the gateway has let them go")
        }
        ReplayGapReason::EpochChanged => {
            format!(
                "; gap: the position is of another worker (epoch changed); {lost} events of this one are lost"
            )
        }
        ReplayGapReason::FutureSequence => {
            "; gap: the position is after the newest event (future sequence), so it is not of this stream"
                .to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use mxgateway_client::contracts::v1::{EventGap, EventGapCause, ReplayGap, StreamStart};

    use super::*;

    #[test]
    fn losses_are_told_with_numbers_and_cause() {
        let cause = EventGapCause::JournalOverflow.into();
        let gap = EventGap { from_sequence: 3, to_sequence: 5, lost_count: 3, cause };
        assert_eq!(gap_text(&gap), "gap: 3 events of 3 to 5 are lost (JournalOverflow)");
        assert_eq!(lost_text(&StreamStart::default()), "");
        let reason = ReplayGapReason::EpochChanged.into();
        let replay_gap = Some(ReplayGap { lost_count: 7, reason, ..ReplayGap::default() });
        let start = StreamStart { replay_gap, ..StreamStart::default() };
        assert!(lost_text(&start).contains("epoch changed"), "{}", lost_text(&start));
        assert!(lost_text(&start).contains("7 events"));
    }

    #[test]
    fn at_the_limit_too_few_events_are_a_timeout() {
        let view = |count, events| View {
            tags: 1,
            tag_width: 0,
            count,
            limit: Some(Duration::from_secs(1)),
            wait: false,
            events,
            refused: 0,
            is_denied: false,
            had_session: true,
        };
        assert!(matches!(view(None, 1).at_limit(), Ok(Exit::Ok)));
        assert!(matches!(view(None, 0).at_limit(), Err(Failure::Timeout(_))));
        assert!(matches!(view(Some(3), 2).at_limit(), Err(Failure::Timeout(_))));
    }
}
