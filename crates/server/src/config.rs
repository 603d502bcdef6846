//! Configuration: defaults, `mxgateway.toml`, environment and command line become one checked [`Config`].
//!
//! [`keys()`] is the only list of keys: defaults, checks, error texts and `docs/configuration.md` come from it.

mod build;
mod docs;
mod environment;
mod file;
mod keys;
mod kind;
mod load;
mod problem;
mod rules;
mod typed;

pub use docs::{markdown, sample};
pub use environment::{ENVIRONMENT_PREFIX, Surroundings};
pub use keys::{Key, keys};
pub use load::{DEFAULT_FILE, FileChoice, Loaded, Override, Setting, Sources};
pub use problem::{ConfigError, Problem};
pub use typed::{
    AuditConfig, AuthConfig, AuthMode, Backend, Config, DashboardConfig, EventsConfig, HttpConfig,
    LdapConfig, LogFormat, LoggingConfig, ProtocolConfig, RecordWrites, ServerConfig, SessionsConfig,
    SimulatorConfig, TlsConfig, TlsMode, WorkersConfig,
};

#[cfg(test)]
mod tests;
