//! Security classifications.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Security classification of an attribute, in the order of its MXAccess number. In JSON it is that number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i32", into = "i32")]
pub enum Classification {
    /// 0: anybody may write.
    FreeAccess,
    /// 1: users with the permission to operate.
    Operate,
    /// 2: by WriteSecured, with one user.
    SecuredWrite,
    /// 3: by WriteSecured, with a user and a verifier.
    VerifiedWrite,
    /// 4: users with the permission to tune.
    Tune,
    /// 5: users with the permission to configure.
    Configure,
    /// 6: nobody may write.
    ViewOnly,
}

/// There is no such security classification.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no security classification {given:?}; they are {}", known())]
pub struct UnknownClassification {
    /// The number or name, as it was given.
    pub given: String,
}

fn known() -> String {
    let known: Vec<_> = Classification::ALL.iter().map(Classification::to_string).collect();
    known.join(", ")
}

impl Classification {
    /// Every classification.
    pub const ALL: [Self; 7] = [
        Self::FreeAccess,
        Self::Operate,
        Self::SecuredWrite,
        Self::VerifiedWrite,
        Self::Tune,
        Self::Configure,
        Self::ViewOnly,
    ];

    /// By its MXAccess number; `None` for one that there is not, which is as good as not known.
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|classification| classification.number() == number)
    }

    /// Its MXAccess number, 0 to 6.
    pub fn number(self) -> i32 {
        match self {
            Self::FreeAccess => 0,
            Self::Operate => 1,
            Self::SecuredWrite => 2,
            Self::VerifiedWrite => 3,
            Self::Tune => 4,
            Self::Configure => 5,
            Self::ViewOnly => 6,
        }
    }

    /// Its name, such as `secured_write`.
    pub fn name(self) -> &'static str {
        match self {
            Self::FreeAccess => "free_access",
            Self::Operate => "operate",
            Self::SecuredWrite => "secured_write",
            Self::VerifiedWrite => "verified_write",
            Self::Tune => "tune",
            Self::Configure => "configure",
            Self::ViewOnly => "view_only",
        }
    }
}

impl FromStr for Classification {
    type Err = UnknownClassification;

    /// Reads the number or the name.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|classification| {
                classification.name() == text || text.parse() == Ok(classification.number())
            })
            .ok_or_else(|| UnknownClassification { given: text.to_owned() })
    }
}

impl TryFrom<i32> for Classification {
    type Error = UnknownClassification;

    fn try_from(number: i32) -> Result<Self, Self::Error> {
        Self::from_number(number).ok_or_else(|| UnknownClassification { given: number.to_string() })
    }
}

impl From<Classification> for i32 {
    fn from(classification: Classification) -> Self {
        classification.number()
    }
}

impl fmt::Display for Classification {
    /// Number and name: `2 (secured_write)`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({})", self.number(), self.name())
    }
}
