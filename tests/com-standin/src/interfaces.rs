//! MXAccess's class and interfaces, written down a second time: what uses one must meet the other, and a change to
//! either alone fails the tests. The order of the methods is that of the vtable; the COM base has 7 before them.
//!
//! A VARIANT that goes in goes by value: its bytes are on the stack (or copied by the caller, on 64-bit), and what
//! they own stays the caller's.

use std::mem::ManuallyDrop;

use windows::Win32::System::Com::{IDispatch, IDispatch_Impl, IDispatch_Vtbl};
use windows::Win32::System::Variant::VARIANT;
use windows_core::{GUID, HRESULT, interface};

/// Class `LMXProxyServer`.
pub(crate) const CLASS: GUID = GUID::from_u128(0xC30B_52F5_2CB5_4760_AF0A_3A34_4A7E_B5DC);
/// Its names, the one with the version first.
pub(crate) const PROG_IDS: [&str; 2] = ["LMXProxy.LMXProxyServer.1", "LMXProxy.LMXProxyServer"];

/// A BSTR that stays the caller's.
pub(crate) type BorrowedText = *const u16;
/// A VARIANT's bytes on the stack; what they own stays the caller's.
pub(crate) type VariantBytes = ManuallyDrop<VARIANT>;

/// `MXSTATUS_PROXY`, and `MxStatus` which is alike.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct StatusRecord {
    pub(crate) success: i16,
    pub(crate) category: i32,
    pub(crate) detected_by: i32,
    pub(crate) detail: i16,
}

const _: () = assert!(size_of::<StatusRecord>() == 16, "MXAccess's records have 16 bytes");

#[interface("CCE67FB7-EAFD-4367-9212-617043BF126D")]
pub(crate) unsafe trait ILMXProxyServer: IDispatch {
    pub(crate) unsafe fn register(&self, client_name: BorrowedText, server: *mut i32) -> HRESULT;
    pub(crate) unsafe fn unregister(&self, server: i32) -> HRESULT;
    pub(crate) unsafe fn add_item(&self, server: i32, definition: BorrowedText, item: *mut i32) -> HRESULT;
    pub(crate) unsafe fn remove_item(&self, server: i32, item: i32) -> HRESULT;
    pub(crate) unsafe fn advise(&self, server: i32, item: i32) -> HRESULT;
    pub(crate) unsafe fn un_advise(&self, server: i32, item: i32) -> HRESULT;
    pub(crate) unsafe fn write(&self, server: i32, item: i32, value: VariantBytes, user: i32) -> HRESULT;
    pub(crate) unsafe fn write_secured(
        &self,
        server: i32,
        item: i32,
        user: i32,
        verifier: i32,
        value: VariantBytes,
    ) -> HRESULT;
    pub(crate) unsafe fn authenticate_user(
        &self,
        server: i32,
        name: BorrowedText,
        password: BorrowedText,
        user: *mut i32,
    ) -> HRESULT;
}

#[interface("020A8A87-69C5-497F-A893-B629E669FBFF")]
pub(crate) unsafe trait ILMXProxyServer2: ILMXProxyServer {
    pub(crate) unsafe fn archestra_user_to_id(
        &self,
        server: i32,
        guid: BorrowedText,
        user: *mut i32,
    ) -> HRESULT;
}

#[interface("57D006B6-F25E-4654-A81E-BCBAFD60FE59")]
pub(crate) unsafe trait ILMXProxyServer3: ILMXProxyServer2 {
    pub(crate) unsafe fn add_item2(
        &self,
        server: i32,
        definition: BorrowedText,
        context: BorrowedText,
        item: *mut i32,
    ) -> HRESULT;
}

#[interface("9DC0D5C1-9371-4E84-86F8-7091D316A66C")]
pub(crate) unsafe trait ILMXProxyServer4: ILMXProxyServer3 {
    pub(crate) unsafe fn write2(
        &self,
        server: i32,
        item: i32,
        value: VariantBytes,
        time: VariantBytes,
        user: i32,
    ) -> HRESULT;
    pub(crate) unsafe fn write_secured2(
        &self,
        server: i32,
        item: i32,
        user: i32,
        verifier: i32,
        value: VariantBytes,
        time: VariantBytes,
    ) -> HRESULT;
    pub(crate) unsafe fn suspend(&self, server: i32, item: i32, status: *mut StatusRecord) -> HRESULT;
    pub(crate) unsafe fn activate(&self, server: i32, item: i32, status: *mut StatusRecord) -> HRESULT;
    pub(crate) unsafe fn advise_supervisory(&self, server: i32, item: i32) -> HRESULT;
}

#[interface("ECEFF506-A752-46E3-9E31-0A8E257C9926")]
pub(crate) unsafe trait ILMXProxyServer5: ILMXProxyServer4 {
    pub(crate) unsafe fn add_buffered_item(
        &self,
        server: i32,
        definition: BorrowedText,
        context: BorrowedText,
        item: *mut i32,
    ) -> HRESULT;
    pub(crate) unsafe fn set_buffered_update_interval(&self, server: i32, milliseconds: i32) -> HRESULT;
}

/// The default source: OnDataChange, OnWriteComplete, OperationComplete.
pub(crate) const EVENTS: GUID = GUID::from_u128(0x8482_99B6_DD61_4A0D_A304_3947_A564_B89C);
/// The second source: OnBufferedDataChange.
pub(crate) const EVENTS2: GUID = GUID::from_u128(0xC70A_6FC4_09EF_4F31_8874_A049_FEE8_7A95);
