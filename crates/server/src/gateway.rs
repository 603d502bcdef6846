//! Composition: what the program and the tests start, and how it stops.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use mxgateway_contracts::v1::FILE_DESCRIPTOR_SET;
use mxgateway_contracts::v1_server::galaxy_repository_server::GalaxyRepositoryServer;
use mxgateway_contracts::v1_server::mx_gateway_server::MxGatewayServer;
use mxgateway_dashboard::Dashboard;
use mxgateway_galaxy::GalaxyError;
use mxgateway_session::{ManagerSettings, RecoveredSession, SessionManager};
use mxgateway_session_core::distributor::DistributorSettings;
use mxgateway_session_core::lease::LeaseSettings;
use mxgateway_session_core::ring::RingLimits;
use mxgateway_session_core::session::SessionSettings;
use mxgateway_supervisor::{Manifest, ManifestError, Supervisor, SupervisorConfig};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic_health::server::HealthReporter;

use crate::config::{AuthMode, Backend, Config, Loaded, LogFormat};
use crate::dashboard::{self, DirectoryError, Latencies};
use crate::galaxy_view::GalaxyView;
use crate::grpc::{AuthenticationLayer, Door, GalaxyService, GatewayService, ServiceSettings, Sessions};
use crate::http::{self, HttpState};
use crate::listener::{self, ListenerLimits};
use crate::metrics::{Metrics, Observation};
use crate::readiness::Readiness;
use crate::running::Running;
use crate::security::{Security, SecurityError};
use crate::tls::{self, TlsError};

/// Why the gateway did not run, or did not go on running.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address} (server.listen)")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The address for health and metrics cannot be listened on.
    #[error("cannot listen on {address} (http.listen; empty is no HTTP service)")]
    ListenHttp {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The reflection service could not be made from the descriptors.
    #[error("the contract's descriptors are broken")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The simulator's galaxy, in which names are looked up, is none.
    #[error("the simulator's galaxy cannot be used (simulator.galaxy_path)")]
    Galaxy(#[from] GalaxyError),
    /// The certificate or its key cannot be used.
    #[error("TLS cannot be used (tls.mode)")]
    Tls(#[from] TlsError),
    /// Keys cannot be verified.
    #[error("API keys cannot be used")]
    Security(#[from] SecurityError),
    /// People cannot sign in at the dashboard.
    #[error("nobody can sign in at the dashboard (ldap.enabled)")]
    Directory(#[from] DirectoryError),
    /// Workers cannot be listed, so that the next gateway would not find them.
    #[error("workers cannot be taken over (workers.enable_orphan_reattach, server.data_directory)")]
    Manifest(#[from] ManifestError),
    /// There is nothing that could be left to the next gateway.
    #[error("workers can only be left to the next gateway with workers.enable_orphan_reattach = true")]
    HandoverWithoutReattach,
    /// Processes cannot be told for certain.
    #[error("workers can be taken over on Linux and Windows only (workers.enable_orphan_reattach)")]
    ReattachUnsupported,
    /// A part that must run as long as the gateway ended.
    #[error("{0} ended although the gateway was not told to stop")]
    PartEnded(&'static str),
}

/// What a stop means for sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtStop {
    /// They are closed, with their workers.
    Close,
    /// Their workers go on, for the next gateway to take them over.
    HandOver,
}

/// Where a gateway can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The gRPC service.
    pub grpc: SocketAddr,
    /// Health and metrics; `None` where they are not served.
    pub http: Option<SocketAddr>,
    /// Whether the dashboard is served there, too.
    pub has_dashboard: bool,
    /// Whether browsers have to ask for it by HTTPS.
    pub has_https: bool,
}

impl Addresses {
    /// What to type into a browser on this machine; `None` without a dashboard.
    pub fn dashboard_url(&self) -> Option<String> {
        let mut address = self.http.filter(|_| self.has_dashboard)?;
        if address.ip().is_unspecified() {
            address.set_ip(if address.is_ipv4() {
                Ipv4Addr::LOCALHOST.into()
            } else {
                Ipv6Addr::LOCALHOST.into()
            });
        }
        let scheme = if self.has_https { "https" } else { "http" };
        Some(format!("{scheme}://{address}/"))
    }
}

/// Runs the gateway until `stop`, which closes every session; see [`run_with`].
pub async fn run(
    loaded: Loaded,
    stop: CancellationToken,
    ready: impl FnOnce(Addresses) + Send,
) -> Result<(), RunError> {
    run_with(loaded, AtStop::Close, stop, ready).await
}

/// Runs the gateway until `stop`; tells `ready` the addresses once it listens.
///
/// The stop has stages: no new sessions, health says so; every session is closed with its worker, which
/// ends the event streams, or left to the next gateway, which ends the streams, too; then open requests may end,
/// and at last whatever is left is dropped.
pub async fn run_with(
    loaded: Loaded,
    at_stop: AtStop,
    stop: CancellationToken,
    ready: impl FnOnce(Addresses) + Send,
) -> Result<(), RunError> {
    let Loaded { config, settings } = loaded;
    let tls = tls::load(&config.tls, &config.server.data_directory, SystemTime::now())?;
    let galaxy = Arc::new(GalaxyView::load(&config)?);
    let (supervisor, recovered) = supervisor(&config, at_stop).await?;
    let sessions: Arc<Sessions> =
        Arc::new(SessionManager::new(supervisor.clone(), manager_settings(&config)));
    let mut security = Security::open(&config).await?;
    let readiness = Readiness::new(config.workers.executable_path.clone(), security.watched());
    let latencies = Latencies::new(Instant::now());

    let address = config.server.listen;
    let (listener, address) = bind(address).await.map_err(|source| RunError::Listen { address, source })?;
    let http = match config.http.listen {
        Some(address) => {
            Some(bind(address).await.map_err(|source| RunError::ListenHttp { address, source })?)
        }
        None => None,
    };
    let parts = dashboard::Parts {
        address,
        sessions: Arc::clone(&sessions),
        readiness: readiness.clone(),
        latencies: latencies.clone(),
        office: security.office.clone(),
        settings,
    };
    let (dashboard, watch) = dashboard::open(&config, parts)?.unzip();
    let metrics = Metrics::new({
        let (sessions, readiness, audit) = (Arc::clone(&sessions), readiness.clone(), security.audit.clone());
        let dashboard = dashboard.clone();
        move || {
            let audit = audit.as_ref().map(|audit| *audit.health().borrow());
            let hubs = dashboard.as_ref().map_or(0, Dashboard::hub_connections);
            Observation::of(&sessions, supervisor.orphans(), readiness.checks(), audit, hubs)
        }
    });
    let door = Door::new(security.audit.clone(), metrics.clone());
    let front_door = AuthenticationLayer::new(security.verifier.clone(), door.clone());
    let (health, routes) = routes(&config, &sessions, galaxy, door.clone(), latencies, stop.clone())?;

    // Nothing stops the start from here on, and nobody is served yet.
    sessions.recover(recovered);
    let stop_listening = CancellationToken::new();
    let force = CancellationToken::new();
    let limits =
        ListenerLimits { max_stream_send_buffer_bytes: config.protocol.max_stream_send_buffer_bytes.get() };
    let serving = tokio::spawn(listener::serve(
        listener,
        routes,
        front_door.clone(),
        limits,
        tls.as_ref().map(|tls| tls.grpc.clone()),
        stop_listening.clone(),
        force.clone(),
    ));
    let sweeping = tokio::spawn({
        let (sessions, stop) = (Arc::clone(&sessions), stop_listening.clone());
        async move { sessions.sweep_until(stop).await }
    });
    let addresses = Addresses {
        grpc: address,
        http: http.as_ref().map(|(_, address)| *address),
        has_dashboard: dashboard.is_some(),
        has_https: config.http.tls,
    };
    let stop_readiness = CancellationToken::new();
    readiness.open(&health).await;
    let reporting = tokio::spawn(readiness.clone().run(health, stop_readiness.clone()));
    let watching = tokio::spawn({
        let stop = stop_listening.clone();
        async move {
            match watch {
                Some(watch) => watch.run(stop).await,
                None => stop.cancelled().await,
            }
        }
    });
    let telling = tokio::spawn({
        let http = http.map(|(listener, _)| listener);
        let (state, stop) = (HttpState { readiness, metrics, front_door }, stop_listening.clone());
        let (dashboard, tls) = (dashboard.clone(), tls.filter(|_| config.http.tls).map(|tls| tls.http));
        async move {
            match http {
                Some(listener) => http::serve(listener, state, dashboard, tls, stop).await,
                None => stop.cancelled().await,
            }
        }
    });
    let stop_guards = CancellationToken::new();
    let guards = security.guard(&stop_guards);
    tell(&config, &addresses);
    ready(addresses);

    let mut running = Running {
        sessions,
        dashboard,
        serving,
        sweeping,
        watching,
        reporting,
        telling,
        guards,
        stop_readiness,
        stop_listening,
        force,
        stop_guards,
    };
    let failed = tokio::select! {
        () = stop.cancelled() => None,
        part = running.ended() => Some(RunError::PartEnded(part)),
    };
    running.shut_down(at_stop, config.server.shutdown_timeout).await;
    failed.map_or(Ok(()), Err)
}

/// What people are told about where the gateway is.
fn tell(config: &Config, addresses: &Addresses) {
    if let Some(address) = addresses.http {
        if !address.ip().is_loopback() && !addresses.has_https && config.auth.mode == AuthMode::ApiKey {
            tracing::warn!(%address, "API keys for the metrics cross the network in the clear (http.tls)");
        }
        tracing::info!(%address, "HTTP listens for health and metrics");
    }
    if let Some(url) = addresses.dashboard_url() {
        let sign_in = config.ldap.enabled;
        let anonymous = config.dashboard.allow_anonymous_localhost;
        tracing::info!(url, sign_in, anonymous_from_localhost = anonymous, "The dashboard is served");
        if !sign_in && !anonymous {
            tracing::info!(
                "Nobody gets into the dashboard (ldap.enabled, dashboard.allow_anonymous_localhost)"
            );
        }
    }
    tracing::info!(address = %addresses.grpc, backend = config.workers.backend.name(), "Gateway listens");
}

/// The supervisor, and the sessions that earlier gateways left.
async fn supervisor(
    config: &Config,
    at_stop: AtStop,
) -> Result<(Supervisor, Vec<RecoveredSession>), RunError> {
    let settings = supervisor_config(config);
    let folder = &config.server.data_directory;
    if config.workers.enable_orphan_reattach {
        if !cfg!(any(target_os = "linux", windows)) {
            return Err(RunError::ReattachUnsupported);
        }
        let manifest = Arc::new(Manifest::open(folder).await?);
        let supervisor = Supervisor::with_manifest(settings, Arc::clone(&manifest));
        let recovered = supervisor.recovered().await?;
        let instance_id = manifest.instance_id();
        tracing::info!(
            instance_id,
            sessions = recovered.len(),
            "Workers outlive the gateway and are taken over"
        );
        return Ok((supervisor, recovered));
    }
    if at_stop == AtStop::HandOver {
        return Err(RunError::HandoverWithoutReattach);
    }
    if Manifest::exists(folder) {
        end_leftovers(folder).await;
    }
    Ok((Supervisor::new(settings), Vec::new()))
}

/// Ends the workers that a gateway left which let them outlive it. What cannot be ended ends by itself.
async fn end_leftovers(data_directory: &Path) {
    let ended = match Manifest::open(data_directory).await {
        Ok(manifest) => manifest.end_all().await,
        Err(error) => Err(error),
    };
    match ended {
        Ok(0) => {}
        Ok(workers) => tracing::info!(workers, "Workers of an earlier gateway ended"),
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "Workers of an earlier gateway could not be looked for");
        }
    }
}

async fn bind(address: SocketAddr) -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

fn routes(
    config: &Config,
    sessions: &Arc<Sessions>,
    galaxy: Arc<GalaxyView>,
    door: Door,
    latencies: Latencies,
    stop: CancellationToken,
) -> Result<(HealthReporter, Routes), RunError> {
    let largest = config.protocol.max_grpc_message_bytes.get();
    let galaxy_service = GalaxyService::new(Arc::clone(&galaxy), SystemTime::now(), door.clone(), stop);
    let repository = GalaxyRepositoryServer::new(galaxy_service)
        .max_decoding_message_size(largest)
        .max_encoding_message_size(largest);
    let settings = ServiceSettings {
        default_command_timeout: config.sessions.default_command_timeout,
        galaxy,
        allow_fault_injection: config.simulator.allow_fault_injection,
        record_writes: config.audit.record_writes,
    };
    let service = GatewayService::new(Arc::clone(sessions), settings, door, latencies);
    let gateway =
        MxGatewayServer::new(service).max_decoding_message_size(largest).max_encoding_message_size(largest);
    let (health, health_service) = tonic_health::server::health_reporter();
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .with_service_name("mxgateway.v1.MxGateway")
            .with_service_name("mxgateway.v1.GalaxyRepository")
            .with_service_name("grpc.health.v1.Health")
    };
    let routes = Routes::new(gateway)
        .add_service(repository)
        .add_service(health_service)
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?);
    Ok((health, routes))
}

fn manager_settings(config: &Config) -> ManagerSettings {
    let (sessions, events) = (&config.sessions, &config.events);
    ManagerSettings {
        session: SessionSettings {
            lease: LeaseSettings { lease: sessions.default_lease, detach_grace: sessions.detach_grace },
            events: DistributorSettings {
                ring: RingLimits {
                    replay_count: events.replay_buffer_capacity,
                    bytes: events.replay_buffer_bytes.get(),
                    replay_age: (!events.replay_retention.is_zero()).then_some(events.replay_retention),
                    lag_count: events.queue_capacity.get() as u64,
                },
                allow_multiple: sessions.allow_multiple_event_subscribers,
                max_external: sessions.max_event_subscribers_per_session.get(),
                policy: events.backpressure_policy,
            },
        },
        max_sessions: sessions.max_sessions.get(),
        max_pending_commands: sessions.max_pending_commands_per_session.get(),
        shutdown_timeout: config.workers.shutdown_timeout,
        sweep_interval: sessions.lease_sweep_interval,
        bookmark_interval: events.bookmark_interval,
    }
}

fn supervisor_config(config: &Config) -> SupervisorConfig {
    let (workers, simulator) = (&config.workers, &config.simulator);
    let backend_options = match workers.backend {
        Backend::Simulator => {
            let galaxy = simulator.galaxy_path.as_ref();
            HashMap::from_iter(galaxy.map(|path| ("galaxy".to_owned(), path.display().to_string())))
        }
        // Section `simulator` is not for it, and may be there all the same.
        Backend::LmxProxy => HashMap::new(),
    };
    SupervisorConfig {
        executable: workers.executable_path.clone(),
        backend: workers.backend.name().to_owned(),
        backend_options,
        runtime_directory: workers.runtime_directory.clone(),
        log_directory: workers.log_directory.clone(),
        log_filter: config.logging.filter.clone(),
        log_json: config.logging.format == LogFormat::Json,
        startup_timeout: workers.startup_timeout,
        heartbeat_interval: workers.heartbeat_interval,
        heartbeat_grace: workers.heartbeat_grace,
        hung_apartment_ceiling: workers.hung_apartment_ceiling,
        max_frame_bytes: workers.max_frame_bytes.get(),
        journal_capacity: u32::try_from(workers.journal_capacity.get()).unwrap_or(u32::MAX),
        journal_bytes: config.events.replay_buffer_bytes.get() as u64,
        max_orphan_lifetime: workers.max_orphan_lifetime,
        adoption_timeout: workers.adoption_timeout,
    }
}
