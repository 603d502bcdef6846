//! The command line client as a script uses it.

use std::process::{Output, Stdio};

use mxgateway_e2e::{Gateway, mxgw, signal, within};
use rustix::process::Signal;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};

async fn run(gateway: &Gateway, arguments: &[&str]) -> Output {
    within(&arguments.join(" "), mxgw(&gateway.endpoint()).args(arguments).output()).await.unwrap()
}

async fn json(gateway: &Gateway, arguments: &[&str]) -> Value {
    let output = run(gateway, arguments).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{arguments:?}: {error}: {output:?}"))
}

fn stream(gateway: &Gateway, session: &str) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut child = mxgw(&gateway.endpoint())
        .args(["--json", "stream", session])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, lines)
}

/// Sequence numbers of the next events a stream prints.
async fn sequences(lines: &mut Lines<BufReader<ChildStdout>>, count: usize) -> Vec<u64> {
    let read = async {
        let mut sequences = Vec::new();
        while sequences.len() < count {
            let line = lines.next_line().await.unwrap().expect("the stream goes on");
            let item: Value = serde_json::from_str(&line).unwrap();
            if item["type"] == "event" {
                let sequence = item["workerSequence"].as_str().expect("a sequence");
                sequences.push(sequence.parse().unwrap());
            }
        }
        sequences
    };
    within("events", read).await
}

async fn started(lines: &mut Lines<BufReader<ChildStdout>>) {
    let line = within("the start", lines.next_line()).await.unwrap().expect("a first line");
    let item: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(item["type"], "start", "{line}");
}

#[tokio::test]
async fn two_streams_get_the_same_and_one_that_is_killed_does_not_disturb_the_other() {
    let gateway = Gateway::start().await;
    let session = gateway.session().await;
    let (mut victim, mut victim_lines) = stream(&gateway, &session.id());
    let (_other, mut other_lines) = stream(&gateway, &session.id());
    started(&mut victim_lines).await;
    started(&mut other_lines).await;
    session.advise_tags(&["Fast_001.Count"]).await;
    let (left, right) = (sequences(&mut victim_lines, 50).await, sequences(&mut other_lines, 50).await);
    assert_eq!(left, right);
    signal(victim.id().unwrap(), Signal::KILL);
    within("the killed stream ends", victim.wait()).await.unwrap();
    let next = right.last().unwrap() + 1;
    assert_eq!(sequences(&mut other_lines, 300).await, (next..next + 300).collect::<Vec<u64>>());
}

#[tokio::test]
async fn a_session_by_hand() {
    let gateway = Gateway::start().await;
    let output = run(&gateway, &["open", "--name", "by-hand"]).await;
    let session = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    assert!(session.starts_with("session-"), "{session}");

    let reply = json(&gateway, &["--json", "invoke", &session, "Register", r#"{"clientName":"cli"}"#]).await;
    let text = reply.to_string();
    assert!(text.contains("serverHandle"), "{text}");
    let listed = run(&gateway, &["sessions"]).await;
    assert!(String::from_utf8_lossy(&listed.stdout).contains(&session));
    assert!(run(&gateway, &["close", &session]).await.status.success());
    assert_eq!(
        run(&gateway, &["stream", "session-00000000000000000000000000000000"]).await.status.code(),
        Some(4)
    );
}

#[tokio::test]
async fn read_and_write() {
    let gateway = Gateway::start().await;
    let read = run(&gateway, &["read", "Host.Cpu.Count", "TestMachine_001.ViewOnly"]).await;
    let text = String::from_utf8(read.stdout).unwrap();
    assert!(read.status.success(), "{text}");
    assert!(text.contains("Host.Cpu.Count") && text.contains("42"), "{text}");
    assert!(!text.contains('\u{1b}'), "no colours in a pipe");

    assert!(run(&gateway, &["write", "TestMachine_001.TestDouble", "2.5"]).await.status.success());
    for refused in [
        &["write", "--type", "string", "TestMachine_001.TestInteger", "no number"][..],
        &["write", "Nobody.Knows", "1"],
    ] {
        let output = run(&gateway, refused).await;
        assert_eq!(output.status.code(), Some(6), "{refused:?}: {output:?}");
        assert!(!output.stderr.is_empty());
    }
    assert_eq!(run(&gateway, &["read", "Nobody.Knows"]).await.status.code(), Some(6));
}

#[tokio::test]
async fn an_unreachable_gateway_has_its_own_exit_code() {
    let mut gateway = Gateway::start().await;
    gateway.stop(Signal::TERM).await;
    let output = run(&gateway, &["read", "Host.Cpu.Load"]).await;
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains(&gateway.endpoint()), "{said}");
    assert_eq!(run(&gateway, &["reed"]).await.status.code(), Some(2));
}

#[tokio::test]
async fn a_batch_answers_each_line_with_one_object_and_goes_on_after_an_error() {
    let gateway = Gateway::start().await;
    let mut child = mxgw(&gateway.endpoint())
        .arg("batch")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = "open --name batch\n\
        # a comment\n\
        call register $session batch\n\
        call advise $session $server 77\n\
        call subscribe-bulk $session $server Host.Cpu.Count TestMachine_001.TestInteger\n\
        call read-bulk $session $server Host.Cpu.Count\n\
        close $session\n";
    child.stdin.take().unwrap().write_all(lines.as_bytes()).await.unwrap();
    let output = within("the end of the batch", child.wait_with_output()).await.unwrap();
    let answers: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let told: Vec<(u64, bool)> = answers
        .iter()
        .map(|answer| (answer["line"].as_u64().unwrap(), answer["ok"].as_bool().unwrap()))
        .collect();
    assert_eq!(told, [(1, true), (3, true), (4, false), (5, true), (6, true), (7, true)], "{answers:?}");
    assert_eq!(output.status.code(), Some(9), "some lines failed");
}
