//! A storm of data changes of one tag, as a fault: at a rate, for a time.

use std::time::{Duration, Instant};

use mxgateway_contracts::v1::MxEvent;
use mxgateway_galaxy::Target;

use super::{Engine, Now, data_change};
use crate::mxaccess::CallError;

/// Steps that are made up for when the apartment comes late.
const MAX_STEPS: u32 = 10_000;

#[derive(Debug)]
pub(super) struct TagStorm {
    target: Target,
    period: Duration,
    next: Instant,
    end: Instant,
}

impl TagStorm {
    pub(super) fn due(&self) -> Instant {
        self.next
    }
}

impl Engine {
    /// Begins a storm instead of the one there is; a duration of zero only ends that.
    pub(crate) fn begin_tag_storm(
        &mut self,
        tag: &str,
        events_per_second: u32,
        duration: Duration,
        now: Now,
    ) -> Result<(), CallError> {
        self.tag_storm = None;
        if duration.is_zero() {
            return Ok(());
        }
        if !(1..=1_000_000).contains(&events_per_second) {
            return Err(CallError::invalid("events_per_second must be from 1 to 1000000"));
        }
        let target = self
            .galaxy
            .resolve(tag, "")
            .map_err(|error| CallError::invalid(format!("tag_address does not resolve: {error}")))?;
        let period = Duration::from_secs(1) / events_per_second;
        self.tag_storm =
            Some(TagStorm { target, period, next: now.monotonic, end: now.monotonic + duration });
        Ok(())
    }

    pub(super) fn storm_of_tag(&mut self, now: Now, out: &mut Vec<MxEvent>) {
        let Some(storm) = &mut self.tag_storm else { return };
        let mut steps = 0;
        while storm.next <= now.monotonic && storm.next < storm.end && steps < MAX_STEPS {
            storm.next += storm.period;
            steps += 1;
        }
        if steps == MAX_STEPS {
            storm.next = storm.next.max(now.monotonic);
        }
        let target = storm.target;
        if storm.next >= storm.end {
            self.tag_storm = None;
        }
        let Some(registration) = &self.registration else { return };
        let data_type = self.value_type(Ok(target));
        let sample = self.sample(target, now);
        let watchers: Vec<_> = registration
            .items
            .iter()
            .filter(|(_, item)| item.target == Ok(target) && !item.is_suspended && item.buffer.is_none())
            .filter(|(_, item)| item.advise.as_ref().is_some_and(|advise| advise.shown.is_some()))
            .map(|(handle, _)| *handle)
            .collect();
        for _ in 0..steps {
            for handle in &watchers {
                out.push(data_change(registration.server, *handle, data_type, &sample, now));
            }
        }
    }
}
