//! What readers that stopped hold of the gateway's memory.

use mxgateway_contracts::v1::StreamPosition;
use mxgateway_e2e::{NARROW_WINDOW_BYTES, narrow_client, resident_bytes, until};

use super::{BIG_TAGS, big_gateway, newest, stop_source};

const READERS: u32 = 64;
const SEND_BUFFER_BYTES: u64 = 64 << 10;
/// What was measured, in items of 32 KiB: three to four and a half of them are held in stages between the ring
/// and the socket (and in what the allocator keeps of them), whatever the send buffer's size below 64 KiB.
const ITEM_BYTES: u64 = 5 * (32 << 10);

#[tokio::test]
async fn stuck_readers_hold_no_more_than_their_buffers() {
    let (_galaxy, gateway) = big_gateway(&format!(
        "[sessions]\nallow_multiple_event_subscribers = true\nmax_event_subscribers_per_session = 100\n\
         [events]\nreplay_buffer_capacity = 100000\n\
         [protocol]\nmax_stream_send_buffer_bytes = {SEND_BUFFER_BYTES}\n"
    ))
    .await;
    let session = gateway.session().await;
    // Some megabytes for each reader, all of it retained before they come.
    let (server, items) = session.advise_tags(&BIG_TAGS).await;
    until("many events", async || (newest(&session).await > 3000).then_some(())).await;
    let newest = stop_source(&session, server, &items).await.newest_sequence;
    let retained = session.status().await.events.unwrap().retained_bytes;
    let allowed = SEND_BUFFER_BYTES + ITEM_BYTES;
    assert!(retained > 10 * allowed, "{retained} bytes are too few to show anything");

    let proxy = gateway.proxy().await;
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(session.through(narrow_client(proxy.endpoint()).await));
    }
    let before = resident_bytes(gateway.process_id());
    let mut stuck = Vec::new();
    for number in 0..READERS as usize {
        let first = Some(StreamPosition { epoch: session.opened.epoch, sequence: 0 });
        stuck.push(clients[number % clients.len()].try_stream(first).await.unwrap());
    }
    until("every window is full", async || {
        (proxy.bytes_down() >= u64::from(READERS * NARROW_WINDOW_BYTES)).then_some(())
    })
    .await;
    let each = resident_bytes(gateway.process_id()).saturating_sub(before) / u64::from(READERS);
    println!("{each} bytes for each stuck reader");
    assert!(each <= allowed, "a stuck reader holds {each} bytes, more than {allowed}");

    // Nobody was cut to get there, and one that reads on gets everything.
    assert_eq!(session.status().await.subscribers.len(), READERS as usize);
    stuck[0].read_to(newest).await;
}
