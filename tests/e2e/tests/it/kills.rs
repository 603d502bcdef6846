//! The kill matrix: every fault in every situation of sessions that may outlive their gateway.

mod cell;
mod follower;
mod means;
mod situation;

use std::thread;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    GatewayKilled,
    WorkerKilled,
    BothKilled,
    /// For [`means::STOP`], which is longer than the grace of heartbeats.
    GatewayStopped,
    WorkerStopped,
    DiskFull,
    /// The worker's direction of its connection is shut down.
    ClosedForWriting,
    /// The gateway's direction is shut down, at the worker's end.
    ClosedForReading,
}

impl Fault {
    /// The session is lost with its worker.
    fn takes_session(self) -> bool {
        match self {
            Self::WorkerKilled | Self::BothKilled | Self::WorkerStopped => true,
            Self::ClosedForWriting | Self::ClosedForReading => true,
            Self::GatewayKilled | Self::GatewayStopped | Self::DiskFull => false,
        }
    }

    /// There is no gateway any more.
    fn takes_gateway(self) -> bool {
        match self {
            Self::GatewayKilled | Self::BothKilled => true,
            Self::WorkerKilled | Self::GatewayStopped | Self::WorkerStopped | Self::DiskFull => false,
            Self::ClosedForWriting | Self::ClosedForReading => false,
        }
    }

    /// What the reason of a session that it took must be; any of these, or more of it.
    fn reasons(self, situation: Situation) -> &'static [&'static str] {
        match self {
            // Only its parent is told how a process ended.
            Self::WorkerKilled if situation == Situation::Adoption => {
                &["the worker ended: unknown exit status"]
            }
            Self::WorkerKilled => &["the worker ended: signal 9 (SIGKILL)"],
            Self::BothKilled => &["the worker ended: it ended while the gateway was away"],
            Self::WorkerStopped => &["the worker does not answer: no sign of life for 15."],
            Self::ClosedForWriting | Self::ClosedForReading => {
                &["the worker ended: it closed its connection, and was killed"]
            }
            Self::GatewayKilled | Self::GatewayStopped | Self::DiskFull => &[],
        }
    }
}

/// What the sessions are at when it goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Situation {
    Idle,
    /// 10,000 events a second.
    Busy,
    /// A client that came back is being sent what it missed.
    Replay,
    /// The worker is at a write.
    Write,
    /// The gateway was started anew and takes its workers over.
    Adoption,
}

impl Situation {
    const ALL: [Self; 5] = [Self::Idle, Self::Busy, Self::Replay, Self::Write, Self::Adoption];
}

/// The cells of a fault that takes [`means::STOP`] are run at once. Each has a thread of its own with its name, which the
/// messages of what fails in it begin with.
fn in_all_situations(fault: Fault) {
    let cells = Situation::ALL.map(|situation| {
        let name = format!("{fault:?}/{situation:?}");
        let cell = thread::Builder::new().name(name.clone()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(cell::run(fault, situation));
        });
        (name, cell.unwrap())
    });
    let failed: Vec<String> =
        cells.into_iter().filter_map(|(name, cell)| cell.join().is_err().then_some(name)).collect();
    assert!(failed.is_empty(), "failed, as said above: {}", failed.join(", "));
}

#[test]
fn gateway_stopped_in_all_situations() {
    in_all_situations(Fault::GatewayStopped);
}

#[test]
fn worker_stopped_in_all_situations() {
    in_all_situations(Fault::WorkerStopped);
}

macro_rules! matrix {
    ($($fault:ident: $($name:ident is $situation:ident),+;)+) => {$($(
        #[tokio::test]
        async fn $name() {
            cell::run(Fault::$fault, Situation::$situation).await;
        }
    )+)+};
}

matrix! {
    GatewayKilled: gateway_killed_when_idle is Idle, gateway_killed_when_busy is Busy,
        gateway_killed_during_replay is Replay, gateway_killed_during_a_write is Write,
        gateway_killed_during_adoption is Adoption;
    WorkerKilled: worker_killed_when_idle is Idle, worker_killed_when_busy is Busy,
        worker_killed_during_replay is Replay, worker_killed_during_a_write is Write,
        worker_killed_during_adoption is Adoption;
    BothKilled: both_killed_when_idle is Idle, both_killed_when_busy is Busy,
        both_killed_during_replay is Replay, both_killed_during_a_write is Write,
        both_killed_during_adoption is Adoption;
    DiskFull: disk_full_when_idle is Idle, disk_full_when_busy is Busy,
        disk_full_during_replay is Replay, disk_full_during_a_write is Write,
        disk_full_during_adoption is Adoption;
    ClosedForWriting: closed_for_writing_when_idle is Idle, closed_for_writing_when_busy is Busy,
        closed_for_writing_during_replay is Replay, closed_for_writing_during_a_write is Write,
        closed_for_writing_during_adoption is Adoption;
    ClosedForReading: closed_for_reading_when_idle is Idle, closed_for_reading_when_busy is Busy,
        closed_for_reading_during_replay is Replay, closed_for_reading_during_a_write is Write,
        closed_for_reading_during_adoption is Adoption;
}
