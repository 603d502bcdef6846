//! Commands on their way to the apartment thread.

use std::collections::VecDeque;
use std::fmt;
use std::time::Instant;

use mxgateway_contracts::v1::MxCommand;
use parking_lot::{Condvar, Mutex};

use crate::tickets::Ticket;

/// A command that waits.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) ticket: Ticket,
    pub(crate) command: Box<MxCommand>,
}

/// What the apartment does next.
#[derive(Debug)]
pub(crate) enum Next {
    Job(Job),
    /// End, after what was taken before.
    Stop,
    /// Nothing yet.
    Nothing,
}

/// A queue into the apartment. The backend waits on it while it pumps.
#[derive(Default)]
pub struct Inbox {
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    stopping: bool,
    wake: Option<Box<dyn Fn() + Send>>,
}

impl Inbox {
    /// Called whenever something arrives, for a backend that cannot wait on a condition variable (COM
    /// waits for its message queue and an event object). The hook must not block.
    pub fn set_wake(&self, wake: impl Fn() + Send + 'static) {
        self.state.lock().wake = Some(Box::new(wake));
    }

    /// True when there is something to take.
    pub fn is_ready(&self) -> bool {
        let state = self.state.lock();
        state.stopping || !state.jobs.is_empty()
    }

    /// Waits until there is something to take, or until `limit`.
    pub fn wait_until(&self, limit: Instant) {
        let mut state = self.state.lock();
        while !state.stopping && state.jobs.is_empty() {
            if self.arrived.wait_until(&mut state, limit).timed_out() {
                return;
            }
        }
    }

    /// False when the apartment is to stop; then the job is not taken.
    pub(crate) fn push(&self, job: Job) -> bool {
        let mut state = self.state.lock();
        if state.stopping {
            return false;
        }
        state.jobs.push_back(job);
        self.notify(&state);
        true
    }

    /// Takes a job that has not begun out of the queue; false when it is not there (any more).
    pub(crate) fn cancel(&self, ticket: Ticket) -> bool {
        let mut state = self.state.lock();
        let before = state.jobs.len();
        state.jobs.retain(|job| job.ticket != ticket);
        state.jobs.len() < before
    }

    /// Asks the apartment to end; returns the jobs that will not be done.
    pub(crate) fn stop(&self) -> Vec<Job> {
        let mut state = self.state.lock();
        state.stopping = true;
        self.notify(&state);
        state.jobs.drain(..).collect()
    }

    /// True once the apartment was asked to end.
    pub(crate) fn is_stopping(&self) -> bool {
        self.state.lock().stopping
    }

    pub(crate) fn take(&self) -> Next {
        let mut state = self.state.lock();
        match state.jobs.pop_front() {
            Some(job) => Next::Job(job),
            None if state.stopping => Next::Stop,
            None => Next::Nothing,
        }
    }

    fn notify(&self, state: &State) {
        self.arrived.notify_one();
        if let Some(wake) = &state.wake {
            wake();
        }
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        formatter
            .debug_struct("Inbox")
            .field("jobs", &state.jobs.len())
            .field("stopping", &state.stopping)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use super::*;

    fn job(ticket: u64) -> Job {
        Job { ticket: Ticket::of(ticket), command: Box::default() }
    }

    #[test]
    fn a_waiting_backend_is_woken_both_ways() {
        let inbox = Arc::new(Inbox::default());
        let woken = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&woken);
        inbox.set_wake(move || {
            count.fetch_add(1, Ordering::Relaxed);
        });
        let waiting = Arc::clone(&inbox);
        let waiter = std::thread::spawn(move || {
            waiting.wait_until(Instant::now() + Duration::from_secs(30));
            waiting.is_ready()
        });
        assert!(inbox.push(job(1)));
        assert!(waiter.join().unwrap(), "the wait ended without a job");
        assert_eq!(woken.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_job_is_done_once_or_given_back() {
        let inbox = Inbox::default();
        assert!(inbox.push(job(1)));
        assert!(inbox.push(job(2)));
        assert!(inbox.push(job(3)));
        assert!(inbox.cancel(Ticket::of(2)));
        assert!(!inbox.cancel(Ticket::of(2)));
        assert!(matches!(inbox.take(), Next::Job(job) if job.ticket == Ticket::of(1)));
        let left: Vec<_> = inbox.stop().iter().map(|job| job.ticket).collect();
        assert_eq!(left, [Ticket::of(3)]);
        assert!(!inbox.push(job(4)));
        assert!(matches!(inbox.take(), Next::Stop));
    }
}
