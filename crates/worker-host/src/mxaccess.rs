//! What a backend is: MXAccess's own calls, made and pumped by one thread.
//!
//! The apartment thread makes the backend, calls it, pumps it and drops it; nothing of it ever crosses to
//! another thread, as a COM apartment demands. The methods are those of `LMXProxyServer`, one native call
//! each, with the HRESULT as the error. Events may come up at any time, also within a call: the backend
//! raises them through the [`EventSink`](crate::journal::EventSink) it was made with, which never blocks.

use std::time::Instant;

use mxgateway_contracts::hresult;
use mxgateway_contracts::v1::inject_fault_command::Fault;
use mxgateway_contracts::v1::{CommandKind, MxStatus, MxValue};

use crate::inbox::Inbox;

/// A call that MXAccess refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {text}", hresult::describe(*.hresult))]
pub struct CallError {
    /// As the call returned it; negative.
    pub hresult: i32,
    /// For people: what is wrong and what to do. Never a value.
    pub text: String,
}

impl CallError {
    /// E_INVALIDARG.
    pub fn invalid(text: impl Into<String>) -> Self {
        Self { hresult: hresult::E_INVALIDARG, text: text.into() }
    }
}

/// A backend that could not be made.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct BackendError {
    /// HRESULT behind it; 0 when there is none.
    pub hresult: i32,
    /// For people.
    pub message: String,
}

/// What a backend says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// `simulator` or `lmxproxy`.
    pub backend_name: String,
    /// ProgID of the COM server; of the simulator, its own.
    pub prog_id: String,
    /// CLSID in braces; empty for the simulator.
    pub class_id: String,
    /// Version of the COM server.
    pub version: String,
    /// Path of the COM server's file; of the simulator, the galaxy file.
    pub path: String,
}

/// MXAccess, or something that behaves as it does. See the module's documentation.
pub trait MxAccess {
    /// What the backend says of itself.
    fn identity(&self) -> Identity;

    /// Gives a server handle.
    fn register(&mut self, client_name: &str) -> Result<i32, CallError>;

    /// Ends a server handle.
    fn unregister(&mut self, server: i32) -> Result<(), CallError>;

    /// AddItem, or with a context AddItem2. Gives an item handle.
    fn add_item(&mut self, server: i32, definition: &str, context: Option<&str>) -> Result<i32, CallError>;

    /// AddBufferedItem: as AddItem2, with changes that come collected. Gives an item handle.
    fn add_buffered_item(&mut self, server: i32, definition: &str, context: &str) -> Result<i32, CallError>;

    /// How often collected changes come, for all buffered items of the server handle.
    fn set_buffered_update_interval(&mut self, server: i32, milliseconds: i32) -> Result<(), CallError>;

    /// Ends an item handle.
    fn remove_item(&mut self, server: i32, item: i32) -> Result<(), CallError>;

    /// Starts data changes, for writes by the operator.
    fn advise(&mut self, server: i32, item: i32) -> Result<(), CallError>;

    /// Starts data changes, for writes by the client itself.
    fn advise_supervisory(&mut self, server: i32, item: i32) -> Result<(), CallError>;

    /// Ends data changes of either kind.
    fn un_advise(&mut self, server: i32, item: i32) -> Result<(), CallError>;

    /// Stops an item's data changes. Gives the call's status, usually pending; the outcome comes as
    /// OperationComplete.
    fn suspend(&mut self, server: i32, item: i32) -> Result<MxStatus, CallError>;

    /// Lets a suspended item go on. Gives the call's status.
    fn activate(&mut self, server: i32, item: i32) -> Result<MxStatus, CallError>;

    /// Write, or with a time Write2. Success means queued; the outcome comes as OnWriteComplete.
    fn write(
        &mut self,
        server: i32,
        item: i32,
        value: &MxValue,
        time: Option<&MxValue>,
        user_id: i32,
    ) -> Result<(), CallError>;

    /// WriteSecured, or with a time WriteSecured2. In the native call both users stand before the value.
    fn write_secured(
        &mut self,
        server: i32,
        item: i32,
        current_user_id: i32,
        verifier_user_id: i32,
        value: &MxValue,
        time: Option<&MxValue>,
    ) -> Result<(), CallError>;

    /// Gives a user id of the server handle; 0 when refused.
    fn authenticate_user(&mut self, server: i32, user_name: &str, password: &str) -> Result<i32, CallError>;

    /// Gives the user id of a galaxy user's GUID.
    fn archestra_user_to_id(&mut self, server: i32, user_guid: &str) -> Result<i32, CallError>;

    /// A way to make it misbehave; only the simulator has one.
    fn faults(&mut self) -> Option<&mut dyn FaultInjection> {
        None
    }

    /// Delivers what is due and waits until there is something in the inbox, or `limit`. The backend owns
    /// the waiting because COM's is special: a message loop, woken through [`Inbox::set_wake`].
    fn pump(&mut self, inbox: &Inbox, limit: Instant);
}

/// Misbehaviour on demand.
pub trait FaultInjection {
    /// Called on the apartment thread before a command of this kind is carried out: it may be held up, or
    /// the process may end.
    fn before(&mut self, kind: CommandKind);

    /// Begins (or ends) a fault, or none. Gives how many writes were carried out so far.
    fn inject(&mut self, fault: Option<Fault>) -> Result<u64, CallError>;
}
