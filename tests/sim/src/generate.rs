//! Makes a run from a seed.

use std::time::Duration;

use fastrand::Rng;
use mxgateway_session_core::distributor::{
    BackpressurePolicy, DistributorSettings, Filter, SlowReader, Snapshot, SubscriberKind,
};
use mxgateway_session_core::event::{EventFamily, ItemKey};
use mxgateway_session_core::lease::LeaseSettings;
use mxgateway_session_core::lifecycle::{CloseReason, SessionState};
use mxgateway_session_core::ring::{ReadBudget, RingLimits};
use mxgateway_session_core::session::SessionSettings;

use crate::transition::{Change, Name, ResumeAt, Spec, Transition, Wish};

/// A run: settings and what happens.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The session's settings.
    pub settings: SessionSettings,
    /// What happens, in order.
    pub transitions: Vec<Transition>,
}

/// Every family.
pub(crate) const FAMILIES: [EventFamily; 5] = [
    EventFamily::DataChange,
    EventFamily::BufferedDataChange,
    EventFamily::WriteComplete,
    EventFamily::OperationComplete,
    EventFamily::AlarmTransition,
];

const REASONS: [CloseReason; 3] =
    [CloseReason::ClientClose, CloseReason::GatewayShutdown, CloseReason::Administrator];

/// The run of a seed; the same on every machine.
pub fn plan(seed: u64) -> Plan {
    let mut random = Random { rng: Rng::with_seed(seed), names: 0 };
    let settings = random.settings();
    let mut transitions = vec![
        Transition::Advance(SessionState::Starting),
        Transition::Advance(SessionState::Handshaking),
        Transition::Ready,
    ];
    if random.one_in(20) {
        // Something comes before the session is ready.
        let early = random.transition();
        transitions.insert(random.rng.usize(..3), early);
    }
    if random.one_in(6) {
        transitions.push(Transition::LoseUntilEnd(random.rng.u64(..120)));
    }
    for item in 0..ITEMS {
        if random.rng.bool() {
            transitions.push(Transition::Change(Change::Add { item: item_key(item), crossed: 0 }));
            transitions.push(Transition::Change(Change::Advise(item_key(item))));
        }
    }
    for _ in 0..random.rng.usize(20..140) {
        let next = random.transition();
        transitions.push(next);
    }
    Plan { settings, transitions }
}

const ITEMS: i32 = 5;

fn item_key(number: i32) -> ItemKey {
    ItemKey { server_handle: 1 + number % 2, item_handle: 1 + number / 2 }
}

struct Random {
    rng: Rng,
    names: Name,
}

impl Random {
    fn one_in(&mut self, count: u32) -> bool {
        self.rng.u32(..count) == 0
    }

    /// Mostly small, sometimes up to `most`.
    fn skewed(&mut self, most: u64) -> u64 {
        let bits = self.rng.u32(..=u64::BITS - most.leading_zeros());
        self.rng.u64(..=most) & 1_u64.checked_shl(bits).map_or(u64::MAX, |bit| bit - 1)
    }

    fn settings(&mut self) -> SessionSettings {
        let replay_count = if self.one_in(8) { 0 } else { self.rng.usize(..=50) };
        let bytes = match self.rng.u32(..4) {
            0 => self.rng.usize(..2_000),
            1 => self.rng.usize(1_000..12_000),
            _ => usize::MAX,
        };
        let ring = RingLimits {
            replay_count,
            bytes,
            replay_age: self.rng.bool().then(|| Duration::from_millis(self.rng.u64(1..2_000))),
            lag_count: if self.one_in(30) { 0 } else { self.rng.u64(1..40) },
        };
        let policy = if self.rng.bool() {
            BackpressurePolicy::FailFast
        } else {
            BackpressurePolicy::DisconnectSubscriber
        };
        SessionSettings {
            lease: LeaseSettings {
                lease: Duration::from_millis(self.rng.u64(500..20_000)),
                detach_grace: Duration::from_millis(if self.one_in(4) { 0 } else { self.rng.u64(1..3_000) }),
            },
            events: DistributorSettings {
                ring,
                allow_multiple: !self.one_in(4),
                max_external: self.rng.usize(1..5),
                policy,
            },
        }
    }

    fn transition(&mut self) -> Transition {
        match self.rng.u32(..1_000) {
            0..280 => Transition::Publish(self.specs()),
            280..310 => Transition::Lose(1 + self.skewed(60)),
            310..420 => {
                let wish = self.wish();
                let name = self.names;
                self.names += 1;
                Transition::Subscribe(name, wish)
            }
            420..760 => Transition::Read(self.name(), self.budget()),
            760..780 => Transition::PassOver(self.name(), self.skewed(30)),
            780..830 => Transition::Unsubscribe(self.name()),
            830..880 => Transition::Pass(1 + self.skewed(1_500)),
            880..920 => Transition::Sweep,
            920..935 => Transition::Use,
            935..985 => Transition::Change(self.change()),
            985..988 => Transition::Fail,
            988..991 => Transition::BeginClose(self.pick(&REASONS)),
            991..994 => Transition::Closed,
            994..996 => Transition::Retire,
            996..998 => Transition::PublishOld(self.skewed(10)),
            998 => Transition::LoseUntilEnd(self.rng.u64(..50)),
            _ => Transition::Advance(self.pick(&[
                SessionState::Starting,
                SessionState::Handshaking,
                SessionState::Ready,
            ])),
        }
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.rng.usize(..from.len())]
    }

    /// Any subscriber that came or was refused so far, rather one of the last.
    fn name(&mut self) -> Name {
        let back = self.rng.u32(..8).min(self.rng.u32(..8));
        self.names.saturating_sub(1 + back)
    }

    fn specs(&mut self) -> Vec<Spec> {
        let count = if self.one_in(5) { self.rng.usize(..40) } else { self.rng.usize(..6) };
        let every_item = self.rng.bool();
        (0..count)
            .map(|_| Spec {
                family: if self.rng.bool() { FAMILIES[0] } else { self.pick(&FAMILIES) },
                item: item_key(if every_item { self.rng.i32(0..ITEMS) } else { 0 }),
                bytes: if self.one_in(40) { self.rng.usize(..4_000) } else { self.rng.usize(..100) },
                hole: if self.one_in(30) { 1 + self.skewed(30) } else { 0 },
            })
            .collect()
    }

    fn budget(&mut self) -> ReadBudget {
        let events = if self.rng.bool() { 512 } else { self.rng.usize(..8) };
        let bytes = if self.rng.bool() { 32 << 10 } else { self.rng.usize(..400) };
        ReadBudget { events, bytes }
    }

    fn wish(&mut self) -> Wish {
        Wish {
            kind: if self.one_in(5) { SubscriberKind::Internal } else { SubscriberKind::External },
            resume: (!self.one_in(3)).then(|| self.resume()),
            filter: self.filter(),
            snapshot: self.pick(&[Snapshot::None, Snapshot::None, Snapshot::OnGap, Snapshot::Always]),
            slow_reader: self.pick(&[
                SlowReader::Cut,
                SlowReader::Cut,
                SlowReader::GapAndContinue,
                SlowReader::LatestPerItem,
            ]),
        }
    }

    fn resume(&mut self) -> ResumeAt {
        match self.rng.u32(..12) {
            0..3 => ResumeAt::BehindNewest(self.skewed(80)),
            3 => ResumeAt::AheadOfNewest(1 + self.skewed(u64::MAX)),
            4..7 => ResumeAt::AtEdge(self.rng.i64(-2..=2)),
            7 => ResumeAt::Exactly(self.pick(&[0, 1, u64::MAX - 1, u64::MAX])),
            8 => ResumeAt::OtherEpoch(self.skewed(u64::MAX)),
            _ => ResumeAt::WhereItStands(self.name()),
        }
    }

    fn filter(&mut self) -> Filter {
        let mut filter = Filter::default();
        if self.one_in(4) {
            filter.families = (0..self.rng.usize(1..3)).map(|_| self.pick(&FAMILIES)).collect();
        }
        if self.one_in(4) {
            filter.items = (0..self.rng.usize(1..3)).map(|_| item_key(self.rng.i32(0..ITEMS))).collect();
        }
        filter
    }

    fn change(&mut self) -> Change {
        let item = item_key(self.rng.i32(0..ITEMS));
        match self.rng.u32(..12) {
            0..3 => Change::Add { item, crossed: self.skewed(3) },
            3..6 => Change::Advise(item),
            6..9 => Change::Unadvise(item),
            9 => Change::Remove(item),
            10 => Change::Unregister(item.server_handle),
            _ => Change::Register(item.server_handle),
        }
    }
}
