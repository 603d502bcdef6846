//! HRESULTs that MXAccess is known to return, with a text for people.

/// Success.
pub const S_OK: i32 = 0;
/// 0x80070057: bad handle or argument; also a write to an item that is not advised or whose type is not
/// known yet.
pub const E_INVALIDARG: i32 = 0x8007_0057_u32.cast_signed();
/// 0x80004005: unspecified failure.
pub const E_FAIL: i32 = 0x8000_4005_u32.cast_signed();
/// 0x80070005: refused, for instance for want of a licence.
pub const E_ACCESSDENIED: i32 = 0x8007_0005_u32.cast_signed();
/// 0x80004021: the operation is not supported.
pub const CO_E_NOT_SUPPORTED: i32 = 0x8000_4021_u32.cast_signed();
/// 0x80040154: the COM class is not registered (or the process is 64-bit).
pub const REGDB_E_CLASSNOTREG: i32 = 0x8004_0154_u32.cast_signed();
/// 0x800704DF: already initialized; the worker's answer to a second Register.
pub const ALREADY_INITIALIZED: i32 = 0x8007_04DF_u32.cast_signed();
/// 0x800705B4: the worker's answer for a row of ReadBulk whose value did not come in time.
pub const TIMEOUT: i32 = 0x8007_05B4_u32.cast_signed();

/// True for a success code (S_OK, S_FALSE ...).
pub fn is_success(hresult: i32) -> bool {
    hresult >= 0
}

/// The name of a known code, such as `E_INVALIDARG`.
pub fn name(hresult: i32) -> Option<&'static str> {
    match hresult {
        S_OK => Some("S_OK"),
        E_INVALIDARG => Some("E_INVALIDARG"),
        E_FAIL => Some("E_FAIL"),
        E_ACCESSDENIED => Some("E_ACCESSDENIED"),
        CO_E_NOT_SUPPORTED => Some("CO_E_NOT_SUPPORTED"),
        REGDB_E_CLASSNOTREG => Some("REGDB_E_CLASSNOTREG"),
        ALREADY_INITIALIZED => Some("ERROR_ALREADY_INITIALIZED"),
        TIMEOUT => Some("ERROR_TIMEOUT"),
        _ => None,
    }
}

/// `0x80070057 (E_INVALIDARG)`, or the number alone.
pub fn describe(hresult: i32) -> String {
    match name(hresult) {
        Some(name) => format!("0x{hresult:08X} ({name})"),
        None => format!("0x{hresult:08X}"),
    }
}
