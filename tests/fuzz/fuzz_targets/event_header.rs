//! Peeking at an event's header against prost's reading of the same leading fields.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mxgateway_contracts::event_header::peek;
use mxgateway_contracts::v1::MxEvent;
use prost::Message;
use prost::encoding::{DecodeContext, WireType, decode_key, skip_field};

fuzz_target!(|bytes: &[u8]| {
    let header = peek(bytes);
    if let (Ok(header), Ok(event)) = (header, MxEvent::decode(leading(bytes))) {
        let found = (event.family, event.worker_sequence, event.server_handle, event.item_handle);
        let peeked =
            (header.family.into(), header.worker_sequence, header.server_handle, header.item_handle);
        assert_eq!(peeked, found);
    }
    if let Ok(event) = MxEvent::decode(bytes) {
        // What an encoder writes is always peeked at rightly, unless the event is one nobody may send.
        if let Ok(header) = peek(&event.encode_to_vec()) {
            assert_eq!(i32::from(header.family), event.family);
            assert_eq!(header.worker_sequence, event.worker_sequence);
            assert_eq!(header.server_handle, event.server_handle);
            assert_eq!(header.item_handle, event.item_handle);
        } else {
            let family_is_known = (1..=5).contains(&event.family);
            assert!(!family_is_known || event.worker_sequence == 0, "refused {event:?}");
        }
    }
});

/// The run of scalar header fields at the beginning.
fn leading(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    loop {
        let before = rest.len();
        let keep = &bytes[..bytes.len() - before];
        let Ok((tag, wire_type)) = decode_key(&mut rest) else { return keep };
        if !(1..=4).contains(&tag) || wire_type != WireType::Varint {
            return keep;
        }
        if skip_field(wire_type, tag, &mut rest, DecodeContext::default()).is_err() {
            return keep;
        }
    }
}
