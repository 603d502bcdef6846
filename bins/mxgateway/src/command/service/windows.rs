//! The service on Windows.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use clap::Parser;
use mxgateway_server::config::{FileChoice, Sources, Surroundings};
use mxgateway_win::event_log;
use mxgateway_win::security::{Access, Sid};
use mxgateway_win::service::{self, Registration, Running};

use super::events::{SOURCE, ServiceEvent};
use super::failures::{Failure, Failures};
use crate::arguments::service::{InstallArguments, ServiceArguments, ServiceCommand, ServiceRunArguments};
use crate::arguments::{Arguments, Command};
use crate::command::config::load;
use crate::command::run::serve;
use crate::{exit_code, logging};

const NAME: &str = "mxgateway";
/// With `server.shutdown_timeout_seconds` at its default there is some to spare.
const PRESHUTDOWN_LIMIT: Duration = Duration::from_secs(120);

pub(crate) fn run(arguments: &ServiceArguments) -> anyhow::Result<()> {
    match &arguments.command {
        ServiceCommand::Install(install) => self::install(install),
        ServiceCommand::Uninstall(wait) => {
            service::uninstall(NAME, Duration::from_secs(wait.timeout))?;
            event_log::remove_source(SOURCE).context("cannot remove the event log's source")?;
            say("removed")
        }
        ServiceCommand::Start(wait) => {
            service::start(NAME, Duration::from_secs(wait.timeout))?;
            say("running")
        }
        ServiceCommand::Stop(wait) => {
            service::stop(NAME, Duration::from_secs(wait.timeout))?;
            say("stopped")
        }
        ServiceCommand::Status => {
            let status = service::status(NAME)?;
            match status.process_id {
                Some(process_id) => say(&format!("{} (process {process_id})", status.state)),
                None => say(status.state),
            }
        }
        ServiceCommand::Run(_) => Ok(service::run(NAME, service_main)?),
    }
}

fn install(arguments: &InstallArguments) -> anyhow::Result<()> {
    let mut line: Vec<OsString> = vec!["service".into(), "run".into()];
    if let Some(config) = &arguments.run.config {
        let config = std::path::absolute(config).context("the configuration file has no path")?;
        line.extend(["--config".into(), config.into()]);
    }
    if arguments.run.handover {
        line.push("--handover".into());
    }
    // Keys are made by administrators, and read by the service.
    let folder = home();
    Access::current_user()?
        .and(Sid::administrators())
        .and(Sid::local_system())
        .and(Sid::gateway_service())
        .claim_folder(&folder)
        .with_context(|| {
            format!("cannot make {} for the service and administrators alone", folder.display())
        })?;
    let refused = service::install(&Registration {
        name: NAME,
        display_name: "MxGateway",
        description: "Live plant data from MXAccess over gRPC",
        executable: env::current_exe().context("this program has no path")?,
        arguments: line,
        account: &arguments.account,
        preshutdown_limit: PRESHUTDOWN_LIMIT,
    })?;
    for (what, error) in refused {
        // Nowhere left to say so.
        let _closed = writeln!(io::stderr(), "warning: Windows did not take the setting: {what} ({error})");
    }
    event_log::register_source(SOURCE).context("cannot list the event log's source")?;
    say("installed")
}

fn say(what: &str) -> anyhow::Result<()> {
    writeln!(io::stdout(), "{what}")?;
    Ok(())
}

/// Everything of the service: configuration, data, logs.
fn home() -> PathBuf {
    Surroundings::of_process().state_directory.unwrap_or_default()
}

/// Called by the service manager; gives the exit code.
fn service_main(running: Running) -> u8 {
    let mut served = false;
    match serve_as(&running, &mut served) {
        Ok(()) => {
            ServiceEvent::Stopped.report();
            0
        }
        Err(error) => {
            running.stopping();
            let reason = format!("{error:#}");
            if served { ServiceEvent::Failed(reason) } else { ServiceEvent::StartFailed(reason) }.report();
            exit_code(&error)
        }
    }
}

fn serve_as(running: &Running, served: &mut bool) -> anyhow::Result<()> {
    let arguments = own_arguments()?;
    let home = home();
    let logs = home.join("logs");
    fs::create_dir_all(&logs).with_context(|| format!("cannot make {}", logs.display()))?;
    // Services start in the system's own folder. Here are the files that a configuration names without a folder.
    env::set_current_dir(&home).with_context(|| format!("cannot work in {}", home.display()))?;
    let mut loaded = load(&Sources {
        file: arguments.config.map_or(FileChoice::WhenPresent, FileChoice::Named),
        surroundings: Surroundings::of_process(),
        overrides: Vec::new(),
    })?;
    loaded.config.workers.log_directory.get_or_insert_with(|| logs.clone());
    let failures = Failures::new(|failure| {
        match failure {
            Failure::SessionFaulted(reason) => ServiceEvent::SessionFaulted(reason),
            Failure::Error(reason) => ServiceEvent::Error(reason),
        }
        .report();
    });
    logging::start_in(&loaded.config.logging, &logs, failures)?;
    if let Err(error) = logging::remove_old_logs_of_workers(&logs, SystemTime::now()) {
        tracing::warn!(%error, folder = %logs.display(), "Old logs of workers cannot be removed");
    }
    let stop_on = |stop: &tokio_util::sync::CancellationToken| {
        let stop = stop.clone();
        running.on_stop(move || stop.cancel());
        Ok(())
    };
    let result = serve(loaded, arguments.handover, stop_on, |addresses| {
        *served = true;
        running.ready();
        ServiceEvent::Started(addresses.grpc.to_string()).report();
    });
    if let Err(error) = &result {
        let error: &dyn std::error::Error = error.as_ref();
        tracing::error!(error, "Gateway failed");
    }
    result
}

/// What the service manager runs this program with. Its entry point gets none of it.
fn own_arguments() -> anyhow::Result<ServiceRunArguments> {
    let Command::Service(ServiceArguments { command: ServiceCommand::Run(arguments) }) =
        Arguments::parse().command
    else {
        anyhow::bail!("this is not the service's command line");
    };
    Ok(arguments)
}
