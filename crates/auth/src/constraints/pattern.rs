//! Patterns with `*` and `?`, and lists of them.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use wildmatch::WildMatch;

/// A pattern: `*` is any run of characters, dots among them, and `?` is one character. The whole name has to
/// match; ASCII letters in upper and lower case are the same.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern {
    text: String,
    /// Of the text in ASCII lower case.
    matcher: WildMatch,
}

/// The text is no [`Pattern`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Nothing in it.
    #[error("a pattern must not be empty")]
    Empty,
    /// Longer than 256 characters.
    #[error("a pattern has at most {} characters, not {length}", Pattern::MAX_CHARACTERS)]
    TooLong {
        /// Its length in characters.
        length: usize,
    },
    /// It could match no name.
    #[error("a pattern has no spaces around it and no control characters")]
    Unprintable,
}

impl Pattern {
    /// Most characters.
    pub const MAX_CHARACTERS: usize = 256;

    /// The pattern as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// True when the whole name matches.
    pub fn matches(&self, name: &str) -> bool {
        self.matches_lower(&lower(name))
    }

    /// True when the pattern matches the path or an ancestor of it; names in a path have dots between.
    pub fn covers(&self, path: &str) -> bool {
        self.covers_lower(&lower(path))
    }

    /// True when there might be something below the path that the pattern matches. Says nothing of the path
    /// itself, and does not know what there is.
    pub fn may_cover_below(&self, path: &str) -> bool {
        let path = lower(path);
        let below = path.chars().chain((!path.is_empty()).then_some('.'));
        // The first star takes in whatever is left of the path.
        for (wanted, found) in self.matcher.pattern_chars().iter().zip(below) {
            if *wanted == '*' {
                return true;
            }
            if *wanted != '?' && *wanted != found {
                return false;
            }
        }
        // Something of the pattern must be left for the names below.
        self.matcher.pattern_chars().len() > path.chars().count() + usize::from(!path.is_empty())
    }

    fn matches_lower(&self, name: &str) -> bool {
        self.matcher.matches(name)
    }

    fn covers_lower(&self, path: &str) -> bool {
        self.matches_lower(path)
            || path
                .match_indices('.')
                .any(|(dot, _)| path.get(..dot).is_some_and(|ancestor| self.matches_lower(ancestor)))
    }
}

/// Names in a Galaxy are the same in upper and lower case, for ASCII; what goes beyond would let more pass.
fn lower(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for Pattern {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let length = text.chars().count();
        if length == 0 {
            return Err(PatternError::Empty);
        }
        if length > Self::MAX_CHARACTERS {
            return Err(PatternError::TooLong { length });
        }
        if text.trim().len() != text.len() || text.chars().any(char::is_control) {
            return Err(PatternError::Unprintable);
        }
        let matcher = WildMatch::new(&lower(&text));
        Ok(Self { text, matcher })
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.text
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

impl fmt::Display for Pattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&self.text)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, out)
    }
}

/// A list of at most 256 patterns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Pattern>", into = "Vec<Pattern>")]
pub struct Patterns(Vec<Pattern>);

/// A list of more than 256 patterns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a constraint has at most {} patterns, not {count}", Patterns::MAX)]
pub struct TooManyPatterns {
    /// How many there were.
    pub count: usize,
}

impl Patterns {
    /// Most patterns.
    pub const MAX: usize = 256;

    /// True for the list of none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True when a pattern matches the name; see [`Pattern::matches`].
    pub fn match_any(&self, name: &str) -> bool {
        let name = lower(name);
        self.0.iter().any(|pattern| pattern.matches_lower(&name))
    }

    /// True when a pattern covers the path; see [`Pattern::covers`].
    pub fn cover(&self, path: &str) -> bool {
        let path = lower(path);
        self.0.iter().any(|pattern| pattern.covers_lower(&path))
    }
}

impl TryFrom<Vec<Pattern>> for Patterns {
    type Error = TooManyPatterns;

    fn try_from(patterns: Vec<Pattern>) -> Result<Self, Self::Error> {
        if patterns.len() > Self::MAX {
            return Err(TooManyPatterns { count: patterns.len() });
        }
        Ok(Self(patterns))
    }
}

impl From<Patterns> for Vec<Pattern> {
    fn from(patterns: Patterns) -> Self {
        patterns.0
    }
}

impl Deref for Patterns {
    type Target = [Pattern];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}
