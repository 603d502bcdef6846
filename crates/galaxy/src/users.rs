//! Who may write, when the galaxy's security is on.

use std::fmt;

use crate::keys::{Keys, Problems};

/// Who may do what in a galaxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Users {
    /// Galaxy security: off, any name and password give a user id.
    pub is_secured: bool,
    users: Vec<User>,
}

/// A user of the galaxy.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// Compared without regard to ASCII case.
    pub name: String,
    password: String,
    /// 32 hexadecimal digits in lower case.
    guid: Option<String>,
}

impl fmt::Debug for User {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("User").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Users {
    /// The user of this name and password.
    pub fn authenticate(&self, name: &str, password: &str) -> Option<&User> {
        self.users.iter().find(|user| user.name.eq_ignore_ascii_case(name) && user.password == password)
    }

    /// The user of a GUID, with or without braces and dashes.
    pub fn by_guid(&self, guid: &str) -> Option<&User> {
        let guid = digits(guid)?;
        self.users.iter().find(|user| user.guid.as_ref() == Some(&guid))
    }

    /// Reads `[security]` and `[[user]]`.
    pub(crate) fn read(root: &Keys<'_>, problems: &Problems) -> Self {
        let mut read = Self::default();
        if let Some(table) = root.table("security") {
            let keys = Keys::new("security", table, problems);
            read.is_secured =
                keys.required_choice("mode", &[("off", false), ("galaxy", true)]).unwrap_or_default();
            keys.finish();
        }
        for (number, table) in root.tables("user").into_iter().enumerate() {
            let keys = Keys::new(format!("user number {}", number + 1), table, problems);
            let name = keys.required_text("name").unwrap_or_default().to_owned();
            let password = keys.required_text("password").unwrap_or_default().to_owned();
            let guid = keys.text("guid").map(|text| {
                digits(text).unwrap_or_else(|| {
                    keys.problem("guid must be a GUID");
                    String::new()
                })
            });
            if read.users.iter().any(|user| user.name.eq_ignore_ascii_case(&name)) {
                keys.problem("there is a user of this name already");
            }
            keys.finish();
            read.users.push(User { name, password, guid });
        }
        read
    }
}

fn digits(guid: &str) -> Option<String> {
    let digits: String = guid.chars().filter(|character| !matches!(character, '{' | '}' | '-')).collect();
    (digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .then(|| digits.to_ascii_lowercase())
}
