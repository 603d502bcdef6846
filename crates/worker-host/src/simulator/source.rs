//! Generators: values as functions of the time, so that the same moment always gives the same value.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mxgateway_galaxy::source::{Generator, Shape};

use super::value::{DataType, Scalar};

/// The value at `wall` and the moment since when it holds. `started` is when the galaxy started.
pub(crate) fn sample(
    generator: &Generator,
    data_type: DataType,
    wall: SystemTime,
    started: SystemTime,
) -> (Scalar, SystemTime) {
    let origin = match generator.shape {
        Shape::Counter { .. } => started,
        Shape::Ramp { .. }
        | Shape::Sine { .. }
        | Shape::Square { .. }
        | Shape::RandomWalk { .. }
        | Shape::TextCycle { .. }
        | Shape::Clock => UNIX_EPOCH,
    };
    let step = generator.step.max(Duration::from_millis(1));
    let elapsed = wall.duration_since(origin).unwrap_or_default();
    let index = elapsed.as_nanos() / step.as_nanos();
    let since = Duration::from_nanos_u128(index * step.as_nanos());
    let at = origin + since;
    let number = match &generator.shape {
        Shape::Ramp { low, high, period } => low + (high - low) * phase(since, *period),
        Shape::Sine { low, high, period } => {
            let swing = (phase(since, *period) * std::f64::consts::TAU).sin();
            low + (high - low) * (swing + 1.0) / 2.0
        }
        Shape::Square { low, high, period, duty } => {
            if phase(since, *period) < *duty {
                *high
            } else {
                *low
            }
        }
        Shape::RandomWalk { low, high, seed } => low + (high - low) * wander(*seed, truncate(index)),
        Shape::Counter { start, increment, modulus } => {
            start + increment * float(truncate(index) % (*modulus).max(1))
        }
        Shape::TextCycle { texts } => {
            let count = u128::try_from(texts.len()).unwrap_or(1).max(1);
            let text = usize::try_from(index % count).ok().and_then(|position| texts.get(position));
            return (Scalar::String(text.cloned().unwrap_or_else(|| "".into())), at);
        }
        Shape::Clock => return (Scalar::Time(at), at),
    };
    (data_type.scalar_near(number), at)
}

/// Position within the period, 0 up to 1.
fn phase(since: Duration, period: Duration) -> f64 {
    let period = period.as_nanos().max(1);
    Duration::from_nanos_u128(since.as_nanos() % period).as_secs_f64()
        / Duration::from_nanos_u128(period).as_secs_f64()
}

/// Noise of several octaves between lattice points: it looks like a walk, but any step can be computed
/// without the ones before it.
fn wander(seed: u64, index: u64) -> f64 {
    let mut sum = 0.0;
    let mut weight = 0.0;
    for (octave, (spacing, amplitude)) in
        [(256, 8.0), (64, 4.0), (16, 2.0), (4, 1.0), (1, 0.5)].into_iter().enumerate()
    {
        let lane = seed.wrapping_add(u64::try_from(octave).unwrap_or_default() << 32);
        let left = index / spacing;
        let between = float(index % spacing) / float(spacing);
        let smooth = between * between * (3.0 - 2.0 * between);
        let (a, b) = (noise(lane, left), noise(lane, left + 1));
        sum += amplitude * (a + (b - a) * smooth);
        weight += amplitude;
    }
    sum / weight
}

/// A number from 0 up to 1 for a lattice point (the finaliser of SplitMix64).
fn noise(lane: u64, point: u64) -> f64 {
    let mut bits =
        lane.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(point.wrapping_mul(0xD1B5_4A32_D192_ED03));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^= bits >> 31;
    float(bits >> 11) / float(1 << 53)
}

fn truncate(index: u128) -> u64 {
    u64::try_from(index & u128::from(u64::MAX)).unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "simulated values need no more than 53 bits")]
fn float(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: SystemTime = UNIX_EPOCH;

    fn at(generator: &Generator, data_type: DataType, milliseconds: u64) -> (Scalar, u64) {
        let started = START + Duration::from_secs(1000);
        let (scalar, since) =
            sample(generator, data_type, started + Duration::from_millis(milliseconds), started);
        (scalar, u64::try_from(since.duration_since(started).unwrap_or_default().as_millis()).unwrap())
    }

    fn generator(shape: Shape, step_ms: u64) -> Generator {
        Generator { shape, step: Duration::from_millis(step_ms) }
    }

    #[test]
    fn shapes_take_the_values_of_their_formulas() {
        let period = Duration::from_secs(10);
        let ramp = generator(Shape::Ramp { low: 0.0, high: 100.0, period }, 100);
        assert_eq!(at(&ramp, DataType::Double, 2_500), (Scalar::Double(25.0), 2_500));
        assert_eq!(
            at(&ramp, DataType::Integer, 2_599),
            (Scalar::Integer(25), 2_500),
            "nothing between steps"
        );
        let square = generator(Shape::Square { low: 0.0, high: 1.0, period, duty: 0.3 }, 100);
        assert_eq!(at(&square, DataType::Boolean, 2_900).0, Scalar::Boolean(true));
        assert_eq!(at(&square, DataType::Boolean, 3_000).0, Scalar::Boolean(false));
        let sine = generator(Shape::Sine { low: -1.0, high: 1.0, period }, 100);
        assert_eq!(at(&sine, DataType::Double, 0).0, Scalar::Double(0.0));
        let counter = generator(Shape::Counter { start: 5.0, increment: 2.0, modulus: 3 }, 1);
        assert_eq!(at(&counter, DataType::Integer, 0).0, Scalar::Integer(5));
        assert_eq!(at(&counter, DataType::Integer, 2).0, Scalar::Integer(9));
        assert_eq!(at(&counter, DataType::Integer, 3).0, Scalar::Integer(5));
        let texts = generator(Shape::TextCycle { texts: ["a".into(), "b".into()].into() }, 1_000);
        assert_eq!(at(&texts, DataType::String, 1_000).0, Scalar::String("b".into()));
        assert_eq!(at(&texts, DataType::String, 2_000).0, Scalar::String("a".into()));
    }

    #[test]
    fn a_random_walk_stays_within_its_bounds_moves_and_repeats_itself() {
        let walk = |seed| generator(Shape::RandomWalk { low: 10.0, high: 20.0, seed }, 100);
        let path =
            |seed| (0..2_000).map(|k| at(&walk(seed), DataType::Double, k * 100).0).collect::<Vec<_>>();
        let first = path(1);
        for scalar in &first {
            assert!(matches!(scalar, Scalar::Double(value) if (10.0..=20.0).contains(value)), "{scalar:?}");
        }
        assert!(first.windows(2).all(|pair| pair[0] != pair[1]), "two steps alike");
        assert_eq!(first, path(1));
        assert_ne!(first, path(2));
    }
}
