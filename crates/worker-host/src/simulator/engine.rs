//! The simulator's core as pure code: each call takes the time, and events come out.
//!
//! It keeps MXAccess's timing: calls return at once; the first OnDataChange follows an Advise a few
//! milliseconds later; afterwards changes come at the scans of the object; a write is queued and its
//! OnWriteComplete comes later, those of one item in the order of its writes.
//!
//! One registration at a time, as a session has one: a second Register is refused by
//! `ALREADY_INITIALIZED`, naming the handle there is.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant, SystemTime};

use mxgateway_contracts::time::timestamp;
use mxgateway_contracts::v1::{
    EventFamily, MxEvent, MxStatus, MxValue, OnDataChange, OnWriteComplete, mx_event::Body,
};
use mxgateway_galaxy::{Attribute, AttributeId, Galaxy, Part, Security, Source, Target};

use super::host::{Group, Readings, Sensor};
use super::status::{self, Detail};
use super::value::{self, Data, Scalar};
use super::{QUALITY_CONFIGURATION_ERROR, QUALITY_GOOD, QUALITY_WAITING, replay, source};

mod calls;
mod storm;
#[cfg(test)]
mod tests;

use storm::Storms;

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
}

#[derive(Debug)]
struct Item {
    target: Result<Target, Detail>,
    advise: Option<Advise>,
    /// A good first event told the type once; needed for writes.
    type_known: bool,
}

#[derive(Debug)]
struct Advise {
    /// Last delivered; `None` before the first event.
    shown: Option<(Data, i32)>,
}

#[derive(Debug)]
struct Scan {
    next: Instant,
    items: BTreeSet<i32>,
}

#[derive(Debug)]
struct FirstEvent {
    due: Instant,
    item: i32,
}

#[derive(Debug)]
struct QueuedWrite {
    due: Instant,
    server: i32,
    item: i32,
    target: Target,
    value: MxValue,
    time: Option<SystemTime>,
}

/// What an attribute has to show at a moment.
struct Sample {
    data: Data,
    quality: i32,
    at: SystemTime,
}

impl Engine {
    pub(crate) fn new(galaxy: Galaxy, now: Now) -> Self {
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
        }
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
        scans.chain(first).chain(write).chain(host).min()
    }

    /// Does what is due and appends the events.
    pub(crate) fn run(&mut self, now: Now, out: &mut Vec<MxEvent>) {
        while self.writes.front().is_some_and(|write| write.due <= now.monotonic) {
            if let Some(write) = self.writes.pop_front() {
                self.complete(&write, now, out);
            }
        }
        while self.first_events.front().is_some_and(|first| first.due <= now.monotonic) {
            if let Some(first) = self.first_events.pop_front() {
                self.show_first(first.item, now, out);
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
    }

    fn show_first(&mut self, handle: i32, now: Now, out: &mut Vec<MxEvent>) {
        let Some((server, item)) = self.item(handle) else { return };
        let target = item.target;
        let sample = match target {
            Ok(target) => self.sample(target, now),
            Err(detail) => Err(detail),
        };
        out.push(data_change(server, handle, self.value_type(target), &sample, now));
        let Some(item) = self.item_mut(handle) else { return };
        if let (Some(advise), Ok(sample)) = (&mut item.advise, sample) {
            item.type_known = true;
            advise.shown = Some((sample.data, sample.quality));
        }
    }

    fn show_change(&mut self, handle: i32, now: Now, out: &mut Vec<MxEvent>) {
        let Some((server, item)) = self.item(handle) else { return };
        let (Ok(target), Some(shown)) =
            (item.target, item.advise.as_ref().and_then(|advise| advise.shown.as_ref()))
        else {
            return;
        };
        let sample = self.sample(target, now);
        if sample.as_ref().is_ok_and(|sample| (&sample.data, sample.quality) == (&shown.0, shown.1)) {
            return;
        }
        out.push(data_change(server, handle, self.value_type(Ok(target)), &sample, now));
        if let Some(advise) = self.item_mut(handle).and_then(|item| item.advise.as_mut()) {
            advise.shown = sample.ok().map(|sample| (sample.data, sample.quality));
        }
    }

    /// Carries a write out and raises its completion, if the item still exists.
    fn complete(&mut self, write: &QueuedWrite, now: Now, out: &mut Vec<MxEvent>) {
        let status = match self.store(write, now) {
            Ok(()) => status::ok(),
            Err(detail) => status::failed(detail),
        };
        let item = self.item(write.item).filter(|(server, _)| *server == write.server);
        if let Some((server, _)) = item {
            out.push(event(
                EventFamily::OnWriteComplete,
                server,
                write.item,
                status,
                Body::OnWriteComplete(OnWriteComplete {}),
            ));
        }
    }

    fn store(&mut self, write: &QueuedWrite, now: Now) -> Result<(), Detail> {
        let id = write.target.attribute;
        let attribute = self.galaxy.attribute(id).ok_or(Detail::InvalidAttributeId)?;
        if attribute.is_calculated() {
            return Err(Detail::NotWriteable);
        }
        match attribute.security {
            Security::FreeAccess | Security::Operate | Security::Tune | Security::Configure => {}
            Security::SecuredWrite => return Err(Detail::SecuredWrite),
            Security::VerifiedWrite => return Err(Detail::VerifiedWrite),
            Security::ViewOnly => return Err(Detail::WriteAccessDenied),
        }
        let old = self.stored.get(&id).map_or(&attribute.initial, |stored| &stored.data);
        let is_whole_array = attribute.is_array() && write.target.part == Part::Whole;
        let written = value::from_wire(&write.value, attribute.data_type, is_whole_array)?;
        let data = match (written, write.target.part, old) {
            (Data::Array(new), Part::Whole, Data::Array(old)) => {
                if new.len() != old.len() {
                    return Err(Detail::IndexOutOfRange);
                }
                Data::Array(new)
            }
            (Data::Scalar(new), Part::Element(position), Data::Array(old)) => {
                let mut elements = old.to_vec();
                *elements.get_mut(position).ok_or(Detail::IndexOutOfRange)? = new;
                Data::Array(elements.into())
            }
            (new, _, _) => new,
        };
        if matches!(attribute.source, Source::Storm) {
            return self.storms.aim(id, &data, now);
        }
        self.stored.insert(id, Stored { data, at: write.time.unwrap_or(now.wall) });
        Ok(())
    }

    fn sample(&self, target: Target, now: Now) -> Result<Sample, Detail> {
        let attribute = self.galaxy.attribute(target.attribute).ok_or(Detail::InvalidAttributeId)?;
        let started = self.started.wall;
        let (data, quality, at) = match &attribute.source {
            Source::Stored => match self.stored.get(&target.attribute) {
                Some(stored) => (part(&stored.data, target.part)?, QUALITY_GOOD, stored.at),
                None => (part(&attribute.initial, target.part)?, QUALITY_GOOD, started),
            },
            Source::Storm => {
                let (data, at) = self.storms.value(target.attribute, attribute.data_type, started);
                (part(&data, target.part)?, QUALITY_GOOD, at)
            }
            Source::Generated(generator) => {
                let (scalar, at) = source::sample(generator, attribute.data_type, now.wall, started);
                (Data::Scalar(scalar), QUALITY_GOOD, at)
            }
            Source::Replayed(replay) => {
                let (scalar, quality, at) = replay::sample(replay, now.wall, started);
                (Data::Scalar(scalar), quality, at)
            }
            Source::Host(sensor) => match self.measured.get(sensor) {
                Some(measured) => (Data::Scalar(measured.value.clone()), measured.quality, measured.at),
                None => (attribute.initial.clone(), QUALITY_WAITING, now.wall),
            },
        };
        Ok(Sample { data, quality, at })
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

fn part(data: &Data, part: Part) -> Result<Data, Detail> {
    match (data, part) {
        (data, Part::Whole) => Ok(data.clone()),
        (Data::Array(elements), Part::Element(position)) => {
            elements.get(position).cloned().map(Data::Scalar).ok_or(Detail::IndexOutOfRange)
        }
        (Data::Scalar(_), Part::Element(_)) => Err(Detail::DimensionDoesNotExist),
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
                quality: QUALITY_CONFIGURATION_ERROR,
                source_time: Some(timestamp(now.wall)),
            },
        ),
    };
    event(EventFamily::OnDataChange, server, item, status, Body::OnDataChange(change))
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
