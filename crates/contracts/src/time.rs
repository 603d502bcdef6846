//! Time stamps and durations between the wire and the standard library.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prost_types::Timestamp;

/// The wire form of a time; times before 1970 or after 9999 are clamped to those bounds.
pub fn timestamp(time: SystemTime) -> Timestamp {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX).min(253_402_300_799);
    Timestamp { seconds, nanos: i32::try_from(since.subsec_nanos()).unwrap_or_default() }
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
    }

    #[test]
    fn negative_and_malformed_durations_are_refused() {
        assert_eq!(duration(&wire_duration(Duration::from_millis(1500))), Some(Duration::from_millis(1500)));
        assert_eq!(duration(&prost_types::Duration { seconds: -1, nanos: 0 }), None);
        assert_eq!(duration(&prost_types::Duration { seconds: 0, nanos: 1_000_000_000 }), None);
    }
}
