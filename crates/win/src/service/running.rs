//! Being a service.

use std::ffi::OsString;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use windows_service::define_windows_service;
use windows_service::service::{
    ServiceControl, ServiceControlAccept, ServiceExitCode, ServiceState, ServiceStatus, ServiceType,
};
use windows_service::service_control_handler::{self, ServiceControlHandlerResult, ServiceStatusHandle};
use windows_service::service_dispatcher;

use super::ServiceError;

/// How often a service that starts or stops says that it gets on.
const CHECKPOINT: Duration = Duration::from_secs(1);
/// How long the manager shall wait for the next sign of it.
const WAIT_HINT: Duration = Duration::from_secs(10);

define_windows_service!(service_main, started);

/// What runs the service, and gives its exit code.
type Main = fn(Running) -> u8;

/// The one service of this process. Not kept by the control handler: the `windows-service` crate frees a handler at the
/// first request to stop, and the manager may ask again.
static SERVICE: Mutex<State> = Mutex::new(State {
    name: "",
    main: None,
    handle: None,
    phase: Phase::Starting,
    checkpoint: 0,
    stop: None,
});

struct State {
    name: &'static str,
    main: Option<Main>,
    handle: Option<ServiceStatusHandle>,
    phase: Phase,
    checkpoint: u32,
    stop: Option<Box<dyn FnOnce() + Send>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Starting,
    Running,
    Stopping,
    Stopped(u8),
}

/// The service, for what runs in it.
#[derive(Debug)]
pub struct Running(());

impl Running {
    /// Calls `stop` once, when the manager asks for the end: for a stop or before a shutdown. At once when it has asked
    /// already. It is called on the manager's thread, and must be short and not block.
    pub fn on_stop(&self, stop: impl FnOnce() + Send + 'static) {
        let mut state = state();
        if state.phase == Phase::Stopping {
            drop(state);
            stop();
        } else {
            state.stop = Some(Box::new(stop));
        }
    }

    /// Says that it has started.
    pub fn ready(&self) {
        let mut state = state();
        if state.phase == Phase::Starting {
            state.enter(Phase::Running);
        }
    }

    /// Says that it ends by itself.
    pub fn stopping(&self) {
        state().stopping();
    }
}

/// Runs this process as a service until it has stopped. `main` is called on another thread.
pub fn run(name: &'static str, main: Main) -> Result<(), ServiceError> {
    {
        let mut state = state();
        state.name = name;
        state.main = Some(main);
    }
    service_dispatcher::start(name, service_main).map_err(ServiceError::NotAService)
}

fn started(_arguments: Vec<OsString>) {
    let (name, Some(main)) = ({ state().name }, { state().main.take() }) else { return };
    // It holds nothing, so that freeing it does no harm.
    let Ok(handle) = service_control_handler::register(name, handle) else {
        // The manager takes the end of the process for a failure.
        return;
    };
    {
        let mut state = state();
        state.handle = Some(handle);
        state.enter(Phase::Starting);
    }
    let (ended, end) = mpsc::channel::<()>();
    let exit_code = thread::scope(|threads| {
        threads.spawn(move || {
            while end.recv_timeout(CHECKPOINT) == Err(RecvTimeoutError::Timeout) {
                state().checkpoint();
            }
        });
        let exit_code = main(Running(()));
        drop(ended);
        exit_code
    });
    state().enter(Phase::Stopped(exit_code));
}

fn handle(control: ServiceControl) -> ServiceControlHandlerResult {
    match control {
        ServiceControl::Stop | ServiceControl::Preshutdown | ServiceControl::Shutdown => {
            let stop = {
                let mut state = state();
                state.stopping();
                state.stop.take()
            };
            if let Some(stop) = stop {
                stop();
            }
            ServiceControlHandlerResult::NoError
        }
        ServiceControl::Interrogate => ServiceControlHandlerResult::NoError,
        ServiceControl::Continue
        | ServiceControl::NetBindAdd
        | ServiceControl::NetBindDisable
        | ServiceControl::NetBindEnable
        | ServiceControl::NetBindRemove
        | ServiceControl::ParamChange
        | ServiceControl::Pause
        | ServiceControl::HardwareProfileChange(_)
        | ServiceControl::PowerEvent(_)
        | ServiceControl::SessionChange(_)
        | ServiceControl::TimeChange
        | ServiceControl::TriggerEvent
        | ServiceControl::UserEvent(_) => ServiceControlHandlerResult::NotImplemented,
        // What later releases of the crate know.
        _ => ServiceControlHandlerResult::NotImplemented,
    }
}

impl State {
    fn stopping(&mut self) {
        if matches!(self.phase, Phase::Starting | Phase::Running) {
            self.enter(Phase::Stopping);
        }
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.checkpoint = 0;
        self.tell();
    }

    /// Says that it gets on.
    fn checkpoint(&mut self) {
        match self.phase {
            Phase::Starting | Phase::Stopping => {
                self.checkpoint = self.checkpoint.saturating_add(1);
                self.tell();
            }
            Phase::Running | Phase::Stopped(_) => {}
        }
    }

    fn tell(&self) {
        let (current_state, wait_hint, exit_code) = match self.phase {
            Phase::Starting => (ServiceState::StartPending, WAIT_HINT, 0),
            Phase::Running => (ServiceState::Running, Duration::ZERO, 0),
            Phase::Stopping => (ServiceState::StopPending, WAIT_HINT, 0),
            Phase::Stopped(exit_code) => (ServiceState::Stopped, Duration::ZERO, exit_code),
        };
        let controls_accepted = match self.phase {
            // Somebody who thinks better of it need not wait for the start.
            Phase::Starting | Phase::Running => {
                ServiceControlAccept::STOP | ServiceControlAccept::PRESHUTDOWN
            }
            Phase::Stopping | Phase::Stopped(_) => ServiceControlAccept::empty(),
        };
        let exit_code = match exit_code {
            0 => ServiceExitCode::NO_ERROR,
            code => ServiceExitCode::ServiceSpecific(code.into()),
        };
        let status = ServiceStatus {
            service_type: ServiceType::OWN_PROCESS,
            current_state,
            controls_accepted,
            exit_code,
            checkpoint: self.checkpoint,
            wait_hint,
            process_id: None,
        };
        if let Some(handle) = &self.handle {
            // The manager is gone; there is nobody else to tell.
            let _gone = handle.set_service_status(status);
        }
    }
}

fn state() -> MutexGuard<'static, State> {
    SERVICE.lock()
}
