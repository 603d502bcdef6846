//! The object, in five versions, and its connection points.

use std::mem::ManuallyDrop;
use std::rc::Rc;

use windows::Win32::Foundation::{E_NOTIMPL, E_POINTER, S_OK};
use windows::Win32::System::Com::{
    DISPATCH_FLAGS, DISPPARAMS, EXCEPINFO, IConnectionPoint, IConnectionPoint_Impl,
    IConnectionPointContainer, IConnectionPointContainer_Impl, IDispatch, IDispatch_Impl,
    IEnumConnectionPoints, IEnumConnections, ITypeInfo,
};
use windows::Win32::System::Ole::CONNECT_E_NOCONNECTION;
use windows::Win32::System::Variant::VARIANT;
use windows_core::{BSTR, GUID, HRESULT, IUnknown, Interface, PCWSTR, Ref, Result, implement};

use crate::class::Alive;
use crate::core::Core;
use crate::interfaces::{
    BorrowedText, EVENTS, EVENTS2, ILMXProxyServer, ILMXProxyServer_Impl, ILMXProxyServer2,
    ILMXProxyServer2_Impl, ILMXProxyServer3, ILMXProxyServer3_Impl, ILMXProxyServer4, ILMXProxyServer4_Impl,
    ILMXProxyServer5, ILMXProxyServer5_Impl, StatusRecord, VariantBytes,
};

/// An object of the version that is asked for.
pub(crate) fn make() -> Result<IUnknown> {
    let core = Core::new();
    Ok(match core.interface {
        1 => Interface::cast(&ILMXProxyServer::from(Object1 { core }))?,
        2 => Interface::cast(&ILMXProxyServer2::from(Object2 { core }))?,
        3 => Interface::cast(&ILMXProxyServer3::from(Object3 { core }))?,
        4 => Interface::cast(&ILMXProxyServer4::from(Object4 { core }))?,
        _ => Interface::cast(&ILMXProxyServer5::from(Object5 { core }))?,
    })
}

#[implement(ILMXProxyServer, IConnectionPointContainer)]
struct Object1 {
    core: Rc<Core>,
}
#[implement(ILMXProxyServer2, IConnectionPointContainer)]
struct Object2 {
    core: Rc<Core>,
}
#[implement(ILMXProxyServer3, IConnectionPointContainer)]
struct Object3 {
    core: Rc<Core>,
}
#[implement(ILMXProxyServer4, IConnectionPointContainer)]
struct Object4 {
    core: Rc<Core>,
}
#[implement(ILMXProxyServer5, IConnectionPointContainer)]
struct Object5 {
    core: Rc<Core>,
}

/// The text of a BSTR, which stays the caller's.
fn text(text: BorrowedText) -> String {
    // SAFETY: a BSTR or null; it is not freed here.
    ManuallyDrop::new(unsafe { BSTR::from_raw(text) }).to_string()
}

/// Hands a result out.
fn give<T>(result: std::result::Result<T, HRESULT>, out: *mut T) -> HRESULT {
    match result {
        Ok(_) if out.is_null() => E_POINTER,
        Ok(value) => {
            // SAFETY: the caller's place for it, which is not null.
            unsafe { out.write(value) };
            S_OK
        }
        Err(hresult) => hresult,
    }
}

macro_rules! first {
    ($($object:ty),*) => { $(
        impl IDispatch_Impl for $object {
            fn GetTypeInfoCount(&self) -> Result<u32> {
                Ok(0)
            }
            fn GetTypeInfo(&self, _: u32, _: u32) -> Result<ITypeInfo> {
                Err(E_NOTIMPL.into())
            }
            fn GetIDsOfNames(
                &self, _: *const GUID, _: *const PCWSTR, _: u32, _: u32, _: *mut i32,
            ) -> Result<()> {
                Err(E_NOTIMPL.into())
            }
            fn Invoke(
                &self, _: i32, _: *const GUID, _: u32, _: DISPATCH_FLAGS, _: *const DISPPARAMS,
                _: *mut VARIANT, _: *mut EXCEPINFO, _: *mut u32,
            ) -> Result<()> {
                Err(E_NOTIMPL.into())
            }
        }
        impl ILMXProxyServer_Impl for $object {
            unsafe fn register(&self, client_name: BorrowedText, server: *mut i32) -> HRESULT {
                give(self.core.register(&text(client_name)), server)
            }
            unsafe fn unregister(&self, server: i32) -> HRESULT {
                self.core.unregister(server)
            }
            unsafe fn add_item(&self, server: i32, definition: BorrowedText, item: *mut i32) -> HRESULT {
                give(self.core.add(server, &text(definition), "", false), item)
            }
            unsafe fn remove_item(&self, server: i32, item: i32) -> HRESULT {
                self.core.remove(server, item)
            }
            unsafe fn advise(&self, server: i32, item: i32) -> HRESULT {
                self.core.advise(server, item)
            }
            unsafe fn un_advise(&self, server: i32, item: i32) -> HRESULT {
                self.core.un_advise(server, item)
            }
            unsafe fn write(&self, server: i32, item: i32, value: VariantBytes, _user: i32) -> HRESULT {
                self.core.write(server, item, &value, None)
            }
            unsafe fn write_secured(
                &self, server: i32, item: i32, user: i32, verifier: i32, value: VariantBytes,
            ) -> HRESULT {
                self.core.write(server, item, &value, Some((user, verifier)))
            }
            unsafe fn authenticate_user(
                &self, server: i32, name: BorrowedText, password: BorrowedText, user: *mut i32,
            ) -> HRESULT {
                give(self.core.authenticate(server, &text(name), &text(password)), user)
            }
        }
        impl IConnectionPointContainer_Impl for $object {
            fn EnumConnectionPoints(&self) -> Result<IEnumConnectionPoints> {
                Err(E_NOTIMPL.into())
            }
            fn FindConnectionPoint(&self, source: *const GUID) -> Result<IConnectionPoint> {
                // SAFETY: the caller's pointer, as the rules of COM have it.
                let source = *unsafe { source.as_ref() }.ok_or(E_POINTER)?;
                // The second source came with the buffered items.
                let is_there = source == EVENTS || (source == EVENTS2 && self.core.interface >= 5);
                if !is_there {
                    return Err(CONNECT_E_NOCONNECTION.into());
                }
                Ok(Point { core: Rc::clone(&self.core), source, _alive: Alive::new() }.into())
            }
        }
    )* };
}
first!(Object1_Impl, Object2_Impl, Object3_Impl, Object4_Impl, Object5_Impl);

macro_rules! second {
    ($($object:ty),*) => { $(
        impl ILMXProxyServer2_Impl for $object {
            unsafe fn archestra_user_to_id(&self, server: i32, guid: BorrowedText, user: *mut i32) -> HRESULT {
                give(self.core.user_to_id(server, &text(guid)), user)
            }
        }
    )* };
}
second!(Object2_Impl, Object3_Impl, Object4_Impl, Object5_Impl);

macro_rules! third {
    ($($object:ty),*) => { $(
        impl ILMXProxyServer3_Impl for $object {
            unsafe fn add_item2(
                &self, server: i32, definition: BorrowedText, context: BorrowedText, item: *mut i32,
            ) -> HRESULT {
                give(self.core.add(server, &text(definition), &text(context), false), item)
            }
        }
    )* };
}
third!(Object3_Impl, Object4_Impl, Object5_Impl);

macro_rules! fourth {
    ($($object:ty),*) => { $(
        impl ILMXProxyServer4_Impl for $object {
            unsafe fn write2(
                &self, server: i32, item: i32, value: VariantBytes, _time: VariantBytes, _user: i32,
            ) -> HRESULT {
                self.core.write(server, item, &value, None)
            }
            unsafe fn write_secured2(
                &self, server: i32, item: i32, user: i32, verifier: i32, value: VariantBytes,
                _time: VariantBytes,
            ) -> HRESULT {
                self.core.write(server, item, &value, Some((user, verifier)))
            }
            unsafe fn suspend(&self, server: i32, item: i32, status: *mut StatusRecord) -> HRESULT {
                give(self.core.suspend(server, item, true), status)
            }
            unsafe fn activate(&self, server: i32, item: i32, status: *mut StatusRecord) -> HRESULT {
                give(self.core.suspend(server, item, false), status)
            }
            unsafe fn advise_supervisory(&self, server: i32, item: i32) -> HRESULT {
                self.core.advise(server, item)
            }
        }
    )* };
}
fourth!(Object4_Impl, Object5_Impl);

impl ILMXProxyServer5_Impl for Object5_Impl {
    unsafe fn add_buffered_item(
        &self,
        server: i32,
        definition: BorrowedText,
        context: BorrowedText,
        item: *mut i32,
    ) -> HRESULT {
        give(self.core.add(server, &text(definition), &text(context), true), item)
    }
    unsafe fn set_buffered_update_interval(&self, server: i32, milliseconds: i32) -> HRESULT {
        self.core.set_interval(server, milliseconds)
    }
}

#[implement(IConnectionPoint)]
struct Point {
    core: Rc<Core>,
    source: GUID,
    _alive: Alive,
}

impl Point_Impl {
    fn set(&self, sink: Option<IDispatch>) {
        let mut sinks = self.core.sinks.borrow_mut();
        let place = if self.source == EVENTS { &mut sinks.default } else { &mut sinks.buffered };
        let before = std::mem::replace(place, sink);
        drop(sinks);
        drop(before);
    }
}

impl IConnectionPoint_Impl for Point_Impl {
    fn GetConnectionInterface(&self) -> Result<GUID> {
        Ok(self.source)
    }
    fn GetConnectionPointContainer(&self) -> Result<IConnectionPointContainer> {
        Err(E_NOTIMPL.into())
    }
    fn Advise(&self, sink: Ref<'_, IUnknown>) -> Result<u32> {
        let mut found = std::ptr::null_mut();
        // SAFETY: asks for the source's interface, as a source does.
        unsafe { sink.ok()?.query(&raw const self.source, &raw mut found) }.ok()?;
        // SAFETY: what was given is derived from IDispatch, and owned.
        self.set(Some(unsafe { IDispatch::from_raw(found) }));
        Ok(1)
    }
    fn Unadvise(&self, _cookie: u32) -> Result<()> {
        self.set(None);
        Ok(())
    }
    fn EnumConnections(&self) -> Result<IEnumConnections> {
        Err(E_NOTIMPL.into())
    }
}
