//! VARIANTs of all kinds, and status arrays.

use std::ffi::c_void;
use std::time::{SystemTime, UNIX_EPOCH};

use windows::Win32::Foundation::{E_NOTIMPL, E_OUTOFMEMORY};
use windows::Win32::System::Com::{ITypeInfo, SAFEARRAY, SAFEARRAYBOUND};
use windows::Win32::System::Ole::{
    IRecordInfo, IRecordInfo_Impl, SafeArrayAccessData, SafeArrayCreateEx, SafeArrayCreateVector,
    SafeArrayDestroy, SafeArrayUnaccessData,
};
use windows::Win32::System::Variant::{VARENUM, VARIANT, VT_ARRAY, VT_DATE, VT_I8, VT_RECORD};
use windows_core::{BOOL, BSTR, GUID, Interface, PCWSTR, Ref, Result, implement};

use crate::interfaces::StatusRecord;

/// A VARIANT with a payload of plain bytes, or a pointer that it owns from here on.
pub(crate) fn with_payload<T>(vartype: VARENUM, payload: T) -> VARIANT {
    let mut variant = VARIANT::default();
    let start = (&raw mut variant).cast::<u8>();
    // SAFETY: the type is the first word.
    unsafe { start.cast::<VARENUM>().write(vartype) };
    // SAFETY: all payloads are of 8 bytes at most, which are there from the eighth on.
    unsafe { start.wrapping_add(8).cast::<T>().write_unaligned(payload) };
    variant
}

/// An array from 0 on.
pub(crate) fn array<T: Copy>(vartype: VARENUM, elements: &[T]) -> VARIANT {
    let count = u32::try_from(elements.len()).unwrap_or(0);
    // SAFETY: plain numbers.
    let array = unsafe { SafeArrayCreateVector(vartype, 0, count) };
    fill(array, elements);
    with_payload(VARENUM(VT_ARRAY.0 | vartype.0), array)
}

/// Elements of texts; the array owns what they point to.
pub(crate) fn texts(texts: &[&str]) -> VARIANT {
    let pointers: Vec<_> = texts.iter().map(|text| BSTR::from(*text).into_raw()).collect();
    array(windows::Win32::System::Variant::VT_BSTR, &pointers)
}

fn fill<T: Copy>(array: *mut SAFEARRAY, elements: &[T]) {
    let mut data = std::ptr::null_mut::<c_void>();
    // SAFETY: an array that was just made.
    if unsafe { SafeArrayAccessData(array, &raw mut data) }.is_ok() {
        // SAFETY: it was made for so many elements.
        unsafe { std::ptr::copy_nonoverlapping(elements.as_ptr(), data.cast(), elements.len()) };
        // SAFETY: locked above.
        drop(unsafe { SafeArrayUnaccessData(array) });
    }
}

/// Days since the end of 1899, now.
#[expect(clippy::cast_precision_loss, reason = "a DATE has no more digits")]
pub(crate) fn date_now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    25_569.0 + since.as_millis() as f64 / 86_400_000.0
}

/// Shape of time stamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Times {
    Text,
    Date,
    Filetime,
}

impl Times {
    pub(crate) fn now(self) -> VARIANT {
        match self {
            Self::Text => VARIANT::from("11/23/2026 9:00:00 PM"),
            Self::Date => with_payload(VT_DATE, date_now()),
            Self::Filetime => with_payload(VT_I8, 134_084_592_000_000_000_i64),
        }
    }
}

/// An array of status records; freed when dropped.
pub(crate) struct Statuses(pub(crate) *mut SAFEARRAY);

impl Statuses {
    pub(crate) fn new(record: StatusRecord) -> Result<Self> {
        let description: IRecordInfo = Description.into();
        let bounds = SAFEARRAYBOUND { cElements: 1, lLbound: 0 };
        // SAFETY: one dimension, and a description of the record.
        let array = unsafe { SafeArrayCreateEx(VT_RECORD, 1, &raw const bounds, description.as_raw()) };
        if array.is_null() {
            return Err(E_OUTOFMEMORY.into());
        }
        fill(array, &[record]);
        Ok(Self(array))
    }
}

impl Drop for Statuses {
    fn drop(&mut self) {
        // SAFETY: ours, and not locked.
        drop(unsafe { SafeArrayDestroy(self.0) });
    }
}

/// `MXSTATUS_PROXY`'s description, as far as arrays need it.
#[implement(IRecordInfo)]
struct Description;

const RECORD_BYTES: u32 = 16;

impl IRecordInfo_Impl for Description_Impl {
    fn RecordInit(&self, record: *mut c_void) -> Result<()> {
        // SAFETY: the caller's record has its size.
        unsafe { record.cast::<u8>().write_bytes(0, 16) };
        Ok(())
    }
    fn RecordClear(&self, _record: *const c_void) -> Result<()> {
        Ok(())
    }
    fn RecordCopy(&self, from: *const c_void, to: *mut c_void) -> Result<()> {
        // SAFETY: the caller's records have their size.
        unsafe { std::ptr::copy_nonoverlapping(from.cast::<u8>(), to.cast(), 16) };
        Ok(())
    }
    fn GetGuid(&self) -> Result<GUID> {
        Ok(GUID::from_u128(0xA162_D9E4_9019_42F3_A087_7926_4007_E542))
    }
    fn GetName(&self) -> Result<BSTR> {
        Ok("MXSTATUS_PROXY".into())
    }
    fn GetSize(&self) -> Result<u32> {
        Ok(RECORD_BYTES)
    }
    fn GetTypeInfo(&self) -> Result<ITypeInfo> {
        Err(E_NOTIMPL.into())
    }
    fn GetField(&self, _: *const c_void, _: &PCWSTR) -> Result<VARIANT> {
        Err(E_NOTIMPL.into())
    }
    fn GetFieldNoCopy(
        &self,
        _: *const c_void,
        _: &PCWSTR,
        _: *mut VARIANT,
        _: *mut *mut c_void,
    ) -> Result<()> {
        Err(E_NOTIMPL.into())
    }
    fn PutField(&self, _: u32, _: *mut c_void, _: &PCWSTR, _: *const VARIANT) -> Result<()> {
        Err(E_NOTIMPL.into())
    }
    fn PutFieldNoCopy(&self, _: u32, _: *mut c_void, _: &PCWSTR, _: *const VARIANT) -> Result<()> {
        Err(E_NOTIMPL.into())
    }
    fn GetFieldNames(&self, _: *mut u32, _: *mut BSTR) -> Result<()> {
        Err(E_NOTIMPL.into())
    }
    fn IsMatchingType(&self, _: Ref<'_, IRecordInfo>) -> BOOL {
        true.into()
    }
    fn RecordCreate(&self) -> *mut c_void {
        std::ptr::null_mut()
    }
    fn RecordCreateCopy(&self, _: *const c_void, _: *mut *mut c_void) -> Result<()> {
        Err(E_NOTIMPL.into())
    }
    fn RecordDestroy(&self, _: *const c_void) -> Result<()> {
        Ok(())
    }
}
