//! Text as Windows has it, and its errors as Rust has them.

use std::ffi::OsStr;
use std::io;
use std::os::windows::ffi::OsStrExt;

use windows::Win32::Foundation::WIN32_ERROR;

/// UTF-16 with a closing zero. Text with a zero in it is refused: Windows would read a part of it.
pub(crate) fn wide(text: &OsStr) -> io::Result<Vec<u16>> {
    let mut units: Vec<u16> = text.encode_wide().collect();
    if units.contains(&0) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the text has a zero character in it"));
    }
    units.push(0);
    Ok(units)
}

/// The operating system's error behind one of the `windows` crate's, so that its kind is known.
pub(crate) fn os_error(error: windows::core::Error) -> io::Error {
    match WIN32_ERROR::from_error(&error) {
        Some(code) => io::Error::from_raw_os_error(code.0.cast_signed()),
        None => io::Error::other(error),
    }
}
