//! Where values come from: writes, formulas, recordings, sensors.

use std::sync::Arc;
use std::time::Duration;

use crate::replay::Replay;
use crate::sensor::Sensor;

/// Where an attribute's value comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// From its configured value, and from writes.
    Stored,
    /// Counts up to the number last written, as fast as the gateway takes events.
    Storm,
    /// From a formula.
    Generated(Generator),
    /// From a recording.
    Replayed(Arc<Replay>),
    /// True while the engine of the galaxy is on scan: a probe.
    ScanState,
    /// From the machine the worker runs on.
    Host(Sensor),
}

/// A formula and how often it is evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct Generator {
    /// The formula.
    pub shape: Shape,
    /// Values change at whole multiples of this, not between; at least a millisecond.
    pub step: Duration,
}

/// A formula of the time.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// Rises from `low` to `high` within the period, then starts again.
    Ramp {
        /// Lower bound.
        low: f64,
        /// Upper bound.
        high: f64,
        /// Length of one round.
        period: Duration,
    },
    /// Swings between `low` and `high`.
    Sine {
        /// Lower bound.
        low: f64,
        /// Upper bound.
        high: f64,
        /// Length of one round.
        period: Duration,
    },
    /// `high` for the `duty` part (0 to 1) of the period, `low` for the rest.
    Square {
        /// Lower bound.
        low: f64,
        /// Upper bound.
        high: f64,
        /// Length of one round.
        period: Duration,
        /// Part of the period at `high`.
        duty: f64,
    },
    /// Wanders between `low` and `high`; another seed gives another path.
    RandomWalk {
        /// Lower bound.
        low: f64,
        /// Upper bound.
        high: f64,
        /// Chooses the path.
        seed: u64,
    },
    /// Counts the steps since the galaxy started, from `start` by `increment`; back to `start` after
    /// `modulus` steps.
    Counter {
        /// First number.
        start: f64,
        /// Added at each step.
        increment: f64,
        /// Steps of one round.
        modulus: u64,
    },
    /// One text after the other, a step each.
    TextCycle {
        /// The texts, in turn.
        texts: Arc<[Arc<str>]>,
    },
    /// The time of day itself.
    Clock,
}
