//! The program itself, where no gateway is needed: batches without one, and completions.

#![expect(clippy::unwrap_used, reason = "a helper that cannot go on ends the test")]

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:1";

fn mxgw(arguments: &[&str], input: &str) -> Output {
    mxgw_at(&[&["--endpoint", NOWHERE], arguments].concat(), input)
}

/// At the usual endpoint, or where the arguments say.
fn mxgw_at(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_mxgw"))
        .args(arguments)
        .env_remove("MXGW_PASSWORD")
        .env_remove("MXGW_API_KEY_FILE")
        .env_remove("MXGW_CA")
        .env("MXGW_API_KEY", "mxgw_me_secret")
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
         sessions --endpoint http://other:1\nsessions --ca other.pem\ninvoke s Ping -\ncall authenticate-user s 1 me\n\
         call authenticate-user s 1 me --password-file -\nclose s   # without an end of line",
    );
    let lines: Vec<_> = answers.iter().map(|answer| answer["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
    assert!(answers.iter().all(|answer| answer["ok"] == false), "{answers:#?}");
    let codes: Vec<_> = answers.iter().map(|answer| answer["exitCode"].as_u64().unwrap()).collect();
    assert_eq!(codes, [3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3]);
    for (at, text) in [
        (1, "no earlier line"),
        (2, "nonsense"),
        (3, "quote"),
        (4, "cannot be in a batch"),
        (6, "share one connection"),
        (7, "--ca goes to"),
        (8, "standard input"),
        (9, "MXGW_PASSWORD"),
        (10, "batch"),
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
fn an_api_key_is_never_an_argument_and_never_shown() {
    let output = mxgw(&["sessions", "--api-key", "mxgw_me_secret"], "");
    assert_eq!(output.status.code(), Some(2));
    for arguments in [&["--help"][..], &["sessions", "-vv"], &["sessions", "--json"]] {
        let output = mxgw(arguments, "");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).unwrap();
        assert!(!said.contains("secret"), "{arguments:?}: {said}");
    }
    let help = String::from_utf8(mxgw(&["--help"], "").stdout).unwrap();
    assert!(help.contains("--api-key-file") && help.contains("process lists"), "{help}");
}

#[test]
fn files_and_options_for_the_connection_that_cannot_be_used_are_wrong_arguments() {
    let nowhere = "/nonexistent/file.pem";
    let no_pem = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    for (arguments, words) in [
        (&["--api-key-file", nowhere][..], nowhere),
        (&["--api-key-file", no_pem], "has no API key"),
        (&["--ca", nowhere], nowhere),
        (&["--ca", no_pem], "https://"),
        (&["--ca", no_pem, "--endpoint", "https://localhost:1"], "there is no certificate in PEM"),
        (&["--client-certificate", no_pem, "--client-key", nowhere], nowhere),
        (&["--client-key", nowhere], "--client-certificate"),
        (&["--tls-server-name", "plant.example"], "https://"),
    ] {
        let output = mxgw_at(&[&["sessions"], arguments].concat(), "");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
}

#[test]
fn a_gateway_without_tls_is_told_apart_from_one_that_is_away() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("https://{}", listener.local_addr().unwrap());
    let answering = std::thread::spawn(move || {
        let (mut peer, _) = listener.accept().unwrap();
        peer.read_exact(&mut [0; 5]).unwrap();
        peer.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        peer.shutdown(Shutdown::Write).unwrap();
        // Whatever else comes is not told to the client as an error.
        let _ = peer.read_to_end(&mut Vec::new());
    });
    let output = mxgw_at(&["sessions", "--endpoint", &endpoint], "");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(11), "{said}");
    assert!(said.contains("does not speak TLS"), "{said}");
    answering.join().unwrap();
}

#[test]
fn completions_know_commands_and_their_options() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = mxgw(&["completions", shell], "");
        assert!(output.status.success(), "{shell}");
        let script = String::from_utf8(output.stdout).unwrap();
        for word in [
            "batch",
            "write-secured2-bulk",
            "inject-fault",
            "event-storm",
            "retry-for",
            "verifier-id",
            "api-key-file",
        ] {
            assert!(script.contains(word), "{shell} does not know {word}");
        }
    }
}
