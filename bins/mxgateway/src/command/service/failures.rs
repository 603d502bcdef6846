//! Of what is logged, what belongs into the event log as well: sessions that are lost, and errors.

use std::fmt::{self, Write};
use std::time::{Duration, Instant};

use mxgateway_session::SESSION_FAULTED;
use parking_lot::Mutex;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// What is reported at once; administrators look for the first failure, and not for the thousandth.
const MOST: u32 = 20;
/// After so long one more may be reported.
const REFILL: Duration = Duration::from_secs(60);
/// The service's own failures have events of their own.
const OWN: &str = "mxgateway::command::service";

/// A failure that was logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// A session was lost.
    SessionFaulted(String),
    /// An error.
    Error(String),
}

/// Gives failures to `report` as they are logged, [`MOST`] at once and one each [`REFILL`] after that.
pub(super) struct Failures<R> {
    report: R,
    allowance: Mutex<Allowance>,
}

impl<R: Fn(Failure) + 'static> Failures<R> {
    pub(super) fn new(report: R) -> Self {
        Self { report, allowance: Mutex::new(Allowance { left: MOST, refilled: Instant::now() }) }
    }
}

impl<R: Fn(Failure) + 'static, S: Subscriber> Layer<S> for Failures<R> {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let metadata = event.metadata();
        let is_fault = metadata.target() == SESSION_FAULTED;
        let is_error = *metadata.level() == Level::ERROR && !metadata.target().starts_with(OWN);
        if !is_fault && !is_error {
            return;
        }
        if !self.allowance.lock().take(Instant::now()) {
            return;
        }
        let mut text = Text::default();
        event.record(&mut text);
        let text = text.whole();
        (self.report)(if is_fault { Failure::SessionFaulted(text) } else { Failure::Error(text) });
    }
}

/// A bucket that fills up slowly.
#[derive(Debug)]
struct Allowance {
    left: u32,
    refilled: Instant,
}

impl Allowance {
    fn take(&mut self, now: Instant) -> bool {
        while self.left < MOST && now.saturating_duration_since(self.refilled) >= REFILL {
            self.left += 1;
            self.refilled += REFILL;
        }
        if self.left == MOST {
            self.refilled = now;
        }
        let may = self.left > 0;
        self.left = self.left.saturating_sub(1);
        may
    }
}

/// Message and fields of an event, as text.
#[derive(Debug, Default)]
struct Text {
    message: String,
    fields: String,
}

impl Text {
    fn whole(self) -> String {
        self.message + &self.fields
    }
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string does not fail.
        let _written = if field.name() == "message" {
            write!(self.message, "{value:?}")
        } else {
            write!(self.fields, "; {}: {value:?}", field.name())
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let causes = std::iter::successors(value.source(), |error| error.source());
        let text = causes.fold(value.to_string(), |text, cause| format!("{text}: {cause}"));
        self.record_debug(field, &format_args!("{text}"));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    const STORE: &str = "mxgateway_auth::store";

    fn reported(log: impl FnOnce()) -> Vec<Failure> {
        let reported = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&reported);
        let failures = Failures::new(move |failure| into.lock().push(failure));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(failures), log);
        Arc::into_inner(reported).unwrap().into_inner()
    }

    #[test]
    fn lost_sessions_and_errors_are_reported_and_nothing_else() {
        let found = reported(|| {
            tracing::info!("Nothing");
            tracing::warn!("Nearly something");
            tracing::warn!(target: SESSION_FAULTED, session_id = %"session-1", "Session faulted");
            let error = std::io::Error::other(std::fmt::Error);
            let error: &dyn std::error::Error = &error;
            tracing::error!(target: STORE, error, count = 3, "Store failed");
            tracing::error!(target: "mxgateway::command::service::windows", "Gateway failed");
        });
        let expected = [
            Failure::SessionFaulted("Session faulted; session_id: session-1".to_owned()),
            Failure::Error(format!("Store failed; error: {0}; count: 3", std::fmt::Error)),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_flood_is_cut_off() {
        let found = reported(|| (0..1000).for_each(|_| tracing::error!(target: STORE, "Store failed")));
        assert_eq!(found.len(), MOST as usize);
    }

    #[test]
    fn one_more_is_allowed_after_each_minute() {
        let start = Instant::now();
        let mut allowance = Allowance { left: MOST, refilled: start };
        let taken =
            |allowance: &mut Allowance, at: Duration| (0..100).filter(|_| allowance.take(start + at)).count();
        assert_eq!(taken(&mut allowance, Duration::ZERO), 20);
        assert_eq!(taken(&mut allowance, REFILL - Duration::from_millis(1)), 0);
        assert_eq!(taken(&mut allowance, REFILL), 1);
        assert_eq!(taken(&mut allowance, REFILL * 3), 2);
        assert_eq!(taken(&mut allowance, REFILL * 1000), 20);
    }
}
