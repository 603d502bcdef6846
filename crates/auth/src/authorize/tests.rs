use std::sync::Arc;

use super::*;
use crate::constraints::Constraints;

fn key(scopes: &[Scope], constraints: Constraints) -> Principal {
    Principal::Key(Arc::new(KeyGrant {
        id: "mine".parse().unwrap(),
        name: "Line 1".into(),
        scopes: scopes.iter().copied().collect(),
        constraints,
    }))
}

fn tag(access: Access) -> Resource<'static> {
    Resource::Tag {
        tag: Tag { reference: "Tank_001.Level", contained_path: None, classification: None },
        access,
    }
}

#[test]
fn the_scope_is_asked_for_before_the_owner_and_the_constraints() {
    let narrow = Constraints {
        read_tag_globs: vec!["Mill_*".parse().unwrap()].try_into().unwrap(),
        browse_subtrees: vec!["Mill".parse().unwrap()].try_into().unwrap(),
        ..Constraints::default()
    };
    let principal = key(&[Scope::InvokeRead], narrow);
    for resource in
        [Resource::Gateway, Resource::Session { owner: None }, tag(Access::Read), Resource::Path("x")]
    {
        let denied = authorize(&principal, Action::StreamEvents, &resource);
        assert_eq!(denied, Err(Denial::ScopeMissing(Scope::EventsRead)));
    }
}

#[test]
fn a_session_is_for_its_own_key_or_one_for_all() {
    let of = |owner| Resource::Session { owner };
    let principal = key(&[], Constraints::default());
    for (owner, allowed) in [(Some("mine"), true), (Some("Mine"), false), (Some("min"), false), (None, false)]
    {
        let expected = if allowed { Ok(()) } else { Err(Denial::NotOwner) };
        assert_eq!(authorize(&principal, Action::GetSession, &of(owner)), expected, "{owner:?}");
        let all = key(&[Scope::SessionAll], Constraints::default());
        assert_eq!(authorize(&all, Action::GetSession, &of(owner)), Ok(()), "{owner:?}");
        assert_eq!(
            authorize(&all, Action::CloseSession, &of(owner)),
            Err(Denial::ScopeMissing(Scope::SessionClose)),
            "all sessions are no more than one's own: {owner:?}"
        );
    }
}

#[test]
fn reading_and_writing_are_constrained_apart() {
    let narrow = Constraints {
        write_tag_globs: vec!["Mill_*".parse().unwrap()].try_into().unwrap(),
        ..Constraints::default()
    };
    let principal = key(&[Scope::InvokeRead, Scope::InvokeWrite], narrow);
    let write = Action::Invoke(mxgateway_contracts::v1::CommandKind::Write);
    let add = Action::Invoke(mxgateway_contracts::v1::CommandKind::AddItem);
    assert_eq!(authorize(&principal, add, &tag(Access::Read)), Ok(()));
    assert_eq!(
        authorize(&principal, write, &tag(Access::Write)),
        Err(Denial::Constraint(ConstraintHit::WriteTagGlobs))
    );
}

#[test]
fn without_authentication_nothing_is_denied_and_nobody_owns() {
    let principal = Principal::Unrestricted;
    assert_eq!(authorize(&principal, Action::Unmapped, &Resource::Session { owner: Some("mine") }), Ok(()));
    assert_eq!(principal.actor(), "anonymous");
    assert_eq!(principal.owner(), None);
    let principal = key(&[], Constraints::default());
    assert_eq!(principal.actor(), "mine");
    assert_eq!(principal.owner(), Some("mine"));
}

#[test]
fn denials_say_what_is_missing_and_what_to_do() {
    let hit = Denial::Constraint(ConstraintHit::ReadLists);
    let texts = [
        (
            Denial::ScopeMissing(Scope::InvokeWrite),
            "invoke:write",
            "the key lacks the scope invoke:write (write values and acknowledge alarms); use a key that has it",
        ),
        (
            Denial::NotOwner,
            "owner",
            "the session is not the key's own; use the key that opened it or one with the scope session:all",
        ),
        (
            hit,
            "read_subtrees, read_tag_globs",
            "the tag is not within the key's read_subtrees and read_tag_globs; use a key that is good for it",
        ),
    ];
    for (denial, name, text) in texts {
        assert_eq!(denial.name(), name);
        assert_eq!(denial.to_string(), text);
    }
}
