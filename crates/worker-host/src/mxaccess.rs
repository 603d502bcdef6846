//! What a backend is: MXAccess's own calls, made and pumped by one thread.
//!
//! The apartment thread makes the backend, calls it, pumps it and drops it; nothing of it ever crosses to
//! another thread, as a COM apartment demands. The methods are those of `LMXProxyServer`, one native call
//! each, with the HRESULT as the error. Events may come up at any time, also within a call: the backend
//! raises them through the [`EventSink`](crate::journal::EventSink) it was made with, which never blocks.

use std::time::Instant;

use mxgateway_contracts::hresult;
use mxgateway_contracts::v1::MxValue;

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

    /// Ends an item handle.
    fn remove_item(&mut self, server: i32, item: i32) -> Result<(), CallError>;

    /// Starts data changes, for writes by the operator.
    fn advise(&mut self, server: i32, item: i32) -> Result<(), CallError>;

    /// Starts data changes, for writes by the client itself.
    fn advise_supervisory(&mut self, server: i32, item: i32) -> Result<(), CallError>;

    /// Ends data changes of either kind.
    fn un_advise(&mut self, server: i32, item: i32) -> Result<(), CallError>;

    /// Write, or with a time Write2. Success means queued; the outcome comes as OnWriteComplete.
    fn write(
        &mut self,
        server: i32,
        item: i32,
        value: &MxValue,
        time: Option<&MxValue>,
        user_id: i32,
    ) -> Result<(), CallError>;

    /// Delivers what is due and waits until there is something in the inbox, or `limit`. The backend owns
    /// the waiting because COM's is special: a message loop, woken through [`Inbox::set_wake`].
    fn pump(&mut self, inbox: &Inbox, limit: Instant);
}
