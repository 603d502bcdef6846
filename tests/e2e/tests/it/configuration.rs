//! What the program says about its configuration.

use std::process::{Command, Output};

use mxgateway_e2e::program;

fn run(config: &str, environment: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mxgateway.toml"), config).unwrap();
    Command::new(program("mxgateway"))
        .arg("run")
        .current_dir(folder.path())
        .env_clear()
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

#[test]
fn every_problem_is_listed_at_once_with_its_key() {
    let config = "
        [server]
        listen = \"0.0.0.0:5120\"
        [auth]
        mode = \"disabled\"
        [sessions]
        max_sessions = 0
        max_sesions = 3
        detach_grace_seconds = \"soon\"
        [nonsense]
        key = 1
    ";
    let output = run(config, &[("MXGATEWAY_EVENTS__QUEUE_CAPACITY", "-1")]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    for key in [
        "server.listen",
        "sessions.max_sessions",
        "sessions.max_sesions",
        "sessions.detach_grace_seconds",
        "nonsense",
        "events.queue_capacity",
    ] {
        assert!(said.contains(key), "{key} is missing in:\n{said}");
    }
    assert!(output.stdout.is_empty(), "it must not listen");
}

#[test]
fn a_syntax_error_says_where() {
    let output = run("[server\nlisten = 1", &[]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("mxgateway.toml") && said.contains('1'), "{said}");
}
