//! The simulator's core as pure code: each call takes the time, and events come out.
//!
//! It keeps MXAccess's timing: calls return at once; the first OnDataChange follows an Advise a few
//! milliseconds later; afterwards changes come at the scans of the object; a write is queued and its
//! OnWriteComplete comes later, those of one item in the order of its writes.
//!
//! One registration at a time, as a session has one: whoever calls refuses a second Register.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant, SystemTime};

use mxgateway_contracts::time::timestamp;
use mxgateway_contracts::v1::{EventFamily, MxEvent, MxStatus, MxValue, OnDataChange, mx_event::Body};
use mxgateway_galaxy::{Attribute, AttributeId, Galaxy, Target};

use super::host::{Group, Readings, Sensor};
use super::status::{self, Detail};
use super::value::{self, Data, Scalar};
use super::{QUALITY_COMMUNICATION_FAILURE, QUALITY_CONFIGURATION_ERROR, QUALITY_GOOD};

mod attributes;
mod buffered;
mod calls;
mod security;
mod storm;
mod suspension;
mod tag_storm;
#[cfg(test)]
mod tests;

use buffered::{Buffer, BufferedUpdates};
pub(crate) use security::Writer;
use storm::Storms;
use suspension::Operation;
use tag_storm::TagStorm;

/// From Advise to the first OnDataChange.
const FIRST_EVENT_DELAY: Duration = Duration::from_millis(3);
/// From Write to OnWriteComplete.
const WRITE_DELAY: Duration = Duration::from_millis(10);

/// A moment on both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    /// For when something is due.
    pub(crate) monotonic: Instant,
    /// For time stamps and generators.
    pub(crate) wall: SystemTime,
}

impl Now {
    pub(crate) fn read() -> Self {
        Self { monotonic: Instant::now(), wall: SystemTime::now() }
    }
}

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Engine {
    galaxy: Galaxy,
    started: Now,
    /// What was written, by attribute.
    stored: BTreeMap<AttributeId, Stored>,
    measured: BTreeMap<Sensor, Measured>,
    storms: Storms,
    host: HostDemand,
    registration: Option<Registration>,
    last_server_handle: i32,
    /// Advised items by the scan period of their object.
    scans: BTreeMap<Duration, Scan>,
    /// Advised items (no others) that wait for their first event; all wait equally long, so the oldest
    /// is first.
    first_events: VecDeque<FirstEvent>,
    /// Oldest first, for the same reason.
    writes: VecDeque<QueuedWrite>,
    executed_writes: u64,
    /// Suspend and Activate on their way; oldest first.
    operations: VecDeque<Operation>,
    buffered: BufferedUpdates,
    off_scan: bool,
    tag_storm: Option<TagStorm>,
    last_advise: u64,
}

#[derive(Debug)]
struct Stored {
    data: Data,
    at: SystemTime,
}

#[derive(Debug)]
struct Measured {
    value: Scalar,
    quality: i32,
    at: SystemTime,
}

/// Which sensors are advised, and when to read them next.
#[derive(Debug, Default)]
struct HostDemand {
    advised: BTreeMap<Group, usize>,
    due: Option<Instant>,
}

#[derive(Debug)]
struct Registration {
    server: i32,
    last_item: i32,
    items: BTreeMap<i32, Item>,
    /// Names of the users that were authenticated; the first has the id 1.
    users: Vec<String>,
}

#[derive(Debug)]
struct Item {
    target: Result<Target, Detail>,
    advise: Option<Advise>,
    /// A good first event told the type once; needed for writes.
    type_known: bool,
    /// Of an item added with AddBufferedItem: what waits for the next update.
    buffer: Option<Buffer>,
    /// Suspend was called last, not Activate.
    to_be_suspended: bool,
    /// No data changes.
    is_suspended: bool,
}

#[derive(Debug)]
struct Advise {
    /// Tells this advise from an earlier one of the same item.
    number: u64,
    supervisory: bool,
    /// Last delivered; `None` before the first event.
    shown: Option<Shown>,
}

/// Value and quality, or the error.
type Shown = Result<(Data, i32), Detail>;

#[derive(Debug)]
struct Scan {
    next: Instant,
    items: BTreeSet<i32>,
}

#[derive(Debug)]
struct FirstEvent {
    due: Instant,
    item: i32,
    advise: u64,
}

#[derive(Debug)]
struct QueuedWrite {
    due: Instant,
    server: i32,
    item: i32,
    target: Target,
    value: MxValue,
    time: Option<SystemTime>,
    /// Why the writer may not write it.
    denied: Option<Detail>,
}

/// What an attribute has to show at a moment.
#[derive(Clone, Debug)]
struct Sample {
    data: Data,
    quality: i32,
    at: SystemTime,
}

impl Engine {
    pub(crate) fn new(galaxy: Galaxy, now: Now) -> Self {
        let off_scan = galaxy.faults().off_scan;
        Self {
            galaxy,
            started: now,
            stored: BTreeMap::new(),
            measured: BTreeMap::new(),
            storms: Storms::default(),
            host: HostDemand::default(),
            registration: None,
            last_server_handle: 0,
            scans: BTreeMap::new(),
            first_events: VecDeque::new(),
            writes: VecDeque::new(),
            executed_writes: 0,
            operations: VecDeque::new(),
            buffered: BufferedUpdates::default(),
            off_scan,
            tag_storm: None,
            last_advise: 0,
        }
    }

    /// Writes that were carried out.
    pub(crate) fn executed_writes(&self) -> u64 {
        self.executed_writes
    }

    /// Shown at the next scans.
    pub(crate) fn set_off_scan(&mut self, off_scan: bool) {
        self.off_scan = off_scan;
    }

    pub(crate) fn wants_host_sensors(&self) -> bool {
        self.galaxy.wants_host_sensors()
    }

    pub(crate) fn install_host_sensors(&mut self, attributes: &[Attribute]) {
        self.galaxy.install_host_sensors(attributes);
    }

    /// The sensors to read now; `None` when it is not time, or none are advised.
    pub(crate) fn host_groups_due(&self, now: Now) -> Option<BTreeSet<Group>> {
        let due = self.host.due?;
        (due <= now.monotonic && !self.host.advised.is_empty())
            .then(|| self.host.advised.keys().copied().collect())
    }

    /// Takes measurements over; they are shown at the next scan.
    pub(crate) fn host_measured(&mut self, readings: Readings, now: Now) {
        for reading in readings.readings {
            let measured = Measured { value: reading.value, quality: reading.quality, at: now.wall };
            self.measured.insert(reading.sensor, measured);
        }
        self.host.due = Some(now.monotonic + readings.again_after);
    }

    /// When [`run`](Self::run) (or a reading of sensors) is due next; `None` when nothing is.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        let scans = self.scans.values().map(|scan| scan.next);
        let first = self.first_events.front().map(|first| first.due);
        let write = self.writes.front().map(|write| write.due);
        let host = self.host.due.filter(|_| !self.host.advised.is_empty());
        let operation = self.operations.front().map(|operation| operation.due);
        let buffered = self.buffered.due();
        let storm = self.tag_storm.as_ref().map(TagStorm::due);
        scans.chain(first).chain(write).chain(host).chain(operation).chain(buffered).chain(storm).min()
    }

    /// Does what is due and appends the events.
    pub(crate) fn run(&mut self, now: Now, out: &mut Vec<MxEvent>) {
        while self.writes.front().is_some_and(|write| write.due <= now.monotonic) {
            if let Some(write) = self.writes.pop_front() {
                self.complete(&write, now, out);
            }
        }
        while self.operations.front().is_some_and(|operation| operation.due <= now.monotonic) {
            if let Some(operation) = self.operations.pop_front() {
                self.operation_done(&operation, now, out);
            }
        }
        while self.first_events.front().is_some_and(|first| first.due <= now.monotonic) {
            if let Some(first) = self.first_events.pop_front() {
                let is_current = self.item(first.item).is_some_and(|(_, item)| {
                    item.advise.as_ref().is_some_and(|advise| advise.number == first.advise)
                });
                if is_current {
                    self.show_first(first.item, now, out);
                }
            }
        }
        let mut due = Vec::new();
        for (period, scan) in &mut self.scans {
            if scan.next <= now.monotonic {
                due.extend(scan.items.iter().copied());
                // A scan that came late is not made up for.
                let late = now.monotonic.saturating_duration_since(scan.next);
                let missed =
                    u32::try_from(late.as_nanos() / period.as_nanos().max(1)).unwrap_or(u32::MAX - 1);
                scan.next =
                    period.checked_mul(missed + 1).map_or(now.monotonic + *period, |step| scan.next + step);
            }
        }
        for item in due {
            self.show_change(item, now, out);
        }
        self.update_buffered(now, out);
        self.storm_of_tag(now, out);
    }

    fn show_first(&mut self, handle: i32, now: Now, out: &mut Vec<MxEvent>) {
        let Some((_, item)) = self.item(handle) else { return };
        if item.is_suspended {
            return;
        }
        let sample = item.target.and_then(|target| self.sample(target, now));
        self.deliver(handle, sample, now, out);
    }

    fn show_change(&mut self, handle: i32, now: Now, out: &mut Vec<MxEvent>) {
        let Some((_, item)) = self.item(handle) else { return };
        let (Ok(target), Some(shown), false) =
            (item.target, item.advise.as_ref().and_then(|advise| advise.shown.as_ref()), item.is_suspended)
        else {
            return;
        };
        let sample = self.sample(target, now);
        let is_same = match (&sample, shown) {
            (Ok(sample), Ok(shown)) => (&sample.data, sample.quality) == (&shown.0, shown.1),
            (Err(detail), Err(shown)) => detail == shown,
            (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
        };
        if !is_same {
            self.deliver(handle, sample, now, out);
        }
    }

    /// Raises a sample as OnDataChange, or keeps it for the next OnBufferedDataChange.
    fn deliver(&mut self, handle: i32, sample: Result<Sample, Detail>, now: Now, out: &mut Vec<MxEvent>) {
        let Some((server, item)) = self.item(handle) else { return };
        let data_type = self.value_type(item.target);
        if item.buffer.is_some() {
            self.buffer(handle, sample.clone(), data_type, now, out);
        } else {
            out.push(data_change(server, handle, data_type, &sample, now));
        }
        let Some(item) = self.item_mut(handle) else { return };
        item.type_known |= sample.is_ok();
        if let Some(advise) = &mut item.advise {
            advise.shown = Some(sample.map(|sample| (sample.data, sample.quality)));
        }
    }

    fn value_type(&self, target: Result<Target, Detail>) -> Option<value::DataType> {
        self.galaxy.attribute(target.ok()?.attribute).map(|attribute| attribute.data_type)
    }

    fn item(&self, handle: i32) -> Option<(i32, &Item)> {
        let registration = self.registration.as_ref()?;
        registration.items.get(&handle).map(|item| (registration.server, item))
    }

    fn item_mut(&mut self, handle: i32) -> Option<&mut Item> {
        self.registration.as_mut()?.items.get_mut(&handle)
    }
}

fn data_change(
    server: i32,
    item: i32,
    data_type: Option<value::DataType>,
    sample: &Result<Sample, Detail>,
    now: Now,
) -> MxEvent {
    let (status, change) = match (sample, data_type) {
        (Ok(sample), Some(data_type)) => (
            status::ok(),
            OnDataChange {
                value: Some(value::to_wire(&sample.data, data_type)),
                quality: sample.quality,
                source_time: Some(timestamp(sample.at)),
            },
        ),
        (Ok(_), None) | (Err(_), _) => (
            status::failed(sample.as_ref().err().copied().unwrap_or(Detail::InvalidAttributeId)),
            OnDataChange {
                value: Some(value::empty()),
                quality: bad_quality(sample.as_ref().err().copied()),
                source_time: Some(timestamp(now.wall)),
            },
        ),
    };
    event(EventFamily::OnDataChange, server, item, status, Body::OnDataChange(change))
}

fn bad_quality(detail: Option<Detail>) -> i32 {
    match detail {
        Some(Detail::EngineCommunicationError) => QUALITY_COMMUNICATION_FAILURE,
        Some(_) | None => QUALITY_CONFIGURATION_ERROR,
    }
}

/// An event without the number and time that the worker gives it.
fn event(family: EventFamily, server: i32, item: i32, status: MxStatus, body: Body) -> MxEvent {
    MxEvent {
        family: family.into(),
        server_handle: server,
        item_handle: item,
        statuses: vec![status],
        body: Some(body),
        ..MxEvent::default()
    }
}
