//! The backend: an apartment, the object in it, and its sinks.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Instant;

use mxgateway_contracts::hresult::REGDB_E_CLASSNOTREG;
use mxgateway_contracts::v1::{MxStatus, MxValue};
use mxgateway_worker_host::mxaccess::{BackendError, CallError, Identity, MxAccess};
use mxgateway_worker_host::{EventSink, Inbox};
use windows::Win32::System::Com::{CLSCTX_INPROC_SERVER, CoCreateInstance};
use windows_core::{Error, IUnknown};

use crate::apartment::Apartment;
use crate::identity;
use crate::interfaces::CLASS;
use crate::options::Options;
use crate::server::Server;
use crate::sink::{Connection, Receiver};

/// MXAccess, for one session. Made, called and dropped by one thread.
///
/// What it holds goes in the order in which MXAccess wants it: the sinks, the object, then COM on the thread. Items
/// and registrations are taken down before by who made them.
#[derive(Debug)]
pub struct LmxProxy {
    _connections: Vec<Connection>,
    server: Server,
    identity: Identity,
    apartment: Apartment,
}

/// Makes the backend with the options of the bootstrap, on the calling thread, which is its from here on.
pub fn make(options: &HashMap<String, String>, events: EventSink) -> Result<Box<dyn MxAccess>, BackendError> {
    let options =
        Options::parse(options).map_err(|error| BackendError { hresult: 0, message: error.to_string() })?;
    Ok(Box::new(LmxProxy::new(options, events)?))
}

impl LmxProxy {
    /// Makes the apartment and the object, and connects the sinks. Errors: MXAccess is not there, or it is not what it
    /// should be.
    pub fn new(options: Options, events: EventSink) -> Result<Self, BackendError> {
        let apartment = Apartment::enter().map_err(|error| failed("COM cannot be used", &error))?;
        // SAFETY: a class that lives in this process and apartment, and is not aggregated.
        let object: IUnknown = unsafe { CoCreateInstance(&raw const CLASS, None, CLSCTX_INPROC_SERVER) }
            .map_err(|error| failed("MXAccess cannot be created", &error))?;
        let server = Server::new(&object, options.clock)
            .map_err(|error| failed("MXAccess has none of its interfaces", &error))?;
        let receiver = Rc::new(Receiver { events, clock: options.clock, warned: OnceCell::new() });
        let connection = Connection::of_default(&object, &receiver)
            .map_err(|error| failed("MXAccess's events cannot be had", &error))?;
        let mut connections = vec![connection];
        match Connection::of_buffered(&object, &receiver) {
            Ok(connection) => connections.push(connection),
            // An MXAccess without buffered items has no such events either.
            Err(error) => tracing::info!(%error, "MXAccess has no events of buffered items"),
        }
        let identity = identity::read(server.version());
        Ok(Self { _connections: connections, server, identity, apartment })
    }
}

fn failed(what: &str, error: &Error) -> BackendError {
    let hresult = error.code().0;
    let advice = if hresult == REGDB_E_CLASSNOTREG {
        format!(
            "; it is not registered for {}-bit programs (MXAccess comes with System Platform, and is 32-bit)",
            usize::BITS
        )
    } else {
        String::new()
    };
    let described = mxgateway_contracts::hresult::describe(hresult);
    BackendError { hresult, message: format!("{what}: {described}{advice}") }
}

impl MxAccess for LmxProxy {
    fn identity(&self) -> Identity {
        self.identity.clone()
    }

    fn register(&mut self, client_name: &str) -> Result<i32, CallError> {
        self.server.register(client_name)
    }

    fn unregister(&mut self, server: i32) -> Result<(), CallError> {
        self.server.unregister(server)
    }

    fn add_item(&mut self, server: i32, definition: &str, context: Option<&str>) -> Result<i32, CallError> {
        match context {
            None => self.server.add_item(server, definition),
            Some(context) => self.server.add_item2(server, definition, context),
        }
    }

    fn add_buffered_item(&mut self, server: i32, definition: &str, context: &str) -> Result<i32, CallError> {
        self.server.add_buffered_item(server, definition, context)
    }

    fn set_buffered_update_interval(&mut self, server: i32, milliseconds: i32) -> Result<(), CallError> {
        self.server.set_buffered_update_interval(server, milliseconds)
    }

    fn remove_item(&mut self, server: i32, item: i32) -> Result<(), CallError> {
        self.server.remove_item(server, item)
    }

    fn advise(&mut self, server: i32, item: i32) -> Result<(), CallError> {
        self.server.advise(server, item)
    }

    fn advise_supervisory(&mut self, server: i32, item: i32) -> Result<(), CallError> {
        self.server.advise_supervisory(server, item)
    }

    fn un_advise(&mut self, server: i32, item: i32) -> Result<(), CallError> {
        self.server.un_advise(server, item)
    }

    fn suspend(&mut self, server: i32, item: i32) -> Result<MxStatus, CallError> {
        self.server.suspend(server, item)
    }

    fn activate(&mut self, server: i32, item: i32) -> Result<MxStatus, CallError> {
        self.server.activate(server, item)
    }

    fn write(
        &mut self,
        server: i32,
        item: i32,
        value: &MxValue,
        time: Option<&MxValue>,
        user_id: i32,
    ) -> Result<(), CallError> {
        self.server.write(server, item, value, time, user_id)
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
        self.server.write_secured(server, item, (current_user_id, verifier_user_id), value, time)
    }

    fn authenticate_user(&mut self, server: i32, user_name: &str, password: &str) -> Result<i32, CallError> {
        self.server.authenticate_user(server, user_name, password)
    }

    fn archestra_user_to_id(&mut self, server: i32, user_guid: &str) -> Result<i32, CallError> {
        self.server.archestra_user_to_id(server, user_guid)
    }

    fn pump(&mut self, inbox: &Inbox, limit: Instant) {
        self.apartment.pump(inbox, limit);
    }
}
