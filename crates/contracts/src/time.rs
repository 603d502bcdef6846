//! Time stamps and durations between the wire and the standard library.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prost_types::Timestamp;

/// First and last second that a wire form may name: the years 1 to 9999.
const FIRST_SECOND: i64 = -62_135_596_800;
const LAST_SECOND: i64 = 253_402_300_799;

/// The wire form of a time; times before the year 1 or after 9999 are clamped to those bounds. An OLE date
/// counts from 1899, so times before 1970 are nothing special.
pub fn timestamp(time: SystemTime) -> Timestamp {
    let parts = |since: Duration| {
        let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
        (seconds, i32::try_from(since.subsec_nanos()).unwrap_or_default())
    };
    let (seconds, nanos) = match time.duration_since(UNIX_EPOCH) {
        Ok(since) => parts(since),
        // The nanoseconds of a wire form count forwards, also before 1970.
        Err(error) => match parts(error.duration()) {
            (seconds, 0) => (-seconds, 0),
            (seconds, nanos) => ((-seconds).saturating_sub(1), 1_000_000_000 - nanos),
        },
    };
    if seconds < FIRST_SECOND {
        return Timestamp { seconds: FIRST_SECOND, nanos: 0 };
    }
    if seconds > LAST_SECOND {
        return Timestamp { seconds: LAST_SECOND, nanos: 999_999_999 };
    }
    Timestamp { seconds, nanos }
}

/// The time a wire form stands for; `None` when it lies outside what this machine can express.
pub fn system_time(timestamp: &Timestamp) -> Option<SystemTime> {
    let nanos = u32::try_from(timestamp.nanos).ok()?;
    if let Ok(seconds) = u64::try_from(timestamp.seconds) {
        UNIX_EPOCH.checked_add(Duration::new(seconds, nanos))
    } else {
        UNIX_EPOCH
            .checked_sub(Duration::from_secs(timestamp.seconds.unsigned_abs()))?
            .checked_add(Duration::from_nanos(u64::from(nanos)))
    }
}

/// The wire form of a duration.
pub fn wire_duration(duration: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or_default(),
    }
}

/// The duration a wire form stands for; `None` when it is negative or malformed.
pub fn duration(wire: &prost_types::Duration) -> Option<Duration> {
    let seconds = u64::try_from(wire.seconds).ok()?;
    let nanos = u32::try_from(wire.nanos).ok().filter(|nanos| *nanos < 1_000_000_000)?;
    Some(Duration::new(seconds, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_survive_the_wire() {
        for time in [
            UNIX_EPOCH,
            UNIX_EPOCH + Duration::new(1_780_000_000, 999_999_999),
            UNIX_EPOCH + Duration::from_nanos(1),
        ] {
            assert_eq!(system_time(&timestamp(time)), Some(time));
        }
        let before = Timestamp { seconds: -2, nanos: 500_000_000 };
        assert_eq!(system_time(&before), UNIX_EPOCH.checked_sub(Duration::from_millis(1500)));
        assert_eq!(system_time(&Timestamp { seconds: 0, nanos: -1 }), None);
        for seconds in [-2, -2_209_161_600, FIRST_SECOND] {
            for nanos in [0, 1, 999_999_999] {
                let early = Timestamp { seconds, nanos };
                assert_eq!(timestamp(system_time(&early).unwrap()), early);
            }
        }
    }

    #[test]
    fn times_beyond_the_wire_are_clamped() {
        let at = |seconds, nanos| system_time(&Timestamp { seconds, nanos }).unwrap();
        let first = Timestamp { seconds: FIRST_SECOND, nanos: 0 };
        let last = Timestamp { seconds: LAST_SECOND, nanos: 999_999_999 };
        assert_eq!(timestamp(at(FIRST_SECOND - 1, 999_999_999)), first);
        assert_eq!(timestamp(at(LAST_SECOND, 999_999_999)), last);
        assert_eq!(timestamp(at(LAST_SECOND + 1, 0)), last);
    }

    #[test]
    fn negative_and_malformed_durations_are_refused() {
        assert_eq!(duration(&wire_duration(Duration::from_millis(1500))), Some(Duration::from_millis(1500)));
        assert_eq!(duration(&prost_types::Duration { seconds: -1, nanos: 0 }), None);
        assert_eq!(duration(&prost_types::Duration { seconds: 0, nanos: 1_000_000_000 }), None);
    }
}
