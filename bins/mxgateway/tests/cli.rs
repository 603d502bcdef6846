//! The program as a script sees it: exit codes, standard output, signals.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::fs;
#[cfg(unix)]
use std::io::{BufRead, BufReader, Read};
#[cfg(unix)]
use std::process::Child;
use std::process::{Command, Output, Stdio};

fn mxgateway(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mxgateway"));
    command.args(arguments).stdin(Stdio::null());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MXGATEWAY_"))
    {
        command.env_remove(name);
    }
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A folder with a file that stands for the worker program, and the options that make a gateway private.
fn private() -> (tempfile::TempDir, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let worker = folder.path().join("worker");
    fs::write(&worker, "").unwrap();
    let options = vec![
        "--listen=127.0.0.1:0".to_owned(),
        format!("--set=workers.executable_path={}", worker.display()),
        format!("--set=workers.runtime_directory={}", folder.path().join("run").display()),
        format!("--set=server.data_directory={}", folder.path().join("data").display()),
        "--set=http.listen=".to_owned(),
    ];
    (folder, options)
}

/// A gateway that listens, and the address from its line.
#[cfg(unix)]
fn listening(options: &[String]) -> (Child, String, impl BufRead + use<>) {
    let mut child = mxgateway(&["run"]).args(options).stdout(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let address =
        line.trim_end().strip_prefix("mxgateway listening on ").unwrap_or_else(|| panic!("{line:?}"));
    (child, address.to_owned(), out)
}

#[test]
fn every_problem_of_a_bad_configuration_is_told_and_nothing_starts() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.toml");
    let content =
        "[server]\nlisten = \"0.0.0.0:1\"\n[auth]\nmode = \"disabled\"\n[sessions]\nmax_sesions = 1\n";
    fs::write(&file, content).unwrap();
    for line in [["config", "check"].as_slice(), &["run"]] {
        let Output { status, stdout, stderr } = mxgateway(line)
            .arg("--config")
            .arg(&file)
            .env("MXGATEWAY_EVENTS__QUEUE_CAPACITY", "none")
            .output()
            .unwrap();
        assert_eq!(status.code(), Some(2));
        assert_eq!(text(&stdout), "");
        let errors = text(&stderr);
        for expected in [
            "3 problems",
            "server.listen (from",
            "bad.toml:2",
            "did you mean sessions.max_sessions?",
            "\"none\"",
        ] {
            assert!(errors.contains(expected), "{expected} is not in {errors}");
        }
    }
}

#[test]
fn a_syntax_error_and_a_missing_file_and_a_bad_option_are_two() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.toml");
    fs::write(&file, "[server\n").unwrap();
    let file = file.to_str().unwrap();
    for (line, expected) in [
        (["run", "--config", file], "bad.toml:1:"),
        (["run", "--config", "/none/at/all.toml"], "/none/at/all.toml: No such file"),
        (["run", "--set", "server.listen"], "section.key=value"),
    ] {
        let output = mxgateway(&line).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{line:?}");
        assert!(text(&output.stderr).contains(expected), "{line:?}: {}", text(&output.stderr));
    }
}

#[test]
fn the_effective_configuration_is_shown_as_json() {
    let output = mxgateway(&["config", "show", "--json", "--listen", "[::1]:7"]).output().unwrap();
    assert!(output.status.success());
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["server.listen"]["value"], "[::1]:7");
    assert_eq!(json["server.listen"]["source"], "--listen");
    assert_eq!(json["sessions.max_sessions"]["source"], "default");
}

#[test]
fn an_address_in_use_is_a_failure_that_names_it() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (_folder, options) = private();
    let output = mxgateway(&["run", "--listen", &address]).args(&options[1..]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains(&address), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "");
}

#[cfg(unix)]
#[test]
fn sigterm_and_ctrl_c_stop_in_order_with_one_line_on_standard_output() {
    use rustix::process::{Pid, Signal, kill_process};

    for signal in [Signal::TERM, Signal::INT] {
        let (folder, options) = private();
        let (mut child, address, mut out) = listening(&options);
        assert!(std::net::TcpStream::connect(&address).is_ok());
        kill_process(Pid::from_child(&child), signal).unwrap();
        let mut rest = String::new();
        out.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
        assert_eq!(child.wait().unwrap().code(), Some(0));
        assert!(std::net::TcpStream::connect(&address).is_err());
        drop(folder);
    }
}
