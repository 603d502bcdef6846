//! The states of a session and the ways between them.
//!
//! ```text
//! Creating -> Starting -> Handshaking -> Ready -> Closing -> Closed
//!                              ^           |         ^          ^
//!                          Recovering      |         |          |
//!                              |           |         |          |
//!    any before Closed  -------+-----------+----> Faulted ------+
//! ```

use std::fmt;

/// Where a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionState {
    /// A slot was taken, nothing runs yet.
    Creating,
    /// The worker process is being started.
    Starting,
    /// The worker connected; both ends prove themselves and the backend is made.
    Handshaking,
    /// Commands and streams are served.
    Ready,
    /// After a gateway restart, before the worker was taken over again.
    Recovering,
    /// The worker is being ended.
    Closing,
    /// Ended; final.
    Closed,
    /// The worker failed; only the end is left.
    Faulted,
}

impl fmt::Display for SessionState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Creating => "creating",
            Self::Starting => "starting",
            Self::Handshaking => "handshaking",
            Self::Ready => "ready",
            Self::Recovering => "recovering",
            Self::Closing => "closing",
            Self::Closed => "closed",
            Self::Faulted => "faulted",
        })
    }
}

/// Why a session was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// The client asked.
    ClientClose,
    /// The gateway stops.
    GatewayShutdown,
    /// No activity for the length of the lease.
    LeaseExpired,
    /// No subscriber came back within the grace.
    DetachGraceExpired,
    /// An administrator asked.
    Administrator,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::ClientClose => "client-close",
            Self::GatewayShutdown => "gateway-shutdown",
            Self::LeaseExpired => "lease-expired",
            Self::DetachGraceExpired => "detach-grace-expired",
            Self::Administrator => "administrator",
        })
    }
}

/// What made a session unusable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The worker could not be started or did not become ready.
    #[error("the worker did not start: {0}")]
    StartFailed(String),
    /// The worker process ended by itself.
    #[error("the worker ended: {0}")]
    WorkerExited(String),
    /// The gateway was started anew and could not take the worker over.
    #[error("the worker was not taken over after a restart of the gateway: {0}")]
    NotTakenOver(String),
    /// The worker stopped answering.
    #[error("the worker does not answer: {0}")]
    WorkerHung(String),
    /// The worker broke the pipe protocol.
    #[error("the worker broke the protocol: {0}")]
    Protocol(String),
    /// The session's only subscriber did not keep up, and the policy is to fail fast.
    #[error("the subscriber fell more than {limit} events behind and the policy is fail_fast")]
    SlowSubscriber {
        /// Events it may be behind.
        limit: u64,
    },
}

/// A step that the state machine does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a session cannot go from {from} to {to}")]
pub struct IllegalTransition {
    /// Where the session is.
    pub from: SessionState,
    /// Where it was to go.
    pub to: SessionState,
}

/// What [`Lifecycle::begin_close`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BeginClose {
    /// The caller has to end the worker and then call [`Lifecycle::closed`].
    Begun,
    /// Somebody else is at it.
    AlreadyClosing,
    /// It is over.
    AlreadyClosed,
}

/// The state of one session with the reasons for it.
#[derive(Clone, Debug)]
pub struct Lifecycle {
    state: SessionState,
    close_reason: Option<CloseReason>,
    fault: Option<Fault>,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self { state: SessionState::Creating, close_reason: None, fault: None }
    }
}

impl Lifecycle {
    /// That of a session whose gateway was restarted.
    pub fn recovering() -> Self {
        Self { state: SessionState::Recovering, ..Self::default() }
    }

    /// Where the session is.
    pub fn state(&self) -> SessionState {
        self.state
    }

    /// Why it is closing or closed.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.close_reason
    }

    /// What made it fail; stays known after the close.
    pub fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }

    /// One step of the way up: starting, handshaking, ready.
    pub fn advance(&mut self, to: SessionState) -> Result<(), IllegalTransition> {
        let legal = matches!(
            (self.state, to),
            (SessionState::Creating, SessionState::Starting)
                | (SessionState::Starting | SessionState::Recovering, SessionState::Handshaking)
                | (SessionState::Handshaking, SessionState::Ready)
        );
        if !legal {
            return Err(IllegalTransition { from: self.state, to });
        }
        self.state = to;
        Ok(())
    }

    /// The session cannot be used any more. True when that is news; the first fault is kept.
    pub fn fail(&mut self, fault: Fault) -> bool {
        match self.state {
            SessionState::Closing | SessionState::Closed | SessionState::Faulted => false,
            SessionState::Creating
            | SessionState::Starting
            | SessionState::Handshaking
            | SessionState::Ready
            | SessionState::Recovering => {
                self.state = SessionState::Faulted;
                self.fault = Some(fault);
                true
            }
        }
    }

    /// Asks for the end; the first reason is kept.
    pub fn begin_close(&mut self, reason: CloseReason) -> BeginClose {
        match self.state {
            SessionState::Closing => BeginClose::AlreadyClosing,
            SessionState::Closed => BeginClose::AlreadyClosed,
            SessionState::Creating
            | SessionState::Starting
            | SessionState::Handshaking
            | SessionState::Ready
            | SessionState::Recovering
            | SessionState::Faulted => {
                self.state = SessionState::Closing;
                self.close_reason = Some(reason);
                BeginClose::Begun
            }
        }
    }

    /// The worker is gone.
    pub fn closed(&mut self) -> Result<(), IllegalTransition> {
        if self.state != SessionState::Closing {
            return Err(IllegalTransition { from: self.state, to: SessionState::Closed });
        }
        self.state = SessionState::Closed;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [SessionState; 8] = [
        SessionState::Creating,
        SessionState::Starting,
        SessionState::Handshaking,
        SessionState::Ready,
        SessionState::Recovering,
        SessionState::Closing,
        SessionState::Closed,
        SessionState::Faulted,
    ];

    fn at(state: SessionState) -> Lifecycle {
        Lifecycle { state, ..Lifecycle::default() }
    }

    #[test]
    fn only_the_steps_of_the_figure_exist() {
        use SessionState::{Creating, Handshaking, Ready, Recovering, Starting};
        let legal =
            [(Creating, Starting), (Starting, Handshaking), (Recovering, Handshaking), (Handshaking, Ready)];
        for from in STATES {
            for to in STATES {
                let step = at(from).advance(to);
                assert_eq!(step.is_ok(), legal.contains(&(from, to)), "{from} to {to}");
            }
        }
    }

    #[test]
    fn whatever_is_not_over_can_fail_once() {
        for state in STATES {
            let mut lifecycle = at(state);
            let over = matches!(state, SessionState::Closing | SessionState::Closed | SessionState::Faulted);
            assert_eq!(lifecycle.fail(Fault::WorkerExited("first".to_owned())), !over, "{state}");
            assert!(!lifecycle.fail(Fault::WorkerExited("second".to_owned())));
            assert_eq!(lifecycle.state() == SessionState::Faulted, state == SessionState::Faulted || !over);
        }
    }

    #[test]
    fn closing_is_idempotent_and_keeps_the_first_reason() {
        let mut lifecycle = at(SessionState::Ready);
        assert!(lifecycle.closed().is_err());
        assert_eq!(lifecycle.begin_close(CloseReason::LeaseExpired), BeginClose::Begun);
        assert_eq!(lifecycle.begin_close(CloseReason::ClientClose), BeginClose::AlreadyClosing);
        lifecycle.closed().unwrap();
        assert_eq!(lifecycle.begin_close(CloseReason::ClientClose), BeginClose::AlreadyClosed);
        assert_eq!(lifecycle.close_reason(), Some(CloseReason::LeaseExpired));
        assert!(lifecycle.closed().is_err());
    }

    #[test]
    fn a_faulted_session_can_only_be_closed() {
        let mut lifecycle = at(SessionState::Ready);
        lifecycle.fail(Fault::WorkerExited("exit code 1".to_owned()));
        assert_eq!(lifecycle.begin_close(CloseReason::ClientClose), BeginClose::Begun);
        lifecycle.closed().unwrap();
        assert_eq!(lifecycle.fault(), Some(&Fault::WorkerExited("exit code 1".to_owned())));
    }
}
