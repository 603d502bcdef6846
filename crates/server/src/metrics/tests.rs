use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::Response;
use mxgateway_auth::audit::AuditHealth;
use mxgateway_auth::authorize::Denial;
use mxgateway_auth::constraints::ConstraintHit;
use mxgateway_auth::key::ApiKey;
use mxgateway_auth::scope::Scope;
use mxgateway_contracts::error_code::ErrorCode;
use mxgateway_session::{
    EventSink, LaunchError, LaunchRequest, Launched, ManagerSettings, OnReply, OpenOptions, PortError,
    SessionManager, WorkerIdentity, WorkerLauncher, WorkerPort,
};
use mxgateway_session_core::distributor::SubscribeOptions;
use mxgateway_session_core::lifecycle::CloseReason;
use mxgateway_supervisor::OrphanCounts;
use tonic::Status;
use tonic::body::Body;

use super::*;
use crate::readiness::{Check, Checks};

const OPEN: &str = "/mxgateway.v1.MxGateway/OpenSession";

fn nothing() -> Metrics {
    Metrics::new(Observation::default)
}

/// The value of a series, such as `mxgateway_sessions{state="ready"}`.
fn value(metrics: &Metrics, series: &str) -> u64 {
    let text = metrics.text().unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {series} in\n{text}")).parse().unwrap()
}

fn requests(metrics: &Metrics, rpc: &str, outcome: &str) -> u64 {
    value(metrics, &format!("mxgateway_requests_total{{rpc=\"{rpc}\",outcome=\"{outcome}\"}}"))
}

#[test]
fn prometheus_gets_what_the_table_says() {
    let text = nothing().text().unwrap();
    let mut described = Vec::new();
    let mut types = Vec::new();
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            described.push(help.to_owned());
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            types.push(kind.to_owned());
        }
    }
    let helps: Vec<String> = table::METRICS
        .iter()
        .map(|metric| format!("{} {}", metric.full_name(), metric.help_line()))
        .collect();
    assert_eq!(described, helps);
    let kinds: Vec<String> = table::METRICS
        .iter()
        .map(|metric| {
            let kind = match metric.kind {
                Kind::Counter => "counter",
                Kind::Gauge | Kind::Info => "gauge",
            };
            format!("{} {kind}", metric.full_name())
        })
        .collect();
    assert_eq!(types, kinds);
}

#[test]
fn every_series_is_there_from_the_start() {
    let text = nothing().text().unwrap();
    for metric in table::METRICS {
        let name = metric.full_name();
        let series: BTreeSet<&str> = text
            .lines()
            .filter(|line| line.strip_prefix(&name).is_some_and(|rest| rest.starts_with(['{', ' '])))
            .filter_map(|line| line.rsplit_once(' '))
            .map(|(series, _)| series)
            .collect();
        let combinations: usize = metric.labels.iter().map(|label| label.values.len().max(1)).product();
        assert_eq!(series.len(), combinations, "{series:?}");
        for label in metric.labels {
            for value in label.values {
                let text = format!("{}=\"{value}\"", label.name);
                assert!(series.iter().any(|series| series.contains(&text)), "{text} of {name}");
            }
        }
    }
}

#[test]
fn requests_are_counted_by_how_they_were_answered() {
    let metrics = nothing();
    let retry = Duration::from_secs(1);
    let answers = [
        ("failed", ErrorCode::Internal.status("text", &[])),
        ("denied", ErrorCode::ScopeMissing.status("text", &[])),
        ("unauthenticated", ErrorCode::Unauthenticated.status("text", &[])),
        ("unauthenticated", ErrorCode::TooManyAttempts.retryable_status("text", &[], retry)),
        ("failed", ErrorCode::KeyStoreUnavailable.retryable_status("text", &[], retry)),
        ("failed", ErrorCode::SessionLimit.status("text", &[])),
        ("failed", Status::unknown("not the gateway's")),
    ];
    for (outcome, status) in answers {
        let before = requests(&metrics, "OpenSession", outcome);
        let response: Response<Body> = status.into_http();
        metrics.request(OPEN).answered(&response);
        assert_eq!(requests(&metrics, "OpenSession", outcome), before + 1, "{outcome}");
    }
    metrics.request(OPEN).answered(&Response::new(()));
    assert_eq!(requests(&metrics, "OpenSession", "ok"), 1);
    // As when a handler panics.
    drop(metrics.request("/mxgateway.v1.MxGateway/Invoke"));
    assert_eq!(requests(&metrics, "Invoke", "failed"), 1);
}

#[test]
fn clients_cannot_make_series() {
    let metrics = nothing();
    let before = metrics.text().unwrap().lines().count();
    for path in ["/", "", "/mxgateway.v1.MxGateway/Nonsense", "/a\"b\n{}"] {
        metrics.request(path).answered(&Response::new(()));
    }
    assert_eq!(requests(&metrics, "unknown", "ok"), 4);
    metrics.request("/grpc.health.v1.Health/Check").answered(&Response::new(()));
    metrics.request("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo").answered(&Response::new(()));
    assert_eq!(requests(&metrics, "Health", "ok"), 1);
    assert_eq!(requests(&metrics, "Reflection", "ok"), 1);
    assert_eq!(metrics.text().unwrap().lines().count(), before);
}

#[test]
fn refusals_and_denials_have_the_names_of_the_audit_trail() {
    let metrics = nothing();
    let causes = [
        RefusalCause::Missing,
        RefusalCause::Malformed(ApiKey::from_header("nonsense").unwrap_err()),
        RefusalCause::Unknown,
        RefusalCause::WrongSecret,
        RefusalCause::Revoked,
        RefusalCause::Expired,
        RefusalCause::TooManyAttempts { retry_after: Duration::ZERO },
        RefusalCause::StoreUnavailable,
    ];
    for cause in causes {
        metrics.refused(cause);
        let series = format!("mxgateway_authentication_refusals_total{{cause=\"{}\"}}", cause.name());
        assert_eq!(value(&metrics, &series), 1);
    }
    let hits = [
        ConstraintHit::ReadSubtrees,
        ConstraintHit::ReadTagGlobs,
        ConstraintHit::ReadLists,
        ConstraintHit::WriteSubtrees,
        ConstraintHit::WriteTagGlobs,
        ConstraintHit::WriteLists,
        ConstraintHit::BrowseSubtrees,
    ];
    let denials = Scope::ALL
        .into_iter()
        .map(Denial::ScopeMissing)
        .chain([Denial::NotOwner])
        .chain(hits.into_iter().map(Denial::Constraint));
    for denial in denials {
        metrics.denied(denial.into(), 3);
        let series = format!("mxgateway_denials_total{{missing=\"{}\"}}", denial.name());
        assert_eq!(value(&metrics, &series), 3);
    }
}

/// Answers no command as long as it is there.
struct Silent;

impl WorkerPort for Silent {
    type Command = ();
    type Reply = ();

    async fn invoke(&self, (): (), _: Option<OnReply<()>>) -> Result<(), PortError> {
        std::future::pending().await
    }
    async fn shutdown(&self, _limit: Duration) {}
    async fn kill(&self) {}
}

struct SilentLauncher;

impl WorkerLauncher for SilentLauncher {
    type Port = Silent;

    async fn launch(&self, request: LaunchRequest, sink: EventSink) -> Result<Launched<Silent>, LaunchError> {
        sink.handshaking();
        let (process_id, epoch, protocol_version) = (0, 1, 1);
        let worker = WorkerIdentity { process_id, epoch, backend_name: request.backend, protocol_version };
        Ok(Launched { port: Silent, worker })
    }
}

#[tokio::test]
async fn sessions_are_looked_at_when_they_are_asked_for() {
    let sessions = Arc::new(SessionManager::new(SilentLauncher, ManagerSettings::default()));
    let checks = Checks {
        listener: Check::Good,
        worker_program: Check::Good,
        key_store: Check::Failed,
        audit_trail: Check::Good,
    };
    let audit = AuditHealth { healthy: false, written: 5, lost: 2 };
    let orphans = OrphanCounts { taken_over: 3, not_taken_over: 1, unlisted: 4 };
    let metrics = Metrics::new({
        let sessions = Arc::clone(&sessions);
        move || Observation::of(&sessions, orphans, checks, Some(audit), 3)
    });
    assert_eq!(value(&metrics, "mxgateway_workers_taken_over_total"), 3);
    assert_eq!(value(&metrics, "mxgateway_workers_not_taken_over_total"), 1);
    assert_eq!(value(&metrics, "mxgateway_workers_unlisted"), 4);
    assert_eq!(value(&metrics, "mxgateway_dashboard_hubs"), 3);
    let ready = "mxgateway_sessions{state=\"ready\"}";
    assert_eq!(value(&metrics, ready), 0);

    let first = sessions.open(OpenOptions::default()).await.unwrap();
    let second = sessions.open(OpenOptions::default()).await.unwrap();
    let subscription = first.subscribe(SubscribeOptions::live()).unwrap();
    let mut command = std::pin::pin!(first.invoke((), Duration::from_secs(60)));
    assert!(futures_util::poll!(&mut command).is_pending());
    assert_eq!(value(&metrics, ready), 2);
    assert_eq!(value(&metrics, "mxgateway_event_subscribers"), 1);
    assert_eq!(value(&metrics, "mxgateway_commands_waiting"), 1);
    assert_eq!(value(&metrics, "mxgateway_audit_entries_written_total"), 5);
    assert_eq!(value(&metrics, "mxgateway_audit_entries_lost_total"), 2);
    assert_eq!(value(&metrics, "mxgateway_audit_healthy"), 0);
    assert_eq!(value(&metrics, "mxgateway_key_store_healthy"), 0);

    drop(subscription);
    second.close(CloseReason::ClientClose).await;
    assert_eq!(value(&metrics, ready), 1);
    assert_eq!(value(&metrics, "mxgateway_event_subscribers"), 0);
}

#[test]
fn without_authentication_what_is_not_there_is_healthy() {
    let metrics = nothing();
    assert_eq!(value(&metrics, "mxgateway_audit_healthy"), 1);
    assert_eq!(value(&metrics, "mxgateway_key_store_healthy"), 1);
    let build = format!("mxgateway_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    assert_eq!(value(&metrics, &build), 1);
}

#[test]
fn the_document_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
    if std::env::var_os("UPDATE_METRICS").is_some() {
        fs::write(&path, markdown()).unwrap();
    }
    let document = fs::read_to_string(path).unwrap_or_default();
    assert_eq!(document, markdown(), "run `UPDATE_METRICS=1 cargo test -p mxgateway-server --lib metrics`");
}
