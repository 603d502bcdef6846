//! VARTYPE numbers, and how large their values are.

pub(crate) const VT_EMPTY: u16 = 0;
pub(crate) const VT_NULL: u16 = 1;
pub(crate) const VT_I2: u16 = 2;
pub(crate) const VT_I4: u16 = 3;
pub(crate) const VT_R4: u16 = 4;
pub(crate) const VT_R8: u16 = 5;
pub(crate) const VT_CY: u16 = 6;
pub(crate) const VT_DATE: u16 = 7;
pub(crate) const VT_BSTR: u16 = 8;
pub(crate) const VT_ERROR: u16 = 10;
pub(crate) const VT_BOOL: u16 = 11;
pub(crate) const VT_VARIANT: u16 = 12;
pub(crate) const VT_DECIMAL: u16 = 14;
pub(crate) const VT_I1: u16 = 16;
pub(crate) const VT_UI1: u16 = 17;
pub(crate) const VT_UI2: u16 = 18;
pub(crate) const VT_UI4: u16 = 19;
pub(crate) const VT_I8: u16 = 20;
pub(crate) const VT_UI8: u16 = 21;
pub(crate) const VT_INT: u16 = 22;
pub(crate) const VT_UINT: u16 = 23;
pub(crate) const VT_FILETIME: u16 = 64;
pub(crate) const VT_ARRAY: u16 = 0x2000;
pub(crate) const VT_BYREF: u16 = 0x4000;

/// Bytes of one value; `None` for a type that the contract has no form for.
pub(crate) fn size(vartype: u16) -> Option<usize> {
    match vartype {
        VT_I1 | VT_UI1 => Some(1),
        VT_I2 | VT_UI2 | VT_BOOL => Some(2),
        VT_I4 | VT_UI4 | VT_INT | VT_UINT | VT_ERROR | VT_R4 => Some(4),
        VT_I8 | VT_UI8 | VT_R8 | VT_CY | VT_DATE | VT_FILETIME => Some(8),
        VT_BSTR => Some(size_of::<*const u16>()),
        VT_DECIMAL => Some(16),
        VT_VARIANT => Some(size_of::<windows::Win32::System::Variant::VARIANT>()),
        _ => None,
    }
}
