//! Buffered items: changes are collected and raised together at the update interval.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use mxgateway_contracts::time::timestamp;
use mxgateway_contracts::v1::{EventFamily, MxEvent, MxStatus, OnBufferedDataChange, mx_event::Body};

use super::{Engine, Now, Sample, bad_quality, event};
use crate::mxaccess::CallError;
use crate::simulator::status::{self, Detail};
use crate::simulator::value::{self, DataType};

/// Until SetBufferedUpdateInterval says otherwise.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(1);
/// Intervals are rounded up to a multiple of this, in milliseconds.
const STEP_MS: u64 = 100;
/// With this many samples an update comes early, so that nothing has to be let go.
const MAX_SAMPLES: usize = 10_000;

/// Samples that wait for the next update.
pub(super) type Buffer = Vec<Sample>;

/// When the updates come, and of which items.
#[derive(Debug)]
pub(super) struct BufferedUpdates {
    interval: Duration,
    next: Option<Instant>,
    advised: BTreeSet<i32>,
}

impl Default for BufferedUpdates {
    fn default() -> Self {
        Self { interval: DEFAULT_INTERVAL, next: None, advised: BTreeSet::new() }
    }
}

impl BufferedUpdates {
    pub(super) fn due(&self) -> Option<Instant> {
        self.next
    }

    pub(super) fn advised(&mut self, item: i32, now: Now) {
        self.advised.insert(item);
        self.next.get_or_insert(now.monotonic + self.interval);
    }

    pub(super) fn un_advised(&mut self, item: i32) {
        self.advised.remove(&item);
        if self.advised.is_empty() {
            self.next = None;
        }
    }
}

impl Engine {
    pub(crate) fn add_buffered_item(
        &mut self,
        server: i32,
        definition: &str,
        context: &str,
    ) -> Result<i32, CallError> {
        let handle = self.add_item(server, definition, context)?;
        self.checked_item(server, handle)?.buffer = Some(Buffer::new());
        Ok(handle)
    }

    pub(crate) fn set_buffered_update_interval(
        &mut self,
        server: i32,
        milliseconds: i32,
        now: Now,
    ) -> Result<(), CallError> {
        self.registration(server)?;
        let milliseconds = u64::try_from(milliseconds).ok().filter(|milliseconds| *milliseconds > 0);
        let milliseconds =
            milliseconds.ok_or_else(|| CallError::invalid("the update interval must be more than 0 ms"))?;
        self.buffered.interval = Duration::from_millis(milliseconds.next_multiple_of(STEP_MS));
        if let Some(next) = &mut self.buffered.next {
            *next = now.monotonic + self.buffered.interval;
        }
        Ok(())
    }

    /// Keeps a sample; an error is raised at once, after what came before it.
    pub(super) fn buffer(
        &mut self,
        handle: i32,
        sample: Result<Sample, Detail>,
        data_type: Option<DataType>,
        now: Now,
        out: &mut Vec<MxEvent>,
    ) {
        let Some(buffer) = self.item_mut(handle).and_then(|item| item.buffer.as_mut()) else { return };
        match sample {
            Ok(sample) => {
                buffer.push(sample);
                if buffer.len() >= MAX_SAMPLES {
                    self.update(handle, out);
                }
            }
            Err(detail) => {
                self.update(handle, out);
                let Some((server, _)) = self.item(handle) else { return };
                let quality = vec![bad_quality(Some(detail))];
                let times = vec![timestamp(now.wall)];
                let body = changes(data_type, value::empty(), quality, times);
                out.push(buffered_change(server, handle, status::failed(detail), body));
            }
        }
    }

    /// Raises what was collected, when it is time.
    pub(super) fn update_buffered(&mut self, now: Now, out: &mut Vec<MxEvent>) {
        if self.buffered.next.is_none_or(|next| next > now.monotonic) {
            return;
        }
        self.buffered.next = Some(now.monotonic + self.buffered.interval);
        for handle in self.buffered.advised.clone() {
            self.update(handle, out);
        }
    }

    fn update(&mut self, handle: i32, out: &mut Vec<MxEvent>) {
        let Some((server, item)) = self.item(handle) else { return };
        let Some(data_type) = self.value_type(item.target) else { return };
        let Some(buffer) = self.item_mut(handle).and_then(|item| item.buffer.as_mut()) else { return };
        if buffer.is_empty() {
            return;
        }
        let samples = std::mem::take(buffer);
        let qualities = samples.iter().map(|sample| sample.quality).collect();
        let times = samples.iter().map(|sample| timestamp(sample.at)).collect();
        let values = value::list(samples.into_iter().map(|sample| sample.data), data_type);
        let body = changes(Some(data_type), values, qualities, times);
        out.push(buffered_change(server, handle, status::ok(), body));
    }
}

fn changes(
    data_type: Option<DataType>,
    values: mxgateway_contracts::v1::MxValue,
    qualities: Vec<i32>,
    times: Vec<prost_types::Timestamp>,
) -> OnBufferedDataChange {
    OnBufferedDataChange {
        data_type: value::wire_type_of(data_type).into(),
        values: Some(values),
        qualities: Some(value::integers(qualities)),
        source_times: Some(value::times(times)),
    }
}

fn buffered_change(server: i32, item: i32, status: MxStatus, body: OnBufferedDataChange) -> MxEvent {
    event(EventFamily::OnBufferedDataChange, server, item, status, Body::OnBufferedDataChange(body))
}
