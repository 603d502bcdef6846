//! The class in the registry. A 32-bit process writes the 32-bit view by itself.

use std::ffi::c_void;

use windows::Win32::Foundation::{E_FAIL, HMODULE, WIN32_ERROR};
use windows::Win32::System::LibraryLoader::{
    GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT, GetModuleFileNameW,
    GetModuleHandleExW,
};
use windows::Win32::System::Registry::{HKEY_CLASSES_ROOT, REG_SZ, RegDeleteTreeW, RegSetKeyValueW};
use windows_core::{HSTRING, PCWSTR, Result};

use crate::interfaces::{CLASS, PROG_IDS};

fn class_key() -> String {
    format!("CLSID\\{{{CLASS:?}}}")
}

pub(crate) fn register() -> Result<()> {
    let class = class_key();
    set(&class, "", "LMXProxyServer (stand-in)")?;
    set(&format!("{class}\\InprocServer32"), "", &path()?)?;
    set(&format!("{class}\\InprocServer32"), "ThreadingModel", "Apartment")?;
    set(&format!("{class}\\ProgID"), "", PROG_IDS[0])?;
    set(&format!("{class}\\VersionIndependentProgID"), "", PROG_IDS[1])?;
    for prog_id in PROG_IDS {
        set(&format!("{prog_id}\\CLSID"), "", &format!("{{{CLASS:?}}}"))?;
    }
    Ok(())
}

pub(crate) fn unregister() {
    for key in [class_key()].into_iter().chain(PROG_IDS.map(str::to_owned)) {
        // SAFETY: the name ends with a zero. A key that is not there is as good as deleted.
        let _absent: WIN32_ERROR = unsafe { RegDeleteTreeW(HKEY_CLASSES_ROOT, &HSTRING::from(key)) };
    }
}

fn set(key: &str, name: &str, text: &str) -> Result<()> {
    let units: Vec<u16> = text.encode_utf16().chain([0]).collect();
    let bytes = u32::try_from(units.len() * 2).map_err(|_long| E_FAIL)?;
    // SAFETY: the names end with a zero, and the text has so many bytes.
    let result = unsafe {
        RegSetKeyValueW(
            HKEY_CLASSES_ROOT,
            &HSTRING::from(key),
            &HSTRING::from(name),
            REG_SZ.0,
            Some(units.as_ptr().cast()),
            bytes,
        )
    };
    result.ok()
}

/// This DLL's own.
fn path() -> Result<String> {
    let mut module = HMODULE::default();
    let inside: *const c_void = std::ptr::from_ref(&CLASS_NAME).cast();
    let flags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT;
    // SAFETY: an address within this module, as the flags say.
    unsafe { GetModuleHandleExW(flags, PCWSTR(inside.cast()), &raw mut module) }?;
    let mut path = [0; 1024];
    // SAFETY: the module is loaded, as this is its code.
    let length = unsafe { GetModuleFileNameW(Some(module), &mut path) };
    let length = usize::try_from(length).map_err(|_long| E_FAIL)?;
    Ok(String::from_utf16_lossy(&path[..length]))
}

/// Something with an address in this module.
static CLASS_NAME: u8 = 0;
