//! Recordings, played in a loop.

use std::time::{Duration, SystemTime};

use mxgateway_galaxy::replay::Replay;

use super::value::Scalar;

/// Value, quality and since when they hold at `wall`, in the round that `started` began. Before the
/// first sample of a round the last one still holds.
pub(crate) fn sample(replay: &Replay, wall: SystemTime, started: SystemTime) -> (Scalar, i32, SystemTime) {
    let elapsed = wall.duration_since(started).unwrap_or_default();
    let within = Duration::from_nanos_u128(elapsed.as_nanos() % replay.length.as_nanos());
    let round = started + (elapsed - within);
    let next = replay.samples.partition_point(|sample| sample.offset <= within);
    let (sample, at) = match next.checked_sub(1).and_then(|index| replay.samples.get(index)) {
        Some(sample) => (sample, round + sample.offset),
        None => {
            let last = replay.samples.last();
            let before = last
                .and_then(|last| round.checked_sub(replay.length.saturating_sub(last.offset)))
                .filter(|at| *at >= started)
                .unwrap_or(started);
            // The first round has no sample before its first one: that one then holds from the start.
            let sample = if round == started { replay.samples.first() } else { last };
            match sample {
                Some(sample) => (sample, before),
                None => return (Scalar::Boolean(false), 0, started),
            }
        }
    };
    (sample.value.clone(), sample.quality, at)
}

#[cfg(test)]
mod tests {
    use mxgateway_galaxy::replay::Recording;

    use super::*;
    use crate::simulator::value::DataType;

    const FILE: &str = "offset_seconds,reference,value,quality\n\
        0.5,Mill.Speed,10,\n1,Mill.Torque,0.5,192\n2,MILL.speed,20,64\n";

    #[test]
    fn a_recording_plays_in_a_loop() {
        let replay = Recording::parse(FILE).unwrap().take("mill.Speed", DataType::Integer).unwrap();
        let started = SystemTime::UNIX_EPOCH;
        let at = |milliseconds| {
            let (value, quality, since) =
                sample(&replay, started + Duration::from_millis(milliseconds), started);
            (value, quality, since.duration_since(started).unwrap().as_millis())
        };
        assert_eq!(at(0), (Scalar::Integer(10), 192, 0));
        assert_eq!(at(700), (Scalar::Integer(10), 192, 500));
        assert_eq!(at(2_000), (Scalar::Integer(20), 64, 2_000));
        assert_eq!(at(3_100), (Scalar::Integer(20), 64, 2_000), "the last sample holds into the next round");
        assert_eq!(at(3_500), (Scalar::Integer(10), 192, 3_500));
        assert_eq!(at(9_000_000 + 3_500 - 500), at(9_000_000 + 3_500 - 500));
    }
}
