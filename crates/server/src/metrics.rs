//! What the gateway counts, for Prometheus.
//!
//! `table::METRICS` is the only list of metrics: names and help texts on `/metrics` and `docs/metrics.md` come
//! from it. What somebody already keeps (sessions, the audit trail's counts) is looked at when it is asked for
//! and not counted a second time.

mod docs;
mod labels;
mod observation;
mod request;
mod table;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use mxgateway_auth::verifier::RefusalCause;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabelSet, EncodeMetric, MetricEncoder, prometheus_text,
};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

pub use docs::markdown;
pub(crate) use labels::Missing;
use labels::{Cause, Outcome, RpcName, State};
pub(crate) use observation::Observation;
pub(crate) use request::CountedRequest;
use table::{Kind, Metric};

/// Of the text that [`Metrics::text`] makes.
pub(crate) const CONTENT_TYPE: &str = prometheus_text::CONTENT_TYPE;

/// The gateway's metrics; clones are the same ones.
#[derive(Clone)]
pub(crate) struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    refusals: Family<RefusalLabels, Counter>,
    denials: Family<DenialLabels, Counter>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    rpc: RpcName,
    outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabels {
    cause: Cause,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DenialLabels {
    missing: Missing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BuildLabels {
    version: &'static str,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// All at zero; `observe` is called for each [`text`](Self::text) and must neither wait nor block for long.
    pub(crate) fn new(observe: impl Fn() -> Observation + Send + Sync + 'static) -> Self {
        let requests = Family::default();
        let refusals = Family::default();
        let denials = Family::default();
        // A counter that appears with its first event hides that event from `increase()`.
        for rpc in RpcName::ALL {
            for outcome in Outcome::ALL {
                drop(requests.get_or_create(&RequestLabels { rpc: *rpc, outcome: *outcome }));
            }
        }
        for cause in Cause::ALL {
            drop(refusals.get_or_create(&RefusalLabels { cause: *cause }));
        }
        for missing in Missing::ALL {
            drop(denials.get_or_create(&DenialLabels { missing: *missing }));
        }
        let mut registry = Registry::with_prefix(table::PREFIX);
        let build = Info::new(BuildLabels { version: env!("CARGO_PKG_VERSION") });
        table::BUILD.register(&mut registry, build);
        table::REQUESTS.register(&mut registry, requests.clone());
        table::REFUSALS.register(&mut registry, refusals.clone());
        table::DENIALS.register(&mut registry, denials.clone());
        registry.register_collector(Box::new(Look(observe)));
        Self(Arc::new(Inner { registry, requests, refusals, denials }))
    }

    /// Begins to count a request for the RPC of this path.
    pub(crate) fn request(&self, path: &str) -> CountedRequest {
        CountedRequest::new(self.clone(), RpcName::of_path(path))
    }

    /// Counts a request that came without a key that is good.
    pub(crate) fn refused(&self, cause: RefusalCause) {
        self.0.refusals.get_or_create(&RefusalLabels { cause: cause.into() }).inc();
    }

    /// Counts what somebody with a good key was not allowed: a request, or `count` rows of a bulk command.
    pub(crate) fn denied(&self, missing: Missing, count: usize) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.0.denials.get_or_create(&DenialLabels { missing }).inc_by(count);
    }

    fn answered(&self, rpc: RpcName, outcome: Outcome) {
        self.0.requests.get_or_create(&RequestLabels { rpc, outcome }).inc();
    }

    /// All metrics in the text format of Prometheus, of the [`CONTENT_TYPE`].
    pub(crate) fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        prometheus_text::encode(&mut text, &self.0.registry)?;
        Ok(text)
    }
}

/// Calls its function for each text.
struct Look<F>(F);

impl<F> fmt::Debug for Look<F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Look").finish_non_exhaustive()
    }
}

impl<F: Fn() -> Observation + Send + Sync + 'static> Collector for Look<F> {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let look = (self.0)();
        let mut family = encode_descriptor(&mut encoder, &table::SESSIONS)?;
        for state in State::ALL {
            let sessions = ConstGauge::new(look.sessions.get(state).copied().unwrap_or_default());
            sessions.encode(family.encode_family(&StateLabels { state: *state })?)?;
        }
        let healthy = |failed: bool| u64::from(!failed);
        for (metric, value) in [
            (&table::SUBSCRIBERS, look.subscribers),
            (&table::COMMANDS_WAITING, look.commands_waiting),
            (&table::DASHBOARD_HUBS, look.dashboard_hubs),
            (&table::TAKEN_OVER, look.orphans.taken_over),
            (&table::NOT_TAKEN_OVER, look.orphans.not_taken_over),
            (&table::UNLISTED, look.orphans.unlisted),
            (&table::AUDIT_WRITTEN, look.audit_written),
            (&table::AUDIT_LOST, look.audit_lost),
            (&table::AUDIT_HEALTHY, healthy(look.audit_failed)),
            (&table::KEY_STORE_HEALTHY, healthy(look.key_store_failed)),
        ] {
            let place = encode_descriptor(&mut encoder, metric)?;
            match metric.kind {
                Kind::Counter => ConstCounter::new(value).encode(place)?,
                Kind::Gauge | Kind::Info => ConstGauge::new(value).encode(place)?,
            }
        }
        Ok(())
    }
}

fn encode_descriptor<'a>(
    encoder: &'a mut DescriptorEncoder<'_>,
    metric: &'a Metric,
) -> Result<MetricEncoder<'a>, fmt::Error> {
    encoder.encode_descriptor(metric.name, &metric.help_line(), None, metric.metric_type())
}
