//! Checks of what requests contain, each error with the field's name.

use std::time::Duration;

use mxgateway_session::SessionId;
use tonic::Status;

use super::errors::{invalid, session_not_found};

/// Longest name, tag or id that a client may send.
const MAX_NAME_CHARACTERS: usize = 128;

/// A well-formed session id; one that is not cannot exist.
pub(super) fn session_id(text: &str) -> Result<SessionId, Status> {
    if text.is_empty() {
        return Err(invalid("session_id", "is missing"));
    }
    text.parse().map_err(|_| {
        if text.len() > MAX_NAME_CHARACTERS {
            invalid("session_id", "is not a session id")
        } else {
            session_not_found(&text.escape_default().to_string())
        }
    })
}

/// A short text that may go into logs and lists.
pub(super) fn name(field: &str, text: String) -> Result<String, Status> {
    if text.chars().count() > MAX_NAME_CHARACTERS {
        return Err(invalid(field, "has more than 128 characters"));
    }
    if text.chars().any(char::is_control) {
        return Err(invalid(field, "has control characters"));
    }
    Ok(text)
}

/// A time limit; absent or zero gives the default.
pub(super) fn limit(
    field: &str,
    wire: Option<&prost_types::Duration>,
    default: Duration,
) -> Result<Duration, Status> {
    const LONGEST: Duration = Duration::from_secs(24 * 3600);
    let Some(wire) = wire else { return Ok(default) };
    match mxgateway_contracts::time::duration(wire) {
        None => Err(invalid(field, "is negative or malformed")),
        Some(limit) if limit > LONGEST => Err(invalid(field, "is longer than a day")),
        Some(limit) if limit.is_zero() => Ok(default),
        Some(limit) => Ok(limit),
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    #[test]
    fn a_session_id_that_is_none_is_not_found() {
        assert_eq!(session_id("").unwrap_err().code(), Code::InvalidArgument);
        assert_eq!(session_id("session-1").unwrap_err().code(), Code::NotFound);
        assert_eq!(session_id(&"x".repeat(1000)).unwrap_err().code(), Code::InvalidArgument);
        assert!(session_id("session-00112233445566778899aabbccddeeff").is_ok());
    }

    #[test]
    fn names_are_short_and_printable() {
        assert!(name("tag", "Ω".repeat(128)).is_ok());
        assert!(name("tag", "x".repeat(129)).is_err());
        assert!(name("tag", "a\nb".to_owned()).is_err());
    }

    #[test]
    fn limits_have_bounds() {
        let default = Duration::from_secs(30);
        let wire = |seconds, nanos| prost_types::Duration { seconds, nanos };
        assert_eq!(limit("t", None, default).unwrap(), default);
        assert_eq!(limit("t", Some(&wire(0, 0)), default).unwrap(), default);
        assert_eq!(limit("t", Some(&wire(1, 500_000_000)), default).unwrap(), Duration::from_millis(1500));
        assert!(limit("t", Some(&wire(-1, 0)), default).is_err());
        assert!(limit("t", Some(&wire(i64::MAX, 0)), default).is_err());
    }
}
