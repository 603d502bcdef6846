//! Times as Automation has them: DATE (days since the end of 1899), FILETIME (100 ns since 1601), and text.

use jiff::Timestamp as Instant;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span};
use prost_types::Timestamp;

/// By which clock a time without a zone is. What MXAccess uses is not settled, so it is a setting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clock {
    /// Coordinated universal time.
    #[default]
    Utc,
    /// This machine's time zone.
    Local,
}

impl Clock {
    fn zone(self) -> TimeZone {
        match self {
            Self::Utc => TimeZone::UTC,
            Self::Local => TimeZone::system(),
        }
    }
}

/// Day 0 of a DATE.
const FIRST_DAY: Date = jiff::civil::date(1899, 12, 30);
const MICROSECONDS_PER_DAY: f64 = 86_400e6;
/// The years 100 to 9999.
const DATES: std::ops::Range<f64> = -657_434.0..2_958_466.0;
/// From 1601 to 1970, in seconds.
const FILETIME_TO_UNIX: i64 = 11_644_473_600;
const TICKS_PER_SECOND: i64 = 10_000_000;

/// The moment of a DATE, to the microsecond (it can tell apart little less); `None` when it is out of range.
/// Before day 0 the fraction still counts forwards.
pub fn from_date(date: f64, clock: Clock) -> Option<Timestamp> {
    if !DATES.contains(&date) {
        return None;
    }
    let days = whole(date.trunc())?;
    let microseconds = whole((date.fract().abs() * MICROSECONDS_PER_DAY).round())?;
    let midnight =
        FIRST_DAY.checked_add(Span::new().try_days(days).ok()?).ok()?.to_datetime(Time::midnight());
    moment(midnight.checked_add(SignedDuration::from_micros(microseconds)).ok()?, clock)
}

/// The DATE of a moment; `None` when there is none.
pub fn to_date(timestamp: &Timestamp, clock: Clock) -> Option<f64> {
    let instant = Instant::new(timestamp.seconds, timestamp.nanos).ok()?;
    let civil = clock.zone().to_datetime(instant);
    let since_midnight = civil.time().duration_since(Time::midnight());
    let days = civil.date().duration_since(FIRST_DAY).as_hours() / 24;
    let days = f64::from(i32::try_from(days).ok()?);
    let fraction = since_midnight.as_secs_f64() / 86_400.0;
    let date = if days < 0.0 { days - fraction } else { days + fraction };
    DATES.contains(&date).then_some(date)
}

/// The moment of a FILETIME, which is always UTC; `None` when it is out of range.
pub fn from_filetime(ticks: i64) -> Option<Timestamp> {
    let seconds = ticks.checked_div_euclid(TICKS_PER_SECOND)? - FILETIME_TO_UNIX;
    let nanos = i32::try_from(ticks.checked_rem_euclid(TICKS_PER_SECOND)? * 100).ok()?;
    // A small number is no time, but a number that happens to be there.
    (ticks > 0).then(|| Instant::new(seconds, nanos).ok()).flatten().map(wire)
}

/// The FILETIME of a moment; `None` when there is none.
pub fn to_filetime(timestamp: &Timestamp) -> Option<i64> {
    let seconds = timestamp.seconds.checked_add(FILETIME_TO_UNIX)?;
    let ticks = seconds.checked_mul(TICKS_PER_SECOND)?.checked_add(i64::from(timestamp.nanos / 100))?;
    (ticks > 0).then_some(ticks)
}

/// The moment of a text: ISO 8601, what `locale` reads as a DATE, or the American form. `None` when it is none of
/// them.
pub fn from_text(text: &str, clock: Clock, locale: impl FnOnce(&str) -> Option<f64>) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(instant) = text.parse::<Instant>() {
        return Some(wire(instant));
    }
    if let Ok(civil) = text.parse::<DateTime>() {
        return moment(civil, clock);
    }
    if let Some(moment) = locale(text).and_then(|date| from_date(date, clock)) {
        return Some(moment);
    }
    ["%m/%d/%Y %I:%M:%S%.f %p", "%m/%d/%Y %H:%M:%S%.f", "%m/%d/%Y"]
        .iter()
        .find_map(|form| {
            DateTime::strptime(form, text)
                .or_else(|_| Date::strptime(form, text).map(|date| date.to_datetime(Time::midnight())))
                .ok()
        })
        .and_then(|civil| moment(civil, clock))
}

fn moment(civil: DateTime, clock: Clock) -> Option<Timestamp> {
    clock.zone().to_timestamp(civil).ok().map(wire)
}

fn wire(instant: Instant) -> Timestamp {
    let since: SignedDuration = instant.as_duration();
    let (mut seconds, mut nanos) = (since.as_secs(), since.subsec_nanos());
    // The nanoseconds of a wire form count forwards, also before 1970.
    if nanos < 0 {
        (seconds, nanos) = (seconds - 1, nanos + 1_000_000_000);
    }
    Timestamp { seconds, nanos }
}

/// A number without a fraction, which a DATE's parts always are small enough for.
fn whole(number: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and small")]
    let cast = number as i64;
    (number.fract() == 0.0 && number.abs() < 1e15).then_some(cast)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        wire(text.parse().unwrap())
    }

    fn no_locale(_: &str) -> Option<f64> {
        None
    }

    #[test]
    fn dates_count_from_the_end_of_1899_and_fractions_forwards() {
        for (date, text) in [
            (0.0, "1899-12-30T00:00:00Z"),
            (1.5, "1899-12-31T12:00:00Z"),
            (-1.25, "1899-12-29T06:00:00Z"),
            (25_569.0, "1970-01-01T00:00:00Z"),
            (46_023.75, "2026-01-01T18:00:00Z"),
        ] {
            assert_eq!(from_date(date, Clock::Utc), Some(at(text)), "{date}");
            assert_eq!(to_date(&at(text), Clock::Utc), Some(date), "{text}");
        }
        for bad in [f64::NAN, f64::INFINITY, -657_435.0, 2_958_466.0] {
            assert_eq!(from_date(bad, Clock::Utc), None, "{bad}");
        }
    }

    #[test]
    fn microseconds_survive_a_date() {
        for text in ["2026-11-23T21:00:00.123456Z", "1601-01-01T00:00:00.5Z", "2026-02-28T23:59:59.999999Z"] {
            let date = to_date(&at(text), Clock::Utc).unwrap();
            assert_eq!(from_date(date, Clock::Utc), Some(at(text)), "{text}");
        }
    }

    #[test]
    fn filetimes_count_from_1601() {
        let ticks = 134_084_592_001_234_567;
        let moment = from_filetime(ticks).unwrap();
        assert_eq!(to_filetime(&moment), Some(ticks));
        assert_eq!(from_filetime(116_444_736_000_000_000), Some(at("1970-01-01T00:00:00Z")));
        for bad in [0, -1, i64::MIN, i64::MAX] {
            assert_eq!(from_filetime(bad), None, "{bad}");
        }
    }

    #[test]
    fn texts_are_read_in_several_forms() {
        let expected = Some(at("2026-11-23T21:00:00Z"));
        for text in [
            "2026-11-23T21:00:00Z",
            "2026-11-23T22:00:00+01:00",
            "2026-11-23 21:00:00",
            "11/23/2026 9:00:00 PM",
            " 11/23/2026 09:00:00.000 PM ",
            "11/23/2026 21:00:00",
        ] {
            assert_eq!(from_text(text, Clock::Utc, no_locale), expected, "{text}");
        }
        assert_eq!(from_text("23.11.2026 21:00", Clock::Utc, |_| Some(46_349.875)), expected);
        for text in ["", "yesterday", "23.11.2026 21:00", "99/99/2026 21:00:00"] {
            assert_eq!(from_text(text, Clock::Utc, no_locale), None, "{text}");
        }
    }
}
