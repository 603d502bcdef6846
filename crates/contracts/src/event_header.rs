//! Reading what the gateway needs of an encoded `MxEvent` without decoding it.

use crate::v1::EventFamily;

/// The part of an event that the gateway acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventHeader {
    /// Which MXAccess event it is.
    pub family: EventFamily,
    /// Position in the session's stream, from 1.
    pub worker_sequence: u64,
    /// Server handle, 0 when the event has none.
    pub server_handle: i32,
    /// Item handle, 0 when the event has none.
    pub item_handle: i32,
}

/// Why bytes are not an `MxEvent` the gateway can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventHeaderError {
    /// The bytes end inside a field.
    #[error("event ends inside a field at byte {0}")]
    Truncated(usize),
    /// Not protobuf.
    #[error("event has a malformed field at byte {0}")]
    Malformed(usize),
    /// A family this build does not know.
    #[error("event has the unknown family {0}")]
    UnknownFamily(u64),
    /// Sequences begin at 1.
    #[error("event has no worker sequence")]
    NoSequence,
}

/// Reads the header of an encoded `MxEvent`. Stops after its leading scalar fields, which an encoder
/// writes first; a later repetition of them is not looked for.
pub fn peek(event: &[u8]) -> Result<EventHeader, EventHeaderError> {
    const FAMILY: u64 = 1 << 3;
    const WORKER_SEQUENCE: u64 = 2 << 3;
    const SERVER_HANDLE: u64 = 3 << 3;
    const ITEM_HANDLE: u64 = 4 << 3;

    let mut at = 0;
    let mut family = 0;
    let mut header = EventHeader {
        family: EventFamily::Unspecified,
        worker_sequence: 0,
        server_handle: 0,
        item_handle: 0,
    };
    while at < event.len() {
        let field_at = at;
        let key = varint(event, &mut at)?;
        match key {
            FAMILY => family = varint(event, &mut at)?,
            WORKER_SEQUENCE => header.worker_sequence = varint(event, &mut at)?,
            SERVER_HANDLE => header.server_handle = handle(varint(event, &mut at)?, field_at)?,
            ITEM_HANDLE => header.item_handle = handle(varint(event, &mut at)?, field_at)?,
            _ => break,
        }
    }
    header.family = i32::try_from(family)
        .ok()
        .and_then(|number| EventFamily::try_from(number).ok())
        .filter(|family| *family != EventFamily::Unspecified)
        .ok_or(EventHeaderError::UnknownFamily(family))?;
    if header.worker_sequence == 0 {
        return Err(EventHeaderError::NoSequence);
    }
    Ok(header)
}

fn varint(bytes: &[u8], at: &mut usize) -> Result<u64, EventHeaderError> {
    let start = *at;
    let mut value = 0u64;
    for shift in (0..70).step_by(7) {
        let byte = *bytes.get(*at).ok_or(EventHeaderError::Truncated(start))?;
        *at += 1;
        if shift == 63 && byte > 1 {
            return Err(EventHeaderError::Malformed(start));
        }
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(EventHeaderError::Malformed(start))
}

/// Undoes the zigzag form of a `sint32`.
fn handle(zigzag: u64, at: usize) -> Result<i32, EventHeaderError> {
    let zigzag = u32::try_from(zigzag).map_err(|_| EventHeaderError::Malformed(at))?;
    Ok((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed())
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::v1::{MxEvent, OnWriteComplete, mx_event::Body};

    fn event(family: EventFamily, worker_sequence: u64, server_handle: i32, item_handle: i32) -> Vec<u8> {
        MxEvent {
            family: family.into(),
            worker_sequence,
            server_handle,
            item_handle,
            body: Some(Body::OnWriteComplete(OnWriteComplete {})),
            ..MxEvent::default()
        }
        .encode_to_vec()
    }

    #[test]
    fn the_header_is_what_was_encoded() {
        for sequence in [1, 127, 128, u64::from(u32::MAX), u64::MAX] {
            for handle in [0, 1, -1, i32::MAX, i32::MIN] {
                let header = peek(&event(EventFamily::OnWriteComplete, sequence, handle, -1)).unwrap();
                let expected = EventHeader {
                    family: EventFamily::OnWriteComplete,
                    worker_sequence: sequence,
                    server_handle: handle,
                    item_handle: -1,
                };
                assert_eq!(header, expected);
            }
        }
    }

    #[test]
    fn bytes_that_are_no_event_are_refused() {
        assert_eq!(peek(&[]), Err(EventHeaderError::UnknownFamily(0)));
        assert_eq!(peek(&event(EventFamily::OnDataChange, 0, 1, 1)), Err(EventHeaderError::NoSequence));
        assert_eq!(peek(&[0x08, 0x63]), Err(EventHeaderError::UnknownFamily(99)));
        assert_eq!(peek(&[0x08, 0x80]), Err(EventHeaderError::Truncated(1)));
        assert_eq!(peek(&[0xff; 12]), Err(EventHeaderError::Malformed(0)));
        assert_eq!(
            peek(&[0x08, 1, 0x10, 1, 0x18, 0xff, 0xff, 0xff, 0xff, 0x7f]),
            Err(EventHeaderError::Malformed(4))
        );
    }
}
