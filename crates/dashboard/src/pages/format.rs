//! Numbers for people. The script `format.js` writes the same.

use jiff::Timestamp;

/// What stands where there is nothing to tell.
pub(super) const NOTHING: &str = "–";

/// `12,345`.
pub(super) fn integer(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `12,345`.
pub(super) fn count(number: usize) -> String {
    integer(u64::try_from(number).unwrap_or(u64::MAX))
}

/// `0.4`, `9.8`, `120`, `12,345`: one digit after the point below ten.
pub(super) fn rate(number: f64) -> String {
    let number = number.max(0.0);
    if number == 0.0 || number >= 9.95 { integer(whole(number)) } else { format!("{number:.1}") }
}

/// `512 B`, `1.5 KiB`, `96 MiB`.
pub(super) fn bytes(number: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if number < 1_024 {
        return format!("{number} B");
    }
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut scaled = number as f64 / 1_024.0;
    let mut unit = 0;
    while scaled >= 1_023.5 && unit + 1 < UNITS.len() {
        scaled /= 1_024.0;
        unit += 1;
    }
    format!("{} {}", rate(scaled), UNITS[unit])
}

/// `3.5 %`.
pub(super) fn percent(number: f64) -> String {
    format!("{} %", rate(number))
}

/// `0.8 ms`, `120 ms`, `1.2 s`.
pub(super) fn milliseconds(number: f64) -> String {
    if number >= 999.5 { format!("{:.1} s", number / 1_000.0) } else { format!("{} ms", rate(number)) }
}

/// `43 s`, `12 min`, `3 h 5 min`, `2 d 4 h`.
pub(super) fn duration(seconds: f64) -> String {
    let seconds = whole(seconds.max(0.0).floor());
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    if days > 0 {
        format!("{days} d {} h", hours % 24)
    } else if hours > 0 {
        format!("{hours} h {} min", minutes % 60)
    } else if minutes > 0 {
        format!("{minutes} min")
    } else {
        format!("{seconds} s")
    }
}

/// How long it is from one time to another, as [`duration`].
pub(super) fn between(from: Timestamp, to: Timestamp) -> String {
    duration(to.duration_since(from).as_secs_f64())
}

/// `2026-05-28 20:26:40`, in UTC.
pub(super) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn whole(number: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "never negative, and beyond the range the largest number is right"
    )]
    let number = number.round() as u64;
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(integer), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0.0, 0.04, 9.94, 9.95, 12_345.6].map(rate), ["0", "0.0", "9.9", "10", "12,346"]);
        assert_eq!(
            [0, 1_023, 1_536, 1 << 20, 96 << 20, u64::MAX].map(bytes),
            ["0 B", "1023 B", "1.5 KiB", "1.0 MiB", "96 MiB", "16,777,216 TiB"]
        );
        assert_eq!([0.0, 0.84, 120.4, 1_250.0].map(milliseconds), ["0 ms", "0.8 ms", "120 ms", "1.2 s"]);
        assert_eq!(
            [-1.0, 59.9, 60.0, 11_100.0, 187_200.0].map(duration),
            ["0 s", "59 s", "1 min", "3 h 5 min", "2 d 4 h"]
        );
    }

    #[test]
    fn times_are_utc() {
        let at = Timestamp::from_second(1_780_000_000).unwrap();
        assert_eq!(time(at), "2026-05-28 20:26:40");
        assert_eq!(between(at, at), "0 s");
    }
}
