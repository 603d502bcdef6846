//! The verifier.

use std::net::IpAddr;
use std::time::{Duration, Instant, SystemTime};

use mxgateway_auth::key::ApiKey;
use mxgateway_auth::principal::Principal;
use mxgateway_auth::store::{AuthStore, NewKey, StoreLocation};
use mxgateway_auth::throttle::FREE_FAILURES;
use mxgateway_auth::verifier::{Caller, RefusalAnswer, RefusalCause, Verifier};
use mxgateway_testkit::postgres::PostgresServer;
use tokio_util::sync::CancellationToken;

use crate::stores::{LIMIT, TestStore, header, key_id, new_key, now, within};

/// How soon callers have to end when another process changed their key.
const SOON: Duration = Duration::from_secs(2);
const CACHE: Duration = Duration::from_secs(60);

on_both_stores!(
    a_good_key_is_its_grant,
    every_cause_is_told_apart_and_clients_learn_none,
    callers_end_when_another_process_changes_their_key,
    a_new_secret_is_good_at_once_and_the_old_one_soon_not,
    callers_end_when_their_key_expires,
    use_is_noted_at_the_stop,
    a_peer_that_tries_wrong_keys_waits_and_others_do_not,
    without_the_store_only_remembered_keys_are_good_and_not_for_ever,
    a_key_that_cannot_be_read_opens_nothing,
);

struct Running {
    verifier: Verifier,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    async fn start(test: &TestStore, cache: Duration) -> Self {
        let pepper = mxgateway_auth::key::Pepper::from_bytes(test.pepper.expose_bytes()).unwrap();
        let verifier = Verifier::start(test.store.clone(), pepper, cache).await.unwrap();
        let stop = CancellationToken::new();
        let task = tokio::spawn({
            let (verifier, stop) = (verifier.clone(), stop.clone());
            async move { verifier.run(stop).await }
        });
        Self { verifier, stop, task }
    }

    async fn good(&self, key: &ApiKey) -> Caller {
        self.verifier.verify(Some(&header(key)), peer(1)).await.unwrap()
    }

    async fn cause(&self, key: &ApiKey, peer: Option<IpAddr>) -> RefusalCause {
        let refusal = self.verifier.verify(Some(&header(key)), peer).await.unwrap_err();
        assert_eq!(refusal.key.as_ref(), Some(key.id()));
        refusal.cause
    }

    async fn stop(self) {
        self.stop.cancel();
        within("the verifier's stop", self.task).await.unwrap();
    }
}

fn peer(last: u8) -> Option<IpAddr> {
    Some(IpAddr::from([192, 0, 2, last]))
}

async fn ends_soon(caller: &Caller, why: &str) {
    let ended = tokio::time::timeout(SOON, caller.ended.cancelled()).await;
    assert!(ended.is_ok(), "the caller does not end within {SOON:?} when its key {why}");
}

async fn a_good_key_is_its_grant(test: TestStore) {
    let key = test.create("a").await;
    let running = Running::start(&test, CACHE).await;
    // The first one is looked up, the second one is remembered.
    for _ in 0..2 {
        let caller = running.good(&key).await;
        let Principal::Key(grant) = &caller.principal else { panic!("not a key's") };
        let stored = test.store.get(key.id()).await.unwrap().unwrap();
        assert_eq!(**grant, stored.grant());
        assert!(!caller.ended.is_cancelled());
    }
    running.stop().await;
}

async fn every_cause_is_told_apart_and_clients_learn_none(test: TestStore) {
    let (good, revoked) = (test.create("good").await, test.create("revoked").await);
    test.store.revoke(revoked.id(), now()).await.unwrap();
    let expired = NewKey { expires: Some(SystemTime::now()), ..new_key("expired") };
    let expired = test.create_with(expired).await;
    let running = Running::start(&test, CACHE).await;
    running.good(&good).await;
    let other = |id: &str| ApiKey::generate(key_id(id)).unwrap();
    for (number, (key, expected)) in [
        (other("unknown"), RefusalCause::Unknown),
        (other("good"), RefusalCause::WrongSecret),
        // Who only knows the id does not learn that the key is revoked.
        (other("revoked"), RefusalCause::WrongSecret),
        (revoked, RefusalCause::Revoked),
        (expired, RefusalCause::Expired),
    ]
    .into_iter()
    .enumerate()
    {
        let peer = peer(u8::try_from(number).unwrap());
        assert_eq!(running.cause(&key, peer).await, expected);
    }
    for (authorization, name) in [(None, "missing"), (Some("Bearer x"), "malformed"), (Some(""), "malformed")]
    {
        let refusal = running.verifier.verify(authorization, peer(9)).await.unwrap_err();
        assert_eq!((refusal.cause.name(), refusal.key.clone()), (name, None));
        assert_eq!(refusal.answer(), RefusalAnswer::Unauthenticated);
    }
    // A wrong secret does not end those who have the right one.
    assert!(!running.good(&good).await.ended.is_cancelled());
    running.stop().await;
}

async fn callers_end_when_another_process_changes_their_key(test: TestStore) {
    let keys = [test.create("stays").await, test.create("revoked").await, test.create("deleted").await];
    let running = Running::start(&test, CACHE).await;
    let mut callers = Vec::new();
    for key in &keys {
        callers.push(running.good(key).await);
    }
    let other = test.other_process().await;
    other.revoke(keys[1].id(), now()).await.unwrap();
    ends_soon(&callers[1], "is revoked").await;
    assert_eq!(running.cause(&keys[1], peer(1)).await, RefusalCause::Revoked);
    // Between two looks: the revoked row is never seen.
    other.revoke(keys[2].id(), now()).await.unwrap();
    other.delete(keys[2].id(), now()).await.unwrap();
    ends_soon(&callers[2], "is deleted").await;
    assert_eq!(running.cause(&keys[2], peer(1)).await, RefusalCause::Unknown);
    assert!(!callers[0].ended.is_cancelled());
    running.good(&keys[0]).await;
    running.stop().await;
}

async fn a_new_secret_is_good_at_once_and_the_old_one_soon_not(test: TestStore) {
    let old = test.create("a").await;
    let running = Running::start(&test, CACHE).await;
    let caller = running.good(&old).await;
    let new = ApiKey::generate(key_id("a")).unwrap();
    test.other_process().await.rotate(new.id(), &test.pepper.hash(&new), now()).await.unwrap();
    let new_caller = running.good(&new).await;
    ends_soon(&caller, "is rotated").await;
    assert_eq!(running.cause(&old, peer(1)).await, RefusalCause::WrongSecret);
    assert!(!new_caller.ended.is_cancelled());
    running.stop().await;
}

async fn callers_end_when_their_key_expires(test: TestStore) {
    let running = Running::start(&test, CACHE).await;
    // Long enough to be in force when it is first used, on a machine that is busy.
    let expires = SystemTime::now() + Duration::from_millis(1_500);
    let key = test.create_with(NewKey { expires: Some(expires), ..new_key("a") }).await;
    let caller = running.good(&key).await;
    within("the caller ends when its key expires", caller.ended.cancelled()).await;
    // Times are stored to the millisecond.
    let late = SystemTime::now().duration_since(expires - Duration::from_millis(1));
    assert!(late.expect("not too early") < SOON);
    assert_eq!(running.cause(&key, peer(1)).await, RefusalCause::Expired);
    running.stop().await;
}

async fn use_is_noted_at_the_stop(test: TestStore) {
    let (used, unused) = (test.create("used").await, test.create("unused").await);
    let running = Running::start(&test, CACHE).await;
    running.good(&used).await;
    running.stop().await;
    assert!(test.store.get(used.id()).await.unwrap().unwrap().last_used.is_some());
    assert!(test.store.get(unused.id()).await.unwrap().unwrap().last_used.is_none());
}

async fn a_peer_that_tries_wrong_keys_waits_and_others_do_not(test: TestStore) {
    let good = test.create("good").await;
    let running = Running::start(&test, CACHE).await;
    running.good(&good).await;
    let wrong = ApiKey::generate(key_id("wrong")).unwrap();
    for _ in 0..FREE_FAILURES {
        assert_eq!(running.cause(&wrong, peer(7)).await, RefusalCause::Unknown);
    }
    let before = Instant::now();
    assert_eq!(running.cause(&wrong, peer(7)).await, RefusalCause::Unknown);
    assert!(before.elapsed() >= Duration::from_millis(90), "{:?}", before.elapsed());
    // Many at once: they stand in line, and those too far back are refused at once.
    let mut attempts = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (verifier, header) = (running.verifier.clone(), header(&wrong));
        attempts.spawn(async move { verifier.verify(Some(&header), peer(7)).await.unwrap_err() });
    }
    let refused = within("an attempt is refused", async {
        loop {
            let refusal = attempts.join_next().await.unwrap().unwrap();
            if let RefusalAnswer::ResourceExhausted { retry_after } = refusal.answer() {
                break retry_after;
            }
        }
    })
    .await;
    assert!(refused > Duration::ZERO);
    attempts.abort_all();
    // The same peer's good key, which is remembered, does not wait.
    let before = Instant::now();
    running.verifier.verify(Some(&header(&good)), peer(7)).await.unwrap();
    assert!(before.elapsed() < Duration::from_millis(90), "{:?}", before.elapsed());
    running.stop().await;
}

async fn without_the_store_only_remembered_keys_are_good_and_not_for_ever(test: TestStore) {
    let (known, unknown) = (test.create("known").await, test.create("unknown").await);
    // Long enough that the first half of the test is over before, on a machine that is busy.
    let cache = Duration::from_secs(3);
    let running = Running::start(&test, cache).await;
    let caller = running.good(&known).await;
    test.sql("ALTER TABLE key_revision RENAME TO key_revision_gone").await;
    let failed = Instant::now();
    assert_eq!(running.cause(&unknown, peer(1)).await, RefusalCause::StoreUnavailable);
    running.good(&known).await;
    within("the remembered key is too old", async {
        while running.verifier.verify(Some(&header(&known)), peer(1)).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(failed.elapsed() + Duration::from_secs(1) > cache, "{:?}", failed.elapsed());
    assert!(!running.verifier.store_answers());
    let refusal = running.verifier.verify(Some(&header(&known)), peer(1)).await.unwrap_err();
    assert_eq!(refusal.answer(), RefusalAnswer::Unavailable);
    // What goes on is not ended: nobody knows that it should be.
    assert!(!caller.ended.is_cancelled());
    test.sql("ALTER TABLE key_revision_gone RENAME TO key_revision").await;
    within("the remembered key is good again", async {
        while running.verifier.verify(Some(&header(&known)), peer(1)).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    running.stop().await;
}

async fn a_key_that_cannot_be_read_opens_nothing(test: TestStore) {
    let key = test.create("a").await;
    test.sql("UPDATE api_keys SET constraints = '{\"read_everything\": true}'").await;
    let running = Running::start(&test, CACHE).await;
    assert_eq!(running.cause(&key, peer(1)).await, RefusalCause::StoreUnavailable);
    running.stop().await;
}

#[tokio::test]
async fn with_authentication_off_everybody_is_let_in() {
    let verifier = Verifier::disabled();
    let caller = verifier.verify(None, None).await.unwrap();
    assert!(matches!(caller.principal, Principal::Unrestricted));
    assert!(!caller.ended.is_cancelled());
    assert!(verifier.verify(Some("nonsense"), peer(1)).await.is_ok());
}

/// Not on the shared server: this one is stopped.
#[tokio::test]
async fn a_server_that_was_down_is_used_again() {
    if PostgresServer::shared_if_installed().is_none() {
        return;
    }
    let server = PostgresServer::start().unwrap();
    let url = server.database();
    let store = AuthStore::open(&StoreLocation::Postgres(url.into())).await.unwrap();
    assert_eq!(store.revision().await.unwrap(), 0);
    server.stop();
    let error = store.revision().await.unwrap_err();
    assert!(error.is_unavailable(), "{error}");
    server.start_again().unwrap();
    let revision = tokio::time::timeout(LIMIT, async {
        loop {
            if let Ok(revision) = store.revision().await {
                break revision;
            }
        }
    });
    assert_eq!(revision.await.expect("the server is used again"), 0);
}
