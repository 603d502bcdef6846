//! The table of metrics.

use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::labels::{Cause, Missing, Outcome, RpcName, State};

/// In front of every name.
pub(super) const PREFIX: &str = "mxgateway";

/// One metric.
#[derive(Debug)]
pub(super) struct Metric {
    /// Without [`PREFIX`] and the suffix of its kind.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// What is counted, for people.
    pub(super) unit: &'static str,
    pub(super) labels: &'static [Label],
    /// One line without a full stop; Prometheus shows it.
    pub(super) help: &'static str,
}

/// What a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Goes up only, from 0 at the start of the gateway.
    Counter,
    /// Is as it is when it is asked for.
    Gauge,
    /// Is always 1; the labels tell.
    Info,
}

/// A label with all its values.
#[derive(Debug)]
pub(super) struct Label {
    pub(super) name: &'static str,
    /// Empty for one whose value is fixed in the program.
    pub(super) values: &'static [&'static str],
}

pub(super) const BUILD: Metric = Metric {
    name: "build",
    kind: Kind::Info,
    unit: "none",
    labels: &[Label { name: "version", values: &[] }],
    help: "The gateway's version",
};

pub(super) const REQUESTS: Metric = Metric {
    name: "requests",
    kind: Kind::Counter,
    unit: "requests",
    labels: &[
        Label { name: "rpc", values: RpcName::NAMES },
        Label { name: "outcome", values: Outcome::NAMES },
    ],
    help: "gRPC requests by RPC and how they were answered; a stream counts when it begins",
};

pub(super) const REFUSALS: Metric = Metric {
    name: "authentication_refusals",
    kind: Kind::Counter,
    unit: "requests",
    labels: &[Label { name: "cause", values: Cause::NAMES }],
    help: "Requests, also for the metrics, that came without an API key that is good",
};

pub(super) const DENIALS: Metric = Metric {
    name: "denials",
    kind: Kind::Counter,
    unit: "requests, or rows of bulk commands",
    labels: &[Label { name: "missing", values: Missing::NAMES }],
    help: "What API keys were not good for, by what was missing",
};

pub(super) const SESSIONS: Metric = Metric {
    name: "sessions",
    kind: Kind::Gauge,
    unit: "sessions",
    labels: &[Label { name: "state", values: State::NAMES }],
    help: "Sessions that take up a place, by state",
};

pub(super) const SUBSCRIBERS: Metric = Metric {
    name: "event_subscribers",
    kind: Kind::Gauge,
    unit: "subscribers",
    labels: &[],
    help: "Clients that are attached to event streams",
};

pub(super) const DASHBOARD_HUBS: Metric = Metric {
    name: "dashboard_hubs",
    kind: Kind::Gauge,
    unit: "connections",
    labels: &[],
    help: "Connections of browsers and programs that follow the dashboard live",
};

pub(super) const COMMANDS_WAITING: Metric = Metric {
    name: "commands_waiting",
    kind: Kind::Gauge,
    unit: "commands",
    labels: &[],
    help: "Commands that wait for their workers' replies",
};

pub(super) const AUDIT_WRITTEN: Metric = Metric {
    name: "audit_entries_written",
    kind: Kind::Counter,
    unit: "entries",
    labels: &[],
    help: "Entries written to the audit trail",
};

pub(super) const AUDIT_LOST: Metric = Metric {
    name: "audit_entries_lost",
    kind: Kind::Counter,
    unit: "entries",
    labels: &[],
    help: "Entries that the audit trail does not have",
};

pub(super) const AUDIT_HEALTHY: Metric = Metric {
    name: "audit_healthy",
    kind: Kind::Gauge,
    unit: "0 or 1",
    labels: &[],
    help: "0 while the audit trail cannot be written or does not tell of a loss yet; 1 also where there is none",
};

pub(super) const KEY_STORE_HEALTHY: Metric = Metric {
    name: "key_store_healthy",
    kind: Kind::Gauge,
    unit: "0 or 1",
    labels: &[],
    help: "0 while the key store does not answer; 1 also where authentication is off",
};

pub(super) const TAKEN_OVER: Metric = Metric {
    name: "workers_taken_over",
    kind: Kind::Counter,
    unit: "workers",
    labels: &[],
    help: "Workers of earlier gateways that were taken over",
};

pub(super) const NOT_TAKEN_OVER: Metric = Metric {
    name: "workers_not_taken_over",
    kind: Kind::Counter,
    unit: "workers",
    labels: &[],
    help: "Workers of earlier gateways that were not taken over; the log says of each why",
};

pub(super) const UNLISTED: Metric = Metric {
    name: "workers_unlisted",
    kind: Kind::Gauge,
    unit: "workers",
    labels: &[],
    help: "Workers that would end with the gateway because they could not be noted in the manifest yet; 0 where none is noted",
};

/// Every metric, in the order of `/metrics`.
pub(super) const METRICS: &[&Metric] = &[
    &BUILD,
    &REQUESTS,
    &REFUSALS,
    &DENIALS,
    &SESSIONS,
    &SUBSCRIBERS,
    &COMMANDS_WAITING,
    &DASHBOARD_HUBS,
    &TAKEN_OVER,
    &NOT_TAKEN_OVER,
    &UNLISTED,
    &AUDIT_WRITTEN,
    &AUDIT_LOST,
    &AUDIT_HEALTHY,
    &KEY_STORE_HEALTHY,
];

impl Metric {
    /// As Prometheus has it.
    pub(super) fn full_name(&self) -> String {
        let suffix = match self.kind {
            Kind::Counter => "_total",
            Kind::Gauge => "",
            Kind::Info => "_info",
        };
        format!("{PREFIX}_{}{suffix}", self.name)
    }

    /// With the full stop that the library puts behind those it registers itself.
    pub(super) fn help_line(&self) -> String {
        format!("{}.", self.help)
    }

    pub(super) fn metric_type(&self) -> MetricType {
        match self.kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
            Kind::Info => MetricType::Info,
        }
    }

    /// Puts what is counted under its entry.
    pub(super) fn register(
        &self,
        registry: &mut Registry,
        counted: impl prometheus_client::registry::Metric + prometheus_client::metrics::TypedMetric,
    ) {
        registry.register(self.name, self.help, counted);
    }
}
