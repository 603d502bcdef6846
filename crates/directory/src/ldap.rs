//! A directory that is asked over LDAP.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use ldap3::{LdapResult, Scope, ldap_escape};
use secrecy::{ExposeSecret, SecretString};
use tokio_util::task::AbortOnDropHandle;

use connection::{Connection, Reach};
use entry::Entry;

use crate::settings::{LdapSettings, SettingsError, Transport};
use crate::{Directory, Person, SignInError, tls};

mod connection;
mod entry;
mod groups;

/// Longest name that is looked for, in bytes.
const MAX_NAME: usize = 256;
/// More than one is already one too many.
const MAX_PEOPLE: usize = 2;

const SUCCESS: u32 = 0;
const REFERRAL: u32 = 10;
const CONSTRAINT_VIOLATION: u32 = 19;
const NO_SUCH_OBJECT: u32 = 32;
const INVALID_DN_SYNTAX: u32 = 34;
const INAPPROPRIATE_AUTHENTICATION: u32 = 48;
const INVALID_CREDENTIALS: u32 = 49;
const INSUFFICIENT_ACCESS: u32 = 50;
const UNWILLING: u32 = 53;

/// A directory that is asked over LDAP: the service account looks the person up, then the person's own entry is bound
/// with the password, on a connection of its own.
///
/// Groups are those of the person's group attribute. Where the person has none, they are the groups below the search base
/// that have the person as `member` or `uniqueMember`, as in an OpenLDAP without its `memberof` overlay. Groups of groups
/// are asked of Active Directory in one question, and of others from group to group. Active Directory's primary group is
/// in no attribute and does not count.
///
/// Referrals are not followed: a password goes to the server of the settings and to no other. The entry that is bound
/// when there is nobody with the name does not exist; so an unknown name takes the server about as long as a wrong
/// password, but for the server's work on the password.
pub struct LdapDirectory {
    inquiry: Arc<Inquiry>,
}

struct Inquiry {
    settings: LdapSettings,
    reach: Reach,
}

impl LdapDirectory {
    /// One with these settings. Reads the trusted certificates; connects to nobody yet.
    pub fn new(settings: LdapSettings) -> Result<Self, SettingsError> {
        settings.check()?;
        let tls = match settings.transport {
            Transport::Ldaps | Transport::StartTls => Some(tls::client_config(settings.ca_file.as_deref())?),
            Transport::Plain => None,
        };
        let reach = Reach::new(&settings, tls);
        Ok(Self { inquiry: Arc::new(Inquiry { settings, reach }) })
    }
}

impl fmt::Debug for LdapDirectory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LdapDirectory")
            .field("settings", &self.inquiry.settings)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Directory for LdapDirectory {
    async fn sign_in(&self, name: &str, password: &SecretString) -> Result<Person, SignInError> {
        // LDAP takes an empty password for nobody's, and says yes to that.
        if password.expose_secret().is_empty() || !is_name(name) {
            return Err(SignInError::WrongCredentials);
        }
        let limit = self.inquiry.settings.timeout;
        // A task of its own, because the LDAP library panics on some answers that are no LDAP.
        let inquiry = Arc::clone(&self.inquiry);
        let (name, password) = (name.to_owned(), password.clone());
        let task = tokio::spawn(async move { inquiry.sign_in(&name, &password).await });
        match tokio::time::timeout(limit, AbortOnDropHandle::new(task)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(self.inquiry.unavailable("it answered with something that is no LDAP")),
            Err(_) => {
                Err(self.inquiry.unavailable(&format!("it did not answer within {} s", limit.as_secs_f64())))
            }
        }
    }
}

impl Inquiry {
    async fn sign_in(&self, name: &str, password: &SecretString) -> Result<Person, SignInError> {
        let mut service = Connection::open(&self.reach).await?;
        self.bind_service_account(&mut service).await?;
        let person = self.look_up(&mut service, name).await?;
        let nobody = format!("cn=mxgateway-nobody,{}", self.settings.search_base);
        let dn = person.as_ref().map_or(nobody.as_str(), |person| person.dn.as_str());
        let is_right = self.is_password_of(dn, password).await?;
        let Some(person) = person.filter(|_| is_right) else { return Err(SignInError::WrongCredentials) };
        let groups = groups::of(&mut service, &self.settings, &person).await?;
        let name = person.like(&self.settings.user_name_attribute, name).to_owned();
        let display_name = person.first(&self.settings.display_name_attribute).unwrap_or(&name).to_owned();
        Ok(Person { name, display_name, groups })
    }

    async fn bind_service_account(&self, service: &mut Connection<'_>) -> Result<(), SignInError> {
        let settings = &self.settings;
        let result = service.bind(&settings.service_account_dn, &settings.service_account_password).await?;
        match result.rc {
            SUCCESS => Ok(()),
            INVALID_CREDENTIALS | INAPPROPRIATE_AUTHENTICATION | NO_SUCH_OBJECT | INVALID_DN_SYNTAX => {
                let why = format!("the service account is refused: {}", told(&result));
                Err(SignInError::Misconfigured(why))
            }
            _ => Err(self.unavailable(&format!("the service account cannot sign in: {}", told(&result)))),
        }
    }

    /// The one entry with this name.
    async fn look_up(&self, service: &mut Connection<'_>, name: &str) -> Result<Option<Entry>, SignInError> {
        let settings = &self.settings;
        let filter = format!("({}={})", settings.user_name_attribute, ldap_escape(name));
        let attributes =
            [&settings.user_name_attribute, &settings.display_name_attribute, &settings.group_attribute];
        let mut found = service
            .search(
                &settings.search_base,
                Scope::Subtree,
                &filter,
                &attributes.map(String::as_str),
                MAX_PEOPLE,
            )
            .await?;
        match found.code() {
            SUCCESS => {}
            NO_SUCH_OBJECT | INVALID_DN_SYNTAX | REFERRAL | INSUFFICIENT_ACCESS => {
                let why = format!(
                    "the search base {:?} is not there for the service account: {}",
                    settings.search_base,
                    found.told()
                );
                return Err(SignInError::Misconfigured(why));
            }
            _ => return Err(self.unavailable(&format!("it cannot look people up: {}", found.told()))),
        }
        if found.entries.len() > 1 {
            let attribute = &settings.user_name_attribute;
            tracing::warn!(attribute, "Nobody is signed in by a name that several entries have");
            return Ok(None);
        }
        if found.entries.is_empty() {
            tracing::info!("Somebody tried to sign in by a name that nobody has");
        }
        Ok(found.entries.pop())
    }

    /// Whether the entry with this name can be bound with the password.
    async fn is_password_of(&self, dn: &str, password: &SecretString) -> Result<bool, SignInError> {
        let mut own = Connection::open(&self.reach).await?;
        let result = own.bind(dn, password).await?;
        match result.rc {
            SUCCESS => Ok(true),
            INVALID_CREDENTIALS
            | INAPPROPRIATE_AUTHENTICATION
            | INSUFFICIENT_ACCESS
            | CONSTRAINT_VIOLATION
            | UNWILLING
            | NO_SUCH_OBJECT
            | INVALID_DN_SYNTAX
            | REFERRAL => {
                tracing::info!(dn, answer = told(&result), "The directory refused to sign somebody in");
                Ok(false)
            }
            _ => Err(self.unavailable(&format!("it cannot check passwords: {}", told(&result)))),
        }
    }

    fn unavailable(&self, why: &str) -> SignInError {
        SignInError::Unavailable(format!("{}: {why}", self.reach.url))
    }
}

/// Whether there can be somebody with this name.
fn is_name(name: &str) -> bool {
    !name.trim().is_empty() && name.len() <= MAX_NAME && !name.chars().any(char::is_control)
}

/// The server's answer, as text for the log.
fn told(result: &LdapResult) -> String {
    result.to_string().escape_debug().to_string()
}
