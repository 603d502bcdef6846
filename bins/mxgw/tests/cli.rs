//! The program itself, where no gateway is needed: batches without one, and completions.

#![expect(clippy::unwrap_used, reason = "a helper that cannot go on ends the test")]

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:1";

fn mxgw(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_mxgw"))
        .args(["--endpoint", NOWHERE])
        .args(arguments)
        .env_remove("MXGW_PASSWORD")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that ends before it has read all is told by what it wrote.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn batch(input: &str) -> (Vec<Value>, Option<i32>) {
    let output = mxgw(&["batch"], input);
    let text = String::from_utf8(output.stdout).unwrap();
    let answers = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (answers, output.status.code())
}

#[test]
fn each_line_of_a_batch_has_one_answer_and_failures_do_not_end_it() {
    let (answers, code) = batch(
        "# nothing\n\nsessions\ncall ping $session\ncall nonsense s\nread 'A\nwatch A\nbatch\n\
         sessions --endpoint http://other:1\ninvoke s Ping -\ncall authenticate-user s 1 me\n\
         call authenticate-user s 1 me --password-file -\nclose s   # without an end of line",
    );
    let lines: Vec<_> = answers.iter().map(|answer| answer["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
    assert!(answers.iter().all(|answer| answer["ok"] == false), "{answers:#?}");
    let codes: Vec<_> = answers.iter().map(|answer| answer["exitCode"].as_u64().unwrap()).collect();
    assert_eq!(codes, [3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3]);
    for (at, text) in [
        (1, "no earlier line"),
        (2, "nonsense"),
        (3, "quote"),
        (4, "cannot be in a batch"),
        (6, "share one connection"),
        (7, "standard input"),
        (8, "MXGW_PASSWORD"),
        (9, "batch"),
    ] {
        let message = answers[at]["error"]["message"].as_str().unwrap();
        assert!(message.contains(text), "{at}: {message}");
    }
    assert_eq!(code, Some(9));
}

#[test]
fn a_batch_without_commands_is_fine() {
    assert_eq!(batch("\n  # only this\n"), (Vec::new(), Some(0)));
    assert_eq!(batch(""), (Vec::new(), Some(0)));
}

#[test]
fn a_password_is_never_an_argument() {
    let output = mxgw(&["call", "authenticate-user", "session-1", "1", "me", "secret"], "");
    assert_eq!(output.status.code(), Some(2));
    let output = mxgw(&["call", "authenticate-user", "session-1", "1", "me"], "");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("--password-file"), "{said}");
}

#[test]
fn completions_know_commands_and_their_options() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = mxgw(&["completions", shell], "");
        assert!(output.status.success(), "{shell}");
        let script = String::from_utf8(output.stdout).unwrap();
        for word in
            ["batch", "write-secured2-bulk", "inject-fault", "event-storm", "retry-for", "verifier-id"]
        {
            assert!(script.contains(word), "{shell} does not know {word}");
        }
    }
}
