//! A backend without System Platform: a galaxy from a TOML file, with MXAccess's behaviour.
//!
//! Each worker has its own galaxy: what one session writes, another does not see.

use std::path::Path;
use std::time::{Duration, Instant};

use mxgateway_contracts::v1::inject_fault_command::Fault;
use mxgateway_contracts::v1::{CommandKind, MxStatus, MxValue};
pub use mxgateway_galaxy::{Galaxy, GalaxyError};

use crate::inbox::Inbox;
use crate::journal::EventSink;
use crate::mxaccess::{BackendError, CallError, FaultInjection, Identity, MxAccess};

mod engine;
mod faults;
mod host;
mod replay;
mod source;
mod status;
mod value;

use engine::{Engine, Now, Writer};
use faults::Faults;
use host::HostSensors;

/// Name in `Bootstrap.backend_name`.
pub const BACKEND_NAME: &str = "simulator";
/// Option that names a galaxy file.
const GALAXY_OPTION: &str = "galaxy";

/// Steps of a storm that are raised together.
const STORM_STEPS: usize = 512;
/// A storm waits no longer than this for the gateway to take events, so that commands get their turn.
const STORM_WAIT: Duration = Duration::from_millis(1);

// Quality words in the style of OPC DA.
const QUALITY_GOOD: i32 = 192;
const QUALITY_CONFIGURATION_ERROR: i32 = 4;
const QUALITY_NOT_CONNECTED: i32 = 8;
const QUALITY_COMMUNICATION_FAILURE: i32 = 24;
const QUALITY_WAITING: i32 = 32;

/// Settings of the simulator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SimulatorOptions {
    /// Galaxy file; the built-in galaxy when absent.
    pub galaxy: Option<String>,
}

impl SimulatorOptions {
    /// Reads `Bootstrap.backend_options`. Errors: an unknown option.
    pub fn parse<'a>(
        options: impl IntoIterator<Item = (&'a String, &'a String)>,
    ) -> Result<Self, BackendError> {
        let mut parsed = Self::default();
        let mut unknown = Vec::new();
        for (key, value) in options {
            match key.as_str() {
                GALAXY_OPTION => parsed.galaxy = Some(value.clone()),
                _ => unknown.push(key.as_str()),
            }
        }
        if unknown.is_empty() {
            return Ok(parsed);
        }
        unknown.sort_unstable();
        let message = format!("the simulator has no option {} (it has: {GALAXY_OPTION})", unknown.join(", "));
        Err(BackendError { hresult: 0, message })
    }
}

/// The backend; see the module's documentation.
#[derive(Debug)]
pub struct Simulator {
    engine: Engine,
    /// Made when the first item is added, so that a session without sensors does not pay for them.
    sensors: Sensors,
    events: EventSink,
    faults: Faults,
    path: String,
}

#[derive(Debug)]
enum Sensors {
    NotYet,
    Ready(Box<HostSensors>),
    /// The galaxy wants none, or this machine has none.
    Absent,
}

impl Simulator {
    /// Loads the galaxy. Errors: it cannot be read or is not valid.
    pub fn new(options: &SimulatorOptions, events: EventSink) -> Result<Self, BackendError> {
        let galaxy = match &options.galaxy {
            Some(path) => Galaxy::load(Path::new(path)),
            None => Galaxy::built_in(),
        };
        let galaxy = galaxy.map_err(|error| BackendError { hresult: 0, message: with_sources(&error) })?;
        let faults = Faults::of_galaxy(galaxy.faults());
        let faults = faults.map_err(|message| BackendError { hresult: 0, message })?;
        let engine = Engine::new(galaxy, Now::read());
        let sensors = if engine.wants_host_sensors() { Sensors::NotYet } else { Sensors::Absent };
        let path = options.galaxy.clone().unwrap_or_else(|| "built-in".to_owned());
        Ok(Self { engine, sensors, events, faults, path })
    }

    fn make_sensors(&mut self) {
        if !matches!(self.sensors, Sensors::NotYet) {
            return;
        }
        self.sensors = match HostSensors::new() {
            Ok(sensors) => {
                self.engine.install_host_sensors(&sensors.attributes());
                Sensors::Ready(Box::new(sensors))
            }
            Err(error) => {
                tracing::warn!(%error, "This machine's sensors cannot be read");
                Sensors::Absent
            }
        };
    }

    fn deliver(&mut self) {
        let now = Now::read();
        if let Some(groups) = self.engine.host_groups_due(now)
            && let Sensors::Ready(sensors) = &mut self.sensors
        {
            let readings = sensors.read(&groups);
            self.engine.host_measured(readings, now);
        }
        let mut events = Vec::new();
        self.engine.run(now, &mut events);
        if self.engine.is_storming() {
            self.engine.storm(STORM_STEPS.min(self.events.room()), now, &mut events);
        }
        self.events.raise(events);
    }
}

impl MxAccess for Simulator {
    fn identity(&self) -> Identity {
        Identity {
            backend_name: BACKEND_NAME.to_owned(),
            prog_id: "MxGateway.Simulator".to_owned(),
            class_id: String::new(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            path: self.path.clone(),
        }
    }

    fn register(&mut self, client_name: &str) -> Result<i32, CallError> {
        self.faults.register()?;
        self.engine.register(client_name)
    }

    fn unregister(&mut self, server: i32) -> Result<(), CallError> {
        self.engine.unregister(server)
    }

    fn add_item(&mut self, server: i32, definition: &str, context: Option<&str>) -> Result<i32, CallError> {
        self.make_sensors();
        self.engine.add_item(server, definition, context.unwrap_or_default())
    }

    fn remove_item(&mut self, server: i32, item: i32) -> Result<(), CallError> {
        self.engine.remove_item(server, item)
    }

    fn add_buffered_item(&mut self, server: i32, definition: &str, context: &str) -> Result<i32, CallError> {
        self.make_sensors();
        self.engine.add_buffered_item(server, definition, context)
    }

    fn set_buffered_update_interval(&mut self, server: i32, milliseconds: i32) -> Result<(), CallError> {
        self.engine.set_buffered_update_interval(server, milliseconds, Now::read())
    }

    fn advise(&mut self, server: i32, item: i32) -> Result<(), CallError> {
        self.engine.advise(server, item, false, Now::read())
    }

    fn advise_supervisory(&mut self, server: i32, item: i32) -> Result<(), CallError> {
        self.engine.advise(server, item, true, Now::read())
    }

    fn un_advise(&mut self, server: i32, item: i32) -> Result<(), CallError> {
        self.engine.un_advise(server, item)
    }

    fn write(
        &mut self,
        server: i32,
        item: i32,
        value: &MxValue,
        time: Option<&MxValue>,
        user_id: i32,
    ) -> Result<(), CallError> {
        self.engine.write(server, item, value, time, Writer::Plain { user: user_id }, Now::read())
    }

    fn suspend(&mut self, server: i32, item: i32) -> Result<MxStatus, CallError> {
        self.engine.suspend(server, item, Now::read())
    }

    fn activate(&mut self, server: i32, item: i32) -> Result<MxStatus, CallError> {
        self.engine.activate(server, item, Now::read())
    }

    fn write_secured(
        &mut self,
        server: i32,
        item: i32,
        current_user_id: i32,
        verifier_user_id: i32,
        value: &MxValue,
        time: Option<&MxValue>,
    ) -> Result<(), CallError> {
        let writer = Writer::Secured { user: current_user_id, verifier: verifier_user_id };
        self.engine.write(server, item, value, time, writer, Now::read())
    }

    fn authenticate_user(&mut self, server: i32, user_name: &str, password: &str) -> Result<i32, CallError> {
        self.engine.authenticate_user(server, user_name, password)
    }

    fn archestra_user_to_id(&mut self, server: i32, user_guid: &str) -> Result<i32, CallError> {
        self.engine.archestra_user_to_id(server, user_guid)
    }

    fn faults(&mut self) -> Option<&mut dyn FaultInjection> {
        Some(self)
    }

    fn pump(&mut self, inbox: &Inbox, limit: Instant) {
        self.faults.pumping();
        self.deliver();
        if self.engine.is_storming() {
            self.events.wait_for_room(Instant::now() + STORM_WAIT);
            return;
        }
        let due = self.engine.next_due();
        inbox.wait_until(due.map_or(limit, |due| due.min(limit)));
    }
}

impl FaultInjection for Simulator {
    fn before(&mut self, kind: CommandKind) {
        self.faults.before(kind);
    }

    fn inject(&mut self, fault: Option<Fault>) -> Result<u64, CallError> {
        match fault {
            None => {}
            Some(Fault::RefuseRegister(fault)) => self.faults.refuse_register(fault.times, fault.hresult),
            Some(Fault::SlowCommand(fault)) => {
                let delay = faults::duration("delay", fault.delay.as_ref())?;
                self.faults.slow(fault.kind(), delay);
            }
            Some(Fault::HangApartment(fault)) => {
                self.faults.hang(faults::duration("duration", fault.duration.as_ref())?);
            }
            Some(Fault::Crash(fault)) => self.faults.crash(fault.on_kind()),
            Some(Fault::EventStorm(fault)) => {
                let duration = faults::duration("duration", fault.duration.as_ref())?;
                let (tag, rate) = (&fault.tag_address, fault.events_per_second);
                self.engine.begin_tag_storm(tag, rate, duration, Now::read())?;
            }
            Some(Fault::EngineOffScan(fault)) => self.engine.set_off_scan(fault.is_off_scan),
        }
        Ok(self.engine.executed_writes())
    }
}

fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use mxgateway_session_core::ring::ReadBudget;

    use super::*;
    use crate::journal::{Journal, JournalLimits, Outgoing};

    fn options(pairs: &[(&str, &str)]) -> Result<SimulatorOptions, BackendError> {
        let pairs: Vec<_> =
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        SimulatorOptions::parse(pairs.iter().map(|(key, value)| (key, value)))
    }

    #[test]
    fn options_are_named_when_unknown() {
        assert_eq!(options(&[("galaxy", "a.toml")]).unwrap().galaxy.as_deref(), Some("a.toml"));
        let error = options(&[("galaxie", "a.toml"), ("colour", "red")]).unwrap_err();
        assert_eq!(error.to_string(), "the simulator has no option colour, galaxie (it has: galaxy)");
    }

    #[test]
    fn a_storm_loses_nothing_however_small_the_journal() {
        const GOAL: i32 = 10_000;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("storm.toml");
        let galaxy = "[galaxy]\nname = \"x\"\n[[object]]\nname = \"Storm\"\n\
                      attributes.Count = { type = \"integer\", source = { kind = \"storm\" } }\n";
        std::fs::write(&path, galaxy).unwrap();
        let journal = Journal::new(JournalLimits { events: 64, bytes: 1 << 20 });
        let options = SimulatorOptions { galaxy: Some(path.display().to_string()) };
        let mut simulator = Simulator::new(&options, EventSink::new(journal.clone())).unwrap();
        simulator.register("test").unwrap();
        let item = simulator.add_item(1, "Storm.Count", None).unwrap();
        simulator.advise(1, item).unwrap();
        let limit = Instant::now() + Duration::from_secs(20);
        let reader = std::thread::spawn(move || {
            let mut last = 0;
            // The first change, the steps, and the completion of the write.
            while last < GOAL as u64 + 2 {
                assert!(Instant::now() < limit, "{last} events came");
                match journal.take(ReadBudget { events: 7, bytes: usize::MAX }) {
                    Outgoing::Events { first, events } => {
                        assert_eq!(first, last + 1);
                        last += events.len() as u64;
                    }
                    Outgoing::Loss { from, to } => panic!("{from} to {to} are lost"),
                    Outgoing::Nothing => std::thread::yield_now(),
                }
            }
        });
        let inbox = Inbox::default();
        let mut is_written = false;
        while !reader.is_finished() {
            simulator.pump(&inbox, Instant::now() + Duration::from_millis(5));
            // Refused until the first change told the type.
            is_written = is_written || simulator.write(1, item, &GOAL.into(), None, 0).is_ok();
        }
        reader.join().unwrap();
    }

    #[test]
    fn a_bad_galaxy_fails_with_its_problems() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bad.toml");
        std::fs::write(&path, "[galaxy]\nname = \"x\"\ncolour = 1\n").unwrap();
        let journal = Journal::new(JournalLimits { events: 10, bytes: 1 << 20 });
        let options = SimulatorOptions { galaxy: Some(path.display().to_string()) };
        let error = Simulator::new(&options, EventSink::new(journal.clone())).unwrap_err();
        assert!(error.to_string().contains("galaxy: unknown key colour"), "{error}");
        let options = SimulatorOptions { galaxy: Some("nowhere.toml".to_owned()) };
        let error = Simulator::new(&options, EventSink::new(journal)).unwrap_err();
        assert!(error.to_string().contains("nowhere.toml: "), "{error}");
    }
}
