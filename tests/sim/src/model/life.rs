//! States and lease, naively.

use std::collections::BTreeSet;
use std::time::Instant;

use mxgateway_session_core::lease::LeaseSettings;
use mxgateway_session_core::lifecycle::{BeginClose, CloseReason, Fault, SessionState};
use mxgateway_session_core::session::{EndReason, NotUsable};

use crate::transition::Name;

/// See the module's documentation.
#[derive(Debug)]
pub struct Life {
    settings: LeaseSettings,
    /// The last activity.
    pub active_at: Instant,
    /// When the last subscriber left, unless one came since.
    left_at: Option<Instant>,
    holders: BTreeSet<Name>,
    /// The last step on the way up.
    step: SessionState,
    fault: Option<Fault>,
    close: Option<CloseReason>,
    closed: bool,
}

impl Life {
    pub(super) fn new(settings: LeaseSettings, now: Instant) -> Self {
        Self {
            settings,
            active_at: now,
            left_at: None,
            holders: BTreeSet::new(),
            step: SessionState::Creating,
            fault: None,
            close: None,
            closed: false,
        }
    }

    /// The state.
    pub fn state(&self) -> SessionState {
        match (self.closed, self.close, &self.fault) {
            (true, _, _) => SessionState::Closed,
            (false, Some(_), _) => SessionState::Closing,
            (false, None, Some(_)) => SessionState::Faulted,
            (false, None, None) => self.step,
        }
    }

    /// Whether only remembering is left.
    pub fn is_over(&self) -> bool {
        matches!(self.state(), SessionState::Closed | SessionState::Faulted)
    }

    /// Why it is closing.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.close
    }

    /// Why it failed.
    pub fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }

    pub(super) fn advance(&mut self, to: SessionState) -> bool {
        let up =
            [SessionState::Creating, SessionState::Starting, SessionState::Handshaking, SessionState::Ready];
        let legal = up.windows(2).any(|step| step[0] == self.state() && step[1] == to);
        if legal {
            self.step = to;
        }
        legal
    }

    pub(super) fn usable(&self) -> Result<(), NotUsable> {
        match self.state() {
            SessionState::Ready => Ok(()),
            SessionState::Faulted => {
                Err(self.fault.clone().map_or(NotUsable::State(SessionState::Faulted), NotUsable::Faulted))
            }
            state @ (SessionState::Creating
            | SessionState::Starting
            | SessionState::Handshaking
            | SessionState::Recovering
            | SessionState::Closing
            | SessionState::Closed) => Err(NotUsable::State(state)),
        }
    }

    /// A command is carried out, if it may be.
    pub fn use_now(&mut self, now: Instant) -> Result<(), NotUsable> {
        self.usable()?;
        self.touch(now);
        Ok(())
    }

    /// The worker fails; true when that is news.
    pub fn fail(&mut self, fault: &Fault) -> bool {
        let news = !self.closed && self.close.is_none() && self.fault.is_none();
        if news {
            self.fault = Some(fault.clone());
        }
        news
    }

    /// Somebody closes the session.
    pub fn begin_close(&mut self, reason: CloseReason) -> BeginClose {
        if self.closed {
            BeginClose::AlreadyClosed
        } else if self.close.is_some() {
            BeginClose::AlreadyClosing
        } else {
            self.close = Some(reason);
            BeginClose::Begun
        }
    }

    /// The worker is gone; true when the session was closing.
    pub fn finish(&mut self) -> bool {
        let closing = self.close.is_some() && !self.closed;
        self.closed |= closing;
        closing
    }

    pub(super) fn touch(&mut self, now: Instant) {
        self.active_at = now;
    }

    pub(super) fn attach(&mut self, name: Name, now: Instant) {
        self.holders.insert(name);
        self.left_at = None;
        self.touch(now);
    }

    pub(super) fn detach(&mut self, name: Name, now: Instant) {
        if self.holders.remove(&name) && self.holders.is_empty() {
            self.left_at = Some(now);
        }
    }

    /// Why nothing more will come to a subscriber that has everything.
    pub(super) fn end(&self) -> Option<EndReason> {
        match (self.state(), &self.fault, self.close) {
            (SessionState::Faulted | SessionState::Closed, Some(fault), _) => {
                Some(EndReason::Faulted(fault.clone()))
            }
            (SessionState::Closed, None, Some(reason)) => Some(EndReason::Closed(reason)),
            _ => None,
        }
    }

    /// Why the session is to be closed now.
    pub(super) fn expired(&self, now: Instant) -> Option<CloseReason> {
        let LeaseSettings { lease, detach_grace } = self.settings;
        if !self.holders.is_empty() || !matches!(self.state(), SessionState::Ready | SessionState::Faulted) {
            return None;
        }
        let quiet_since = self.active_at.max(self.left_at.unwrap_or(self.active_at));
        if self.left_at.is_some() && !detach_grace.is_zero() && now >= quiet_since + detach_grace {
            return Some(CloseReason::DetachGraceExpired);
        }
        (now >= quiet_since + lease).then_some(CloseReason::LeaseExpired)
    }
}
