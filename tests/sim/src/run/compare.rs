//! What is checked after every step.

use mxgateway_session_core::distributor::SlowReader;

use super::world::World;
use crate::promises::{Broken, Promise, check};

impl World {
    /// What needs no model, or nothing of it but what was published.
    pub(super) fn check_limits(&self) -> Result<(), Broken> {
        for (name, log) in self.logs.iter().filter(|(_, log)| !log.ended) {
            let Some(id) = self.ids.get(name) else { continue };
            let position = self.core.position(*id).sequence;
            check(Promise::Bookmarked, position == log.position, || {
                format!("subscriber {name} stood at {} and is at {position} without a read", log.position)
            })?;
        }
        let distributor = self.core.distributor();
        let ring = distributor.ring();
        let limits = self.settings.events.ring;
        let most = if self.retired { 0 } else { limits.replay_count };
        check(Promise::Bounded, ring.retained_events() <= most, || {
            format!("{} events are retained, {most} may be", ring.retained_events())
        })?;
        check(Promise::Bounded, ring.held_bytes() <= limits.bytes, || {
            format!("{} bytes are held, {} may be", ring.held_bytes(), limits.bytes)
        })?;
        let nobody_reads = distributor.subscribers().next().is_none();
        let forgotten = !(self.retired && nobody_reads) || ring.last_values(u64::MAX).is_empty();
        check(Promise::Bounded, forgotten, || "an ended session keeps values that nobody reads".to_owned())
    }

    /// What the model says.
    pub(super) fn compare(&mut self) -> Result<(), Broken> {
        self.check_limits()?;
        if self.differs.is_some() {
            return Ok(());
        }
        let lifecycle = self.core.lifecycle();
        let is = (lifecycle.state(), lifecycle.close_reason(), lifecycle.fault().cloned());
        let life = self.model.life();
        let should = (life.state(), life.close_reason(), life.fault().cloned());
        self.agree(Promise::Lifecycle, is, should)?;
        self.agree(Promise::Lease, self.core.last_activity(), self.model.life().active_at)?;

        self.agree(Promise::Model, self.core.distributor().newest(), self.model.newest())?;
        let ring = self.core.distributor().ring();
        let is = (ring.held_bytes(), ring.retained_events(), ring.replay_released(), ring.retained());
        let model = &self.model;
        let should = (model.held_bytes(), model.retained_events(), model.replayable(), model.retained());
        self.agree(Promise::Model, is, should)?;

        let statuses = self.core.distributor().subscribers();
        let is: Vec<_> =
            statuses.map(|status| (Some(status.id), status.kind, status.last_sequence, status.lag)).collect();
        let newest = self.model.newest().sequence;
        let attached = self.model.attached();
        let should: Vec<_> = attached
            .map(|(name, kind, after)| (self.ids.get(&name).copied(), kind, after, newest - after))
            .collect();
        self.agree(Promise::Model, is, should)?;
        let is = (self.core.items().added(), self.core.items().advised());
        self.agree(Promise::Model, is, (self.model.items().added(), self.model.items().advised()))
    }

    /// Whoever is to be cut when slow is not behind by more than the limit, unless it still replays.
    pub(super) fn nobody_lags_too_far(&self) -> Result<(), Broken> {
        let limit = self.settings.events.ring.lag_count;
        let distributor = self.core.distributor();
        for status in distributor.subscribers().filter(|status| status.lag > limit) {
            let name = self.ids.iter().find(|(_, id)| **id == status.id).map(|(name, _)| name);
            let may = name.and_then(|name| self.logs.get(name)).is_some_and(|log| {
                let replayable = distributor.ring().replay_released();
                log.slow_reader != SlowReader::Cut || log.position < log.came_at && log.position >= replayable
            });
            check(Promise::Bounded, may, || format!("{status:?} may be {limit} behind"))?;
        }
        Ok(())
    }

    /// After a look at the clock nothing in the replay window is as old as the limit.
    pub(super) fn nothing_is_too_old(&self) -> Result<(), Broken> {
        let oldest = self.core.distributor().ring().retained().map(|(oldest, _)| oldest);
        let entry = oldest.and_then(|oldest| self.model.history().after(oldest - 1).first());
        let age = entry.map(|entry| self.now.saturating_duration_since(entry.at));
        let limit = self.settings.events.ring.replay_age;
        let young = age.zip(limit).is_none_or(|(age, limit)| age < limit);
        check(Promise::Bounded, young, || format!("{oldest:?} is retained and {age:?} old"))
    }
}
