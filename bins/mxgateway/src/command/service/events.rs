//! What administrators find in the event log.

use mxgateway_win::event_log::{EventSource, Gravity};

/// The source's name.
pub(super) const SOURCE: &str = "MxGateway";

/// The events. Their numbers are for people's filters and never change their meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ServiceEvent {
    /// The gateway serves at this address.
    Started(String),
    /// It stopped as it was told to.
    Stopped,
    /// It ended before it served anybody.
    StartFailed(String),
    /// It served, and ended by itself.
    Failed(String),
    /// A session was lost, most often with its worker.
    SessionFaulted(String),
    /// The gateway goes on, and something in it failed that should not.
    Error(String),
}

impl ServiceEvent {
    fn number(&self) -> u16 {
        match self {
            Self::Started(_) => 1,
            Self::Stopped => 2,
            Self::StartFailed(_) => 3,
            Self::Failed(_) => 4,
            Self::SessionFaulted(_) => 5,
            Self::Error(_) => 6,
        }
    }

    fn gravity(&self) -> Gravity {
        match self {
            Self::Started(_) | Self::Stopped => Gravity::Information,
            Self::SessionFaulted(_) => Gravity::Warning,
            Self::StartFailed(_) | Self::Failed(_) | Self::Error(_) => Gravity::Error,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Started(address) => format!("The gateway listens on {address}."),
            Self::Stopped => "The gateway stopped.".to_owned(),
            Self::StartFailed(reason) => format!("The gateway did not start: {reason}"),
            Self::Failed(reason) => format!("The gateway failed: {reason}"),
            Self::SessionFaulted(reason) => format!("A session was lost: {reason}"),
            Self::Error(reason) => format!("The gateway reports: {reason}"),
        }
    }

    /// Writes it. That the event log is full or gone keeps no gateway from its work.
    pub(super) fn report(&self) {
        let reported = EventSource::open(SOURCE)
            .and_then(|source| source.report(self.number(), self.gravity(), &self.text()));
        if let Err(error) = reported {
            tracing::warn!(%error, event = self.number(), "Event log took no event");
        }
    }
}
