use std::fs;

use mxgateway_auth::audit::{AuditEntry, AuditTrail, Outcome};
use mxgateway_auth::key::Pepper;
use mxgateway_auth::store::{AuthStore, StoreLocation};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_server::Health;
use tonic_health::server::HealthService;

use super::*;

const LIMIT: Duration = Duration::from_secs(20);

/// Readiness with all that it looks at, and a health service that it tells.
struct Watched {
    folder: TempDir,
    store: AuthStore,
    trail: AuditTrail,
    verifying: JoinHandle<()>,
    readiness: Readiness,
    service: HealthService,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl Watched {
    async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let worker = folder.path().join("worker");
        fs::write(&worker, "").unwrap();
        let store = AuthStore::open(&StoreLocation::Sqlite(folder.path().join("auth.db"))).await.unwrap();
        let verifier =
            Verifier::start(store.clone(), Pepper::random().unwrap(), Duration::from_secs(60)).await.unwrap();
        // Nobody writes what it takes.
        let (trail, _) = AuditTrail::new(store.clone(), None);
        let stop = CancellationToken::new();
        let verifying = tokio::spawn({
            let (verifier, stop) = (verifier.clone(), stop.clone());
            async move { verifier.run(stop).await }
        });
        let readiness = Readiness::new(worker, Some(KeysAndAudit { verifier, audit: trail.health() }));
        let (reporter, _) = tonic_health::server::health_reporter();
        assert!(!readiness.checks().ready());
        readiness.open(&reporter).await;
        let service = HealthService::from_health_reporter(reporter.clone());
        let running = tokio::spawn(readiness.clone().run(reporter, stop.clone()));
        Self { folder, store, trail, verifying, readiness, service, stop, running }
    }

    async fn serving(&self, service: &str) -> bool {
        let request = Request::new(HealthCheckRequest { service: service.to_owned() });
        let status = self.service.check(request).await.unwrap().into_inner().status();
        status == tonic_health::pb::health_check_response::ServingStatus::Serving
    }

    /// Waits until the checks are so, and the health service says the same.
    async fn until(&self, what: &str, so: impl Fn(Checks) -> bool) {
        let mut checks = self.readiness.checks.subscribe();
        tokio::time::timeout(LIMIT, checks.wait_for(|checks| so(*checks)))
            .await
            .unwrap_or_else(|_| panic!("not within {LIMIT:?}: {what}; {:?}", self.readiness.checks()))
            .unwrap();
        let told = async {
            loop {
                let checks = self.readiness.checks();
                let audit = checks.audit_trail == Check::Good;
                if self.serving("").await == checks.ready()
                    && self.serving("mxgateway.v1.MxGateway").await == checks.ready()
                    && self.serving(AUDIT_SERVICE).await == audit
                {
                    break;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LIMIT, told)
            .await
            .unwrap_or_else(|_| panic!("the health service differs: {what}"));
    }
}

#[tokio::test]
async fn the_health_service_and_the_checks_agree() {
    let watched = Watched::start().await;
    // At once, and not at the first look.
    assert!(watched.readiness.checks().ready());
    for service in ["", "mxgateway.v1.MxGateway", AUDIT_SERVICE] {
        assert!(watched.serving(service).await, "{service}");
    }
    let worker = watched.folder.path().join("worker");
    fs::remove_file(&worker).unwrap();
    watched.until("the worker is missing", |checks| checks.worker_program == Check::Failed).await;
    assert!(!watched.readiness.checks().ready());
    // A folder is no program.
    fs::create_dir(&worker).unwrap();
    watched.readiness.look(Check::Good).await;
    assert_eq!(watched.readiness.checks().worker_program, Check::Failed);
    fs::remove_dir(&worker).unwrap();
    fs::write(&worker, "").unwrap();
    watched.until("the worker is back", |checks| checks.worker_program == Check::Good).await;
    assert!(watched.readiness.checks().ready());

    watched.store.close().await;
    watched.until("the key store is gone", |checks| checks.key_store == Check::Failed).await;
    assert!(!watched.readiness.checks().ready());
    assert!(watched.serving(AUDIT_SERVICE).await);
    watched.stop.cancel();
    watched.verifying.await.unwrap();
}

#[tokio::test]
async fn an_audit_trail_that_fails_leaves_the_gateway_ready() {
    let watched = Watched::start().await;
    watched.trail.record(AuditEntry::new(std::time::SystemTime::now(), "a", "b", Outcome::Allowed));
    watched.until("the audit trail fails", |checks| checks.audit_trail == Check::Failed).await;
    assert!(watched.readiness.checks().ready());
    assert!(watched.serving("").await && !watched.serving(AUDIT_SERVICE).await);
}

#[tokio::test]
async fn the_stop_is_told_before_it_returns() {
    let watched = Watched::start().await;
    watched.stop.cancel();
    tokio::time::timeout(LIMIT, watched.running).await.expect("readiness does not stop").unwrap();
    assert_eq!(watched.readiness.checks().listener, Check::Failed);
    let request = Request::new(HealthCheckRequest { service: "mxgateway.v1.MxGateway".to_owned() });
    let status = watched.service.check(request).await.unwrap().into_inner().status();
    assert_eq!(status, tonic_health::pb::health_check_response::ServingStatus::NotServing);
}

#[tokio::test]
async fn without_authentication_there_is_less_to_look_at() {
    let folder = TempDir::new().unwrap();
    let worker = folder.path().join("worker");
    fs::write(&worker, "").unwrap();
    let readiness = Readiness::new(worker, None);
    let (reporter, _) = tonic_health::server::health_reporter();
    readiness.open(&reporter).await;
    let checks = readiness.checks();
    assert!(checks.ready());
    assert_eq!((checks.key_store, checks.audit_trail), (Check::Off, Check::Off));
    let service = HealthService::from_health_reporter(reporter);
    let request = |service: &str| Request::new(HealthCheckRequest { service: service.to_owned() });
    service.check(request(AUDIT_SERVICE)).await.unwrap();
    let status = service.check(request("mxgateway.other")).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
}
