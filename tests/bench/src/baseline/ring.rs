//! The shape of the gateway with nothing around it: a process that encodes events, a Unix socket, one ring
//! with cursors, gRPC streams of shared bytes. The pump waits for the slowest reader.

use std::collections::{HashMap, VecDeque};
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use bytes::{Buf, Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, StreamExt};
use mxgateway_contracts::v1::MxEvent;
use parking_lot::Mutex;
use prost::Message;
use tokio::io::AsyncReadExt;
use tokio::net::UnixListener;
use tokio::sync::Notify;
use tonic::Status;

use super::tonic::{LISTENING, Running, Source, serve};
use crate::process::Process;

const SOCKET: &str = "ring.sock";
const KEPT: usize = 16_384;
/// How far the newest event may be ahead of the slowest reader.
const LAG: u64 = 8192;
const RUN: usize = 512;
const FRAME_EVENTS: usize = 256;

#[derive(Default)]
struct Ring {
    first: u64,
    events: VecDeque<Bytes>,
    readers: HashMap<u64, u64>,
}

#[derive(Default)]
struct Shared {
    ring: Mutex<Ring>,
    grew: Notify,
    drained: Notify,
    next_reader: AtomicU64,
}

impl Ring {
    fn end(&self) -> u64 {
        self.first + self.events.len() as u64
    }

    fn has_room(&self) -> bool {
        let end = self.end();
        !self.readers.is_empty() && self.readers.values().all(|at| end - at < LAG)
    }

    fn read(&mut self, reader: u64, next: u64, most: u64) -> Vec<Bytes> {
        let from = usize::try_from(next - self.first).unwrap_or(usize::MAX);
        let most = RUN.min(usize::try_from(most).unwrap_or(RUN));
        let run: Vec<Bytes> = self.events.iter().skip(from).take(most).cloned().collect();
        self.readers.insert(reader, next + run.len() as u64);
        run
    }
}

impl Source for Shared {
    fn stream(self: Arc<Self>, events: u64) -> BoxStream<'static, Result<Bytes, Status>> {
        let reader = self.next_reader.fetch_add(1, Ordering::Relaxed);
        let next = {
            let mut ring = self.ring.lock();
            let at = ring.end();
            ring.readers.insert(reader, at);
            at
        };
        self.drained.notify_waiters();
        let end = next + events;
        stream::unfold((self, next), move |(shared, next)| async move {
            if next >= end {
                shared.ring.lock().readers.remove(&reader);
                shared.drained.notify_waiters();
                return None;
            }
            let run = loop {
                let grew = shared.grew.notified();
                tokio::pin!(grew);
                grew.as_mut().enable();
                let run = shared.ring.lock().read(reader, next, end - next);
                if !run.is_empty() {
                    break run;
                }
                grew.await;
            };
            shared.drained.notify_waiters();
            let next = next + run.len() as u64;
            Some((stream::iter(run.into_iter().map(Ok)), (shared, next)))
        })
        .flatten()
        .boxed()
    }
}

async fn pump(listener: UnixListener, shared: Arc<Shared>) -> anyhow::Result<()> {
    let (mut worker, _) = listener.accept().await?;
    let mut buffer = BytesMut::with_capacity(1 << 20);
    while worker.read_buf(&mut buffer).await? > 0 {
        while let Some(prefix) = buffer.first_chunk() {
            let length = usize::try_from(u32::from_le_bytes(*prefix))?;
            if buffer.len() < 4 + length {
                buffer.reserve(4 + length);
                break;
            }
            buffer.advance(4);
            let mut frame = buffer.split_to(length).freeze();
            let mut events = Vec::with_capacity(FRAME_EVENTS);
            while frame.has_remaining() {
                let length = usize::from(frame.get_u16_le());
                events.push(frame.split_to(length));
            }
            loop {
                let drained = shared.drained.notified();
                tokio::pin!(drained);
                drained.as_mut().enable();
                if shared.ring.lock().has_room() {
                    break;
                }
                drained.await;
            }
            {
                let mut ring = shared.ring.lock();
                ring.events.extend(events);
                while ring.events.len() > KEPT {
                    ring.events.pop_front();
                    ring.first += 1;
                }
            }
            shared.grew.notify_waiters();
        }
    }
    Ok(())
}

struct Shape(Arc<Shared>);

impl Source for Shape {
    fn stream(self: Arc<Self>, events: u64) -> BoxStream<'static, Result<Bytes, Status>> {
        Arc::clone(&self.0).stream(events)
    }
}

/// The gateway's process.
pub(crate) async fn run_gateway() -> anyhow::Result<()> {
    let shared = Arc::<Shared>::default();
    let listener = UnixListener::bind(SOCKET)?;
    let pumping = tokio::spawn(pump(listener, Arc::clone(&shared)));
    tokio::select! {
        served = serve(Shape(shared)) => served,
        pumped = pumping => pumped?,
    }
}

/// The worker's process: encodes one event after the other and writes them as fast as they are taken.
pub(crate) fn run_worker(event: &[u8]) -> anyhow::Result<()> {
    let mut gateway = UnixStream::connect(SOCKET).context("no ring")?;
    let template = MxEvent::decode(event)?;
    let mut sequence = 0;
    let mut frame = Vec::with_capacity(64 << 10);
    loop {
        frame.clear();
        frame.extend([0; 4]);
        for _ in 0..FRAME_EVENTS {
            sequence += 1;
            let event = MxEvent { worker_sequence: sequence, ..template.clone() };
            frame.extend(u16::try_from(event.encoded_len())?.to_le_bytes());
            event.encode(&mut frame)?;
        }
        let length = u32::try_from(frame.len() - 4)?;
        frame[..4].copy_from_slice(&length.to_le_bytes());
        if gateway.write_all(&frame).is_err() {
            // The gateway's process is gone; this is how it ends.
            return Ok(());
        }
    }
}

/// Starts both processes.
pub(crate) async fn start(event: &str, folder: &Path) -> anyhow::Result<Running> {
    let program = std::env::current_exe()?;
    let mut gateway = Process::start(&program, ["ring-gateway"], folder)?;
    let address = gateway.says(LISTENING, folder).await?;
    let worker = Process::start(&program, ["ring-worker", "--event", event], folder)?;
    Ok(Running { processes: vec![gateway, worker], address })
}
