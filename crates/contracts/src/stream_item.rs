//! What the gateway sends on `StreamEvents`: a `StreamItem` whose events are already encoded.
//!
//! An event is encoded once, in the worker. Every subscriber's stream carries those same bytes; the
//! gateway only writes the fields it adds (receive time, retained mark) after them, which protobuf reads
//! as part of the same message.

use std::time::SystemTime;

use bytes::{Buf, BufMut, Bytes};
use prost::encoding::{DecodeContext, WireType, encode_varint, encoded_len_varint};
use prost::{DecodeError, Message};

use crate::time::timestamp;
use crate::v1::StreamItem;

const EVENTS_TAG: u32 = 1;
const GATEWAY_RECEIVE_TIME_TAG: u32 = 14;
const RETAINED_TAG: u32 = 15;

/// One event as the worker encoded it, with what the gateway adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedEvent {
    /// An encoded `MxEvent`.
    pub bytes: Bytes,
    /// When the gateway received it.
    pub received: SystemTime,
    /// Sent again as part of a snapshot.
    pub retained: bool,
}

impl EncodedEvent {
    fn len(&self, received: &prost_types::Timestamp) -> usize {
        let mut len =
            self.bytes.len() + prost::encoding::message::encoded_len(GATEWAY_RECEIVE_TIME_TAG, received);
        if self.retained {
            len += prost::encoding::bool::encoded_len(RETAINED_TAG, &true);
        }
        len
    }
}

/// Encodes to a `mxgateway.v1.StreamItem`.
#[derive(Clone, Debug, PartialEq)]
pub enum EncodedStreamItem {
    /// A run of consecutive events.
    Events(Vec<EncodedEvent>),
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
            Self::Events(events) => {
                for event in events {
                    let received = timestamp(event.received);
                    prost::encoding::encode_key(EVENTS_TAG, WireType::LengthDelimited, buf);
                    encode_varint(event.len(&received) as u64, buf);
                    buf.put_slice(&event.bytes);
                    prost::encoding::message::encode(GATEWAY_RECEIVE_TIME_TAG, &received, buf);
                    if event.retained {
                        prost::encoding::bool::encode(RETAINED_TAG, &true, buf);
                    }
                }
            }
        }
    }

    fn encoded_len(&self) -> usize {
        match self {
            Self::Control(item) => item.encoded_len(),
            Self::Events(events) => events
                .iter()
                .map(|event| {
                    let len = event.len(&timestamp(event.received));
                    prost::encoding::key_len(EVENTS_TAG) + encoded_len_varint(len as u64) + len
                })
                .sum(),
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
        let encoded = EncodedStreamItem::Events(
            events
                .iter()
                .map(|event| EncodedEvent {
                    bytes: event.encode_to_vec().into(),
                    received,
                    retained: event.worker_sequence == 2,
                })
                .collect(),
        );
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
