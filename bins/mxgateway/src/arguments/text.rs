//! Texts of the command line that stand for times and names.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;

/// Longest name of a key in characters.
const MAX_NAME: usize = 200;

/// What people call a key.
pub(super) fn name(text: &str) -> Result<String, String> {
    let name = text.trim();
    if name.is_empty() {
        return Err("a name must not be empty".to_owned());
    }
    if name.chars().count() > MAX_NAME {
        return Err(format!("a name has at most {MAX_NAME} characters"));
    }
    if name.chars().any(char::is_control) {
        return Err("a name has no control characters".to_owned());
    }
    Ok(name.to_owned())
}

/// A time to come, such as `90d` from now.
pub(super) fn from_now(text: &str) -> Result<SystemTime, String> {
    let length = duration(text)?;
    if length.is_zero() {
        return Err("it would be over at once".to_owned());
    }
    SystemTime::now()
        .checked_add(length)
        .filter(|time| Timestamp::try_from(*time).is_ok())
        .ok_or_else(|| "that is too far away".to_owned())
}

/// A time to come.
pub(super) fn future_time(text: &str) -> Result<SystemTime, String> {
    let time = time(text)?;
    if time <= SystemTime::now() { Err("that time is over already".to_owned()) } else { Ok(time) }
}

/// A time, or so long ago.
pub(super) fn time_or_ago(text: &str) -> Result<SystemTime, String> {
    match duration(text) {
        Ok(length) => SystemTime::now().checked_sub(length).ok_or_else(|| "that is too long ago".to_owned()),
        Err(_) => time(text).map_err(|_| {
            "write it as 90m, 12h or 7d ago, or as a time such as 2026-05-28T20:26:40Z".to_owned()
        }),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_| "write it as 90m, 12h, 90d or 1y".to_owned())
}

fn time(text: &str) -> Result<SystemTime, String> {
    let timestamp: Timestamp = text
        .parse()
        .map_err(|_| "write it with its offset from UTC, as 2026-05-28T20:26:40Z or ...+02:00".to_owned())?;
    timestamp.try_into().map_err(|_| "that is too far away".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_with_their_offset_or_by_distance() {
        assert_eq!(time("2026-05-28T20:26:40+02:00"), time("2026-05-28T18:26:40Z"));
        assert!(time("2026-05-28T20:26:40").is_err());
        let hour_ago = SystemTime::now() - Duration::from_secs(3_600);
        let told = time_or_ago("1h").unwrap();
        assert!(told >= hour_ago && told <= hour_ago + Duration::from_secs(60));
        assert_eq!(time_or_ago("1970-01-01T00:00:01Z"), time("1970-01-01T00:00:01Z"));
        assert!(time_or_ago("yesterday").unwrap_err().contains("90m"));
    }

    #[test]
    fn expiry_is_to_come_and_can_be_written_down() {
        assert!(from_now("90d").unwrap() > SystemTime::now() + Duration::from_secs(89 * 86_400));
        for wrong in ["0s", "99999y", "90", "soon", "-1d"] {
            assert!(from_now(wrong).is_err(), "{wrong}");
        }
        assert!(future_time("2020-01-01T00:00:00Z").unwrap_err().contains("over already"));
        assert!(future_time("9000-01-01T00:00:00Z").is_ok());
    }

    #[test]
    fn names_can_be_printed() {
        assert_eq!(name(" Line 1 ✓ "), Ok("Line 1 ✓".to_owned()));
        for wrong in ["", "  ", "a\tb", "a\u{1b}[31m", &"x".repeat(201)] {
            assert!(name(wrong).is_err(), "{wrong:?}");
        }
    }
}
