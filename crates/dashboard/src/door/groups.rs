//! What somebody's groups allow. Pure.

use std::collections::BTreeSet;

use mxgateway_directory::Person;

use super::name::Name;
use crate::access::{Role, Sight, Visitor};
use crate::settings::{Settings, ViewerDefault};

#[cfg(test)]
mod tests;

/// The visitor that a person is; `None` when none of the groups has a role. Administrators see everything.
pub(super) fn visitor(settings: &Settings, person: &Person) -> Option<Visitor> {
    let groups: Vec<Name> = person.groups.iter().map(|group| Name::new(group)).collect();
    let has = |key: &String| {
        let key = Name::new(key);
        groups.iter().any(|group| group.is_called(&key))
    };
    let role = settings.group_to_role.iter().filter(|(key, _)| has(key)).map(|(_, role)| *role).max()?;
    let sight = match (role, settings.viewer_default) {
        (Role::Administrator, _) => Sight::All,
        (Role::Viewer, ViewerDefault::None) => Sight::Tags(BTreeSet::new()),
        (Role::Viewer, ViewerDefault::Tagged) => {
            let tags = settings.group_to_session_tag.iter().filter(|(key, _)| has(key));
            Sight::Tags(tags.flat_map(|(_, tags)| tags.iter().cloned()).collect())
        }
    };
    Some(Visitor { name: person.name.clone(), role, sight, is_anonymous: false })
}
