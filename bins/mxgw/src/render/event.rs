//! Events as lines.

use mxgateway_client::contracts::v1::mx_event::Body;
use mxgateway_client::contracts::v1::{EventFamily, MxEvent};

use crate::render::Format;
use crate::render::columns::pad;
use crate::render::status::{failures, short};
use crate::render::value::{escaped, quality, time, value};

/// Room for `uncertain`.
const QUALITY_WIDTH: usize = 9;
/// Room for `OnWriteComplete`.
const FAMILY_WIDTH: usize = 15;

/// What stands before the quality of an event.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Subject<'a> {
    /// A tag, in a column of this width.
    Tag(&'a str, usize),
    /// Sequence, family and handles.
    Numbers,
}

/// An event on one line. In a pipe the columns are: time, subject, quality, value and, when MXAccess
/// reported a failure, its status; the subject is the tag, or sequence, family and handles.
pub(crate) fn line(format: &Format, event: &MxEvent, subject: Subject<'_>) -> String {
    let palette = format.palette;
    let mut columns = vec![palette.dim(&time(format, event_time(event)))];
    match subject {
        Subject::Tag(tag, width) => {
            let width = if format.terminal { width } else { 0 };
            columns.push(palette.name(&pad(&escaped(tag), width)));
        }
        Subject::Numbers => {
            let (sequence, items) = (event.worker_sequence.to_string(), handles(event));
            if format.terminal {
                columns.push(format!("{sequence:>8}"));
                columns.push(palette.dim(&pad(&family(event.family()), FAMILY_WIDTH)));
                columns.push(palette.name(&pad(&items, 6)));
            } else {
                columns.extend([sequence, family(event.family()), items]);
            }
        }
    }
    let width = if format.terminal { QUALITY_WIDTH } else { 0 };
    let failure = failures(&event.statuses);
    match &event.body {
        Some(Body::OnDataChange(data)) => {
            columns.push(quality(format, data.quality, width));
            columns.push(data.value.as_ref().map_or_else(|| "-".to_owned(), |data| value(format, data)));
        }
        Some(Body::OnBufferedDataChange(data)) => {
            columns.push(pad("buffered", width));
            columns.push(data.values.as_ref().map_or_else(|| "-".to_owned(), |data| value(format, data)));
        }
        Some(Body::OnWriteComplete(_) | Body::OperationComplete(_)) | None => {
            let done = if event.family() == EventFamily::OnWriteComplete { "written" } else { "done" };
            columns.push(match &failure {
                None => palette.good(&pad(done, width)),
                Some(_) => palette.bad(&pad("failed", width)),
            });
            columns.push("-".to_owned());
        }
    }
    if event.retained {
        columns.push(palette.dim("retained"));
    }
    columns.extend(failure.map(|failure| palette.bad(&failure)));
    columns.join(if format.terminal { "  " } else { "\t" })
}

/// When it happened: at the source, as far as the event says so.
fn event_time(event: &MxEvent) -> Option<&prost_types::Timestamp> {
    match &event.body {
        Some(Body::OnDataChange(data)) if data.source_time.is_some() => data.source_time.as_ref(),
        Some(
            Body::OnDataChange(_)
            | Body::OnBufferedDataChange(_)
            | Body::OnWriteComplete(_)
            | Body::OperationComplete(_),
        )
        | None => event.worker_time.as_ref(),
    }
}

fn family(family: EventFamily) -> String {
    short(family.as_str_name(), "EVENT_FAMILY_")
}

fn handles(event: &MxEvent) -> String {
    format!("{}:{}", event.server_handle, event.item_handle)
}

#[cfg(test)]
mod tests {
    use mxgateway_client::contracts::v1::{MxStatus, MxStatusCategory, OnDataChange, OnWriteComplete};

    use super::*;
    use crate::render::{Palette, test_format};

    fn change() -> MxEvent {
        MxEvent {
            family: EventFamily::OnDataChange.into(),
            worker_sequence: 42,
            server_handle: 1,
            item_handle: 7,
            body: Some(Body::OnDataChange(OnDataChange {
                value: Some(12.5.into()),
                quality: 192,
                source_time: Some(prost_types::Timestamp { seconds: 1_780_000_000, nanos: 0 }),
            })),
            ..MxEvent::default()
        }
    }

    fn refused() -> MxEvent {
        let status = MxStatus {
            category: MxStatusCategory::SecurityError.into(),
            detail: 1012,
            ..MxStatus::default()
        };
        MxEvent {
            family: EventFamily::OnWriteComplete.into(),
            statuses: vec![status],
            body: Some(Body::OnWriteComplete(OnWriteComplete {})),
            ..MxEvent::default()
        }
    }

    #[test]
    fn people_see_columns() {
        let format = test_format(true, Palette::PLAIN);
        let tag = Subject::Tag("Tank.Level", 12);
        assert_eq!(line(&format, &change(), tag), "20:26:40.000  Tank.Level    good       12.5");
        assert_eq!(
            line(&format, &change(), Subject::Numbers),
            "20:26:40.000        42  OnDataChange     1:7     good       12.5"
        );
    }

    #[test]
    fn pipes_see_tabs_and_no_colours() {
        let format = test_format(false, Palette::PLAIN);
        let tag = Subject::Tag("Tank.Level", 12);
        let time = "2026-05-28T20:26:40.000+00:00";
        assert_eq!(line(&format, &change(), tag), format!("{time}\tTank.Level\tgood\t12.5"));
        assert_eq!(
            line(&format, &change(), Subject::Numbers),
            format!("{time}\t42\tOnDataChange\t1:7\tgood\t12.5")
        );
        assert_eq!(
            line(&format, &refused(), tag),
            "-\tTank.Level\tfailed\t-\tSecurityError 1012 SecuredWrite"
        );
    }

    #[test]
    fn colours_go_by_meaning() {
        let format = test_format(true, Palette::COLOURED);
        assert!(line(&format, &change(), Subject::Numbers).contains("\u{1b}[32mgood"));
        assert!(line(&format, &refused(), Subject::Numbers).contains("\u{1b}[1m\u{1b}[31mfailed"));
    }

    #[test]
    fn a_retained_event_says_so() {
        let event = MxEvent { retained: true, ..change() };
        assert!(line(&test_format(false, Palette::PLAIN), &event, Subject::Numbers).ends_with("\tretained"));
    }
}
