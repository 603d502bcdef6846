//! Who may do what, in full: every principal, action and resource, held against the committed `matrix.txt`.
//!
//! `UPDATE_MATRIX=1 cargo test -p mxgateway-auth --test matrix` writes the file anew; what changed in it is
//! what changed for the keys that people have.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use mxgateway_auth::action::{Action, Rpc};
use mxgateway_auth::authorize::{Access, Denial, Resource, authorize};
use mxgateway_auth::constraints::{Classification, Constraints, Patterns, Tag};
use mxgateway_auth::principal::{KeyGrant, Principal};
use mxgateway_auth::scope::{Scope, Scopes};
use mxgateway_contracts::v1::{CommandKind, FILE_DESCRIPTOR_SET};
use prost::Message as _;
use prost_types::FileDescriptorSet;

const FILE: &str = "tests/matrix.txt";
const HEAD: &str = "\
# Who may do what. Written by `UPDATE_MATRIX=1 cargo test -p mxgateway-auth --test matrix`, which
# compares it otherwise.
#
# A column is a principal: keys with one scope each; `none` has no scope, `every` all of them, `mine` all
# but session:all; `narrow` has all scopes and the constraints below; `off` is anybody while
# authentication is switched off.
# A row is an action and what it is done with; where the same holds for several, they share a row.
# In a cell: yes, or what is missing: scope, owner (the session is not the key's own), or limit (a
# constraint).
";

/// Those of which `narrow` may do something and those of which it may not.
fn resources() -> Vec<(&'static str, Resource<'static>)> {
    let level = Tag {
        reference: "Tank_001.Level",
        contained_path: Some("Plant.Line_001.Tank"),
        classification: Some(Classification::Operate),
    };
    let setpoint =
        Tag { reference: "Mill_001.Setpoint", contained_path: Some("Plant.Line_002.Mill"), ..level };
    let tuned = Tag { classification: Some(Classification::Tune), ..setpoint };
    let lost_level = Tag { contained_path: None, ..level };
    let lost_setpoint = Tag { classification: None, ..setpoint };
    let read = |tag| Resource::Tag { tag, access: Access::Read };
    let write = |tag| Resource::Tag { tag, access: Access::Write };
    vec![
        ("gateway", Resource::Gateway),
        ("own session", Resource::Session { owner: Some("key") }),
        ("another's session", Resource::Session { owner: Some("other") }),
        ("nobody's session", Resource::Session { owner: None }),
        ("read level", read(level)),
        ("read lost level", read(lost_level)),
        ("read setpoint", read(setpoint)),
        ("write level", write(level)),
        ("write setpoint", write(setpoint)),
        ("write tuned setpoint", write(tuned)),
        ("write lost setpoint", write(lost_setpoint)),
        ("browse line", Resource::Path("Plant.Line_001")),
        ("browse plant", Resource::Path("Plant")),
    ]
}

fn narrow() -> Constraints {
    let patterns = |text: &str| Patterns::try_from(vec![text.parse().unwrap()]).unwrap();
    Constraints {
        read_subtrees: patterns("Plant.Line_001"),
        write_tag_globs: patterns("*.Setpoint"),
        browse_subtrees: patterns("Plant.Line_001"),
        max_write_classification: Some(Classification::Operate),
        ..Constraints::default()
    }
}

fn principals() -> Vec<(&'static str, Principal)> {
    let key = |scopes: Scopes, constraints| {
        let id = "key".parse().unwrap();
        Principal::Key(Arc::new(KeyGrant { id, name: String::new(), scopes, constraints }))
    };
    let plain = |scopes| key(scopes, Constraints::default());
    let mut principals: Vec<_> =
        Scope::ALL.into_iter().map(|scope| (scope.name(), plain(Scopes::from_iter([scope])))).collect();
    let mine = Scope::ALL.into_iter().filter(|scope| *scope != Scope::SessionAll).collect();
    principals.push(("none", plain(Scopes::default())));
    principals.push(("mine", plain(mine)));
    principals.push(("every", plain(Scopes::all())));
    principals.push(("narrow", key(Scopes::all(), narrow())));
    principals.push(("off", Principal::Unrestricted));
    principals
}

/// Every action, with every kind of command that there is.
fn actions() -> Vec<Action> {
    let mut actions = vec![
        Action::OpenSession,
        Action::CloseSession,
        Action::GetSession,
        Action::ListSessions,
        Action::StreamEvents,
        Action::StreamAlarms,
        Action::QueryActiveAlarms,
        Action::AcknowledgeAlarm,
        Action::TestConnection,
        Action::GetLastDeployTime,
        Action::DiscoverHierarchy,
        Action::BrowseChildren,
        Action::WatchDeployEvents,
        Action::Reflection,
        Action::Metrics,
        Action::Unmapped,
    ];
    actions.extend((0..=1000).filter_map(|kind| CommandKind::try_from(kind).ok()).map(Action::Invoke));
    actions
}

fn cell(outcome: Result<(), Denial>) -> &'static str {
    match outcome {
        Ok(()) => "yes",
        Err(Denial::ScopeMissing(_)) => "scope",
        Err(Denial::NotOwner) => "owner",
        Err(Denial::Constraint(_)) => "limit",
    }
}

fn name(action: Action) -> String {
    let invoke = if matches!(action, Action::Invoke(_)) { "Invoke " } else { "" };
    format!("{invoke}{}", action.name())
}

fn matrix() -> String {
    let (principals, resources) = (principals(), resources());
    let width = |name: &str| name.len().max("scope".len()) + 1;
    let label = actions().into_iter().map(|action| name(action).len()).max().unwrap_or_default() + 1;
    let mut text = format!("{HEAD}# narrow: {}\n", serde_json::to_string(&narrow()).unwrap());
    for (name, resource) in &resources {
        writeln!(text, "# {name}: {resource:?}").unwrap();
    }
    write!(text, "\n{:label$}", "action").unwrap();
    for (name, _) in &principals {
        write!(text, "{name:0$}", width(name)).unwrap();
    }
    text.push_str("with\n");
    for action in actions() {
        // Rows in the order in which their first resource comes.
        let mut rows: Vec<(String, Vec<&str>)> = Vec::new();
        for (resource_name, resource) in &resources {
            let mut row = String::new();
            for (name, principal) in &principals {
                write!(row, "{:1$}", cell(authorize(principal, action, resource)), width(name)).unwrap();
            }
            match rows.iter_mut().find(|(known, _)| *known == row) {
                Some((_, names)) => names.push(resource_name),
                None => rows.push((row, vec![resource_name])),
            }
        }
        for (row, names) in rows {
            writeln!(text, "{:label$}{row}{}", name(action), names.join(", ")).unwrap();
        }
    }
    text
}

#[test]
fn the_matrix_is_what_was_committed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let matrix = matrix();
    if std::env::var_os("UPDATE_MATRIX").is_some() {
        std::fs::write(&path, &matrix).unwrap();
        return;
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    let changed: Vec<_> = committed
        .lines()
        .filter(|line| !matrix.lines().any(|now| now == *line))
        .map(|line| format!("-{line}"))
        .chain(
            matrix
                .lines()
                .filter(|line| !committed.lines().any(|before| before == *line))
                .map(|line| format!("+{line}")),
        )
        .collect();
    assert!(
        matrix == committed,
        "who may do what has changed; if that is meant, UPDATE_MATRIX=1 writes {FILE} anew:\n{}",
        changed.join("\n")
    );
}

#[test]
fn every_rpc_and_command_of_the_contract_is_in_the_matrix() {
    let actions = actions();
    let descriptors = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    for file in &descriptors.file {
        for service in &file.service {
            for method in &service.method {
                let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                let Rpc::Action(action) = Action::of_rpc(&path) else { continue };
                assert!(actions.contains(&action), "{path}");
            }
        }
    }
    let mut kinds = descriptors.file.iter().flat_map(|file| &file.enum_type);
    let kinds = kinds.find(|kinds| kinds.name() == "CommandKind").unwrap();
    for kind in &kinds.value {
        let kind = CommandKind::try_from(kind.number()).unwrap();
        assert!(actions.contains(&Action::Invoke(kind)), "{kind:?}");
    }
}
