//! Reading what a stream carries without decoding it: walking over fields, counting, looking at two numbers.

use anyhow::{Context, bail};
use mxgateway_contracts::v1::StreamItem;
use prost::Message;
use prost::bytes::Buf;
use prost::encoding::decode_varint;

const EVENTS: u32 = 1;
const WORKER_SEQUENCE: u32 = 2;
const WORKER_TIME: u32 = 5;

/// What one message carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Run {
    /// Number of events.
    pub(crate) events: u64,
    /// Sequence of the first and of the last; 0 where events have none.
    pub(crate) first: u64,
    pub(crate) last: u64,
    /// Of the message.
    pub(crate) bytes: usize,
}

/// The value of a field.
#[derive(Clone, Copy)]
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// Takes the next field off `rest`; `None` at the end.
fn field<'a>(rest: &mut &'a [u8]) -> anyhow::Result<Option<(u32, Field<'a>)>> {
    if rest.is_empty() {
        return Ok(None);
    }
    let key = decode_varint(rest)?;
    let tag = u32::try_from(key >> 3)?;
    let field = match key & 7 {
        0 => Field::Number(decode_varint(rest)?),
        1 if rest.len() >= 8 => Field::Number(rest.get_u64_le()),
        2 => {
            let length = usize::try_from(decode_varint(rest)?)?;
            let (value, after) =
                rest.split_at_checked(length).context("a field is longer than its message")?;
            *rest = after;
            Field::Bytes(value)
        }
        5 if rest.len() >= 4 => Field::Number(u64::from(rest.get_u32_le())),
        wire_type => bail!("a field of wire type {wire_type}"),
    };
    Ok(Some((tag, field)))
}

fn sequence(mut event: &[u8]) -> anyhow::Result<u64> {
    while let Some((tag, field)) = field(&mut event)? {
        if let (WORKER_SEQUENCE, Field::Number(sequence)) = (tag, field) {
            return Ok(sequence);
        }
    }
    bail!("an event has no sequence")
}

/// Counts the events of a StreamItem; only the first and the last are looked into.
pub(crate) fn count(message: &[u8]) -> anyhow::Result<Run> {
    let mut run = Run { bytes: message.len(), ..Run::default() };
    let mut rest = message;
    let mut first = None;
    let mut last: &[u8] = &[];
    while let Some((tag, field)) = field(&mut rest)? {
        if let (EVENTS, Field::Bytes(event)) = (tag, field) {
            run.events += 1;
            first.get_or_insert(event);
            last = event;
        }
    }
    if let Some(first) = first {
        run.first = sequence(first)?;
        run.last = sequence(last)?;
    }
    Ok(run)
}

/// The last event of a StreamItem, as it is.
pub(crate) fn last_event(mut message: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut last = None;
    while let Some((tag, field)) = field(&mut message)? {
        if let (EVENTS, Field::Bytes(event)) = (tag, field) {
            last = Some(event.to_vec());
        }
    }
    last.context("a message without events")
}

/// As [`count`], with everything decoded, as a client that wants to use the events does.
pub(crate) fn decode(message: &[u8]) -> anyhow::Result<Run> {
    let item = StreamItem::decode(message)?;
    Ok(Run {
        events: item.events.len() as u64,
        first: item.events.first().map_or(0, |event| event.worker_sequence),
        last: item.events.last().map_or(0, |event| event.worker_sequence),
        bytes: message.len(),
    })
}

/// A baseline's message, which is one event.
pub(crate) fn count_one(message: &[u8]) -> anyhow::Result<Run> {
    Ok(Run { events: 1, first: 0, last: 0, bytes: message.len() })
}

/// When the worker took each event of a StreamItem over, in nanoseconds since 1970.
pub(crate) fn worker_times(mut message: &[u8]) -> anyhow::Result<Vec<u64>> {
    let mut times = Vec::new();
    while let Some((tag, value)) = field(&mut message)? {
        let (EVENTS, Field::Bytes(mut event)) = (tag, value) else { continue };
        while let Some((tag, value)) = field(&mut event)? {
            if let (WORKER_TIME, Field::Bytes(mut time)) = (tag, value) {
                let mut nanoseconds = 0;
                while let Some((tag, Field::Number(number))) = field(&mut time)? {
                    nanoseconds += if tag == 1 { number * 1_000_000_000 } else { number };
                }
                times.push(nanoseconds);
            }
        }
    }
    Ok(times)
}

#[cfg(test)]
mod tests {
    use mxgateway_contracts::v1::MxEvent;

    use super::*;

    fn message() -> Vec<u8> {
        let time = |nanos| prost_types::Timestamp { seconds: 1_780_000_000, nanos };
        let event = |worker_sequence| MxEvent {
            family: 1,
            worker_sequence,
            item_handle: -3,
            worker_time: Some(time(i32::try_from(worker_sequence).unwrap())),
            ..MxEvent::default()
        };
        StreamItem { events: vec![event(300), event(301), event(302)], control: None }.encode_to_vec()
    }

    #[test]
    fn counting_sees_what_decoding_sees() {
        let message = message();
        let expected = Run { events: 3, first: 300, last: 302, bytes: message.len() };
        assert_eq!(count(&message).unwrap(), expected);
        assert_eq!(decode(&message).unwrap(), expected);
        assert_eq!(
            worker_times(&message).unwrap(),
            [300, 301, 302].map(|nanos| 1_780_000_000_000_000_000 + nanos)
        );
    }

    #[test]
    fn a_message_cut_short_is_an_error() {
        let message = message();
        assert!(count(&message[..message.len() - 1]).is_err());
    }
}
