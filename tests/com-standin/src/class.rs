//! What the DLL exports, and the class factory.

use std::ffi::c_void;
use std::sync::atomic::{AtomicU32, Ordering};

use windows::Win32::Foundation::{
    CLASS_E_CLASSNOTAVAILABLE, CLASS_E_NOAGGREGATION, E_POINTER, S_FALSE, S_OK,
};
use windows::Win32::System::Com::{IClassFactory, IClassFactory_Impl};
use windows_core::{BOOL, GUID, HRESULT, IUnknown, Interface, Ref, Result, implement};

use crate::interfaces::CLASS;
use crate::{object, registration};

/// Objects that live, and locks.
static ALIVE: AtomicU32 = AtomicU32::new(0);

/// Counts an object as long as it lives.
#[derive(Debug)]
pub(crate) struct Alive;

impl Alive {
    pub(crate) fn new() -> Self {
        ALIVE.fetch_add(1, Ordering::SeqCst);
        Self
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Ordering::SeqCst);
    }
}

#[implement(IClassFactory)]
struct Factory;

impl IClassFactory_Impl for Factory_Impl {
    fn CreateInstance(
        &self,
        outer: Ref<'_, IUnknown>,
        interface: *const GUID,
        object: *mut *mut c_void,
    ) -> Result<()> {
        if outer.is_some() {
            return Err(CLASS_E_NOAGGREGATION.into());
        }
        let made = object::make()?;
        // SAFETY: the caller's pointers, as the rules of COM have them.
        unsafe { made.query(interface, object) }.ok()
    }

    fn LockServer(&self, lock: BOOL) -> Result<()> {
        if lock.as_bool() {
            ALIVE.fetch_add(1, Ordering::SeqCst);
        } else {
            ALIVE.fetch_sub(1, Ordering::SeqCst);
        }
        Ok(())
    }
}

/// # Safety
/// The pointers are as the rules of COM have them.
#[unsafe(no_mangle)]
unsafe extern "system" fn DllGetClassObject(
    class: *const GUID,
    interface: *const GUID,
    object: *mut *mut c_void,
) -> HRESULT {
    // SAFETY: as the caller promises.
    let Some(class) = (unsafe { class.as_ref() }) else { return E_POINTER };
    if *class != CLASS {
        return CLASS_E_CLASSNOTAVAILABLE;
    }
    let factory: IClassFactory = Factory.into();
    // SAFETY: as the caller promises.
    unsafe { factory.query(interface, object) }
}

#[unsafe(no_mangle)]
extern "system" fn DllCanUnloadNow() -> HRESULT {
    if ALIVE.load(Ordering::SeqCst) == 0 { S_OK } else { S_FALSE }
}

#[unsafe(no_mangle)]
extern "system" fn DllRegisterServer() -> HRESULT {
    registration::register().map_or_else(|error| error.code(), |()| S_OK)
}

#[unsafe(no_mangle)]
extern "system" fn DllUnregisterServer() -> HRESULT {
    registration::unregister();
    S_OK
}

/// How many objects (and connection points) live, for tests.
#[unsafe(no_mangle)]
extern "system" fn StandInObjects() -> u32 {
    ALIVE.load(Ordering::SeqCst)
}
