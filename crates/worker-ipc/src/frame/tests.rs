//! Frames through arbitrary splits, limits, and what must not be copied or lost.

use std::io::Cursor;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use mxgateway_contracts::worker_v1::{Bootstrap, EventBatch, GatewayHello, envelope::Body};
use proptest::prelude::*;
use tokio::io::AsyncWriteExt as _;

use super::*;

fn framed(content: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(content.len()).unwrap().to_le_bytes().to_vec();
    bytes.extend_from_slice(content);
    bytes
}

fn batch(events: Vec<Bytes>) -> Envelope {
    Envelope {
        session_id: "session-a".to_owned(),
        sequence: 1,
        call_id: 0,
        body: Some(Body::EventBatch(EventBatch { events })),
    }
}

proptest! {
    #[test]
    fn frames_survive_any_split(
        contents in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..200), 0..20),
        cuts in prop::collection::vec(1usize..50, 1..40),
    ) {
        let wire: Vec<u8> = contents.iter().flat_map(|content| framed(content)).collect();
        let mut decoder = FrameDecoder::new(200);
        let mut found = Vec::new();
        let mut rest = wire.as_slice();
        for cut in cuts.iter().cycle() {
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            decoder.push(piece);
            while let Some(frame) = decoder.next_frame().unwrap() {
                found.push(frame.to_vec());
            }
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(found, contents);
        prop_assert_eq!(decoder.pending(), 0);
    }

    #[test]
    fn envelopes_survive_the_wire(
        events in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3000), 0..100),
        wire_bytes in 1usize..100_000,
    ) {
        let sent = batch(events.into_iter().map(Bytes::from).collect());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let received = runtime.block_on(async {
            let (here, there) = tokio::io::duplex(wire_bytes);
            let mut writer = FrameWriter::new(here, DEFAULT_MAX_FRAME_BYTES);
            let mut reader = FrameReader::new(there, DEFAULT_MAX_FRAME_BYTES);
            let (written, read) = tokio::join!(
                async {
                    writer.queue(&sent).unwrap();
                    writer.write(&sent).await
                },
                async { [reader.read().await.unwrap(), reader.read().await.unwrap()] },
            );
            written.unwrap();
            read
        });
        prop_assert_eq!(received, [Some(sent.clone()), Some(sent)]);
    }
}

#[test]
fn lengths_are_judged_before_the_content_arrives() {
    let cases: [(u32, &str); 4] = [
        (0, "frame has a length of zero"),
        (101, "frame of 101 bytes is over the limit of 100 bytes"),
        (u32::MAX, "frame of 4294967295 bytes is over the limit of 100 bytes"),
        (100, ""),
    ];
    for (length, expected) in cases {
        let mut decoder = FrameDecoder::new(100);
        let [first, rest @ ..] = length.to_le_bytes();
        decoder.push(&[first]);
        assert!(matches!(decoder.next_frame(), Ok(None)), "judged by a part of the length");
        decoder.push(&rest);
        for _ in 0..2 {
            let error = decoder.next_frame().err().map(|error| error.to_string()).unwrap_or_default();
            assert_eq!(error, expected);
        }
    }
}

#[tokio::test]
async fn announcing_much_allocates_little() {
    let (mut here, there) = tokio::io::duplex(1024);
    here.write_all(&DEFAULT_MAX_FRAME_BYTES.to_le_bytes()).await.unwrap();
    here.write_all(&[1; 100]).await.unwrap();
    let mut reader = FrameReader::new(there, DEFAULT_MAX_FRAME_BYTES);
    {
        let mut read = pin!(reader.read());
        let mut context = Context::from_waker(Waker::noop());
        assert!(matches!(read.as_mut().poll(&mut context), Poll::Pending));
    }
    assert_eq!(reader.decoder.pending(), 104);
    let capacity = reader.decoder.buffer.capacity();
    assert!(capacity <= 4 * READ_BYTES, "{capacity} bytes were allocated");
}

#[tokio::test]
async fn the_end_is_clean_only_between_frames() {
    let wire = framed(&batch(Vec::new()).encode_to_vec());
    for length in 0..=wire.len() {
        let mut reader = FrameReader::new(&wire[..length], 1000);
        if length == wire.len() {
            assert!(reader.read().await.unwrap().is_some());
        }
        match reader.read().await {
            Ok(None) => assert!(length == 0 || length == wire.len(), "clean end after {length} bytes"),
            Err(FrameError::Truncated(pending)) => assert_eq!(pending, length),
            other => panic!("after {length} bytes: {other:?}"),
        }
    }
}

#[tokio::test]
async fn content_that_is_no_envelope_is_malformed() {
    let wire = framed(&[0xff; 20]);
    let error = FrameReader::new(wire.as_slice(), 1000).read().await.unwrap_err();
    assert!(matches!(error, FrameError::Malformed(_)), "{error}");
}

#[tokio::test]
async fn a_cancelled_read_loses_nothing() {
    let sent = batch(vec![Bytes::from_static(b"event")]);
    let wire = framed(&sent.encode_to_vec());
    let (mut here, there) = tokio::io::duplex(1024);
    let mut reader = FrameReader::new(there, 1000);
    for byte in &wire[..wire.len() - 1] {
        here.write_all(&[*byte]).await.unwrap();
        let mut read = pin!(reader.read());
        let mut context = Context::from_waker(Waker::noop());
        assert!(matches!(read.as_mut().poll(&mut context), Poll::Pending));
    }
    here.write_all(&wire[wire.len() - 1..]).await.unwrap();
    assert_eq!(reader.read().await.unwrap(), Some(sent));
}

#[tokio::test]
async fn a_cancelled_flush_loses_nothing() {
    let sent = batch(vec![Bytes::from(vec![7; 300])]);
    let (here, there) = tokio::io::duplex(16);
    let mut writer = FrameWriter::new(here, 1000);
    writer.queue(&sent).unwrap();
    {
        let mut flush = pin!(writer.flush());
        let mut context = Context::from_waker(Waker::noop());
        assert!(matches!(flush.as_mut().poll(&mut context), Poll::Pending));
    }
    let mut reader = FrameReader::new(there, 1000);
    let (flushed, received) = tokio::join!(writer.flush(), reader.read());
    flushed.unwrap();
    assert_eq!(received.unwrap(), Some(sent));
}

#[tokio::test]
async fn events_are_slices_of_the_read_buffer() {
    let events = vec![Bytes::from(vec![1; 100]), Bytes::from(vec![2; 100])];
    let wire = framed(&batch(events.clone()).encode_to_vec());
    let mut decoder = FrameDecoder::new(1000);
    decoder.push(&wire);
    let frame = decoder.next_frame().unwrap().unwrap();
    let content = frame.as_ptr_range();
    let Some(Body::EventBatch(received)) = Envelope::decode(frame.clone()).unwrap().body else {
        panic!("no event batch");
    };
    assert_eq!(received.events, events);
    for event in received.events {
        let range = event.as_ptr_range();
        assert!(range.start >= content.start && range.end <= content.end, "an event was copied");
    }
}

#[tokio::test]
async fn the_writer_refuses_what_the_reader_would() {
    let mut writer = FrameWriter::new(Cursor::new(Vec::new()), 50);
    assert!(matches!(writer.queue(&Envelope::default()), Err(FrameError::Empty)));
    let large = batch(vec![Bytes::from(vec![1; 50])]);
    let length = large.encoded_len() as u64;
    match writer.write(&large).await {
        Err(FrameError::TooLarge { length: found, limit: 50 }) => assert_eq!(found, length),
        other => panic!("{other:?}"),
    }
    assert_eq!(writer.queued_bytes(), 0);
}

#[tokio::test]
async fn a_bootstrap_travels_as_a_frame_too() {
    let bootstrap = Bootstrap { session_id: "session-a".to_owned(), ..Bootstrap::default() };
    let (here, there) = tokio::io::duplex(1024);
    let mut writer = FrameWriter::new(here, 1000);
    writer.queue(&bootstrap).unwrap();
    writer.close().await.unwrap();
    let mut reader = FrameReader::new(there, 1000);
    assert_eq!(reader.read_message::<Bootstrap>().await.unwrap(), Some(bootstrap));
    assert_eq!(reader.read_message::<GatewayHello>().await.unwrap(), None);
}
