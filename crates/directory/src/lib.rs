//! Who somebody is, and which groups that one is in, as an LDAP directory has it.
//!
//! [`Directory`] is what the dashboard asks; [`LdapDirectory`] asks a server.

#![forbid(unsafe_code)]

use async_trait::async_trait;
use secrecy::SecretString;

pub use ldap::LdapDirectory;
pub use settings::{LdapSettings, SettingsError, Transport};

mod ldap;
mod settings;
mod tls;

/// Tells who somebody is, given a name and a password.
#[async_trait]
pub trait Directory: Send + Sync + 'static {
    /// Who that is, if the password is right. Takes no longer than the directory's time limit.
    async fn sign_in(&self, name: &str, password: &SecretString) -> Result<Person, SignInError>;
}

/// Somebody whose password was right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The name as the directory writes it, which may differ in case from what was typed.
    pub name: String,
    /// What people call that one; the name where the directory has nothing.
    pub display_name: String,
    /// Distinguished names of the groups, also of those that the person is in through another; no order.
    pub groups: Vec<String>,
}

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// There is nobody with this name, or more than one, or the password is wrong, or the directory refuses the
    /// account. Which of these is not told; the log has it.
    #[error("the name or the password is wrong")]
    WrongCredentials,
    /// The directory could not be asked; the text says why, for the log.
    #[error("the directory cannot be asked: {0}")]
    Unavailable(String),
    /// The directory answered that the gateway's own account or search base is wrong; the text says what, for the log.
    #[error("the directory does not serve the gateway: {0}")]
    Misconfigured(String),
}
