//! Events as the dashboard shows them.

use mxgateway_contracts::v1;
use mxgateway_contracts::v1::mx_event::Body;
use mxgateway_contracts::v1::mx_value::Kind;
use mxgateway_contracts::value;
use mxgateway_dashboard::model::EventView;
use mxgateway_session_core::event::{Event, EventFamily};
use mxgateway_session_core::items::Item;
use prost::Message as _;

use super::session_views::time;

/// Letters of a text value that are shown.
const MAX_LETTERS: usize = 200;

/// An event, without its value unless that is to be shown.
pub(super) fn view(event: &Event, item: Option<&Item>, show_value: bool) -> EventView {
    // What the gateway passes on to clients as it came from the worker: one that cannot be read is shown without a body.
    let item_of_stream = v1::StreamItem::decode(&*event.payload).ok();
    let body = item_of_stream.and_then(|mut item| item.events.pop()).and_then(|event| event.body);
    let shown = |value: &Option<v1::MxValue>, as_text: fn(&v1::MxValue) -> String| {
        value.as_ref().filter(|_| show_value).map(as_text)
    };
    let (quality, value) = match body {
        Some(Body::OnDataChange(change)) => (Some(change.quality), shown(&change.value, text)),
        Some(Body::OnBufferedDataChange(change)) => (last_quality(&change), shown(&change.values, samples)),
        Some(Body::OnWriteComplete(_) | Body::OperationComplete(_)) | None => (None, None),
    };
    EventView {
        sequence: event.sequence,
        family: family(event.family).to_owned(),
        server_handle: event.item.server_handle,
        item_handle: event.item.item_handle,
        item: item.map(|item| item.definition.clone()),
        received_at: time(event.received),
        quality,
        value,
    }
}

fn family(family: EventFamily) -> &'static str {
    match family {
        EventFamily::DataChange => "data_change",
        EventFamily::WriteComplete => "write_complete",
        EventFamily::OperationComplete => "operation_complete",
        EventFamily::BufferedDataChange => "buffered_data_change",
        EventFamily::AlarmTransition => "alarm_transition",
    }
}

/// Of the newest sample.
fn last_quality(change: &v1::OnBufferedDataChange) -> Option<i32> {
    let Kind::ArrayValue(array) = change.qualities.as_ref()?.kind.as_ref()? else { return None };
    array.int32_values.last().copied()
}

fn samples(values: &v1::MxValue) -> String {
    if let Some(Kind::ArrayValue(array)) = &values.kind {
        return format!("samples: {}", value::array_len(array));
    }
    text(values)
}

/// A value in a few words; of an array, how many elements it has.
fn text(shown: &v1::MxValue) -> String {
    match &shown.kind {
        None => "empty".to_owned(),
        Some(Kind::ArrayValue(array)) => format!("array of {}", value::array_len(array)),
        Some(Kind::BoolValue(value)) => value.to_string(),
        Some(Kind::Int32Value(value)) => value.to_string(),
        Some(Kind::Int64Value(value)) => value.to_string(),
        Some(Kind::Uint64Value(value)) => value.to_string(),
        Some(Kind::FloatValue(value)) => value.to_string(),
        Some(Kind::DoubleValue(value)) => value.to_string(),
        Some(Kind::StringValue(value)) => value.chars().take(MAX_LETTERS).collect(),
        Some(Kind::TimeValue(value)) => value.to_string(),
        Some(Kind::SparseArrayValue(_)) => "part of an array".to_owned(),
        Some(Kind::RawValue(bytes)) => format!("{} bytes", bytes.len()),
    }
}
