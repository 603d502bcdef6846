//! The service manager: making, removing, starting and stopping a service, and being one.

use std::ffi::OsString;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use windows_service::Error as ManagerError;
use windows_service::service::{
    Service, ServiceAccess, ServiceAction, ServiceActionType, ServiceErrorControl, ServiceFailureActions,
    ServiceFailureResetPeriod, ServiceInfo, ServiceStartType, ServiceState, ServiceStatus, ServiceType,
};
use windows_service::service_manager::{ServiceManager, ServiceManagerAccess};

mod running;

pub use running::{Running, run};

/// How long the manager waits before it starts a service again that failed; the last one counts for all later times.
const RESTARTS: [Duration; 3] = [Duration::from_secs(5), Duration::from_secs(10), Duration::from_secs(30)];
/// After so long without a failure the first of [`RESTARTS`] counts again.
const FORGET_FAILURES: Duration = Duration::from_secs(86_400);
const POLL: Duration = Duration::from_millis(100);

/// What a service is made of.
#[derive(Debug)]
pub struct Registration<'a> {
    /// Its name, by which everything else here finds it.
    pub name: &'a str,
    /// Its name for people.
    pub display_name: &'a str,
    /// What it is for.
    pub description: &'a str,
    /// Its program.
    pub executable: PathBuf,
    /// The program's arguments.
    pub arguments: Vec<OsString>,
    /// The account it runs as, which needs no password.
    pub account: &'a str,
    /// What it may take when the machine is shut down.
    pub preshutdown_limit: Duration,
}

/// What the service manager refused.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The manager itself cannot be reached; most often for want of an administrator's rights.
    #[error("cannot reach the service manager (an administrator's rights are needed)")]
    Manager(#[source] ManagerError),
    /// The service cannot be made.
    #[error("cannot make service {name}")]
    Create {
        /// The service.
        name: String,
        /// The manager's reason.
        source: ManagerError,
    },
    /// There is no such service, or it is not for this user.
    #[error("cannot open service {name}")]
    Open {
        /// The service.
        name: String,
        /// The manager's reason.
        source: ManagerError,
    },
    /// It does not do what was asked for.
    #[error("service {name} cannot {act}")]
    Act {
        /// The service.
        name: String,
        /// What was asked for.
        act: &'static str,
        /// The manager's reason.
        source: ManagerError,
    },
    /// It has not become what it should in time.
    #[error("service {name} is {state} after {limit:?}")]
    Late {
        /// The service.
        name: String,
        /// What it is instead.
        state: &'static str,
        /// The time it had.
        limit: Duration,
    },
    /// It ended instead of starting.
    #[error("service {name} did not start: {ended}; the event log says more")]
    Ended {
        /// The service.
        name: String,
        /// Its exit code.
        ended: String,
    },
    /// Its program was not started by the service manager, or the manager does not talk to it.
    #[error("only the service manager runs this")]
    NotAService(#[source] ManagerError),
}

/// What a service is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// `running`, `stopped` and the like.
    pub state: &'static str,
    /// The process, while there is one.
    pub process_id: Option<u32>,
}

/// Makes the service. Returns what this Windows refused of its lesser settings, without which it works all the same.
pub fn install(registration: &Registration<'_>) -> Result<Vec<(&'static str, ManagerError)>, ServiceError> {
    let name = registration.name;
    let manager = manager(ServiceManagerAccess::CONNECT | ServiceManagerAccess::CREATE_SERVICE)?;
    let info = ServiceInfo {
        name: name.into(),
        display_name: registration.display_name.into(),
        service_type: ServiceType::OWN_PROCESS,
        start_type: ServiceStartType::AutoStart,
        error_control: ServiceErrorControl::Normal,
        executable_path: registration.executable.clone(),
        launch_arguments: registration.arguments.clone(),
        dependencies: Vec::new(),
        account_name: Some(registration.account.into()),
        account_password: None,
    };
    let access = ServiceAccess::CHANGE_CONFIG | ServiceAccess::START;
    let service = manager
        .create_service(&info, access)
        .map_err(|source| ServiceError::Create { name: name.to_owned(), source })?;
    let actions = RESTARTS.map(|delay| ServiceAction { action_type: ServiceActionType::Restart, delay });
    let failures = ServiceFailureActions {
        reset_period: ServiceFailureResetPeriod::After(FORGET_FAILURES),
        reboot_msg: None,
        command: None,
        actions: Some(actions.to_vec()),
    };
    let lesser = [
        ("description", service.set_description(registration.description)),
        ("delayed start", service.set_delayed_auto_start(true)),
        ("restarts after a crash", service.update_failure_actions(failures)),
        ("restarts after a failure", service.set_failure_actions_on_non_crash_failures(true)),
        ("time for a shutdown", service.set_preshutdown_timeout(registration.preshutdown_limit)),
    ];
    Ok(lesser.into_iter().filter_map(|(what, result)| Some((what, result.err()?))).collect())
}

/// Stops the service when it runs, and removes it.
pub fn uninstall(name: &str, limit: Duration) -> Result<(), ServiceError> {
    let service = open(name, ServiceAccess::QUERY_STATUS | ServiceAccess::STOP | ServiceAccess::DELETE)?;
    stop_service(&service, name, limit)?;
    service.delete().map_err(act(name, "be removed"))
}

/// Starts the service, and waits until it runs.
pub fn start(name: &str, limit: Duration) -> Result<(), ServiceError> {
    let service = open(name, ServiceAccess::QUERY_STATUS | ServiceAccess::START)?;
    service.start::<OsString>(&[]).map_err(act(name, "be started"))?;
    wait(&service, name, limit, |status| match status.current_state {
        ServiceState::Running => Some(Ok(())),
        ServiceState::Stopped => {
            let ended = format!("{:?}", status.exit_code);
            Some(Err(ServiceError::Ended { name: name.to_owned(), ended }))
        }
        ServiceState::StartPending
        | ServiceState::StopPending
        | ServiceState::ContinuePending
        | ServiceState::PausePending
        | ServiceState::Paused => None,
    })
}

/// Stops the service, and waits until it has stopped. That it does not run is no error.
pub fn stop(name: &str, limit: Duration) -> Result<(), ServiceError> {
    let service = open(name, ServiceAccess::QUERY_STATUS | ServiceAccess::STOP)?;
    stop_service(&service, name, limit)
}

/// What the service is doing.
pub fn status(name: &str) -> Result<Status, ServiceError> {
    let status =
        open(name, ServiceAccess::QUERY_STATUS)?.query_status().map_err(act(name, "tell its state"))?;
    let process_id = status.process_id.filter(|id| *id != 0);
    Ok(Status { state: state_name(status.current_state), process_id })
}

fn stop_service(service: &Service, name: &str, limit: Duration) -> Result<(), ServiceError> {
    let status = service.query_status().map_err(act(name, "tell its state"))?;
    match status.current_state {
        ServiceState::Stopped => return Ok(()),
        ServiceState::StopPending => {}
        ServiceState::StartPending
        | ServiceState::Running
        | ServiceState::ContinuePending
        | ServiceState::PausePending
        | ServiceState::Paused => {
            service.stop().map_err(act(name, "be stopped"))?;
        }
    }
    wait(service, name, limit, |status| (status.current_state == ServiceState::Stopped).then_some(Ok(())))
}

fn wait(
    service: &Service,
    name: &str,
    limit: Duration,
    done: impl Fn(&ServiceStatus) -> Option<Result<(), ServiceError>>,
) -> Result<(), ServiceError> {
    let started = Instant::now();
    loop {
        let status = service.query_status().map_err(act(name, "tell its state"))?;
        if let Some(result) = done(&status) {
            return result;
        }
        if started.elapsed() > limit {
            let state = state_name(status.current_state);
            return Err(ServiceError::Late { name: name.to_owned(), state, limit });
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "the manager announces changes of a state only to threads that wait in a way of Windows' own"
        )]
        thread::sleep(POLL);
    }
}

fn state_name(state: ServiceState) -> &'static str {
    match state {
        ServiceState::Stopped => "stopped",
        ServiceState::StartPending => "starting",
        ServiceState::StopPending => "stopping",
        ServiceState::Running => "running",
        ServiceState::ContinuePending => "continuing",
        ServiceState::PausePending => "pausing",
        ServiceState::Paused => "paused",
    }
}

fn act(name: &str, act: &'static str) -> impl FnOnce(ManagerError) -> ServiceError {
    let name = name.to_owned();
    move |source| ServiceError::Act { name, act, source }
}

fn open(name: &str, access: ServiceAccess) -> Result<Service, ServiceError> {
    manager(ServiceManagerAccess::CONNECT)?
        .open_service(name, access)
        .map_err(|source| ServiceError::Open { name: name.to_owned(), source })
}

fn manager(access: ServiceManagerAccess) -> Result<ServiceManager, ServiceError> {
    ServiceManager::local_computer(None::<&str>, access).map_err(ServiceError::Manager)
}
