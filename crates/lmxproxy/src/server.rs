//! MXAccess's object: its calls, each by the oldest interface that has it.

use mxgateway_contracts::hresult::{self, CO_E_NOT_SUPPORTED, E_FAIL};
use mxgateway_contracts::v1::{MxStatus, MxValue};
use mxgateway_worker_host::mxaccess::CallError;
use windows::Win32::System::Variant::VARIANT;
use windows_core::{BSTR, HRESULT, IUnknown, Interface, Result};
use zeroize::Zeroize;

use crate::dates::Clock;
use crate::interfaces::{
    ILMXProxyServer, ILMXProxyServer2, ILMXProxyServer3, ILMXProxyServer4, ILMXProxyServer5, StatusRecord,
};
use crate::variant::{by_value, from_value};

/// The object with the interfaces it has.
#[derive(Debug)]
pub(crate) struct Server {
    first: ILMXProxyServer,
    second: Option<ILMXProxyServer2>,
    third: Option<ILMXProxyServer3>,
    fourth: Option<ILMXProxyServer4>,
    fifth: Option<ILMXProxyServer5>,
    clock: Clock,
}

type Call<T> = std::result::Result<T, CallError>;

/// Interface `version`, if the object has it; else the refusal of a call that needs it.
fn needing<'a, T>(interface: Option<&'a T>, call: &str, version: u32, newest: u32) -> Call<&'a T> {
    interface.ok_or_else(|| CallError {
        hresult: CO_E_NOT_SUPPORTED,
        text: format!(
            "{call} needs ILMXProxyServer{version}, and this MXAccess has no newer interface than version {newest}"
        ),
    })
}

fn outcome(result: HRESULT, call: &str) -> Call<()> {
    if result.is_ok() {
        return Ok(());
    }
    let meaning = result.message();
    let meaning = meaning.trim().trim_end_matches('.');
    let separator = if meaning.is_empty() { "" } else { ": " };
    Err(CallError { hresult: result.0, text: format!("MXAccess refused {call}{separator}{meaning}") })
}

fn handle(result: HRESULT, handle: i32, call: &str) -> Call<i32> {
    outcome(result, call)?;
    if handle == 0 {
        let text = format!("MXAccess gave no handle for {call}");
        return Err(CallError { hresult: E_FAIL, text });
    }
    Ok(handle)
}

impl Server {
    /// Asks for the interfaces. Errors: it has not even the first.
    pub(crate) fn new(object: &IUnknown, clock: Clock) -> Result<Self> {
        // From the newest down; what a newer one has, an older one must have too, as it is derived from it.
        let fifth = object.cast::<ILMXProxyServer5>().ok();
        let fourth = fifth.as_deref().cloned().or_else(|| object.cast().ok());
        let third = fourth.as_deref().cloned().or_else(|| object.cast().ok());
        let second = third.as_deref().cloned().or_else(|| object.cast().ok());
        let first = second.as_deref().cloned().map_or_else(|| object.cast(), Ok)?;
        Ok(Self { first, second, third, fourth, fifth, clock })
    }

    /// The newest interface it has, 1 to 5.
    pub(crate) fn version(&self) -> u32 {
        let newer =
            [self.second.is_some(), self.third.is_some(), self.fourth.is_some(), self.fifth.is_some()];
        newer.into_iter().map(u32::from).sum::<u32>() + 1
    }

    pub(crate) fn register(&self, client_name: &str) -> Call<i32> {
        let (client_name, mut server) = (BSTR::from(client_name), 0);
        // SAFETY: the text lives through the call, and the handle is ours to be filled.
        let result = unsafe { self.first.register(client_name.as_ptr(), &raw mut server) };
        handle(result, server, "Register")
    }

    pub(crate) fn unregister(&self, server: i32) -> Call<()> {
        // SAFETY: numbers only.
        outcome(unsafe { self.first.unregister(server) }, "Unregister")
    }

    pub(crate) fn add_item(&self, server: i32, definition: &str) -> Call<i32> {
        let (definition, mut item) = (BSTR::from(definition), 0);
        // SAFETY: as for Register.
        let result = unsafe { self.first.add_item(server, definition.as_ptr(), &raw mut item) };
        handle(result, item, "AddItem")
    }

    pub(crate) fn add_item2(&self, server: i32, definition: &str, context: &str) -> Call<i32> {
        let third = needing(self.third.as_ref(), "AddItem2", 3, self.version())?;
        let (definition, context, mut item) = (BSTR::from(definition), BSTR::from(context), 0);
        // SAFETY: as for Register.
        let result = unsafe { third.add_item2(server, definition.as_ptr(), context.as_ptr(), &raw mut item) };
        handle(result, item, "AddItem2")
    }

    pub(crate) fn add_buffered_item(&self, server: i32, definition: &str, context: &str) -> Call<i32> {
        let fifth = needing(self.fifth.as_ref(), "AddBufferedItem", 5, self.version())?;
        let (definition, context, mut item) = (BSTR::from(definition), BSTR::from(context), 0);
        // SAFETY: as for Register.
        let result =
            unsafe { fifth.add_buffered_item(server, definition.as_ptr(), context.as_ptr(), &raw mut item) };
        handle(result, item, "AddBufferedItem")
    }

    pub(crate) fn set_buffered_update_interval(&self, server: i32, milliseconds: i32) -> Call<()> {
        let fifth = needing(self.fifth.as_ref(), "SetBufferedUpdateInterval", 5, self.version())?;
        // SAFETY: numbers only.
        let result = unsafe { fifth.set_buffered_update_interval(server, milliseconds) };
        outcome(result, "SetBufferedUpdateInterval")
    }

    pub(crate) fn remove_item(&self, server: i32, item: i32) -> Call<()> {
        // SAFETY: numbers only.
        outcome(unsafe { self.first.remove_item(server, item) }, "RemoveItem")
    }

    pub(crate) fn advise(&self, server: i32, item: i32) -> Call<()> {
        // SAFETY: numbers only.
        outcome(unsafe { self.first.advise(server, item) }, "Advise")
    }

    pub(crate) fn advise_supervisory(&self, server: i32, item: i32) -> Call<()> {
        let fourth = needing(self.fourth.as_ref(), "AdviseSupervisory", 4, self.version())?;
        // SAFETY: numbers only.
        outcome(unsafe { fourth.advise_supervisory(server, item) }, "AdviseSupervisory")
    }

    pub(crate) fn un_advise(&self, server: i32, item: i32) -> Call<()> {
        // SAFETY: numbers only.
        outcome(unsafe { self.first.un_advise(server, item) }, "UnAdvise")
    }

    pub(crate) fn suspend(&self, server: i32, item: i32) -> Call<MxStatus> {
        let fourth = needing(self.fourth.as_ref(), "Suspend", 4, self.version())?;
        let mut status = StatusRecord::default();
        // SAFETY: the record is ours to be filled.
        outcome(unsafe { fourth.suspend(server, item, &raw mut status) }, "Suspend")?;
        Ok(status.to_wire())
    }

    pub(crate) fn activate(&self, server: i32, item: i32) -> Call<MxStatus> {
        let fourth = needing(self.fourth.as_ref(), "Activate", 4, self.version())?;
        let mut status = StatusRecord::default();
        // SAFETY: the record is ours to be filled.
        outcome(unsafe { fourth.activate(server, item, &raw mut status) }, "Activate")?;
        Ok(status.to_wire())
    }

    /// A VARIANT of the value, or the refusal of the call.
    fn variant(&self, value: &MxValue, call: &str) -> Call<VARIANT> {
        from_value(value, self.clock).map_err(|error| CallError {
            hresult: hresult::E_INVALIDARG,
            text: format!("{call} was given a value that makes no VARIANT: {error}"),
        })
    }

    pub(crate) fn write(
        &self,
        server: i32,
        item: i32,
        value: &MxValue,
        time: Option<&MxValue>,
        user: i32,
    ) -> Call<()> {
        let Some(time) = time else {
            let value = self.variant(value, "Write")?;
            // SAFETY: the VARIANT lives through the call, and stays ours.
            let result = unsafe { self.first.write(server, item, by_value(&value), user) };
            return outcome(result, "Write");
        };
        let fourth = needing(self.fourth.as_ref(), "Write2", 4, self.version())?;
        let (value, time) = (self.variant(value, "Write2")?, self.variant(time, "Write2")?);
        // SAFETY: as for Write.
        let result = unsafe { fourth.write2(server, item, by_value(&value), by_value(&time), user) };
        outcome(result, "Write2")
    }

    pub(crate) fn write_secured(
        &self,
        server: i32,
        item: i32,
        (user, verifier): (i32, i32),
        value: &MxValue,
        time: Option<&MxValue>,
    ) -> Call<()> {
        let Some(time) = time else {
            let value = self.variant(value, "WriteSecured")?;
            // SAFETY: as for Write.
            let result = unsafe { self.first.write_secured(server, item, user, verifier, by_value(&value)) };
            return outcome(result, "WriteSecured");
        };
        let fourth = needing(self.fourth.as_ref(), "WriteSecured2", 4, self.version())?;
        let (value, time) = (self.variant(value, "WriteSecured2")?, self.variant(time, "WriteSecured2")?);
        let (value, time) = (by_value(&value), by_value(&time));
        // SAFETY: as for Write.
        let result = unsafe { fourth.write_secured2(server, item, user, verifier, value, time) };
        outcome(result, "WriteSecured2")
    }

    /// 0 when refused.
    pub(crate) fn authenticate_user(&self, server: i32, name: &str, password: &str) -> Call<i32> {
        let (name, password, mut user) = (BSTR::from(name), SecretText(BSTR::from(password)), 0);
        // SAFETY: as for Register.
        let result = unsafe {
            self.first.authenticate_user(server, name.as_ptr(), password.0.as_ptr(), &raw mut user)
        };
        outcome(result, "AuthenticateUser").map(|()| user)
    }

    pub(crate) fn archestra_user_to_id(&self, server: i32, guid: &str) -> Call<i32> {
        let second = needing(self.second.as_ref(), "ArchestrAUserToId", 2, self.version())?;
        let (guid, mut user) = (BSTR::from(guid), 0);
        // SAFETY: as for Register.
        let result = unsafe { second.archestra_user_to_id(server, guid.as_ptr(), &raw mut user) };
        outcome(result, "ArchestrAUserToId").map(|()| user)
    }
}

/// A text that leaves nothing behind.
struct SecretText(BSTR);

impl Drop for SecretText {
    fn drop(&mut self) {
        let (start, length) = (self.0.as_ptr().cast_mut(), self.0.len());
        if length > 0 {
            // SAFETY: the BSTR is ours alone, and has so many units.
            unsafe { std::slice::from_raw_parts_mut(start, length) }.zeroize();
        }
    }
}
