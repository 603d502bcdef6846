//! Workers that live on without their gateway, and the next one that takes them over, or does not.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command as Program, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mxgateway_session::core::distributor::SubscribeOptions;
use mxgateway_session::core::event::{ItemKey, Position};
use mxgateway_session::core::items::AdviseState;
use mxgateway_session::core::lifecycle::{CloseReason, Fault, SessionState};
use mxgateway_session::{ManagerSettings, OpenOptions, Session, SessionId, SessionManager, StreamElement};
use mxgateway_supervisor::{Manifest, OrphanCounts, ProcessIdentity, Supervisor, SupervisorConfig, Worker};
use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use crate::fake_orphan::NEWEST;
use crate::fake_worker::EPOCH;
use crate::harness::{LIMIT, command, within};

/// A folder in which one gateway follows the other.
struct House {
    directory: tempfile::TempDir,
    config: SupervisorConfig,
}

struct Gateway {
    manager: SessionManager<Supervisor>,
    supervisor: Supervisor,
    manifest: Arc<Manifest>,
}

impl House {
    fn new(script: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        symlink(std::env::current_exe().unwrap(), directory.path().join("test-program")).unwrap();
        let executable = directory.path().join(script);
        symlink(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fake-worker.sh"), &executable).unwrap();
        let config = SupervisorConfig {
            executable,
            runtime_directory: directory.path().join("run"),
            log_directory: Some(directory.path().join("log")),
            ..SupervisorConfig::default()
        };
        Self { directory, config }
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    async fn start(&self) -> Gateway {
        let manifest = Arc::new(Manifest::open(&self.data()).await.unwrap());
        let supervisor = Supervisor::with_manifest(self.config.clone(), Arc::clone(&manifest));
        let recovered = supervisor.recovered().await.unwrap();
        let manager = SessionManager::new(supervisor.clone(), ManagerSettings::default());
        manager.recover(recovered);
        Gateway { manager, supervisor, manifest }
    }

    async fn database(&self) -> SqliteConnection {
        SqliteConnectOptions::new().filename(self.data().join("manifest.db")).connect().await.unwrap()
    }

    async fn listed(&self) -> i64 {
        let mut database = self.database().await;
        sqlx::query_scalar("SELECT count(*) FROM workers").fetch_one(&mut database).await.unwrap()
    }

    /// Ends the worker that a test leaves on purpose.
    async fn clear_up(&self, worker: &ProcessIdentity) {
        within("the worker to end", worker.end()).await.unwrap();
    }

    fn log(&self) -> String {
        let logs = std::fs::read_dir(self.directory.path().join("log")).into_iter().flatten();
        logs.filter_map(|log| std::fs::read_to_string(log.ok()?.path()).ok()).collect()
    }
}

impl Gateway {
    async fn open(&self) -> (Session<Worker>, ProcessIdentity) {
        let options = OpenOptions {
            owner: Some("key".to_owned()),
            client_name: "line 3".to_owned(),
            ..OpenOptions::default()
        };
        let session = within("the session to open", self.manager.open(options)).await.unwrap();
        let worker = ProcessIdentity::of(session.worker().unwrap().process_id).unwrap();
        (session, worker)
    }

    async fn hand_over(self) {
        within("the handover", self.manager.hand_over()).await;
    }

    /// The session of before, when it is not recovering any more.
    async fn recovered(&self, id: SessionId) -> Session<Worker> {
        let session = self.manager.get(id).expect("the session is there at once");
        within("the adoption", async {
            while session.state() == SessionState::Recovering {
                tokio::task::yield_now().await;
            }
        })
        .await;
        session
    }
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    within(what, async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_session_goes_on_with_the_next_gateway() {
    let house = House::new("outlives");
    let first = house.start().await;
    let (session, worker) = first.open().await;
    let reply = session.invoke(command("a"), LIMIT).await.unwrap().reply;
    assert_eq!(reply.diagnostic_text, "generation 1, call 1");
    let (id, opened_at) = (session.id(), session.opened_at());
    first.hand_over().await;
    assert!(worker.is_alive_and_same());
    assert_eq!(session.state(), SessionState::Closed);
    drop(session);

    let second = house.start().await;
    let session = second.recovered(id).await;
    assert_eq!(session.state(), SessionState::Ready, "{:?}; {}", session.status().fault, house.log());
    assert_eq!(second.supervisor.orphans(), OrphanCounts { taken_over: 1, ..OrphanCounts::default() });
    assert_eq!(session.worker().unwrap().process_id, worker.process_id);
    assert_eq!(session.worker().unwrap().epoch, EPOCH);
    let options = session.options();
    assert_eq!((options.owner.as_deref(), options.client_name.as_str()), (Some("key"), "line 3"));
    assert!(opened_at.duration_since(session.opened_at()).unwrap() < Duration::from_millis(1));
    let key = ItemKey { server_handle: 1, item_handle: 7 };
    let item = session.items(&[key]).pop().unwrap().expect("the item is known");
    assert_eq!((item.definition.as_str(), item.context.as_str()), ("Tank.Level", "area"));
    assert_eq!(item.advise, AdviseState::Supervisory);

    for (asked, lost) in [(15, None), (5, None), (2, Some(3))] {
        let resume = Some(Position { epoch: EPOCH, sequence: asked });
        let mut events = session.subscribe(SubscribeOptions { resume, ..SubscribeOptions::live() }).unwrap();
        let Some(StreamElement::Start(start)) = events.next().await else { panic!("no start") };
        assert_eq!(start.gap.map(|gap| gap.lost), lost, "after {asked}");
        let Some(StreamElement::Events(seen)) = events.next().await else { panic!("no events") };
        assert_eq!(seen.first().unwrap().sequence, asked.max(5) + 1);
        assert_eq!(seen.last().unwrap().sequence, NEWEST);
    }
    let reply = session.invoke(command("b"), LIMIT).await.unwrap().reply;
    assert!(reply.diagnostic_text.starts_with("generation 2, call "), "{}", reply.diagnostic_text);
    assert!(
        !reply.diagnostic_text.ends_with(" call 1"),
        "an old gateway's call id: {}",
        reply.diagnostic_text
    );
    within("the close", session.close(CloseReason::ClientClose)).await;
    assert!(!worker.is_alive_and_same());
    assert_eq!(house.listed().await, 0);
    drop(second);
    assert!(house.start().await.manager.list().is_empty());
}

#[tokio::test]
async fn gateways_may_follow_each_other_many_times() {
    let house = House::new("outlives");
    let mut gateway = house.start().await;
    let (session, worker) = gateway.open().await;
    let id = session.id();
    for generation in 2..6 {
        gateway.hand_over().await;
        gateway = house.start().await;
        let session = gateway.recovered(id).await;
        let reply = session.invoke(command("a"), LIMIT).await.unwrap().reply;
        assert!(reply.diagnostic_text.starts_with(&format!("generation {generation},")));
    }
    within("the shutdown", gateway.manager.shutdown()).await;
    assert!(!worker.is_alive_and_same());
    assert_eq!(house.listed().await, 0);
}

#[tokio::test]
async fn what_fails_its_proof_is_left_alone_and_its_session_faulted() {
    let cases = [
        ("outlives-with-another-secret", "the handshake failed: the peer's proof is wrong"),
        ("outlives-in-another-epoch", "it numbers its events in epoch 0xe90d, not 0xe90c"),
        ("outlives-and-stays-away", "it did not connect within 1 s (workers.adoption_timeout_seconds)"),
    ];
    for (script, reason) in cases {
        let mut house = House::new(script);
        house.config.adoption_timeout = Duration::from_secs(1);
        let first = house.start().await;
        let (session, worker) = first.open().await;
        let id = session.id();
        first.hand_over().await;
        let second = house.start().await;
        let session = second.recovered(id).await;
        assert_eq!(session.status().fault, Some(Fault::NotTakenOver(reason.to_owned())), "{script}");
        assert_eq!(session.state(), SessionState::Faulted);
        assert!(worker.is_alive_and_same(), "{script}: it is not ours to end");
        until("it is off the list", async || house.listed().await == 0).await;
        house.clear_up(&worker).await;
    }
}

#[tokio::test]
async fn a_worker_that_is_gone_faults_its_session() {
    let house = House::new("outlives");
    let first = house.start().await;
    let (session, worker) = first.open().await;
    let id = session.id();
    first.hand_over().await;
    house.clear_up(&worker).await;
    let second = house.start().await;
    let session = second.recovered(id).await;
    let fault = Fault::WorkerExited("it ended while the gateway was away".to_owned());
    assert_eq!(session.status().fault, Some(fault));
    assert_eq!(second.supervisor.orphans(), OrphanCounts { not_taken_over: 1, ..OrphanCounts::default() });
    until("it is off the list", async || house.listed().await == 0).await;
}

#[tokio::test]
async fn a_process_with_the_number_of_a_worker_is_not_touched() {
    let mut decoy =
        Program::new("sleep").arg("600").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let found = ProcessIdentity::of(decoy.id()).unwrap();
    let image = Some(found.image.as_str());
    let created = Some(found.created.as_str());
    // The worker ended, and its number was given out again: to another program, to the same one later, or to
    // another one within the same tick.
    for (created, image) in [(None, None), (None, image), (created, None)] {
        for adopts in [true, false] {
            let house = House::new("outlives");
            let first = house.start().await;
            let (session, worker) = first.open().await;
            let id = session.id();
            first.hand_over().await;
            house.clear_up(&worker).await;
            let mut database = house.database().await;
            let query = "UPDATE workers SET process_id = ?, process_created = coalesce(?, process_created), \
                         process_image = coalesce(?, process_image)";
            let query = sqlx::query(query).bind(i64::from(decoy.id())).bind(created).bind(image);
            query.execute(&mut database).await.unwrap();
            if adopts {
                let fault = house.start().await.recovered(id).await.status().fault;
                assert!(matches!(fault, Some(Fault::WorkerExited(_))), "{fault:?}");
            } else {
                let manifest = Manifest::open(&house.data()).await.unwrap();
                assert_eq!(manifest.end_all().await.unwrap(), 0);
            }
            assert!(decoy.try_wait().unwrap().is_none(), "the decoy was ended");
        }
    }
    decoy.kill().unwrap();
    decoy.wait().unwrap();
}

#[tokio::test]
async fn what_is_left_is_ended_next_to_a_process_that_is_not_ours() {
    let mut decoy =
        Program::new("sleep").arg("600").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let house = House::new("outlives");
    let first = house.start().await;
    let (session, gone) = first.open().await;
    let (_, left) = first.open().await;
    let id = session.id().to_string();
    first.hand_over().await;
    house.clear_up(&gone).await;
    let query = sqlx::query("UPDATE workers SET process_id = ? WHERE session_id = ?");
    let query = query.bind(i64::from(decoy.id())).bind(id);
    query.execute(&mut house.database().await).await.unwrap();
    let manifest = Manifest::open(&house.data()).await.unwrap();
    assert_eq!(within("the end of what is left", manifest.end_all()).await.unwrap(), 1);
    assert!(!left.is_alive_and_same());
    assert!(decoy.try_wait().unwrap().is_none(), "the decoy was ended");
    assert_eq!(house.listed().await, 0);
    decoy.kill().unwrap();
    decoy.wait().unwrap();
}

#[tokio::test]
async fn a_gateway_that_takes_nothing_over_ends_what_it_finds() {
    let house = House::new("outlives");
    let first = house.start().await;
    let workers = [first.open().await.1, first.open().await.1];
    first.hand_over().await;
    let manifest = Manifest::open(&house.data()).await.unwrap();
    assert_eq!(within("the end of the workers", manifest.end_all()).await.unwrap(), 2);
    assert!(workers.iter().all(|worker| !worker.is_alive_and_same()));
    assert_eq!(house.listed().await, 0);
}

#[tokio::test]
async fn an_adopted_worker_that_dies_faults_its_session() {
    let house = House::new("outlives");
    let first = house.start().await;
    let (session, worker) = first.open().await;
    let id = session.id();
    first.hand_over().await;
    let second = house.start().await;
    let session = second.recovered(id).await;
    assert_eq!(session.state(), SessionState::Ready);
    house.clear_up(&worker).await;
    until("the fault", async || session.state() == SessionState::Faulted).await;
    assert!(matches!(session.status().fault, Some(Fault::WorkerExited(_))), "{:?}", session.status().fault);
    until("it is off the list", async || house.listed().await == 0).await;
}

#[tokio::test]
async fn a_list_that_cannot_be_written_keeps_nobody_from_a_session() {
    let house = House::new("outlives");
    let gateway = house.start().await;
    let mut database = house.database().await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut database).await.unwrap();
    let unhindered = House::new("outlives");
    let begun = Instant::now();
    let other = unhindered.start().await;
    other.open().await;
    let usual = begun.elapsed();
    within("the shutdown", other.manager.shutdown()).await;
    let begun = Instant::now();
    let (session, worker) = gateway.open().await;
    assert!(begun.elapsed() < usual + Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!(gateway.manifest.unlisted(), 1);
    session.invoke(command("a"), LIMIT).await.unwrap();
    drop(database);
    // Nobody would find it, so it ends with its gateway.
    gateway.hand_over().await;
    assert!(!worker.is_alive_and_same());
    assert_eq!(house.listed().await, 0);
}

#[tokio::test]
async fn a_worker_that_cannot_be_noted_at_once_is_noted_later_and_outlives_its_gateway_from_then_on() {
    let house = House::new("outlives");
    let first = house.start().await;
    let mut database = house.database().await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut database).await.unwrap();
    let (session, worker) = first.open().await;
    let (left, _) = first.open().await;
    let id = session.id();
    assert_eq!(first.manifest.unlisted(), 2);
    within("the close", left.close(CloseReason::ClientClose)).await;
    assert_eq!(first.manifest.unlisted(), 1, "one that has ended is not missed");
    drop(database);
    until("it is noted", async || first.manifest.unlisted() == 0).await;
    assert_eq!(house.listed().await, 1);
    // After this, the worker knows.
    session.invoke(command("a"), LIMIT).await.unwrap();
    first.hand_over().await;
    assert!(worker.is_alive_and_same());

    let second = house.start().await;
    let session = second.recovered(id).await;
    assert_eq!(session.state(), SessionState::Ready, "{:?}; {}", session.status().fault, house.log());
    assert_eq!(second.manager.list().len(), 1, "one that had ended is not noted");
    within("the shutdown", second.manager.shutdown()).await;
    assert_eq!(house.listed().await, 0);
}

#[tokio::test]
async fn a_worker_whose_session_nobody_knew_of_is_ended() {
    let house = House::new("outlives");
    let first = house.start().await;
    let (_, worker) = first.open().await;
    first.hand_over().await;
    let mut database = house.database().await;
    sqlx::query("UPDATE workers SET epoch = NULL").execute(&mut database).await.unwrap();
    let second = house.start().await;
    assert!(second.manager.list().is_empty());
    assert!(!worker.is_alive_and_same());
    assert_eq!(house.listed().await, 0);
}
