//! Event streams: resume, gaps, ends, and a gateway that breaks its promises.

use std::time::Duration;

use mxgateway_client::contracts::error_code::ErrorCode;
use mxgateway_client::contracts::time::wire_duration;
use mxgateway_client::contracts::v1::stream_item::Control;
use mxgateway_client::contracts::v1::{
    Bookmark, EventGap, EventGapCause, ReplayGap, ReplayGapReason, StreamEnd, StreamEndReason,
    StreamPosition, StreamStart,
};
use mxgateway_client::{
    ClientError, EventOptions, EventStream, ProtocolViolation, ReconnectPolicy, StreamUpdate,
};

use crate::gateway::{EPOCH, Gateway, Script, Step, control, events, start};
use crate::{client, within};

/// Short text of each update up to the end of the stream or to `most` updates.
async fn read(stream: &mut EventStream, most: usize) -> Vec<String> {
    let mut seen = Vec::new();
    while seen.len() < most {
        seen.push(match within("update", stream.next()).await {
            None => break,
            Some(Ok(StreamUpdate::Started(start))) => match start.replay_gap {
                Some(gap) => format!("started after {} lost {}", start.after_sequence, gap.lost_count),
                None => format!("started after {}", start.after_sequence),
            },
            Some(Ok(StreamUpdate::Event(event))) => format!("event {}", event.worker_sequence),
            Some(Ok(StreamUpdate::Gap(gap))) => format!("gap to {}", gap.to_sequence),
            Some(Ok(StreamUpdate::Bookmark(position))) => format!("bookmark {}", position.sequence),
            Some(Ok(StreamUpdate::Disconnected { .. })) => "disconnected".to_owned(),
            Some(Ok(StreamUpdate::Ended(end))) => format!("ended {:?}", end.reason()),
            Some(Err(error)) => format!("error {error}"),
        });
    }
    seen
}

fn at(sequence: u64) -> StreamPosition {
    StreamPosition { epoch: EPOCH, sequence }
}

fn end(reason: StreamEndReason, retry_after: Option<Duration>) -> Step {
    Step::Send(control(Control::End(StreamEnd {
        reason: reason.into(),
        retry_after: retry_after.map(wire_duration),
        ..StreamEnd::default()
    })))
}

fn soon() -> ReconnectPolicy {
    ReconnectPolicy { initial_delay: Duration::from_millis(10), ..ReconnectPolicy::default() }
}

fn resuming(gateway: &Gateway, options: EventOptions) -> EventStream {
    client(gateway.url()).session("session-1").events(EventOptions { reconnect: soon(), ..options })
}

#[tokio::test]
async fn a_broken_stream_resumes_at_its_position() {
    let gap = EventGap {
        from_sequence: 3,
        to_sequence: 5,
        lost_count: 3,
        cause: EventGapCause::JournalOverflow.into(),
    };
    let gateway = Gateway::start(Script::streams([
        vec![start(0), events(1..=2), Step::Fail(ErrorCode::GatewayStopping.status("stopping", &[]))],
        vec![start(2), Step::Send(control(Control::Gap(gap)))],
        vec![start(5), Step::Send(control(Control::Bookmark(Bookmark { position: Some(at(9)) })))],
        vec![start(9), events([10]), Step::Hang],
    ]));
    let mut stream = resuming(&gateway, EventOptions::default());
    let seen = read(&mut stream, 12).await;
    let expected = [
        "started after 0",
        "event 1",
        "event 2",
        "disconnected",
        "started after 2",
        "gap to 5",
        "disconnected",
        "started after 5",
        "bookmark 9",
        "disconnected",
        "started after 9",
        "event 10",
    ];
    assert_eq!(seen, expected);
    assert_eq!(stream.position(), Some(at(10)));
    let asked: Vec<_> = gateway.script.state().stream_requests.iter().map(|request| request.resume).collect();
    assert_eq!(asked, [None, Some(at(2)), Some(at(5)), Some(at(9))]);
}

#[tokio::test]
async fn a_killed_gateway_is_waited_for() {
    let gateway = Gateway::start(Script::streams([vec![start(0), events([1]), Step::Hang]]));
    let address = gateway.address;
    let mut stream = resuming(&gateway, EventOptions::default());
    assert_eq!(read(&mut stream, 2).await, ["started after 0", "event 1"]);
    drop(gateway);
    assert_eq!(read(&mut stream, 2).await, ["disconnected", "disconnected"]);
    let _gateway = Gateway::start_at(address, Script::streams([vec![start(1), events([2]), Step::Hang]]));
    let seen = read_past_disconnects(&mut stream, 2).await;
    assert_eq!(seen, ["started after 1", "event 2"]);
}

async fn read_past_disconnects(stream: &mut EventStream, most: usize) -> Vec<String> {
    let mut seen = Vec::new();
    while seen.len() < most {
        seen.extend(read(stream, 1).await.into_iter().filter(|update| update != "disconnected"));
    }
    seen
}

#[tokio::test]
async fn a_replay_gap_is_passed_on() {
    let gap = ReplayGap { lost_count: 30, reason: ReplayGapReason::Evicted.into(), ..ReplayGap::default() };
    let started =
        StreamStart { epoch: EPOCH, after_sequence: 40, replay_gap: Some(gap), ..StreamStart::default() };
    let gateway = Gateway::start(Script::streams([vec![
        Step::Send(control(Control::Start(started))),
        events([41]),
        Step::Hang,
    ]]));
    let mut stream = resuming(&gateway, EventOptions { resume: Some(at(10)), ..EventOptions::default() });
    assert_eq!(read(&mut stream, 2).await, ["started after 40 lost 30", "event 41"]);
}

#[tokio::test]
async fn broken_promises_end_the_stream() {
    for (resume, script, violation) in [
        (None, vec![start(0), events([1, 2, 2])], ProtocolViolation::OutOfOrder { last: 2, sequence: 2 }),
        (Some(at(4)), vec![start(6)], ProtocolViolation::SilentGap { requested: 4, after: 6 }),
        (None, vec![events([1])], ProtocolViolation::MisplacedStart),
        (None, vec![start(0), start(0)], ProtocolViolation::MisplacedStart),
    ] {
        let gateway = Gateway::start(Script::streams([script]));
        let mut stream = resuming(&gateway, EventOptions { resume, ..EventOptions::default() });
        let error = loop {
            match within("violation", stream.next()).await {
                Some(Ok(_)) => {}
                Some(Err(error)) => break error,
                None => panic!("{violation:?} was passed over"),
            }
        };
        assert!(matches!(&error, ClientError::Protocol(found) if *found == violation), "{error:?}");
        assert!(within("end", stream.next()).await.is_none());
    }
}

#[tokio::test]
async fn ends_and_refusals_are_final_unless_coming_back_helps() {
    let taken = "session has a subscriber";
    for (script, expected) in [
        (vec![start(0), end(StreamEndReason::SessionClosed, None)], "ended SessionClosed"),
        (vec![start(0), end(StreamEndReason::SlowReader, Some(Duration::ZERO))], "ended SlowReader"),
        (
            vec![Step::Fail(ErrorCode::EventSubscriberActive.status(taken, &[]))],
            "error session has a subscriber",
        ),
    ] {
        let gateway = Gateway::start(Script::streams([script]));
        let mut stream = resuming(&gateway, EventOptions::default());
        assert_eq!(read(&mut stream, 9).await.last().unwrap(), expected);
        assert_eq!(gateway.script.state().stream_requests.len(), 1);
    }

    let gateway = Gateway::start(Script::streams([
        vec![start(0), events([1]), end(StreamEndReason::GatewayShutdown, Some(Duration::ZERO))],
        vec![start(1), events([2]), end(StreamEndReason::SlowReader, None)],
        vec![start(2), events([3]), Step::Hang],
    ]));
    let reconnect = ReconnectPolicy { resume_slow_reader: true, ..soon() };
    let options = EventOptions { reconnect, ..EventOptions::default() };
    let mut stream = client(gateway.url()).session("session-1").events(options);
    assert_eq!(read(&mut stream, 8).await.last().unwrap(), "event 3");
}

#[tokio::test]
async fn without_reconnect_the_first_failure_is_the_end() {
    let gateway = Gateway::start(Script::streams([vec![start(0)]]));
    let options = EventOptions { reconnect: ReconnectPolicy::never(), ..EventOptions::default() };
    let mut stream = client(gateway.url()).session("session-1").events(options);
    let seen = read(&mut stream, 9).await;
    assert_eq!(seen, ["started after 0", "error event stream was cut without an end item"]);
}
