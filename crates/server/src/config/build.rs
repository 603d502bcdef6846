//! Checked values to typed sections.

mod access;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use mxgateway_session_core::distributor::BackpressurePolicy;

use super::kind::{Groups, Value};
use super::load::Checked;
use super::problem::Problem;
use super::typed::{
    AuditConfig, AuthConfig, AuthMode, Backend, Config, EventsConfig, HttpConfig, LogFormat, LoggingConfig,
    ProtocolConfig, RecordWrites, ServerConfig, SessionsConfig, SimulatorConfig, TlsConfig, TlsMode,
    WorkersConfig,
};

/// The typed form. A problem here means that the table of keys and the types do not match, which the tests
/// would have shown, or a number that this machine's words cannot hold.
pub(super) fn config(values: &BTreeMap<&'static str, Checked>) -> Result<Config, Problem> {
    let values = Values(values);
    let data_directory = values.path("server.data_directory")?;
    Ok(Config {
        server: ServerConfig {
            listen: values.address("server.listen")?,
            shutdown_timeout: values.seconds("server.shutdown_timeout_seconds")?,
            data_directory: data_directory.clone(),
        },
        http: HttpConfig { listen: values.address_if_any("http.listen")?, tls: values.flag("http.tls")? },
        auth: AuthConfig {
            mode: match values.text("auth.mode")? {
                "disabled" => AuthMode::Disabled,
                _ => AuthMode::ApiKey,
            },
            database_url: Some(values.url("auth.database_url")?).filter(|url| !url.is_empty()),
            pepper_path: values
                .path_if_any("auth.pepper_path")?
                .unwrap_or_else(|| data_directory.join("pepper")),
            cache: values.seconds("auth.cache_seconds")?,
        },
        audit: AuditConfig {
            retention: Some(values.days("audit.retention_days")?).filter(|retention| !retention.is_zero()),
            record_writes: match values.text("audit.record_writes")? {
                "none" => RecordWrites::None,
                "all" => RecordWrites::All,
                _ => RecordWrites::Secured,
            },
        },
        tls: tls(&values)?,
        dashboard: access::dashboard(&values)?,
        ldap: access::ldap(&values)?,
        sessions: SessionsConfig {
            max_sessions: values.non_zero("sessions.max_sessions")?,
            default_command_timeout: values.seconds("sessions.default_command_timeout_seconds")?,
            max_pending_commands_per_session: values.non_zero("sessions.max_pending_commands_per_session")?,
            default_lease: values.seconds("sessions.default_lease_seconds")?,
            lease_sweep_interval: values.seconds("sessions.lease_sweep_interval_seconds")?,
            detach_grace: values.seconds("sessions.detach_grace_seconds")?,
            allow_multiple_event_subscribers: values.flag("sessions.allow_multiple_event_subscribers")?,
            max_event_subscribers_per_session: values
                .non_zero("sessions.max_event_subscribers_per_session")?,
            complete_array_names: values.flag("sessions.complete_array_names")?,
        },
        events: EventsConfig {
            queue_capacity: values.non_zero("events.queue_capacity")?,
            backpressure_policy: match values.text("events.backpressure_policy")? {
                "disconnect_subscriber" => BackpressurePolicy::DisconnectSubscriber,
                _ => BackpressurePolicy::FailFast,
            },
            replay_buffer_capacity: values.number("events.replay_buffer_capacity")?,
            replay_retention: values.seconds("events.replay_retention_seconds")?,
            replay_buffer_bytes: values.non_zero("events.replay_buffer_bytes")?,
            bookmark_interval: values.seconds("events.bookmark_interval_seconds")?,
        },
        workers: WorkersConfig {
            executable_path: values.path("workers.executable_path")?,
            backend: match values.text("workers.backend")? {
                "lmxproxy" => Backend::LmxProxy,
                _ => Backend::Simulator,
            },
            log_directory: values.path_if_any("workers.log_directory")?,
            runtime_directory: values.path("workers.runtime_directory")?,
            startup_timeout: values.seconds("workers.startup_timeout_seconds")?,
            shutdown_timeout: values.seconds("workers.shutdown_timeout_seconds")?,
            heartbeat_interval: values.seconds("workers.heartbeat_interval_seconds")?,
            heartbeat_grace: values.seconds("workers.heartbeat_grace_seconds")?,
            hung_apartment_ceiling: values.seconds("workers.hung_apartment_ceiling_seconds")?,
            max_frame_bytes: values.non_zero_u32("workers.max_frame_bytes")?,
            journal_capacity: values.non_zero("workers.journal_capacity")?,
            enable_orphan_reattach: values.flag("workers.enable_orphan_reattach")?,
            max_orphan_lifetime: values.seconds("workers.max_orphan_lifetime_seconds")?,
            adoption_timeout: values.seconds("workers.adoption_timeout_seconds")?,
        },
        protocol: ProtocolConfig {
            max_grpc_message_bytes: values.non_zero("protocol.max_grpc_message_bytes")?,
            max_stream_send_buffer_bytes: values.non_zero("protocol.max_stream_send_buffer_bytes")?,
        },
        simulator: SimulatorConfig {
            galaxy_path: values.path_if_any("simulator.galaxy_path")?,
            allow_fault_injection: values.flag("simulator.allow_fault_injection")?,
        },
        logging: LoggingConfig {
            format: match values.text("logging.format")? {
                "json" => LogFormat::Json,
                _ => LogFormat::Text,
            },
            filter: values.text("logging.filter")?.to_owned(),
        },
    })
}

fn tls(values: &Values<'_>) -> Result<TlsConfig, Problem> {
    let mode = match values.text("tls.mode")? {
        "self_signed" => TlsMode::SelfSigned {
            extra_names: values
                .text("tls.extra_names")?
                .split(',')
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect(),
            validity: values.days("tls.validity_days")?,
        },
        "files" => TlsMode::Files {
            certificate: values.path("tls.certificate_path")?,
            private_key: values.path("tls.private_key_path")?,
        },
        _ => TlsMode::Off,
    };
    Ok(TlsConfig { mode, client_ca_path: values.path_if_any("tls.client_ca_path")? })
}

struct Values<'a>(&'a BTreeMap<&'static str, Checked>);

impl Values<'_> {
    fn take<T>(&self, key: &str, take: impl Fn(&Value) -> Option<T>) -> Result<T, Problem> {
        let checked = self.0.get(key);
        checked.and_then(|checked| take(&checked.value)).ok_or_else(|| Problem {
            key: key.to_owned(),
            source: checked.map_or_else(|| "default".to_owned(), |checked| checked.source.clone()),
            what: "cannot be used on this machine".to_owned(),
            allowed: "choose a smaller number, or report a fault in the gateway's table of keys".to_owned(),
        })
    }

    fn flag(&self, key: &str) -> Result<bool, Problem> {
        self.take(key, |value| if let Value::Flag(flag) = value { Some(*flag) } else { None })
    }

    fn seconds(&self, key: &str) -> Result<Duration, Problem> {
        self.take(key, |value| if let Value::Seconds(seconds) = value { Some(*seconds) } else { None })
    }

    fn number<T: TryFrom<u64>>(&self, key: &str) -> Result<T, Problem> {
        self.take(key, |value| {
            if let Value::Count(number) | Value::Bytes(number) = value {
                T::try_from(*number).ok()
            } else {
                None
            }
        })
    }

    fn non_zero(&self, key: &str) -> Result<NonZeroUsize, Problem> {
        let number = self.number(key)?;
        self.take(key, |_| NonZeroUsize::new(number))
    }

    fn non_zero_u32(&self, key: &str) -> Result<NonZeroU32, Problem> {
        let number = self.number(key)?;
        self.take(key, |_| NonZeroU32::new(number))
    }

    fn text(&self, key: &str) -> Result<&str, Problem> {
        match self.0.get(key).map(|checked| &checked.value) {
            Some(Value::Text(text)) => Ok(text),
            _ => self.take(key, |_| None),
        }
    }

    fn days(&self, key: &str) -> Result<Duration, Problem> {
        self.number::<u64>(key).map(|days| Duration::from_secs(days * 24 * 3600))
    }

    fn url(&self, key: &str) -> Result<String, Problem> {
        self.take(key, |value| if let Value::Url(url) = value { Some(url.clone()) } else { None })
    }

    fn secret_if_any(&self, key: &str) -> Result<Option<String>, Problem> {
        let secret =
            self.take(key, |value| if let Value::Secret(text) = value { Some(text.clone()) } else { None })?;
        Ok(Some(secret).filter(|text| !text.is_empty()))
    }

    fn groups(&self, key: &str) -> Result<Groups, Problem> {
        self.take(key, |value| if let Value::Groups(groups) = value { Some(groups.clone()) } else { None })
    }

    fn address_if_any(&self, key: &str) -> Result<Option<SocketAddr>, Problem> {
        match self.0.get(key).map(|checked| &checked.value) {
            Some(Value::Text(text)) if text.is_empty() => Ok(None),
            _ => self.address(key).map(Some),
        }
    }

    fn path_if_any(&self, key: &str) -> Result<Option<PathBuf>, Problem> {
        self.path(key).map(|path| Some(path).filter(|path| !path.as_os_str().is_empty()))
    }

    fn address(&self, key: &str) -> Result<SocketAddr, Problem> {
        self.take(key, |value| if let Value::Address(address) = value { Some(*address) } else { None })
    }

    fn path(&self, key: &str) -> Result<PathBuf, Problem> {
        self.take(key, |value| if let Value::Path(path) = value { Some(path.clone()) } else { None })
    }
}
