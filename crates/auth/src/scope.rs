//! Scopes: what a key is good for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// One thing that a key may be good for. No scope includes another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Scope {
    /// `session:open`
    SessionOpen,
    /// `session:close`
    SessionClose,
    /// `session:all`
    SessionAll,
    /// `invoke:read`
    InvokeRead,
    /// `invoke:write`
    InvokeWrite,
    /// `invoke:secure`
    InvokeSecure,
    /// `events:read`
    EventsRead,
    /// `metadata:read`
    MetadataRead,
    /// `admin`
    Admin,
}

/// There is no scope of this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no scope {name:?}; the scopes are {}", Scopes::all())]
pub struct UnknownScope {
    /// The name, as it was given.
    pub name: String,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 9] = [
        Self::SessionOpen,
        Self::SessionClose,
        Self::SessionAll,
        Self::InvokeRead,
        Self::InvokeWrite,
        Self::InvokeSecure,
        Self::EventsRead,
        Self::MetadataRead,
        Self::Admin,
    ];

    /// The name, such as `session:open`.
    pub fn name(self) -> &'static str {
        match self {
            Self::SessionOpen => "session:open",
            Self::SessionClose => "session:close",
            Self::SessionAll => "session:all",
            Self::InvokeRead => "invoke:read",
            Self::InvokeWrite => "invoke:write",
            Self::InvokeSecure => "invoke:secure",
            Self::EventsRead => "events:read",
            Self::MetadataRead => "metadata:read",
            Self::Admin => "admin",
        }
    }

    /// What it allows, in one line for people.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::SessionOpen => "open sessions",
            Self::SessionClose => "close sessions and shut their workers down",
            Self::SessionAll => "use the sessions of other keys as if they were the key's own",
            Self::InvokeRead => {
                "add and advise items, read values, and every other command that changes no tag"
            }
            Self::InvokeWrite => "write values and acknowledge alarms",
            Self::InvokeSecure => "authenticate Galaxy users, and secured and verified writes",
            Self::EventsRead => "receive events and alarms",
            Self::MetadataRead => "browse the Galaxy, gateway metrics and gRPC reflection",
            Self::Admin => "inject faults, and calls that no other scope covers",
        }
    }

    fn bit(self) -> u16 {
        1 << match self {
            Self::SessionOpen => 0,
            Self::SessionClose => 1,
            Self::SessionAll => 2,
            Self::InvokeRead => 3,
            Self::InvokeWrite => 4,
            Self::InvokeSecure => 5,
            Self::EventsRead => 6,
            Self::MetadataRead => 7,
            Self::Admin => 8,
        }
    }
}

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.name() == name)
            .ok_or_else(|| UnknownScope { name: name.to_owned() })
    }
}

impl TryFrom<String> for Scope {
    type Error = UnknownScope;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        name.parse()
    }
}

impl From<Scope> for &'static str {
    fn from(scope: Scope) -> Self {
        scope.name()
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.name())
    }
}

/// A set of scopes. Its text is the names with commas or spaces between, in JSON it is a list of names.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Vec<Scope>", into = "Vec<Scope>")]
pub struct Scopes(u16);

impl Scopes {
    /// All of them.
    pub fn all() -> Self {
        Scope::ALL.into_iter().collect()
    }

    /// True when the scope is in the set.
    pub fn contains(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// True for the set of none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The scopes in the order of [`Scope::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()))
    }
}

impl From<Vec<Scope>> for Scopes {
    fn from(scopes: Vec<Scope>) -> Self {
        scopes.into_iter().collect()
    }
}

impl From<Scopes> for Vec<Scope> {
    fn from(scopes: Scopes) -> Self {
        scopes.iter().collect()
    }
}

impl FromStr for Scopes {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let separator = |character: char| character == ',' || character.is_whitespace();
        text.split(separator).filter(|name| !name.is_empty()).map(str::parse).collect()
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(Scope::name).collect();
        out.pad(&names.join(","))
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_set().entries(self.iter().map(Scope::name)).finish()
    }
}
