//! What the gateway sends on `StreamEvents`: a `StreamItem` whose events are already encoded.
//!
//! An event is encoded once, in the worker. The gateway puts it, with the field it adds, into a **record**: the
//! bytes that an element of `StreamItem.events` has on the wire. A stream item is then nothing but its records
//! one after the other, and all subscribers share them.

use std::ops::Range;
use std::time::SystemTime;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::encoding::{DecodeContext, WireType, decode_varint, encode_varint, encoded_len_varint};
use prost::{DecodeError, Message};

use crate::time::timestamp;
use crate::v1::StreamItem;

const EVENTS_TAG: u32 = 1;
const GATEWAY_RECEIVE_TIME_TAG: u32 = 14;
const RETAINED_TAG: u32 = 15;

/// Records that lie one after the other in one piece of memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Records {
    /// All of them.
    pub memory: Bytes,
    /// Where each ends, and the next begins.
    pub ends: Vec<usize>,
}

impl Records {
    /// Where each lies.
    pub fn ranges(&self) -> impl Iterator<Item = Range<usize>> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| start..*end)
    }
}

/// Makes the records of events that were received at the same time.
///
/// The events are encoded `MxEvent`s; what the gateway adds is written after them, which protobuf reads as
/// fields of the same message.
pub fn records(events: &[Bytes], received: SystemTime) -> Records {
    let mut time = Vec::new();
    prost::encoding::message::encode(GATEWAY_RECEIVE_TIME_TAG, &timestamp(received), &mut time);
    let whole: usize = events.iter().map(|event| record_len(event.len() + time.len())).sum();
    let mut memory = BytesMut::with_capacity(whole);
    let ends = events
        .iter()
        .map(|event| {
            put_head(event.len() + time.len(), &mut memory);
            memory.put_slice(event);
            memory.put_slice(&time);
            memory.len()
        })
        .collect();
    Records { memory: memory.freeze(), ends }
}

/// The record of an event that is sent again as part of a snapshot. `record` is one of [`records`].
pub fn retained(record: &[u8]) -> Bytes {
    // The head: one byte of key, then the length.
    let mut event = record.get(1..).unwrap_or_default();
    if decode_varint(&mut event).is_err() {
        return Bytes::copy_from_slice(record);
    }
    let mark_len = prost::encoding::bool::encoded_len(RETAINED_TAG, &true);
    let mut memory = BytesMut::with_capacity(record_len(event.len() + mark_len));
    put_head(event.len() + mark_len, &mut memory);
    memory.put_slice(event);
    prost::encoding::bool::encode(RETAINED_TAG, &true, &mut memory);
    memory.freeze()
}

fn record_len(event_len: usize) -> usize {
    prost::encoding::key_len(EVENTS_TAG) + encoded_len_varint(event_len as u64) + event_len
}

fn put_head(event_len: usize, buf: &mut impl BufMut) {
    prost::encoding::encode_key(EVENTS_TAG, WireType::LengthDelimited, buf);
    encode_varint(event_len as u64, buf);
}

/// Encodes to a `mxgateway.v1.StreamItem`.
#[derive(Clone, Debug, PartialEq)]
pub enum EncodedStreamItem {
    /// Records of a run of events, one or several in a piece.
    Events(Vec<Bytes>),
    /// Start, gap, bookmark or end.
    Control(StreamItem),
}

impl Default for EncodedStreamItem {
    fn default() -> Self {
        Self::Control(StreamItem::default())
    }
}

impl From<StreamItem> for EncodedStreamItem {
    fn from(item: StreamItem) -> Self {
        Self::Control(item)
    }
}

impl Message for EncodedStreamItem {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        match self {
            Self::Control(item) => item.encode_raw(buf),
            Self::Events(records) => {
                for record in records {
                    buf.put_slice(record);
                }
            }
        }
    }

    fn encoded_len(&self) -> usize {
        match self {
            Self::Control(item) => item.encoded_len(),
            Self::Events(records) => records.iter().map(Bytes::len).sum(),
        }
    }

    /// This type is only ever sent; what is read becomes a control item, events included.
    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        ctx: DecodeContext,
    ) -> Result<(), DecodeError> {
        if let Self::Events(_) = self {
            self.clear();
        }
        match self {
            Self::Control(item) => item.merge_field(tag, wire_type, buf, ctx),
            Self::Events(_) => Ok(()),
        }
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::v1::{Bookmark, EventFamily, MxEvent, StreamPosition, stream_item::Control};

    #[test]
    fn a_run_of_encoded_events_reads_as_a_stream_item() {
        let received = UNIX_EPOCH + Duration::new(1_780_000_000, 123_456_789);
        let events: Vec<MxEvent> = (1..=300)
            .map(|worker_sequence| MxEvent {
                family: EventFamily::OnDataChange.into(),
                worker_sequence,
                item_handle: -7,
                ..MxEvent::default()
            })
            .collect();
        let payloads: Vec<Bytes> = events.iter().map(|event| event.encode_to_vec().into()).collect();
        let records = records(&payloads, received);
        let mut records: Vec<Bytes> = records.ranges().map(|range| records.memory.slice(range)).collect();
        records[1] = retained(&records[1]);
        let encoded = EncodedStreamItem::Events(records);
        let bytes = encoded.encode_to_vec();
        assert_eq!(bytes.len(), encoded.encoded_len());

        let item = StreamItem::decode(bytes.as_slice()).unwrap();
        let expected: Vec<MxEvent> = events
            .into_iter()
            .map(|event| MxEvent {
                gateway_receive_time: Some(timestamp(received)),
                retained: event.worker_sequence == 2,
                ..event
            })
            .collect();
        assert_eq!(item, StreamItem { events: expected, control: None });
    }

    #[test]
    fn control_items_pass_as_they_are() {
        let item = StreamItem {
            events: Vec::new(),
            control: Some(Control::Bookmark(Bookmark {
                position: Some(StreamPosition { epoch: 7, sequence: u64::MAX }),
            })),
        };
        let encoded = EncodedStreamItem::from(item.clone());
        assert_eq!(StreamItem::decode(encoded.encode_to_vec().as_slice()).unwrap(), item);
    }
}
