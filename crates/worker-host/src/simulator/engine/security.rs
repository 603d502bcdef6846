//! Users, and what they may write.

use mxgateway_galaxy::{AttributeId, Security};

use super::Engine;
use super::calls::within_limit;
use crate::mxaccess::CallError;
use crate::simulator::status::Detail;

/// Who a write is by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writer {
    /// Write and Write2.
    Plain { user: i32 },
    /// WriteSecured and WriteSecured2.
    Secured { user: i32, verifier: i32 },
}

impl Engine {
    /// Gives 0 for a wrong name or password; with security off, any are right.
    pub(crate) fn authenticate_user(
        &mut self,
        server: i32,
        name: &str,
        password: &str,
    ) -> Result<i32, CallError> {
        within_limit("user name", name)?;
        within_limit("password", password)?;
        let users = self.galaxy.users();
        let name = match users.authenticate(name, password) {
            Some(user) => Some(user.name.clone()),
            None if users.is_secured => None,
            None => Some(name.to_owned()),
        };
        self.user_id(server, name)
    }

    /// Gives 0 when the galaxy has no user of this GUID.
    pub(crate) fn archestra_user_to_id(&mut self, server: i32, guid: &str) -> Result<i32, CallError> {
        within_limit("user GUID", guid)?;
        let name = self.galaxy.users().by_guid(guid).map(|user| user.name.clone());
        self.user_id(server, name)
    }

    fn user_id(&mut self, server: i32, name: Option<String>) -> Result<i32, CallError> {
        let users = &mut self.registration(server)?.users;
        let Some(name) = name else { return Ok(0) };
        let position = users.iter().position(|user| user.eq_ignore_ascii_case(&name)).unwrap_or_else(|| {
            users.push(name);
            users.len() - 1
        });
        i32::try_from(position + 1).map_err(|_| CallError::invalid("all user ids were given out"))
    }

    /// What the attribute's security classification says to a write.
    pub(super) fn may_write(&self, id: AttributeId, writer: Writer, supervisory: bool) -> Result<(), Detail> {
        let attribute = self.galaxy.attribute(id).ok_or(Detail::InvalidAttributeId)?;
        let known = |user: i32| {
            let users = self.registration.as_ref().map_or(0, |registration| registration.users.len());
            usize::try_from(user).is_ok_and(|user| (1..=users).contains(&user))
        };
        match (attribute.security, writer) {
            (Security::ViewOnly, _) => Err(Detail::NotWriteable),
            (Security::FreeAccess, _) => Ok(()),
            (Security::SecuredWrite, Writer::Plain { .. }) => Err(Detail::SecuredWrite),
            (Security::VerifiedWrite, Writer::Plain { .. }) => Err(Detail::VerifiedWrite),
            (Security::Operate | Security::Tune | Security::Configure, Writer::Plain { user }) => {
                // A supervisory advise writes as the client itself.
                if !self.galaxy.users().is_secured || supervisory || known(user) {
                    Ok(())
                } else {
                    Err(Detail::WriteAccessDenied)
                }
            }
            (_, Writer::Secured { user, .. }) if !known(user) => Err(Detail::UserNotHavingAccessRights),
            (Security::VerifiedWrite, Writer::Secured { user, verifier }) => {
                if known(verifier) && verifier != user {
                    Ok(())
                } else {
                    Err(Detail::VerifierNotHavingVerifyRights)
                }
            }
            (
                Security::SecuredWrite | Security::Operate | Security::Tune | Security::Configure,
                Writer::Secured { verifier, .. },
            ) => {
                if verifier == 0 || known(verifier) {
                    Ok(())
                } else {
                    Err(Detail::VerifierNotHavingVerifyRights)
                }
            }
        }
    }
}
