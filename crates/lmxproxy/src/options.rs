//! Settings of the backend, from `Bootstrap.backend_options`.

use crate::dates::Clock;

/// Option that says by which clock MXAccess's times are.
const CLOCK_OPTION: &str = "clock";

/// See the module's documentation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// By which clock times without a zone are.
    pub clock: Clock,
}

/// An option that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    /// There is none of this name.
    #[error("the lmxproxy backend has no option {0} (it has: {CLOCK_OPTION})")]
    Unknown(String),
    /// It has another value than it can have.
    #[error("option {CLOCK_OPTION} is {0:?}; it can be utc or local")]
    Clock(String),
}

impl Options {
    /// Reads the options. Errors: an unknown one, or one with a value it cannot have.
    pub fn parse<'a>(
        options: impl IntoIterator<Item = (&'a String, &'a String)>,
    ) -> Result<Self, OptionError> {
        let mut parsed = Self::default();
        for (key, value) in options {
            parsed.clock = match (key.as_str(), value.as_str()) {
                (CLOCK_OPTION, "utc") => Clock::Utc,
                (CLOCK_OPTION, "local") => Clock::Local,
                (CLOCK_OPTION, other) => return Err(OptionError::Clock(other.to_owned())),
                (other, _) => return Err(OptionError::Unknown(other.to_owned())),
            };
        }
        Ok(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(key: &str, value: &str) -> Result<Options, OptionError> {
        let (key, value) = (key.to_owned(), value.to_owned());
        Options::parse([(&key, &value)])
    }

    #[test]
    fn options_are_read_or_named() {
        assert_eq!(Options::parse([]).unwrap().clock, Clock::Utc);
        assert_eq!(parse("clock", "local").unwrap().clock, Clock::Local);
        assert_eq!(
            parse("clock", "moon").unwrap_err().to_string(),
            "option clock is \"moon\"; it can be utc or local"
        );
        let unknown = parse("galaxy", "a.toml").unwrap_err().to_string();
        assert_eq!(unknown, "the lmxproxy backend has no option galaxy (it has: clock)");
    }
}
