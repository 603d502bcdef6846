//! One cell of the matrix.

use std::sync::Arc;
use std::time::Instant;

use mxgateway_contracts::error_code::ErrorCode;
use mxgateway_contracts::v1::{InvokeReply, SessionState, StreamPosition};
use mxgateway_e2e::{EndOfWorkers, Gateway, GatewayOptions, TestSession, is_alive, signal, until, within};
use rustix::net::Shutdown;
use rustix::process::Signal;
use tokio::task::JoinHandle;
use tonic::Status;

use super::follower::Follower;
use super::means::{Decoy, FullDisk, half_close, left_out, recycle, stop_for_a_while};
use super::situation::Subject;
use super::{Fault, Situation};

const CONFIG: &str = "[sessions]\nallow_multiple_event_subscribers = true\n\
                      [workers]\nenable_orphan_reattach = true\nadoption_timeout_seconds = 60\n\
                      max_orphan_lifetime_seconds = 60\njournal_capacity = 1000000\n\
                      [events]\nreplay_buffer_capacity = 1000000\n\
                      [simulator]\nallow_fault_injection = true\n";
/// How long the worker is at the write that is in flight.
const WRITE_SECONDS: i64 = 2;
/// How long taking over is held up.
const ADOPTION_SECONDS: i64 = 5;
/// Events to be sent again.
const REPLAYED: u64 = 40_000;
/// Of a client that was slow to take them.
const READ_BEFORE_FAULT: u64 = 100;

fn options() -> GatewayOptions {
    GatewayOptions { config: CONFIG.to_owned(), quiet: true, limited: true, ..GatewayOptions::default() }
}

struct Cell {
    fault: Fault,
    situation: Situation,
    gateway: Option<Gateway>,
    victim: Arc<Subject>,
    bystander: Subject,
    followers: Vec<Follower>,
    bystanders_follower: Follower,
    writing: Option<JoinHandle<Result<InvokeReply, Status>>>,
    executed: u64,
    decoy: Decoy,
    end: EndOfWorkers,
}

/// Brings the situation about, then the fault, and sees what becomes of it.
#[expect(clippy::print_stdout, reason = "how long cells take is looked at")]
pub(super) async fn run(fault: Fault, situation: Situation) {
    let began = Instant::now();
    let mut cell = Cell::set_up(fault, situation).await;
    cell.bring_about().await;
    let set_up = began.elapsed().as_secs_f64();
    let full = match cell.strike().await {
        Ok(full) => full,
        Err(why) => return left_out(&format!("{fault:?}/{situation:?}"), &why),
    };
    if fault.takes_session() {
        cell.session_is_faulted().await;
    } else {
        cell.session_goes_on().await;
    }
    cell.others_go_on().await;
    if let Some(full) = full {
        cell.serves_without_room(full).await;
    }
    cell.leaves_nothing().await;
    let all = began.elapsed().as_secs_f64();
    println!("{fault:?}/{situation:?}: {all:.1} s, {set_up:.1} s of it until the fault");
}

impl Cell {
    async fn set_up(fault: Fault, situation: Situation) -> Self {
        let decoy = Decoy::start();
        let gateway = Gateway::start_with(options()).await;
        let victim = Arc::new(Subject::open(gateway.session().await).await);
        let bystander = Subject::open(gateway.session().await).await;
        let end = EndOfWorkers(vec![victim.worker(), bystander.worker()]);
        let mut followers = Vec::new();
        for number in 0..2 {
            let name = format!("{fault:?}-{situation:?}-{number}");
            followers.push(Follower::of(&gateway, &victim.session, name, None, u64::MAX).await);
        }
        let name = format!("{fault:?}-{situation:?}-bystander");
        let bystanders_follower = Follower::of(&gateway, &bystander.session, name, None, u64::MAX).await;
        for subject in [&*victim, &bystander] {
            succeeded(&subject.write("once", 1).await);
        }
        let executed =
            until("two writes", async || victim.executed().await.filter(|count| *count >= 2)).await;
        let gateway = Some(gateway);
        let writing = None;
        Self {
            fault,
            situation,
            gateway,
            victim,
            bystander,
            followers,
            bystanders_follower,
            writing,
            executed,
            decoy,
            end,
        }
    }

    fn gateway(&self) -> &Gateway {
        self.gateway.as_ref().expect("a gateway")
    }

    async fn start_again(&mut self) {
        let gateway = self.gateway.take().expect("a gateway that ended");
        self.gateway = Some(gateway.start_again_with(options()).await);
    }

    async fn bring_about(&mut self) {
        match self.situation {
            Situation::Idle => {}
            Situation::Busy => self.victim.busy().await,
            Situation::Replay => self.replay().await,
            Situation::Write => {
                self.victim.slow_writes(WRITE_SECONDS).await;
                let victim = Arc::clone(&self.victim);
                self.writing = Some(tokio::spawn(async move { victim.write("in flight", 2).await }));
                self.victim.apartment_is_at_work().await;
                assert!(!self.writing.as_ref().is_some_and(JoinHandle::is_finished), "it is done already");
            }
            Situation::Adoption => {
                let newest = self.victim.newest().await;
                self.victim.hang(ADOPTION_SECONDS).await;
                self.gateway.as_mut().expect("a gateway").kill().await;
                self.start_again().await;
                // The worker has proved itself: what is missing is the answer to GetSessionState.
                until("the worker sends its events", async || {
                    (self.victim.newest().await >= newest).then_some(())
                })
                .await;
                let status = self.victim.session.status().await;
                assert_eq!(status.state(), SessionState::Recovering, "{}", self.gateway().log());
                ready(&self.bystander.session).await;
            }
        }
    }

    async fn replay(&mut self) {
        let before = self.victim.newest().await;
        self.victim.storm(100_000).await;
        until("many events", async || (self.victim.newest().await >= before + REPLAYED).then_some(())).await;
        self.victim.end_storm().await;
        let first = StreamPosition { epoch: self.victim.session.opened.epoch, sequence: 0 };
        let name = format!("{:?}-{:?}-replayed", self.fault, self.situation);
        let mut replayed =
            Follower::of(self.gateway(), &self.victim.session, name, Some(first), READ_BEFORE_FAULT).await;
        replayed.reaches(READ_BEFORE_FAULT).await;
        let status = self.victim.session.status().await;
        let behind = status.subscribers.iter().map(|subscriber| subscriber.lag).max().unwrap_or_default();
        assert!(behind > 0, "everything was sent: {status:?}");
        self.followers.push(replayed);
    }

    async fn strike(&mut self) -> Result<Option<FullDisk>, String> {
        let worker = self.victim.worker();
        let gateway = self.gateway.as_mut().expect("a gateway");
        let mut full = None;
        match self.fault {
            Fault::GatewayKilled => gateway.kill().await,
            Fault::WorkerKilled => signal(worker, Signal::KILL),
            Fault::BothKilled => {
                // The gateway first, so that it cannot take the worker off its list.
                signal(gateway.process_id(), Signal::KILL);
                signal(worker, Signal::KILL);
                gateway.kill().await;
                until("the worker ends", async || (!is_alive(worker)).then_some(())).await;
            }
            Fault::GatewayStopped => stop_for_a_while(gateway.process_id()).await,
            Fault::WorkerStopped => stop_for_a_while(worker).await,
            Fault::DiskFull => full = Some(FullDisk::of(gateway.process_id())),
            Fault::ClosedForWriting => half_close(worker, Shutdown::Write)?,
            Fault::ClosedForReading => half_close(worker, Shutdown::Read)?,
        }
        self.followers.iter().for_each(Follower::read_on);
        if self.fault.takes_gateway() {
            if self.fault == Fault::BothKilled {
                let id = self.victim.session.id();
                assert!(is_alive(self.decoy.process_id()), "the decoy waits for its bootstrap");
                recycle(&self.gateway().data_directory(), &id, self.decoy.process_id()).await;
            }
            self.start_again().await;
        }
        Ok(full)
    }

    async fn session_goes_on(&mut self) {
        ready(&self.victim.session).await;
        assert_eq!(self.victim.session.status().await.worker_process_id, self.victim.worker());
        let mut writes = 0;
        if let Some(writing) = self.writing.take() {
            let first = within("the write in flight", writing).await.unwrap();
            match &first {
                Ok(_) => succeeded(&first),
                // The connection broke; a gateway that is there answers.
                Err(error) => assert_eq!(ErrorCode::of(error), None, "{error:?}"),
            }
            assert!(first.is_err() || !self.fault.takes_gateway(), "the write was over before the fault");
            succeeded(&self.victim.write("in flight", 2).await);
            self.victim.slow_writes(0).await;
            writes += 1;
        }
        if self.situation == Situation::Busy {
            self.victim.is_still_busy().await;
            self.victim.end_storm().await;
        }
        // Also done before.
        succeeded(&self.victim.write("once", 1).await);
        succeeded(&self.victim.write("last", 3).await);
        let wanted = self.executed + writes + 1;
        until("the last write", async || self.victim.executed().await.filter(|count| *count >= wanted)).await;
        assert_eq!(self.victim.executed().await, Some(wanted), "a write was carried out more than once");
        let newest = self.victim.newest().await;
        for mut follower in self.followers.drain(..) {
            follower.reaches(newest).await;
            follower.stop().await.has_all_up_to(newest);
        }
        self.keeps_what_was().await;
    }

    /// What every client had passed before the fault can still be asked for.
    async fn keeps_what_was(&self) {
        let session = &self.victim.session;
        let mut stream = session.resume(session.opened.epoch, 0).await;
        let first = stream.event().await.worker_sequence;
        assert_eq!((stream.start.replay_gap, first), (None, 1), "{:?}", stream.start);
    }

    async fn session_is_faulted(&mut self) {
        let status = until("the fault", async || {
            let status = self.victim.session.status().await;
            (status.state() == SessionState::Faulted).then_some(status)
        })
        .await;
        let reason = &status.state_reason;
        let reasons = self.fault.reasons(self.situation);
        assert!(reasons.iter().any(|wanted| reason.contains(wanted)), "{reason:?} is none of {reasons:?}");
        for follower in self.followers.drain(..) {
            let followed = follower.ends().await;
            let told = followed.end.unwrap_or_default();
            assert!(told.contains(reason.as_str()), "a client was told {told:?} instead of {reason:?}");
        }
        if let Some(writing) = self.writing.take() {
            let error =
                within("the write in flight", writing).await.unwrap().expect_err("the worker is gone");
            let code = ErrorCode::of(&error);
            let honest = if self.fault.takes_gateway() { None } else { Some(ErrorCode::OutcomeUnknown) };
            assert_eq!(code, honest, "{error:?}");
        }
        for id in ["in flight", "once"] {
            let error = self.victim.write(id, 2).await.expect_err("the session is over");
            assert_eq!(ErrorCode::of(&error), Some(ErrorCode::SessionFaulted), "{error:?}");
        }
        until("the worker ends", async || (!is_alive(self.victim.worker())).then_some(())).await;
    }

    /// The other session, and new ones.
    async fn others_go_on(&mut self) {
        ready(&self.bystander.session).await;
        succeeded(&self.bystander.write("once", 1).await);
        succeeded(&self.bystander.write("last", 2).await);
        until("the last write", async || self.bystander.executed().await.filter(|count| *count >= 3)).await;
        assert_eq!(self.bystander.executed().await, Some(3));
        let newest = self.bystander.newest().await;
        self.bystanders_follower.reaches(newest).await;
        let new = self.new_session().await;
        assert_eq!(new.executed().await, Some(1));
        assert_eq!(new.session.close().await.final_state(), SessionState::Closed);
        assert!(!is_alive(new.worker()));
    }

    async fn new_session(&mut self) -> Subject {
        let new = self.gateway().session().await;
        self.end.0.push(new.opened.worker_process_id);
        Subject::open(new).await
    }

    /// What cannot be noted serves, and ends with its gateway; what is noted later does not, nor what is noted at once.
    async fn serves_without_room(&mut self, full: FullDisk) {
        let unlisted = self.new_session().await;
        let ended = self.new_session().await;
        for session in [&unlisted, &ended] {
            self.is_logged("could not be listed", session).await;
        }
        ended.session.close().await;
        full.make_room();
        self.is_logged("is listed now", &unlisted).await;
        let listed = self.new_session().await;
        self.gateway.as_mut().expect("a gateway").kill().await;
        self.start_again().await;
        for session in [&self.victim, &self.bystander, &unlisted, &listed] {
            ready(&session.session).await;
            assert!(is_alive(session.worker()));
        }
        let error = ended.write("", 1).await.expect_err("it is gone");
        assert_eq!(ErrorCode::of(&error), Some(ErrorCode::SessionNotFound), "{error:?}");
        for session in [unlisted, listed] {
            session.session.close().await;
        }
    }

    async fn is_logged(&self, what: &str, of: &Subject) {
        let id = of.session.id();
        let said = |line: &str| line.contains(what) && line.contains(&id);
        until(what, async || self.gateway().log().lines().any(said).then_some(())).await;
    }

    async fn leaves_nothing(mut self) {
        let followed = self.bystanders_follower.stop().await;
        assert_eq!(followed.end, None);
        followed.has_all_up_to(1);
        assert_eq!(self.victim.session.close().await.final_state(), SessionState::Closed);
        // The other one is closed by the gateway's end.
        let gateway = self.gateway.as_mut().expect("a gateway");
        assert!(gateway.stop(Signal::TERM).await.success());
        for worker in &self.end.0 {
            until("no worker is left", async || (!is_alive(*worker)).then_some(())).await;
        }
        let sockets: Vec<_> = std::fs::read_dir(gateway.runtime_directory()).unwrap().flatten().collect();
        assert!(sockets.is_empty(), "{sockets:?}");
        self.decoy.is_untouched();
    }
}

async fn ready(session: &TestSession) {
    until("the session is ready", async || {
        let status = session.status().await;
        assert_ne!(status.state(), SessionState::Faulted, "{}", status.state_reason);
        (status.state() == SessionState::Ready).then_some(())
    })
    .await;
}

fn succeeded(reply: &Result<InvokeReply, Status>) {
    let reply = reply.as_ref().expect("the command reaches the worker").reply.as_ref().expect("a reply");
    assert_eq!(reply.hresult, 0, "{reply:?}");
}
