//! What is known of the COM server's file.

use std::ffi::c_void;

use mxgateway_worker_host::mxaccess::Identity;
use windows::Win32::Foundation::ERROR_SUCCESS;
use windows::Win32::Storage::FileSystem::{
    GetFileVersionInfoSizeW, GetFileVersionInfoW, VS_FIXEDFILEINFO, VerQueryValueW,
};
use windows::Win32::System::Registry::{
    HKEY_CLASSES_ROOT, RRF_RT_REG_EXPAND_SZ, RRF_RT_REG_SZ, RegGetValueW,
};
use windows_core::{HSTRING, PCWSTR, w};

use crate::BACKEND_NAME;
use crate::interfaces::{CLASS, PROG_ID};

/// Of the class as this process sees it registered.
pub(crate) fn read(interface_version: u32) -> Identity {
    let class_id = format!("{{{CLASS:?}}}");
    let path = registered_path(&class_id).unwrap_or_default();
    let file = file_version(&path).map(|version| format!("{version}, ")).unwrap_or_default();
    Identity {
        backend_name: BACKEND_NAME.to_owned(),
        prog_id: PROG_ID.to_owned(),
        class_id,
        version: format!("{file}ILMXProxyServer{interface_version}"),
        path,
    }
}

fn registered_path(class_id: &str) -> Option<String> {
    let key = HSTRING::from(format!("CLSID\\{class_id}\\InprocServer32"));
    let mut path = [0_u16; 1024];
    let mut bytes = u32::try_from(size_of_val(&path)).ok()?;
    // SAFETY: the buffer has as many bytes as is said.
    let result = unsafe {
        RegGetValueW(
            HKEY_CLASSES_ROOT,
            &key,
            PCWSTR::null(),
            RRF_RT_REG_SZ | RRF_RT_REG_EXPAND_SZ,
            None,
            Some((&raw mut path).cast()),
            Some(&raw mut bytes),
        )
    };
    if result != ERROR_SUCCESS {
        return None;
    }
    let length = path.iter().position(|unit| *unit == 0).unwrap_or(path.len());
    Some(String::from_utf16_lossy(&path[..length]))
}

fn file_version(path: &str) -> Option<String> {
    let path = HSTRING::from(path);
    // SAFETY: the path ends with a zero.
    let length = unsafe { GetFileVersionInfoSizeW(&path, None) };
    // In words of eight bytes, so that the structures in it are aligned.
    let mut block = vec![0_u64; usize::try_from(length).ok()?.div_ceil(8)];
    if block.is_empty() {
        return None;
    }
    // SAFETY: the block has at least as many bytes as is said.
    unsafe { GetFileVersionInfoW(&path, None, length, block.as_mut_ptr().cast()) }.ok()?;
    let mut found = std::ptr::null_mut::<c_void>();
    let mut found_length = 0;
    // SAFETY: the block was filled by GetFileVersionInfoW; what is found lies within it.
    let is_there =
        unsafe { VerQueryValueW(block.as_ptr().cast(), w!("\\"), &raw mut found, &raw mut found_length) };
    if !is_there.as_bool() || usize::try_from(found_length).ok()? < size_of::<VS_FIXEDFILEINFO>() {
        return None;
    }
    // SAFETY: so many bytes are there.
    let info = unsafe { found.cast::<VS_FIXEDFILEINFO>().read_unaligned() };
    let (high, low) = (info.dwFileVersionMS, info.dwFileVersionLS);
    Some(format!("{}.{}.{}.{}", high >> 16, high & 0xFFFF, low >> 16, low & 0xFFFF))
}
