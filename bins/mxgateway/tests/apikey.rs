//! `mxgateway apikey` and `mxgateway audit` as a script sees them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::process::{Command, Output, Stdio};

use mxgateway_testkit::postgres::PostgresServer;
use serde_json::Value;
use tempfile::TempDir;

/// A folder of its own for what the program keeps.
struct Place {
    folder: TempDir,
    settings: Vec<String>,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = vec![format!("--set=server.data_directory={}", folder.path().join("data").display())];
        Self { folder, settings }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mxgateway"));
        command.args(arguments).args(&self.settings).stdin(Stdio::null()).current_dir(self.folder.path());
        let variables = std::env::vars_os().map(|(name, _)| name);
        for name in variables.filter(|name| name.to_string_lossy().starts_with("MXGATEWAY_")) {
            command.env_remove(name);
        }
        command.env_remove("SUDO_USER").env("USER", "tester").output().unwrap()
    }

    /// Standard output and standard error of a success.
    fn good(&self, arguments: &[&str]) -> (String, String) {
        let output = self.run(arguments);
        let (out, error) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {error}");
        (out, error)
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let (out, error) = self.good(&[arguments, &["--json"]].concat());
        assert_eq!(error, "", "{arguments:?}");
        serde_json::from_str(&out).unwrap()
    }

    /// Standard error of a failure.
    fn bad(&self, arguments: &[&str], code: i32) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output.stderr));
        assert_eq!(text(&output.stdout), "", "{arguments:?}");
        text(&output.stderr)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const CREATE: [&str; 7] =
    ["apikey", "create", "--id=a", "--name=Line 1", "--scope=invoke:read", "--scopes", "admin"];

#[test]
fn a_key_lives_and_ends_in_sqlite() {
    life_of_a_key(&Place::new());
}

#[test]
fn a_key_lives_and_ends_in_postgresql() {
    let Some(server) = PostgresServer::shared_if_installed() else { return };
    let mut place = Place::new();
    place.settings.push(format!("--set=auth.database_url={}", server.database()));
    life_of_a_key(&place);
    assert!(!place.folder.path().join("data").join("auth.db").exists());
}

fn life_of_a_key(place: &Place) {
    let (key, notice) = place.good(&CREATE);
    // Alone on one line, to be piped.
    assert!(key.starts_with("mxgw_a_") && key.len() == "mxgw_a_".len() + 43 + 1, "{key:?}");
    assert!(notice.contains("Created a (Line 1)") && !notice.contains(key.trim_end()), "{notice}");
    assert!(place.bad(&CREATE, 1).contains("there is a key a already"));

    let (rotated, notice) = place.good(&["apikey", "rotate", "a"]);
    assert!(rotated.starts_with("mxgw_a_") && rotated != key, "{rotated:?}");
    assert!(notice.contains("Rotated a"), "{notice}");
    assert!(place.bad(&["apikey", "delete", "a"], 1).contains("revoke it first"));
    assert_eq!(place.good(&["apikey", "revoke", "a"]).0, "revoked a\n");
    assert_eq!(place.good(&["apikey", "revoke", "a"]).0, "revoked a\n");
    assert!(place.bad(&["apikey", "rotate", "a"], 1).contains("the key a is revoked; create another"));
    let shown = place.json(&["apikey", "show", "a"]);
    assert_eq!((&shown["state"], &shown["name"]), (&"revoked".into(), &"Line 1".into()));
    assert_eq!(shown["scopes"], serde_json::json!(["invoke:read", "admin"]));
    assert_eq!(place.good(&["apikey", "list"]).0, "a\trevoked\t-\t-\t-\tinvoke:read,admin\tLine 1\n");
    assert_eq!(place.good(&["apikey", "delete", "a"]).0, "deleted a\n");
    for command in ["show", "rotate", "revoke", "delete"] {
        assert!(place.bad(&["apikey", command, "a"], 1).contains("there is no key a"), "{command}");
    }
    assert_eq!(place.json(&["apikey", "list"]), serde_json::json!([]));

    let (trail, _) = place.good(&["audit", "--actor", "operator:tester", "--since", "1h"]);
    let actions: Vec<_> = trail.lines().map(|line| line.split('\t').nth(2).unwrap()).collect();
    assert_eq!(actions, ["create-key", "rotate-key", "revoke-key", "delete-key"]);
    assert!(!trail.contains(key.trim_end().rsplit('_').next().unwrap()));
    let (newest, _) = place.good(&["audit", "--limit", "1", "--json"]);
    let newest: Value = serde_json::from_str(&newest).unwrap();
    assert_eq!((&newest["action"], &newest["target"]), (&"delete-key".into(), &"a".into()));
    assert_eq!(place.good(&["audit", "--action", "revoke-key", "--until", "1h"]).0, "");
}

#[test]
fn a_key_with_everything_is_shown_with_everything() {
    let place = Place::new();
    let created = place.json(&[
        "apikey",
        "create",
        "--name=N",
        "--scopes=invoke:read,invoke:write",
        "--read-subtree=Plant.Line_00?",
        "--read-tag=Tank_*",
        "--write-tag=Tank_1.Setpoint",
        "--browse-subtree=Plant",
        "--max-write-classification=operate",
        "--expires-at=2999-01-01T00:00:00+01:00",
    ]);
    let id = created["id"].as_str().unwrap();
    assert!(created["key"].as_str().unwrap().starts_with(&format!("mxgw_{id}_")));
    assert_eq!(created["expires"], "2998-12-31T23:00:00.000Z");
    assert_eq!(created["constraints"]["read_tag_globs"], serde_json::json!(["Tank_*"]));
    let mut shown = place.json(&["apikey", "show", id]);
    assert!(shown.get("key").is_none());
    shown["key"] = created["key"].clone();
    assert_eq!(shown, created);
    let (lines, _) = place.good(&["apikey", "show", id]);
    for line in
        ["read_subtrees\tPlant.Line_00?\n", "max_write_classification\t1 (operate)\n", "last_used\t-\n"]
    {
        assert!(lines.contains(line), "{line:?} is not in {lines}");
    }
}

#[test]
fn what_cannot_be_understood_is_two_and_makes_nothing() {
    let place = Place::new();
    for (options, expected) in [
        (["--scope=fly", "--name=N"].as_slice(), "the scopes are session:open,session:close"),
        (&["--name=N"], "--scope"),
        (&["--scope=admin", "--name= "], "must not be empty"),
        (&["--scope=admin", "--name=N", "--id=A_1"], "small letters"),
        (&["--scope=admin", "--name=N", "--expires-at=2020-01-01T00:00:00Z"], "over already"),
        (&["--scope=admin", "--name=N", "--expires-in=soon"], "90d"),
        (&["--scope=admin", "--name=N", "--max-write-classification=9"], "view_only"),
        (&["--scope=admin", "--name=N", "--set=auth.database_url=mysql://x/y"], "not a PostgreSQL URL"),
    ] {
        let error = place.bad(&[&["apikey", "create"], options].concat(), 2);
        assert!(error.contains(expected), "{expected:?} is not in {error}");
    }
    assert!(place.bad(&["audit", "--since", "yesterday"], 2).contains("90m"));
    assert!(!place.folder.path().join("data").exists());
}

#[test]
fn a_missing_pepper_is_not_replaced_while_there_are_keys() {
    let place = Place::new();
    place.good(&CREATE);
    let pepper = place.folder.path().join("data").join("pepper");
    std::fs::remove_file(&pepper).unwrap();
    let error = place.bad(&["apikey", "rotate", "a"], 1);
    assert!(error.contains("pepper") && error.contains("is missing"), "{error}");
    assert!(!pepper.exists());
    // To begin anew takes no pepper.
    place.good(&["apikey", "revoke", "a"]);
    place.good(&["apikey", "delete", "a"]);
    place.good(&CREATE);
}

#[test]
fn a_database_that_does_not_answer_is_one_and_its_password_is_not_told() {
    let place = Place::new();
    let error =
        place.bad(&["apikey", "list", "--set=auth.database_url=postgres://u:geheim@127.0.0.1:1/keys"], 1);
    assert!(error.contains("cannot open the PostgreSQL database keys at 127.0.0.1:1"), "{error}");
    assert!(!error.contains("geheim"), "{error}");
}
