//! The pipe decoder, fed in arbitrary pieces, against a reading of the whole stream at once.
//!
//! Input: limit (u16, little-endian), seed of the cuts (u8), then the stream.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mxgateway_contracts::worker_v1::Envelope;
use mxgateway_worker_ipc::frame::{FrameDecoder, FrameError};
use prost::Message;

#[derive(Debug, PartialEq)]
enum End {
    /// Bytes of a frame that did not come completely.
    Pending(usize),
    Empty,
    TooLarge(u64),
}

fuzz_target!(|input: &[u8]| {
    let Some((&[low, high, seed], stream)) = input.split_first_chunk::<3>() else { return };
    let limit = u32::from(u16::from_le_bytes([low, high]));

    let mut decoder = FrameDecoder::new(limit);
    let mut frames = Vec::new();
    let mut end = None;
    let mut rest = stream;
    let mut cut = u32::from(seed) | 0x100;
    while !rest.is_empty() && end.is_none() {
        cut ^= cut << 13;
        cut ^= cut >> 17;
        cut ^= cut << 5;
        let (piece, after) = rest.split_at((cut as usize % 64).min(rest.len()));
        decoder.push(piece);
        rest = after;
        end = loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break None,
                Err(FrameError::Empty) => break Some(End::Empty),
                Err(FrameError::TooLarge { length, limit: found }) => {
                    assert_eq!(found, limit);
                    break Some(End::TooLarge(length));
                }
                Err(error) => panic!("a decoder does no I/O: {error}"),
            }
        };
    }
    let end = end.unwrap_or(End::Pending(decoder.pending()));

    let (expected, expected_end) = whole(stream, limit);
    assert_eq!(frames, expected);
    assert_eq!(end, expected_end);

    for frame in frames {
        // Whatever decodes must survive its own encoding.
        if let Ok(envelope) = Envelope::decode(frame) {
            assert_eq!(Envelope::decode(envelope.encode_to_vec().as_slice()), Ok(envelope));
        }
    }
});

fn whole(mut stream: &[u8], limit: u32) -> (Vec<&[u8]>, End) {
    let mut frames = Vec::new();
    loop {
        let Some((prefix, content)) = stream.split_first_chunk() else {
            return (frames, End::Pending(stream.len()));
        };
        let length = u32::from_le_bytes(*prefix);
        if length == 0 {
            return (frames, End::Empty);
        }
        if length > limit {
            return (frames, End::TooLarge(length.into()));
        }
        let Some((frame, after)) = content.split_at_checked(length as usize) else {
            return (frames, End::Pending(stream.len()));
        };
        frames.push(frame);
        stream = after;
    }
}
