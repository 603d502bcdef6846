//! Clients that come back by themselves, and how their streams end.

use std::time::Duration;

use mxgateway_client::{EventOptions, ReconnectPolicy, StreamUpdate};
use mxgateway_contracts::error_code::ErrorCode;
use mxgateway_contracts::v1::{StreamEndReason, StreamPosition};
use mxgateway_e2e::{ClientStream, Gateway, TestSession, within};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A client's stream on a task of its own.
pub(super) struct Follower {
    stop: watch::Sender<bool>,
    /// It reads no event beyond this many.
    reads: watch::Sender<u64>,
    seen: watch::Receiver<u64>,
    task: JoinHandle<Followed>,
}

/// What became of it. The recording is checked for every promise when it is dropped.
pub(super) struct Followed {
    pub(super) stream: ClientStream,
    /// Why the session's events are over, as the client was told; `None` when it stopped itself.
    pub(super) end: Option<String>,
}

impl Follower {
    /// Reads `reads` events at first; from `resume` on, or live.
    pub(super) async fn of(
        gateway: &Gateway,
        session: &TestSession,
        name: String,
        resume: Option<StreamPosition>,
        reads: u64,
    ) -> Self {
        let reconnect = ReconnectPolicy {
            initial_delay: Duration::from_millis(20),
            max_delay: Duration::from_millis(200),
            resume_slow_reader: true,
            ..ReconnectPolicy::default()
        };
        let options = EventOptions { resume, reconnect, ..EventOptions::default() };
        let mut stream = ClientStream::new(&name, gateway.endpoint(), session.id(), options);
        assert!(matches!(stream.update().await, StreamUpdate::Started(_)));
        let (stop, mut stopped) = watch::channel(false);
        let (reads, mut allowed) = watch::channel(reads);
        let (told, seen) = watch::channel(0);
        let task = tokio::spawn(async move {
            let mut count = 0;
            loop {
                let next = async {
                    let _ = allowed.wait_for(|allowed| count < *allowed).await;
                    stream.next().await
                };
                let update = tokio::select! {
                    update = next => update,
                    _ = stopped.wait_for(|stop| *stop) => return Followed { stream, end: None },
                };
                match update {
                    Some(Ok(StreamUpdate::Event(event))) => {
                        count += 1;
                        told.send_replace(event.worker_sequence);
                    }
                    Some(Ok(StreamUpdate::Ended(end))) => {
                        assert_eq!(end.reason(), StreamEndReason::SessionFaulted, "{name}: {end:?}");
                        return Followed { stream, end: Some(end.message) };
                    }
                    Some(Ok(
                        StreamUpdate::Started(_)
                        | StreamUpdate::Gap(_)
                        | StreamUpdate::Bookmark(_)
                        | StreamUpdate::Disconnected { .. },
                    )) => {}
                    Some(Err(error)) => {
                        assert_eq!(error.code(), Some(ErrorCode::SessionFaulted), "{name}: {error}");
                        return Followed { stream, end: Some(error.to_string()) };
                    }
                    None => panic!("{name}: the stream ended without a word"),
                }
            }
        });
        Self { stop, reads, seen, task }
    }

    /// It reads on as fast as it can.
    pub(super) fn read_on(&self) {
        self.reads.send_replace(u64::MAX);
    }

    /// Waits until it has seen this event; however many come before it, they keep coming.
    pub(super) async fn reaches(&mut self, sequence: u64) {
        while *self.seen.borrow_and_update() < sequence {
            let seen = within("a client gets on", self.seen.changed()).await;
            assert!(seen.is_ok(), "the stream ended");
        }
    }

    /// Ends it.
    pub(super) async fn stop(self) -> Followed {
        self.stop.send_replace(true);
        within("a client stops", self.task).await.unwrap()
    }

    /// Waits for what the gateway says of the session's end.
    pub(super) async fn ends(self) -> Followed {
        within("a client is told of the end", self.task).await.unwrap()
    }
}

impl Followed {
    /// Nothing is missing, and nothing was announced as missing.
    pub(super) fn has_all_up_to(&self, sequence: u64) {
        let log = self.stream.log();
        let events: Vec<u64> = log.events().map(|event| event.sequence).collect();
        let first = events.first().copied().unwrap_or(sequence + 1);
        assert_eq!(log.gaps().count(), 0, "{}", log.name());
        assert!(events.iter().copied().eq(first..first + events.len() as u64), "{}", log.name());
        assert!(events.last().is_some_and(|last| *last >= sequence), "{} ends before {sequence}", log.name());
    }
}
