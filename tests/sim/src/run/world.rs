//! Carries out what happens on the real session, the model and the witness.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use mxgateway_session_core::distributor::{Delivery, SubscribeOptions, SubscriberId};
use mxgateway_session_core::event::{Event, ItemKey, Position};
use mxgateway_session_core::items::{AdviseState, Item, ItemChange};
use mxgateway_session_core::lifecycle::{CloseReason, Fault};
use mxgateway_session_core::ring::{ReadBudget, Ring, RingLimits};
use mxgateway_session_core::session::{Next, SessionCore, SessionSettings};

use super::seen::Seen;
use super::witness::{self, Witness};
use crate::generate;
use crate::model::Model;
use crate::promises::{self, Broken, Log, Promise, check};
use crate::transition::{Change, Name, ResumeAt, Spec, Transition, Wish};

/// The worker process that numbers the events.
const EPOCH: u64 = 77;

/// The real session, the naive one, and what the subscribers were told.
pub(super) struct World {
    pub(super) core: SessionCore,
    pub(super) model: Model,
    witness: Witness,
    pub(super) ids: BTreeMap<Name, SubscriberId>,
    pub(super) logs: BTreeMap<Name, Log>,
    pub(super) settings: SessionSettings,
    pub(super) retired: bool,
    seen: Seen,
    /// How and at which step the model said something else first. From then on only what needs no model is
    /// checked, so that a run names the promise that the difference breaks, when it breaks one.
    pub(super) differs: Option<(Broken, usize)>,
    pub(super) now: Instant,
}

impl World {
    pub(super) fn new(settings: SessionSettings) -> Self {
        let now = Instant::now();
        Self {
            core: SessionCore::new(settings, now),
            model: Model::new(settings, overhead(now), now),
            witness: Witness::new(settings, now),
            ids: BTreeMap::new(),
            logs: BTreeMap::new(),
            settings,
            retired: false,
            seen: Seen::default(),
            differs: None,
            now,
        }
    }

    pub(super) fn step(&mut self, transition: &Transition) -> Result<(), Broken> {
        let now = self.now;
        self.seen.steps += 1;
        match transition {
            Transition::Advance(to) => {
                self.witness.core.advance(*to).ok();
                let (is, should) = (self.core.advance(*to).is_ok(), self.model.advance(*to));
                self.agree(Promise::Lifecycle, is, should)?;
            }
            Transition::Ready => {
                self.witness.core.ready(EPOCH, now).ok();
                // A worker is ready once.
                let legal = self.core.ready(EPOCH, now).is_ok();
                let should = self.model.ready(EPOCH, now);
                self.agree(Promise::Lifecycle, legal, should)?;
            }
            Transition::Publish(specs) => self.publish(specs)?,
            Transition::PublishOld(back) => self.publish_old(*back)?,
            Transition::Lose(count) => self.lose(self.newest().saturating_add(*count))?,
            Transition::LoseUntilEnd(before) => self.lose(u64::MAX - before)?,
            Transition::Subscribe(name, wish) => self.subscribe(*name, wish)?,
            Transition::Read(name, budget) => self.read(*name, *budget)?,
            Transition::PassOver(name, keep) => self.pass_over(*name, *keep)?,
            Transition::Unsubscribe(name) => self.unsubscribe(*name),
            Transition::Pass(millis) => self.now += Duration::from_millis(*millis),
            Transition::Sweep => {
                self.witness.core.sweep(now);
                let expired = self.core.sweep(now);
                let should = self.model.sweep(now);
                self.agree(Promise::Lease, expired, should)?;
                self.nothing_is_too_old()?;
                if let Some(reason) = expired {
                    self.begin_close(reason)?;
                }
            }
            Transition::Use => {
                self.witness.core.use_now(now).ok();
                let (is, should) = (self.core.use_now(now), self.model.life_mut().use_now(now));
                self.agree(Promise::Lifecycle, is, should)?;
            }
            Transition::Fail => {
                let fault = Fault::WorkerExited("exit code 1".to_owned());
                self.witness.core.fail(fault.clone());
                let news = self.model.life_mut().fail(&fault);
                let is = self.core.fail(fault);
                self.agree(Promise::Lifecycle, is, news)?;
            }
            Transition::BeginClose(reason) => self.begin_close(*reason)?,
            Transition::Closed => {
                self.witness.core.closed().ok();
                let closing = self.model.life_mut().finish();
                let is = self.core.closed().is_ok();
                self.agree(Promise::Lifecycle, is, closing)?;
            }
            // Only what has ended is retired.
            Transition::Retire if !self.model.life().is_over() => {}
            Transition::Retire => {
                self.witness.core.retire();
                self.core.retire();
                self.model.retire();
                self.retired = true;
            }
            Transition::Change(change) => self.change(*change),
        }
        self.compare()
    }

    /// What the run came by.
    pub(super) fn seen(self) -> Seen {
        self.seen
    }

    /// Everybody reads on to the end.
    pub(super) fn drain(&mut self) -> Result<(), Broken> {
        let budget = ReadBudget { events: 7, bytes: 300 };
        for name in self.ids.keys().copied().collect::<Vec<_>>() {
            // A read that gives something moves on, or hands out some of a snapshot or of a conflated span.
            let enough = 4 * self.model.history().entries().len() + 8;
            for _ in 0..enough {
                if self.logs.get(&name).is_none_or(|log| log.ended || log.position == self.newest()) {
                    break;
                }
                self.read(name, budget)?;
                self.compare()?;
            }
            let stuck = self.logs.get(&name).is_some_and(|log| !log.ended && log.position != self.newest());
            check(Promise::Reliable, !stuck, || format!("subscriber {name} reads and never catches up"))?;
        }
        Ok(())
    }

    fn newest(&self) -> u64 {
        self.model.history().newest()
    }

    fn publish(&mut self, specs: &[Spec]) -> Result<(), Broken> {
        let mut events = Vec::with_capacity(specs.len());
        let mut newest = self.newest();
        for spec in specs {
            // Numbers end somewhere.
            let Some(sequence) = newest.checked_add(spec.hole).and_then(|after| after.checked_add(1)) else {
                break;
            };
            newest = sequence;
            let mut payload = sequence.to_be_bytes().repeat(spec.bytes / 8 + 1);
            payload.truncate(spec.bytes);
            events.push(Event {
                sequence,
                family: spec.family,
                item: spec.item,
                received: SystemTime::UNIX_EPOCH,
                payload: payload.into(),
            });
        }
        let expected = self.model.publish(&events, self.now);
        self.witness.core.publish(events.iter().cloned(), self.now);
        let fault = self.core.publish(events, self.now);
        self.after_publish(fault, expected)
    }

    fn publish_old(&mut self, back: u64) -> Result<(), Broken> {
        let event = Event {
            sequence: self.newest().saturating_sub(back),
            family: generate::FAMILIES[0],
            item: ItemKey::default(),
            received: SystemTime::UNIX_EPOCH,
            payload: Vec::new().into(),
        };
        let fault = self.core.publish([event], self.now);
        if let Some(fault) = &fault {
            self.witness.core.fail(fault.clone());
            check(Promise::Lifecycle, matches!(fault, Fault::Protocol(_)), || format!("{fault:?}"))?;
            let accepted = self.model.life_mut().fail(fault);
            return self.agree(Promise::Lifecycle, true, accepted);
        }
        let over = self.model.life_mut().fail(&Fault::Protocol(String::new()));
        self.agree(Promise::Lifecycle, false, over)
    }

    fn lose(&mut self, to: u64) -> Result<(), Broken> {
        if to <= self.newest() {
            return Ok(());
        }
        let expected = self.model.publish_loss(to, self.now);
        self.witness.core.publish_loss(to, self.now);
        let fault = self.core.publish_loss(to, self.now);
        self.after_publish(fault, expected)
    }

    fn after_publish(&mut self, fault: Option<Fault>, expected: Option<Fault>) -> Result<(), Broken> {
        if let Some(fault) = &fault {
            // A fault by somebody's slowness ends the session for all; that is no matter of isolation.
            self.witness.core.fail(fault.clone());
        }
        self.agree(Promise::Lifecycle, fault, expected)?;
        self.nobody_lags_too_far()
    }

    fn subscribe(&mut self, name: Name, wish: &Wish) -> Result<(), Broken> {
        let newest = self.core.distributor().newest();
        let position = |sequence| Position { epoch: EPOCH, sequence };
        let mut last = 0;
        let resume = wish.resume.and_then(|at| {
            Some(match at {
                ResumeAt::BehindNewest(count) => position(newest.sequence.saturating_sub(count)),
                ResumeAt::AheadOfNewest(count) => position(newest.sequence.saturating_add(count)),
                ResumeAt::AtEdge(by) => position(self.model.replayable().saturating_add_signed(by)),
                ResumeAt::Exactly(sequence) => position(sequence),
                ResumeAt::OtherEpoch(sequence) => Position { epoch: EPOCH + 1, sequence },
                ResumeAt::WhereItStands(other) => {
                    let log = self.logs.get(&other)?;
                    last = log.last;
                    position(log.position)
                }
            })
        });
        let options = SubscribeOptions {
            kind: wish.kind,
            resume,
            filter: wish.filter.clone(),
            snapshot: wish.snapshot,
            slow_reader: wish.slow_reader,
            access: None,
        };
        let expected = self.model.subscribe(name, options.clone(), self.now);
        let subscribed = self.core.subscribe(options.clone(), self.now);
        self.agree(Promise::Lifecycle, subscribed.as_ref().err(), expected.as_ref().err())?;
        self.seen.subscribe(&subscribed);
        let Ok((id, start)) = subscribed else { return Ok(()) };
        promises::resumable(resume, &start, newest, self.model.replayable())?;
        self.agree(Promise::Model, start.retained, self.model.retained())?;
        self.nothing_is_too_old()?;
        self.witness.subscribe(name, &options, &start, self.now)?;
        self.ids.insert(name, id);
        let log =
            Log::new(wish.filter.clone(), wish.snapshot, wish.slow_reader, start, newest.sequence, last);
        self.logs.insert(name, log);
        Ok(())
    }

    fn read(&mut self, name: Name, budget: ReadBudget) -> Result<(), Broken> {
        let Some(id) = self.ids.get(&name).copied() else { return Ok(()) };
        let Some(log) = self.logs.get_mut(&name) else { return Ok(()) };
        if log.ended && !log.left {
            // Who was told the end reads no more.
            return Ok(());
        }
        let mut events = Vec::new();
        let next = self.core.read(id, budget, &mut events);
        let position = self.core.position(id);
        if !log.left {
            log.observe(self.model.history(), &next, &events, position)?;
            self.witness.read(name, budget, &next, &events, position)?;
        }
        self.seen.read(&next, events.last().map_or(0, |event| event.sequence));
        let mut expected_events = Vec::new();
        let expected = self.model.read(name, budget, &mut expected_events);
        let (told, should) = (witness::numbers(&events), witness::numbers(&expected_events));
        let same_events = events == expected_events;
        self.agree(Promise::Model, (&next, told, same_events), (&expected, should, true))
    }

    fn pass_over(&mut self, name: Name, keep: u64) -> Result<(), Broken> {
        let Some(id) = self.ids.get(&name).copied() else { return Ok(()) };
        let gap = self.core.pass_over(id, keep);
        let position = self.core.position(id);
        self.witness.pass_over(name, keep, gap, position)?;
        if let (Some(gap), Some(log)) = (gap, self.logs.get_mut(&name).filter(|log| !log.left)) {
            log.observe(self.model.history(), &Next::Delivery(Delivery::Gap(gap)), &[], position)?;
            self.seen.passed_over();
        }
        let expected = self.model.pass_over(name, keep);
        self.agree(Promise::Model, gap, expected)
    }

    fn unsubscribe(&mut self, name: Name) {
        let Some(id) = self.ids.get(&name).copied() else { return };
        self.core.unsubscribe(id, self.now);
        self.witness.unsubscribe(name, self.now);
        self.model.unsubscribe(name, self.now);
        // Its log stays for who continues it; without a subscriber there is nothing to be told any more.
        if let Some(log) = self.logs.get_mut(&name) {
            log.ended = true;
            log.left = true;
        }
    }

    fn begin_close(&mut self, reason: CloseReason) -> Result<(), Broken> {
        self.witness.core.begin_close(reason);
        let expected = self.model.life_mut().begin_close(reason);
        let is = self.core.begin_close(reason);
        self.agree(Promise::Lifecycle, is, expected)
    }

    fn change(&mut self, change: Change) {
        let change = match change {
            Change::Register(server) => ItemChange::Registered(server),
            Change::Unregister(server) => ItemChange::Unregistered(server),
            Change::Add { item, crossed } => {
                let added_after = self.newest().saturating_sub(crossed);
                let advise = AdviseState::None;
                let added = Item { definition: String::new(), context: String::new(), advise, added_after };
                ItemChange::Added(item, added)
            }
            Change::Remove(item) => ItemChange::Removed(item),
            Change::Advise(item) => ItemChange::Advised(item, AdviseState::Advised),
            Change::Unadvise(item) => ItemChange::Advised(item, AdviseState::None),
        };
        self.model.apply(&change);
        self.witness.core.apply(change.clone());
        self.core.apply(change);
    }

    /// Holds what is to what the model says.
    pub(super) fn agree<T: PartialEq + std::fmt::Debug>(
        &mut self,
        promise: Promise,
        is: T,
        should: T,
    ) -> Result<(), Broken> {
        if self.differs.is_some() || is == should {
            return Ok(());
        }
        let broken = Broken { promise, how: format!("is {is:?}, should be {should:?}") };
        if promise != Promise::Model {
            return Err(broken);
        }
        self.differs = Some((broken, self.seen.steps.saturating_sub(1)));
        Ok(())
    }
}

/// What an event costs in the ring beside its payload.
fn overhead(now: Instant) -> usize {
    let limits = RingLimits { replay_count: 1, bytes: usize::MAX, replay_age: None, lag_count: 1 };
    let mut ring = Ring::new(limits);
    // The ring takes the first loss there is as a slot, which has no payload.
    let taken = ring.push(
        Event {
            sequence: 1,
            family: generate::FAMILIES[0],
            item: ItemKey::default(),
            received: SystemTime::UNIX_EPOCH,
            payload: Vec::new().into(),
        },
        now,
    );
    assert!(taken.is_ok(), "the first event is taken");
    ring.held_bytes()
}
