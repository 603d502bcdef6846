//! What values a key takes: reading one, and saying what is allowed.

mod groups;
mod texts;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use figment::value::Value as Raw;

pub(super) use groups::Groups;
use texts::{LEVELS, read_attribute, read_filter, read_host, read_names, without_password};

/// A Unix socket's path may have about 107 bytes; a socket's own name takes 22 of them.
const SOCKET_DIRECTORY_LIMIT: usize = 80;

/// Stands for a secret.
const REDACTED: &str = "<redacted>";

const UNITS: [(&str, u32); 4] = [("B", 0), ("KiB", 10), ("MiB", 20), ("GiB", 30)];

/// The type and range of a key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Flag,
    /// `zero` says what 0 means where it is allowed.
    Count {
        min: u64,
        max: u64,
        zero: Option<&'static str>,
    },
    Seconds {
        min: Duration,
        max: Duration,
        zero: Option<&'static str>,
    },
    Bytes {
        min: u64,
        max: u64,
    },
    Choice(&'static [&'static str]),
    Backend,
    /// `empty` says what an empty text means where it is allowed.
    Address {
        empty: Option<&'static str>,
    },
    /// Empty for the file in the data directory.
    DatabaseUrl,
    /// Names or IP addresses, separated by commas; may be empty.
    HostNames,
    /// `empty` says what an empty text means where it is allowed.
    Path {
        empty: Option<&'static str>,
    },
    SocketDirectory,
    LogFilter,
    /// Any text.
    Text {
        empty: Option<&'static str>,
    },
    /// Not shown; empty for none.
    Secret,
    HostName {
        empty: Option<&'static str>,
    },
    LdapAttribute,
    /// Groups of the directory, each with a role.
    GroupRoles,
    /// Groups of the directory, each with some tags.
    GroupTags,
}

/// A value that its key's kind has accepted.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Flag(bool),
    Count(u64),
    Seconds(Duration),
    Bytes(u64),
    Text(String),
    /// May have a password in it.
    Url(String),
    Secret(String),
    Groups(Groups),
    Address(SocketAddr),
    Path(PathBuf),
}

impl Kind {
    /// What is allowed, as the end of "allowed is ...".
    pub(super) fn allowed(self) -> String {
        match self {
            Self::Flag => "true or false".to_owned(),
            Self::Count { min, max, zero } => {
                format!("a whole number from {min} to {max}{}", or_zero(zero))
            }
            Self::Seconds { min, max, zero } => format!(
                "a number of seconds from {} to {}{}",
                min.as_secs_f64(),
                max.as_secs_f64(),
                or_zero(zero)
            ),
            Self::Bytes { min, max } => {
                format!("a size from {} to {}, in bytes or as text like \"16 MiB\"", size(min), size(max))
            }
            Self::Choice(names) => names.join(", "),
            Self::Backend => "simulator, or lmxproxy on Windows".to_owned(),
            Self::Address { empty } => format!(
                "an IP address and a port, such as 127.0.0.1:5120 or [::1]:5120{}",
                or_empty(empty)
            ),
            Self::DatabaseUrl => {
                "postgres://USER:PASSWORD@HOST/DATABASE, or empty for SQLite's `auth.db` in `server.data_directory`"
                    .to_owned()
            }
            Self::HostNames => "names or IP addresses, separated by commas, or empty".to_owned(),
            Self::Path { empty } => format!("a path{}", or_empty(empty)),
            Self::SocketDirectory => format!("a path of at most {SOCKET_DIRECTORY_LIMIT} bytes"),
            Self::LogFilter => format!(
                "a level ({}) or target=level, several separated by commas, such as info,mxgateway_server=debug",
                LEVELS.join(", ")
            ),
            Self::Text { empty } => format!("a text{}", or_empty(empty)),
            Self::Secret => "a text, or empty for none".to_owned(),
            Self::HostName { empty } => format!("a host name or an IP address{}", or_empty(empty)),
            Self::LdapAttribute => "the name of an attribute".to_owned(),
            Self::GroupRoles => {
                "groups with `administrator` or `viewer`, such as { GwAdmin = \"administrator\" }, or empty for none"
                    .to_owned()
            }
            Self::GroupTags => {
                "groups with tags, such as { Operators = [\"line-1\", \"line-2\"] }, or empty for none".to_owned()
            }
        }
    }

    /// The value, or what is wrong with it.
    pub(super) fn read(self, raw: &Raw) -> Result<Value, String> {
        match self {
            Self::Flag => match scalar(raw)?.as_str() {
                "true" => Ok(Value::Flag(true)),
                "false" => Ok(Value::Flag(false)),
                other => Err(format!("{other:?} is neither true nor false")),
            },
            Self::Count { min, max, zero } => {
                let text = scalar(raw)?;
                let count: i128 = text.parse().map_err(|_| format!("{text:?} is not a whole number"))?;
                within(count, min, max, zero).map(Value::Count)
            }
            Self::Seconds { min, max, zero } => {
                read_seconds(&scalar(raw)?, min, max, zero).map(Value::Seconds)
            }
            Self::Bytes { min, max } => read_bytes(&scalar(raw)?, min, max).map(Value::Bytes),
            Self::Choice(names) => {
                let text = text(raw)?;
                if names.contains(&text) { Ok(Value::Text(text.to_owned())) } else { Err(unknown(text)) }
            }
            Self::Backend => match text(raw)? {
                "lmxproxy" if !cfg!(windows) => Err("lmxproxy needs Windows".to_owned()),
                known @ ("simulator" | "lmxproxy") => Ok(Value::Text(known.to_owned())),
                other => Err(unknown(other)),
            },
            Self::Address { empty } => match text(raw)? {
                "" if empty.is_some() => Ok(Value::Text(String::new())),
                text => read_address(text).map(Value::Address),
            },
            Self::DatabaseUrl => match text(raw)? {
                url if url.is_empty()
                    || url.starts_with("postgres://")
                    || url.starts_with("postgresql://") =>
                {
                    Ok(Value::Url(url.to_owned()))
                }
                _ => Err("is not a PostgreSQL URL".to_owned()),
            },
            Self::HostNames => read_names(text(raw)?).map(Value::Text),
            Self::Path { empty } => match text(raw)? {
                "" if empty.is_none() => Err("is empty".to_owned()),
                text if text.contains('\0') => Err("has a zero byte".to_owned()),
                text => Ok(Value::Path(PathBuf::from(text))),
            },
            Self::SocketDirectory => match text(raw)? {
                "" => Err("is empty".to_owned()),
                text if text.contains('\0') => Err("has a zero byte".to_owned()),
                text if text.len() > SOCKET_DIRECTORY_LIMIT => Err(format!(
                    "has {} bytes, too long for the path of a Unix socket; a path relative to the working \
                     directory may be shorter",
                    text.len()
                )),
                text => Ok(Value::Path(PathBuf::from(text))),
            },
            Self::LogFilter => read_filter(text(raw)?).map(Value::Text),
            Self::Text { empty } | Self::HostName { empty } if text(raw)?.is_empty() => match empty {
                Some(_) => Ok(Value::Text(String::new())),
                None => Err("is empty".to_owned()),
            },
            Self::Text { .. } => Ok(Value::Text(text(raw)?.to_owned())),
            // A wrong one must not be in the message either.
            Self::Secret => text(raw).map(|text| Value::Secret(text.to_owned())),
            Self::HostName { .. } => read_host(text(raw)?).map(Value::Text),
            Self::LdapAttribute => read_attribute(text(raw)?).map(Value::Text),
            Self::GroupRoles => groups::roles(raw).map(Value::Groups),
            Self::GroupTags => groups::tags(raw).map(Value::Groups),
        }
    }
}

impl Value {
    /// For `config show`; [`Kind::read`] takes it back, but for what has a secret in it.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Flag(flag) => flag.to_string(),
            Self::Count(count) => count.to_string(),
            Self::Seconds(seconds) => seconds.as_secs_f64().to_string(),
            Self::Bytes(bytes) => bytes.to_string(),
            Self::Text(text) => text.clone(),
            Self::Url(url) => without_password(url),
            Self::Secret(secret) if secret.is_empty() => String::new(),
            Self::Secret(_) => REDACTED.to_owned(),
            Self::Groups(groups) => groups.to_string(),
            Self::Address(address) => address.to_string(),
            Self::Path(path) => path.display().to_string(),
        }
    }

    /// Something to compare two values of one unit by; `None` when this is not a quantity.
    pub(super) fn quantity(&self) -> Option<u128> {
        match self {
            Self::Count(number) | Self::Bytes(number) => Some(u128::from(*number)),
            Self::Seconds(seconds) => Some(seconds.as_nanos()),
            Self::Flag(_)
            | Self::Text(_)
            | Self::Url(_)
            | Self::Secret(_)
            | Self::Groups(_)
            | Self::Address(_)
            | Self::Path(_) => None,
        }
    }
}

/// Bytes with the largest unit that divides them.
pub(super) fn size(bytes: u64) -> String {
    UNITS
        .iter()
        .rev()
        .find(|(_, shift)| bytes >= 1 << shift && bytes.trailing_zeros() >= *shift)
        .map_or_else(|| bytes.to_string(), |(unit, shift)| format!("{} {unit}", bytes >> shift))
}

fn or_empty(empty: Option<&str>) -> String {
    empty.map_or_else(String::new, |meaning| format!(", or empty for {meaning}"))
}

fn or_zero(zero: Option<&str>) -> String {
    zero.map_or_else(String::new, |meaning| format!(", or 0 ({meaning})"))
}

fn unknown(text: &str) -> String {
    format!("{text:?} is not known")
}

/// Numbers, flags and texts as text: environment and command line know nothing else.
fn scalar(raw: &Raw) -> Result<String, String> {
    match raw {
        Raw::String(_, text) => Ok(text.trim().to_owned()),
        Raw::Bool(_, flag) => Ok(flag.to_string()),
        Raw::Num(_, number) => match (number.to_i128(), number.to_f64()) {
            (Some(number), _) => Ok(number.to_string()),
            (None, Some(number)) => Ok(number.to_string()),
            (None, None) => Err("is too large".to_owned()),
        },
        Raw::Char(..) | Raw::Empty(..) | Raw::Dict(..) | Raw::Array(..) => {
            Err("is not a single value".to_owned())
        }
    }
}

fn text(raw: &Raw) -> Result<&str, String> {
    raw.as_str().ok_or_else(|| "is not a text in quotes".to_owned())
}

fn within(number: i128, min: u64, max: u64, zero: Option<&str>) -> Result<u64, String> {
    let number = u64::try_from(number)
        .map_err(|_| format!("{number} is {}", if number < 0 { "negative" } else { "too large" }))?;
    match number {
        0 if zero.is_some() => Ok(0),
        _ if number < min => Err(format!("{number} is too small")),
        _ if number > max => Err(format!("{number} is too large")),
        _ => Ok(number),
    }
}

fn read_seconds(text: &str, min: Duration, max: Duration, zero: Option<&str>) -> Result<Duration, String> {
    let explain = || format!("{text:?} is not a number of seconds; write 30, or 0.5 for half a second");
    let number: f64 = text.parse().map_err(|_| explain())?;
    if !number.is_finite() {
        return Err(explain());
    }
    if number < 0.0 {
        return Err(format!("{text} is negative"));
    }
    let duration = Duration::try_from_secs_f64(number).map_err(|_| format!("{text} is too large"))?;
    if number == 0.0 && zero.is_some() {
        Ok(Duration::ZERO)
    } else if duration < min {
        Err(format!("{text} is too small"))
    } else if duration > max {
        Err(format!("{text} is too large"))
    } else {
        Ok(duration)
    }
}

fn read_bytes(text: &str, min: u64, max: u64) -> Result<u64, String> {
    let explain =
        || format!("{text:?} is not a size; write bytes, or a whole number with B, KiB, MiB or GiB");
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '-').len();
    let (number, unit) = text.split_at(digits);
    let number: i128 = number.parse().map_err(|_| explain())?;
    let unit = unit.trim();
    let shift = match unit {
        "" => 0,
        unit => UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).ok_or_else(explain)?.1,
    };
    let bytes = number.checked_mul(1 << shift).ok_or_else(|| format!("{text} is too large"))?;
    within(bytes, min, max, None)
        .map_err(|_| format!("{text} is {}", if bytes < i128::from(min) { "too small" } else { "too large" }))
}

fn read_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("{text:?} is not an IP address with a port"))
}
