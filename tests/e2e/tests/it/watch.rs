//! `mxgw watch`: live values, also across a restart of the gateway.

use std::process::Stdio;

use mxgateway_e2e::{Gateway, mxgw, signal, within};
use rustix::process::Signal;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader, Lines};

async fn line_with<R: AsyncRead + Unpin>(lines: &mut Lines<BufReader<R>>, part: &str) -> String {
    let find = async {
        let mut seen = Vec::new();
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.contains(part) {
                return line;
            }
            seen.push(line);
        }
        panic!("no line with {part:?} in {seen:#?}")
    };
    within(part, find).await
}

#[tokio::test]
async fn values_go_on_after_the_gateway_was_killed_and_restarted() {
    let mut gateway = Gateway::start().await;
    let mut watch = mxgw(&gateway.endpoint())
        .args(["watch", "Host.Cpu.Load", "Host.Memory.Used"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut values = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut notices = BufReader::new(watch.stderr.take().unwrap()).lines();
    for tag in ["Host.Cpu.Load", "Host.Memory.Used"] {
        line_with(&mut values, tag).await;
    }

    gateway.kill().await;
    line_with(&mut notices, "was lost; trying again").await;
    let gateway = gateway.start_again().await;
    line_with(&mut notices, "opening a new one").await;
    for tag in ["Host.Cpu.Load", "Host.Memory.Used"] {
        line_with(&mut values, tag).await;
    }

    signal(watch.id().unwrap(), Signal::INT);
    let status = within("watch ends", watch.wait()).await.unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(!gateway.log().contains("panicked"), "{}", gateway.log());
}
