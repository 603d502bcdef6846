//! Which groups somebody is in.

use std::collections::HashSet;

use ldap3::{Scope, ldap_escape};

use super::connection::{Connection, Found};
use super::entry::Entry;
use super::{INSUFFICIENT_ACCESS, INVALID_DN_SYNTAX, NO_SUCH_OBJECT, REFERRAL, SUCCESS};
use crate::SignInError;
use crate::settings::LdapSettings;

/// Most groups that count; of more, those that are found first.
const MAX_GROUPS: usize = 500;
/// How far groups are followed from group to group.
const MAX_DEPTH: usize = 10;
/// What Active Directory says of itself.
const ACTIVE_DIRECTORY: &str = "1.2.840.113556.1.4.800";
/// Active Directory's rule that follows groups of groups (`LDAP_MATCHING_RULE_IN_CHAIN`).
const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";
/// Asks for names only.
const NO_ATTRIBUTES: &str = "1.1";

/// The groups of somebody, as [`super::LdapDirectory`] says.
pub(super) async fn of(
    service: &mut Connection<'_>,
    settings: &LdapSettings,
    person: &Entry,
) -> Result<Vec<String>, SignInError> {
    let mut groups = Groups::default();
    let told: Vec<String> = person.values(&settings.group_attribute).map(str::to_owned).collect();
    let way = if told.is_empty() { Way::Members } else { Way::Attribute };
    let direct = if told.is_empty() { with_member(service, settings, &person.dn).await? } else { told };
    let mut level = groups.add(direct);
    if !settings.nested_groups || level.is_empty() {
        return Ok(groups.found);
    }
    if is_active_directory(service).await? {
        let filter = format!("(member:{IN_CHAIN}:={})", ldap_escape(person.dn.as_str()));
        groups.add(search(service, settings, &filter).await?);
        return Ok(groups.found);
    }
    for _ in 0..MAX_DEPTH {
        let mut above = Vec::new();
        for group in &level {
            let parents = match way {
                Way::Attribute => by_attribute(service, settings, group).await?,
                Way::Members => with_member(service, settings, group).await?,
            };
            above.extend(groups.add(parents));
        }
        if above.is_empty() {
            return Ok(groups.found);
        }
        level = above;
    }
    tracing::warn!(
        person = person.dn,
        MAX_DEPTH,
        "Somebody's groups are in each other too deeply; some do not count"
    );
    Ok(groups.found)
}

/// How the groups of a person or group are found.
#[derive(Clone, Copy)]
enum Way {
    /// By its group attribute.
    Attribute,
    /// By its being a member.
    Members,
}

#[derive(Default)]
struct Groups {
    found: Vec<String>,
    /// In lower case: servers write a name in different ways.
    seen: HashSet<String>,
}

impl Groups {
    /// Takes those that are new, and gives them back.
    fn add(&mut self, groups: Vec<String>) -> Vec<String> {
        let mut new = Vec::new();
        for group in groups {
            if self.found.len() == MAX_GROUPS {
                tracing::warn!(MAX_GROUPS, "Somebody is in too many groups; some do not count");
                break;
            }
            if self.seen.insert(group.to_lowercase()) {
                self.found.push(group.clone());
                new.push(group);
            }
        }
        new
    }
}

/// The groups that a group says it is in; none where the group is out of reach.
async fn by_attribute(
    service: &mut Connection<'_>,
    settings: &LdapSettings,
    group: &str,
) -> Result<Vec<String>, SignInError> {
    let attribute = settings.group_attribute.as_str();
    let found = service.search(group, Scope::Base, "(objectClass=*)", &[attribute], 1).await?;
    match found.code() {
        SUCCESS | NO_SUCH_OBJECT | INVALID_DN_SYNTAX | INSUFFICIENT_ACCESS | REFERRAL => {}
        _ => return Err(failed(&found)),
    }
    Ok(found.entries.iter().flat_map(|entry| entry.values(attribute).map(str::to_owned)).collect())
}

/// The groups that have this one as a member.
async fn with_member(
    service: &mut Connection<'_>,
    settings: &LdapSettings,
    dn: &str,
) -> Result<Vec<String>, SignInError> {
    let dn = ldap_escape(dn);
    search(service, settings, &format!("(|(member={dn})(uniqueMember={dn}))")).await
}

async fn search(
    service: &mut Connection<'_>,
    settings: &LdapSettings,
    filter: &str,
) -> Result<Vec<String>, SignInError> {
    let base = settings.search_base.as_str();
    let found = service.search(base, Scope::Subtree, filter, &[NO_ATTRIBUTES], MAX_GROUPS).await?;
    if found.code() != SUCCESS {
        return Err(failed(&found));
    }
    if found.is_cut {
        tracing::warn!(MAX_GROUPS, "The directory knows of more groups; some do not count");
    }
    Ok(found.entries.into_iter().map(|entry| entry.dn).collect())
}

async fn is_active_directory(service: &mut Connection<'_>) -> Result<bool, SignInError> {
    let attribute = "supportedCapabilities";
    let found = service.search("", Scope::Base, "(objectClass=*)", &[attribute], 1).await?;
    // A server that keeps this to itself is not Active Directory.
    Ok(found.entries.iter().any(|entry| entry.values(attribute).any(|value| value == ACTIVE_DIRECTORY)))
}

fn failed(found: &Found) -> SignInError {
    SignInError::Unavailable(format!("groups cannot be looked up: {}", found.told()))
}
