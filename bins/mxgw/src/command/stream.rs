//! `mxgw stream`.

use std::time::Duration;

use clap::{Args, ValueEnum};
use mxgateway_client::contracts::v1::{
    EventFamily, EventFilter, EventGapCause, ItemReference, SlowReaderPolicy, SnapshotMode, StreamEnd,
    StreamEndReason, StreamPosition,
};
use mxgateway_client::{ClientError, EventOptions, EventStream, ReconnectPolicy, StreamUpdate};

use crate::cli::duration;
use crate::command::Context;
use crate::command::watch::{elapsed, gap_text, lost_text, tell};
use crate::exit::{Exit, Failure};
use crate::json;
use crate::output::Output;
use crate::render::event::{self, Subject};

/// Show the events of an open session
///
/// Reconnects and resumes by itself. Prints sequence, family and handles with each event; positions are
/// told on standard error in the form that --after takes. Exit code 8 when events are missing.
///
/// With --json each line has a type: start, event, gap, bookmark, disconnected, end.
#[derive(Args, Debug)]
#[command(after_long_help = "Examples:
  mxgw stream $ID
  mxgw stream $ID --after 12345678901234567890:400      # what came after event 400
  mxgw stream $ID --item 1:3 --family on-write-complete
  mxgw stream $ID --count 100 --json > events.jsonl")]
pub(crate) struct Arguments {
    /// Id of the session
    #[arg(value_name = "ID")]
    session: String,
    /// Continue after this position; without it, what comes from now on
    #[arg(long, value_name = "EPOCH:SEQUENCE", value_parser = position)]
    after: Option<StreamPosition>,
    /// Send the last event of each advised item first
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Snapshot::None,
          num_args = 0..=1, default_missing_value = "always")]
    snapshot: Snapshot,
    /// Only events of this item; may be given more than once
    #[arg(long = "item", value_name = "SERVER:ITEM", value_parser = item)]
    items: Vec<ItemReference>,
    /// Only events of this family; may be given more than once
    #[arg(long = "family", value_enum, value_name = "FAMILY")]
    families: Vec<Family>,
    /// What the gateway does when the events are not read fast enough
    #[arg(long, value_enum, value_name = "POLICY", default_value_t = SlowReader::Default)]
    slow_reader: SlowReader,
    /// Stop after this many events
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Stop after this long; exit code 7 when fewer than --count events came
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    limit: Option<Duration>,
    /// End when the connection is lost
    #[arg(long)]
    no_reconnect: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Snapshot {
    None,
    /// When events are missing at the start
    OnGap,
    Always,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SlowReader {
    /// As the gateway is configured
    Default,
    /// End the stream
    Cut,
    /// Skip to what is still there, and say so
    GapAndContinue,
    /// Keep only the newest event of each item
    LatestPerItem,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Family {
    OnDataChange,
    OnWriteComplete,
    OperationComplete,
    OnBufferedDataChange,
}

fn position(text: &str) -> Result<StreamPosition, String> {
    let number = |text: &str| match text.strip_prefix("0x") {
        Some(hexadecimal) => u64::from_str_radix(hexadecimal, 16).ok(),
        None => text.parse().ok(),
    };
    text.split_once(':')
        .and_then(|(epoch, sequence)| {
            Some(StreamPosition { epoch: number(epoch)?, sequence: number(sequence)? })
        })
        .ok_or_else(|| "not of the form EPOCH:SEQUENCE".to_owned())
}

pub(crate) fn item(text: &str) -> Result<ItemReference, String> {
    text.split_once(':')
        .and_then(|(server, item)| {
            Some(ItemReference { server_handle: server.parse().ok()?, item_handle: item.parse().ok()? })
        })
        .ok_or_else(|| "not of the form SERVER:ITEM".to_owned())
}

impl Arguments {
    fn options(&self) -> EventOptions {
        let families: Vec<i32> = self
            .families
            .iter()
            .map(|family| match family {
                Family::OnDataChange => EventFamily::OnDataChange.into(),
                Family::OnWriteComplete => EventFamily::OnWriteComplete.into(),
                Family::OperationComplete => EventFamily::OperationComplete.into(),
                Family::OnBufferedDataChange => EventFamily::OnBufferedDataChange.into(),
            })
            .collect();
        let filter = EventFilter { families, items: self.items.clone() };
        EventOptions {
            resume: self.after,
            snapshot: match self.snapshot {
                Snapshot::None => SnapshotMode::None,
                Snapshot::OnGap => SnapshotMode::OnGap,
                Snapshot::Always => SnapshotMode::Always,
            },
            filter: (filter != EventFilter::default()).then_some(filter),
            slow_reader: match self.slow_reader {
                SlowReader::Default => SlowReaderPolicy::Default,
                SlowReader::Cut => SlowReaderPolicy::Cut,
                SlowReader::GapAndContinue => SlowReaderPolicy::GapAndContinue,
                SlowReader::LatestPerItem => SlowReaderPolicy::LatestPerItem,
            },
            reconnect: if self.no_reconnect { ReconnectPolicy::never() } else { ReconnectPolicy::default() },
        }
    }
}

pub(crate) async fn run(arguments: Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let mut events = context.client.session(&arguments.session).events(arguments.options());
    let mut view = View { count: arguments.count, events: 0, lost: 0, had_start: false };
    let stop = context.stop.clone();
    let result = tokio::select! {
        result = follow(&mut events, &mut view, context.output) => result,
        () = stop.cancelled() => Ok(()),
        () = elapsed(arguments.limit) => view.at_limit(arguments.limit.unwrap_or_default()),
    };
    if let Some(position) = events.position().filter(|_| view.had_start && !context.output.is_json()) {
        context.output.notice(&format!("position {}:{}", position.epoch, position.sequence));
    }
    result?;
    if view.lost > 0 {
        return Err(Failure::Incomplete(format!("{} events are missing", view.lost)));
    }
    Ok(Exit::Ok)
}

async fn follow(events: &mut EventStream, view: &mut View, output: &mut Output) -> Result<(), Failure> {
    while let Some(update) = events.next().await {
        view.show(update?, output)?;
        if view.count.is_some_and(|count| view.events >= count) {
            break;
        }
    }
    Ok(())
}

struct View {
    count: Option<u64>,
    events: u64,
    lost: u64,
    had_start: bool,
}

impl View {
    fn at_limit(&self, limit: Duration) -> Result<(), Failure> {
        match self.count {
            Some(count) if self.events < count => {
                Err(Failure::Timeout(format!("{} of {count} events came within {limit:?}", self.events)))
            }
            _ => Ok(()),
        }
    }

    fn show(&mut self, update: StreamUpdate, output: &mut Output) -> Result<(), Failure> {
        let is_json = output.is_json();
        match update {
            StreamUpdate::Event(event) => {
                self.events += 1;
                output.line(if is_json {
                    json::message("event", &[], "MxEvent", event.as_ref())?
                } else {
                    event::line(output.format(), &event, Subject::Numbers)
                })?;
            }
            StreamUpdate::Started(start) => {
                self.had_start = true;
                self.lost += start.replay_gap.as_ref().map_or(0, |gap| gap.lost_count);
                if is_json {
                    output.line(json::message("start", &[], "StreamStart", &start)?)?;
                } else {
                    let lost = lost_text(&start);
                    output.notice(&format!("started after {}:{}{lost}", start.epoch, start.after_sequence));
                }
            }
            StreamUpdate::Gap(gap) => {
                // A conflated stream is asked for and leaves out what it should.
                if gap.cause() != EventGapCause::Conflated {
                    self.lost += gap.lost_count;
                }
                if is_json {
                    output.line(json::message("gap", &[], "EventGap", &gap)?)?;
                } else {
                    output.notice(&gap_text(&gap));
                }
            }
            StreamUpdate::Bookmark(position) if is_json => {
                output.line(json::message("bookmark", &[], "StreamPosition", &position)?)?;
            }
            StreamUpdate::Bookmark(_) => {}
            StreamUpdate::Disconnected { error, .. } if !self.had_start => return Err(error.into()),
            StreamUpdate::Disconnected { error, retry_in } => {
                let notice =
                    format!("{}; trying again until it answers", crate::exit::one_line(&error.to_string()));
                tell(output, "disconnected", &notice, &error, retry_in)?;
            }
            StreamUpdate::Ended(end) => return ended(end, "end", output),
        }
        Ok(())
    }
}

/// The gateway ended a stream; `kind` is what that is called in JSON. Only a session closed on purpose is a good end.
pub(crate) fn ended(end: StreamEnd, kind: &str, output: &mut Output) -> Result<(), Failure> {
    if output.is_json() {
        output.line(json::message(kind, &[], "StreamEnd", &end)?)?;
    }
    let reason = end.reason();
    let failure = Failure::from(ClientError::StreamEnded(Box::new(end)));
    match reason {
        StreamEndReason::SessionClosed => {
            if !output.is_json() {
                output.notice(&failure.to_string());
            }
            Ok(())
        }
        StreamEndReason::SlowReader => Err(Failure::Incomplete(failure.to_string())),
        StreamEndReason::SessionFaulted
        | StreamEndReason::KeyRevoked
        | StreamEndReason::LeaseExpired
        | StreamEndReason::GatewayShutdown
        | StreamEndReason::Unspecified => Err(failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_decimal_or_hexadecimal() {
        assert_eq!(position("7:12"), Ok(StreamPosition { epoch: 7, sequence: 12 }));
        let epoch = u64::MAX;
        assert_eq!(position("0xffffffffffffffff:0"), Ok(StreamPosition { epoch, sequence: 0 }));
        assert_eq!(position(&format!("{epoch}:0")), Ok(StreamPosition { epoch, sequence: 0 }));
        for text in ["", "7", "7:", ":7", "x:1", "7:-1", "1:2:3"] {
            assert!(position(text).is_err(), "{text}");
        }
    }

    #[test]
    fn items_are_two_handles() {
        assert_eq!(item("1:-3"), Ok(ItemReference { server_handle: 1, item_handle: -3 }));
        assert!(item("1").is_err() && item("a:b").is_err());
    }
}
