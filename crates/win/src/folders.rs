//! Folders that Windows has a name for.

use std::ffi::OsString;
use std::io;
use std::os::windows::ffi::OsStringExt;
use std::path::PathBuf;

use windows::Win32::System::Com::CoTaskMemFree;
use windows::Win32::UI::Shell::{FOLDERID_ProgramData, KF_FLAG_DEFAULT, SHGetKnownFolderPath};

use crate::wide::os_error;

/// Where programs keep what is not one user's: `C:\ProgramData`, unless somebody moved it. Not taken from the
/// environment, which differs between a user's programs and services.
pub fn program_data() -> io::Result<PathBuf> {
    // SAFETY: the folder's id is a constant; the path that comes back is ours to free.
    let path =
        unsafe { SHGetKnownFolderPath(&FOLDERID_ProgramData, KF_FLAG_DEFAULT, None) }.map_err(os_error)?;
    // SAFETY: the path ends with a zero, and is freed only afterwards.
    let folder = OsString::from_wide(unsafe { path.as_wide() });
    // SAFETY: made by the call above for its caller to free, and not used any more.
    unsafe { CoTaskMemFree(Some(path.as_ptr().cast_const().cast())) };
    Ok(folder.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_programs_is_there_and_nobodys_own() {
        let folder = program_data().unwrap();
        assert!(folder.is_dir(), "{}", folder.display());
        assert_eq!(folder.file_name().unwrap(), "ProgramData");
    }
}
