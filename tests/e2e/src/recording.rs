//! What one client saw of one session's events, in the order it saw it, over any number of connections.

use std::collections::BTreeSet;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use mxgateway_contracts::v1::mx_event::Body;
use mxgateway_contracts::v1::{
    EventFamily, EventGap, EventGapCause, MxEvent, StreamEnd, StreamEventsRequest, StreamPosition,
    StreamStart,
};
use parking_lot::Mutex;
use prost::Message;
use serde_json::{Value, json};

/// One thing a client did or saw.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// It asked for a stream; what follows up to the next of these is one connection.
    Asked(StreamEventsRequest),
    /// The start item.
    Start(StreamStart),
    /// An event.
    Event(SeenEvent),
    /// A gap.
    Gap(EventGap),
    /// A bookmark.
    Bookmark(StreamPosition),
    /// The end item.
    End(StreamEnd),
    /// The connection ended, for this reason; also an attempt that was refused.
    Disconnected(String),
}

/// What is kept of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenEvent {
    /// Its number.
    pub sequence: u64,
    /// Its family.
    pub family: EventFamily,
    /// Its server handle.
    pub server_handle: i32,
    /// Its item handle.
    pub item_handle: i32,
    /// Whether it was part of a snapshot.
    pub retained: bool,
    /// Hash of all of it but the retained mark.
    pub payload: u64,
    /// Hash of what does not depend on when it happened: all but the times.
    pub content: u64,
}

impl From<&MxEvent> for SeenEvent {
    fn from(event: &MxEvent) -> Self {
        let mut bare = MxEvent { retained: false, ..event.clone() };
        let payload = hash(&bare.encode_to_vec());
        bare.worker_time = None;
        bare.gateway_receive_time = None;
        if let Some(Body::OnDataChange(change)) = &mut bare.body {
            change.source_time = None;
        }
        Self {
            sequence: event.worker_sequence,
            family: event.family(),
            server_handle: event.server_handle,
            item_handle: event.item_handle,
            retained: event.retained,
            payload,
            content: hash(&bare.encode_to_vec()),
        }
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

impl Seen {
    /// Where a client stands that stood at `before` and saw this.
    pub fn position_after(&self, before: Option<StreamPosition>) -> Option<StreamPosition> {
        let at = |sequence| before.map(|before| StreamPosition { sequence, ..before });
        match self {
            Self::Start(start) => Some(StreamPosition { epoch: start.epoch, sequence: start.after_sequence }),
            Self::Event(event) if !event.retained => at(event.sequence),
            // The events of a conflated span that are sent follow it.
            Self::Gap(gap) if gap.cause() != EventGapCause::Conflated => at(gap.to_sequence),
            Self::Bookmark(position) => Some(*position),
            Self::Asked(_) | Self::Event(_) | Self::Gap(_) | Self::End(_) | Self::Disconnected(_) => before,
        }
    }

    fn json(&self) -> Value {
        let place = |place: &StreamPosition| json!({ "epoch": place.epoch, "sequence": place.sequence });
        match self {
            Self::Asked(request) => json!({
                "type": "asked",
                "resume": request.resume.as_ref().map(place),
                "snapshot": request.snapshot().as_str_name(),
                "slow_reader_policy": request.slow_reader_policy().as_str_name(),
                "filter": request.filter.as_ref().map(|filter| format!("{filter:?}")),
            }),
            Self::Start(start) => json!({
                "type": "start",
                "epoch": start.epoch,
                "after": start.after_sequence,
                "oldest": start.oldest_retained_sequence,
                "newest": start.newest_retained_sequence,
                "replay_gap": start.replay_gap.as_ref().map(|gap| json!({
                    "requested": gap.requested_after.as_ref().map(place),
                    "oldest": gap.oldest_available_sequence,
                    "lost": gap.lost_count,
                    "reason": gap.reason().as_str_name(),
                })),
            }),
            Self::Event(event) => json!({
                "type": "event",
                "sequence": event.sequence,
                "family": event.family.as_str_name(),
                "server": event.server_handle,
                "item": event.item_handle,
                "retained": event.retained,
                "payload": format!("{:016x}", event.payload),
                "content": format!("{:016x}", event.content),
            }),
            Self::Gap(gap) => json!({
                "type": "gap",
                "from": gap.from_sequence,
                "to": gap.to_sequence,
                "lost": gap.lost_count,
                "cause": gap.cause().as_str_name(),
            }),
            Self::Bookmark(position) => json!({ "type": "bookmark", "position": place(position) }),
            Self::End(end) => json!({
                "type": "end",
                "reason": end.reason().as_str_name(),
                "last": end.last_position.as_ref().map(place),
                "retry_after": end.retry_after.as_ref().map(|after| format!("{after:?}")),
            }),
            Self::Disconnected(why) => json!({ "type": "disconnected", "why": why }),
        }
    }
}

/// The log. It knows nothing of what is right; see [`crate::promises`].
#[derive(Clone, Debug)]
pub struct Recording {
    name: String,
    began: Instant,
    entries: Vec<(Duration, Seen)>,
    position: Option<StreamPosition>,
}

impl Recording {
    /// An empty log; `name` says whose.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), began: Instant::now(), entries: Vec::new(), position: None }
    }

    /// A log made by hand.
    pub fn of(name: &str, seen: impl IntoIterator<Item = Seen>) -> Self {
        let mut log = Self::new(name);
        seen.into_iter().for_each(|seen| log.add(seen));
        log
    }

    /// Whose it is.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Adds what was seen now.
    pub fn add(&mut self, seen: Seen) {
        self.position = seen.position_after(self.position);
        self.entries.push((self.began.elapsed(), seen));
    }

    /// Where the client stands.
    pub fn position(&self) -> Option<StreamPosition> {
        self.position
    }

    /// Everything, in order.
    pub fn seen(&self) -> impl Iterator<Item = &Seen> {
        self.entries.iter().map(|(_, seen)| seen)
    }

    /// The events, also those of snapshots.
    pub fn events(&self) -> impl Iterator<Item = &SeenEvent> {
        self.seen().filter_map(|seen| if let Seen::Event(event) = seen { Some(event) } else { None })
    }

    /// The events that are not part of a snapshot.
    pub fn live_events(&self) -> impl Iterator<Item = &SeenEvent> {
        self.events().filter(|event| !event.retained)
    }

    /// The gaps within connections.
    pub fn gaps(&self) -> impl Iterator<Item = &EventGap> {
        self.seen().filter_map(|seen| if let Seen::Gap(gap) = seen { Some(gap) } else { None })
    }

    /// Writes it as JSON lines below target/tmp, in a folder named like the test; returns where.
    pub fn save(&self) -> std::io::Result<PathBuf> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        // target/PROFILE/deps/test-...
        let test = std::env::current_exe()?;
        let target = test.ancestors().nth(3).ok_or(std::io::ErrorKind::NotFound)?;
        let thread = std::thread::current();
        let folder = target.join("tmp/e2e").join(thread.name().unwrap_or("unnamed").replace("::", "."));
        fs::create_dir_all(&folder)?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("{}-{number}-{}.jsonl", self.name, std::process::id()));
        let mut file = std::io::BufWriter::new(fs::File::create(&path)?);
        for (at, seen) in &self.entries {
            let mut line = seen.json();
            line["ms"] = json!(at.as_secs_f64() * 1000.0);
            writeln!(file, "{line}")?;
        }
        file.flush()?;
        Ok(path)
    }

    /// Writes it for somebody who looks into a failed test, and says once where that test's logs are.
    #[expect(clippy::print_stderr, reason = "the test's output is where its reader looks")]
    pub fn keep(&self) {
        static SAID: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
        match self.save() {
            Ok(path) => {
                let folder = path.parent().map(PathBuf::from).unwrap_or_default();
                if SAID.lock().insert(folder.clone()) {
                    eprintln!("logs of the clients: {}", folder.display());
                }
            }
            Err(error) => eprintln!("log of {} cannot be kept: {error}", self.name),
        }
    }
}
