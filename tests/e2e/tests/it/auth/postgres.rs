//! Gateways that share their keys in a PostgreSQL database.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use mxgateway_contracts::error_code::ErrorCode;
use mxgateway_contracts::v1::{ListSessionsRequest, StreamEndReason};
use mxgateway_e2e::{Gateway, TestSession, api_key, until};
use mxgateway_testkit::postgres::PostgresServer;

use super::{ALL_BUT_SESSION_ALL, assert_refused};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gateways_share_keys_and_a_revoked_one_ends_on_both() {
    let Some(server) = PostgresServer::shared_if_installed() else { return };
    let url = server.database();
    let config =
        format!("[auth]\ndatabase_url = {url:?}\n[sessions]\nallow_multiple_event_subscribers = true\n");
    let (left, right) = (Gateway::start_as(&config).await, Gateway::start_as(&config).await);

    // One of them makes it, both know it; neither knows what is in its SQLite file.
    let key = left.create_key(&["--id=shared", "--name=S", "--scopes", ALL_BUT_SESSION_ALL]);
    let other = right.create_key(&["--id=other", "--name=O", "--scopes", ALL_BUT_SESSION_ALL]);
    let mut stranger = left.client_with(api_key()).await;
    let result = stranger.list_sessions(ListSessionsRequest::default()).await;
    assert_refused(result, ErrorCode::Unauthenticated, "a key of another store");
    let (mut streams, mut others) = (Vec::new(), Vec::new());
    for gateway in [&left, &right] {
        for (key, streams) in [(&key, &mut streams), (&other, &mut others)] {
            let session = TestSession::open(gateway.client_with(key).await).await;
            let mut stream = session.stream().await;
            session.advise_tags(&["Fast_001.Count"]).await;
            stream.events(10).await;
            streams.push((session, stream));
        }
    }

    left.apikey(&["revoke", "shared"]);
    let revoked = Instant::now();
    for (session, stream) in streams {
        let (_, end, status) = stream.end().await;
        assert_eq!(end.unwrap().reason(), StreamEndReason::KeyRevoked);
        assert_refused(status, ErrorCode::Unauthenticated, "the stream");
        assert!(
            revoked.elapsed() <= Duration::from_secs(2),
            "{:?} after the end of the key",
            revoked.elapsed()
        );
        assert_refused(session.try_stream(None).await, ErrorCode::Unauthenticated, "another stream");
    }
    for (_, stream) in &mut others {
        stream.events(10).await;
    }

    // Both write one audit trail.
    until("both openings are noted", async || {
        let opened = right.audit(&["--json", "--actor=other", "--action=OpenSession"]);
        (opened.iter().filter(|byte| **byte == b'\n').count() == 2).then_some(())
    })
    .await;
    let dump = dump(&url);
    assert!(dump.contains("shared") && dump.contains("OpenSession"), "the dump has the rows: {dump}");
    for key in [&key, &other] {
        let hidden = key.splitn(3, '_').nth(2).unwrap();
        assert!(!dump.contains(hidden), "a secret is in the database");
    }
    for gateway in [&left, &right] {
        assert!(!gateway.log().contains(password(&url)), "the database's password is in the log");
    }
}

/// All rows of a database.
fn dump(url: &str) -> String {
    let output = Command::new("pg_dump").args(["--inserts", url]).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Of `postgres://USER:PASSWORD@HOST/...`.
fn password(url: &str) -> &str {
    let (user, _) = url.split_once('@').unwrap();
    user.rsplit(':').next().unwrap()
}
