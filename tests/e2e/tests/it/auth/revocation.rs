//! A key that ends takes its streams with it, at once and with a place to go on from.

use std::time::{Duration, Instant};

use mxgateway_contracts::error_code::ErrorCode;
use mxgateway_contracts::v1::{ListSessionsRequest, StreamEnd, StreamEndReason, StreamEventsRequest};
use mxgateway_e2e::promises::{assert_kept, reliable_beside};
use mxgateway_e2e::recording::Recording;
use mxgateway_e2e::{Gateway, Item, TestSession, TestStream, until, within};
use tokio::task::JoinHandle;
use tonic::Status;

use super::{ALL_BUT_SESSION_ALL, assert_refused};

/// Promised: so long after a key ended, nothing goes on that it began.
const PROMISED: Duration = Duration::from_secs(2);

/// A stream that is read until the gateway ends it.
struct Watched(JoinHandle<Ended>);

struct Ended {
    at: Instant,
    log: Recording,
    end: StreamEnd,
    status: Status,
}

impl Watched {
    /// Once it has events.
    async fn begin(mut stream: TestStream) -> Self {
        stream.events(20).await;
        Self(tokio::spawn(async move {
            let mut end = None;
            while let Some(item) = stream.next().await {
                if let Item::End(item) = item {
                    end = Some(item);
                }
            }
            let at = Instant::now();
            let log = stream.log().clone();
            let (_, _, status) = stream.end().await;
            Ended { at, log, end: end.expect("an end item"), status: status.expect_err("a status") }
        }))
    }

    /// It ended because of its key, and says where.
    async fn ended(self) -> Ended {
        let ended = within("the stream ends", self.0).await.unwrap();
        assert_eq!(ended.end.reason(), StreamEndReason::KeyRevoked);
        assert_eq!(ended.end.last_position, ended.log.position());
        assert_refused(Err::<(), _>(ended.status.clone()), ErrorCode::Unauthenticated, "the stream");
        ended
    }
}

fn create(gateway: &Gateway, id: &str, more: &[&str]) -> String {
    gateway.create_key(&[&["--id", id, "--name", id, "--scopes", ALL_BUT_SESSION_ALL], more].concat())
}

async fn session_with_events(gateway: &Gateway, key: &str) -> (TestSession, TestStream) {
    let session = TestSession::open(gateway.client_with(key).await).await;
    let stream = session.stream().await;
    session.advise_tags(&["Fast_001.Count"]).await;
    (session, stream)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revoking_a_key_ends_its_stream_and_no_other() {
    let gateway = Gateway::start().await;
    let (_, mut other) = session_with_events(&gateway, &create(&gateway, "other", &[])).await;
    let (mut since_begin, mut since_done) = (Vec::new(), Vec::new());
    for round in 0..5 {
        let id = format!("key-{round}");
        let (session, stream) = session_with_events(&gateway, &create(&gateway, &id, &[])).await;
        let watched = Watched::begin(stream).await;
        let before = Instant::now();
        gateway.apikey(&["revoke", &id]);
        let revoked = Instant::now();
        let ended = watched.ended().await;
        let late = ended.at.saturating_duration_since(revoked);
        assert!(late <= PROMISED, "the stream went on for {late:?}");
        since_begin.push(ended.at.saturating_duration_since(before));
        since_done.push(late);
        assert_refused(session.try_stream(None).await, ErrorCode::Unauthenticated, "another stream");
        // What another key has goes on, without a gap.
        other.events(20).await;
    }
    report("revoke", &mut since_begin, &mut since_done);
}

/// Says how long it took.
#[expect(clippy::print_stderr, reason = "the test's output is where its reader looks")]
fn report(what: &str, since_begin: &mut [Duration], since_done: &mut [Duration]) {
    since_begin.sort();
    since_done.sort();
    let median = |times: &[Duration]| times[times.len() / 2];
    eprintln!(
        "{what}: the stream ended {:?} after the program was started (median), {:?} after it was done",
        median(since_begin),
        median(since_done)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_rotation_the_new_key_goes_on_where_the_old_one_ended() {
    let gateway = Gateway::start().await;
    let mut old = create(&gateway, "rotated", &[]);
    let (session, stream) = session_with_events(&gateway, &old).await;
    // Another reader of the same session, to compare with.
    let mut beside = session.through(gateway.client().await).stream_as("beside", Default::default()).await;
    beside.events(5).await;
    let mut watched = Watched::begin(stream).await;
    let (mut since_begin, mut since_done) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let before = Instant::now();
        let new = gateway.rotate_key("rotated");
        let rotated = Instant::now();
        let ended = watched.ended().await;
        let late = ended.at.saturating_duration_since(rotated);
        assert!(late <= PROMISED, "the stream went on for {late:?}");
        since_begin.push(ended.at.saturating_duration_since(before));
        since_done.push(late);
        let of_old = session.through(gateway.client_with(&old).await);
        assert_refused(of_old.try_stream(None).await, ErrorCode::Unauthenticated, "the old secret");

        let resume = ended.end.last_position;
        let of_new = session.through(gateway.client_with(&new).await);
        let request = StreamEventsRequest { session_id: session.id(), resume, ..Default::default() };
        let mut resumed = TestStream::record(of_new.client, request, ended.log).await.unwrap();
        assert_eq!(resumed.start.replay_gap, None);
        let next = resumed.event().await.worker_sequence;
        assert_eq!(next, resume.unwrap().sequence + 1);
        watched = Watched::begin(resumed).await;
        old = new;
    }
    gateway.apikey(&["revoke", "rotated"]);
    let ended = watched.ended().await;
    beside.read_to(ended.log.position().unwrap().sequence).await;
    let beside = beside.leave();
    assert_kept(reliable_beside(&ended.log, &beside), &[&ended.log, &beside]);
    report("rotate", &mut since_begin, &mut since_done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_and_an_expired_key_take_their_streams_with_them() {
    let gateway = Gateway::start().await;
    let (_, stream) = session_with_events(&gateway, &create(&gateway, "deleted", &[])).await;
    let watched = Watched::begin(stream).await;
    gateway.apikey(&["revoke", "deleted"]);
    gateway.apikey(&["delete", "deleted"]);
    let deleted = Instant::now();
    assert!(watched.ended().await.at.saturating_duration_since(deleted) <= PROMISED);

    let key = create(&gateway, "expired", &["--expires-in=3s"]);
    // It was made before this.
    let expires = Instant::now() + Duration::from_secs(3);
    let (session, stream) = session_with_events(&gateway, &key).await;
    let ended = Watched::begin(stream).await.ended().await;
    assert!(ended.at.saturating_duration_since(expires) <= PROMISED, "{:?}", ended.at - expires);
    assert_refused(session.try_stream(None).await, ErrorCode::Unauthenticated, "an expired key");
}

#[tokio::test]
async fn a_revoked_key_is_not_revived() {
    let gateway = Gateway::start().await;
    let key = create(&gateway, "revoked", &[]);
    let mut client = gateway.client_with(&key).await;
    client.list_sessions(ListSessionsRequest::default()).await.unwrap();
    gateway.apikey(&["revoke", "revoked"]);
    for arguments in [&["apikey", "rotate", "revoked"][..], &["apikey", "rotate", "no-such-key"]] {
        let output = gateway.try_mxgateway(arguments);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
    }
    let again = gateway.try_mxgateway(&["apikey", "create", "--id=revoked", "--name=x", "--scope=admin"]);
    assert_eq!(again.status.code(), Some(1), "{again:?}");
    let status =
        until("it is refused", async || client.list_sessions(ListSessionsRequest::default()).await.err())
            .await;
    assert_eq!(ErrorCode::of(&status), Some(ErrorCode::Unauthenticated));
    let shown: serde_json::Value =
        serde_json::from_slice(&gateway.apikey(&["show", "revoked", "--json"])).unwrap();
    assert_eq!(shown["state"], "revoked");
}
