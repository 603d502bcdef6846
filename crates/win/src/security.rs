//! Who may reach an object: a list of accounts, and nobody else.

use std::ffi::c_void;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::windows::io::{FromRawHandle, OwnedHandle};
use std::path::Path;
use std::ptr;
use std::str::FromStr;

use windows::Win32::Foundation::{ERROR_ALREADY_EXISTS, GENERIC_READ, GENERIC_WRITE, HLOCAL, LocalFree};
use windows::Win32::Security::Authorization::{
    ConvertSecurityDescriptorToStringSecurityDescriptorW, ConvertSidToStringSidW,
    ConvertStringSecurityDescriptorToSecurityDescriptorW, GetNamedSecurityInfoW, SDDL_REVISION_1,
    SE_FILE_OBJECT, SetNamedSecurityInfoW,
};
use windows::Win32::Security::{
    ACL, DACL_SECURITY_INFORMATION, GetSecurityDescriptorDacl, OWNER_SECURITY_INFORMATION,
    PROTECTED_DACL_SECURITY_INFORMATION, PSECURITY_DESCRIPTOR, PSID, SECURITY_ATTRIBUTES, SetFileSecurityW,
};
use windows::Win32::Storage::FileSystem::{
    CREATE_NEW, CreateDirectoryW, CreateFileW, FILE_ATTRIBUTE_NORMAL, FILE_CREATION_DISPOSITION,
    FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE, OPEN_ALWAYS,
};
use windows::core::{BOOL, PCWSTR, PWSTR};

use crate::process::current_user;
use crate::wide::{os_error, wide};

/// An account or group, by its security identifier.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sid(String);

impl Sid {
    /// The operating system itself, as which many services run.
    pub fn local_system() -> Self {
        Self("S-1-5-18".to_owned())
    }

    /// The administrators of this machine.
    pub fn administrators() -> Self {
        Self("S-1-5-32-544".to_owned())
    }

    /// The account `NT SERVICE\\mxgateway`, which Windows makes up for the service `mxgateway`: S-1-5-80 and the SHA-1 of
    /// the name in capitals.
    pub fn gateway_service() -> Self {
        Self("S-1-5-80-2259227404-3949621142-494717763-3384272857-3518021307".to_owned())
    }

    /// From the operating system's form.
    ///
    /// # Safety
    ///
    /// `sid` points to a valid security identifier.
    pub(crate) unsafe fn read(sid: PSID) -> io::Result<Self> {
        let mut text = PWSTR::null();
        // SAFETY: the caller vouches for `sid`; `text` takes a string that is ours to free.
        unsafe { ConvertSidToStringSidW(sid, &raw mut text) }.map_err(os_error)?;
        take_string(text).map(Self)
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The text is no security identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no security identifier; one looks like S-1-5-18")]
pub struct ParseSidError(String);

impl FromStr for Sid {
    type Err = ParseSidError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers: Vec<&str> = text.strip_prefix("S-1-").unwrap_or_default().split('-').collect();
        let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if (2..=16).contains(&numbers.len()) && numbers.iter().all(is_number) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseSidError(text.to_owned()))
        }
    }
}

/// Full access for some accounts, none for everybody else, whatever the object lies in says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    owner: Sid,
    others: Vec<Sid>,
}

impl Access {
    /// For the account that this process runs as, which is also the object's owner.
    pub fn current_user() -> io::Result<Self> {
        Ok(Self { owner: current_user()?, others: Vec::new() })
    }

    /// Also for this one.
    #[must_use]
    pub fn and(mut self, sid: Sid) -> Self {
        if sid != self.owner && !self.others.contains(&sid) {
            self.others.push(sid);
        }
        self
    }

    /// In the security descriptor definition language. `inheritance` is `OICI` for folders: what is made in them is
    /// reached by the same accounts.
    fn definition(&self, inheritance: &str) -> String {
        let mut text = format!("O:{}D:P", self.owner);
        for sid in [&self.owner].into_iter().chain(&self.others) {
            text.push_str(&format!("(A;{inheritance};FA;;;{sid})"));
        }
        text
    }

    /// For an object that nothing lies in: a pipe or file.
    pub fn descriptor(&self) -> io::Result<SecurityDescriptor> {
        SecurityDescriptor::parse(&self.definition(""))
    }

    /// For a folder, and for what is made in it from then on.
    pub fn folder_descriptor(&self) -> io::Result<SecurityDescriptor> {
        SecurityDescriptor::parse(&self.definition("OICI"))
    }

    /// Makes a folder, and the folders above it where they are missing, all of them for these accounts. What is there
    /// already stays as it is.
    pub fn create_folder(&self, path: &Path) -> io::Result<()> {
        if path.is_dir() {
            return Ok(());
        }
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            self.create_folder(parent)?;
        }
        let name = wide(path.as_os_str())?;
        let mut descriptor = self.folder_descriptor()?;
        let attributes = descriptor.attributes();
        // SAFETY: the name ends with a zero, and name and attributes live until the call returns.
        let made = unsafe { CreateDirectoryW(PCWSTR(name.as_ptr()), Some(attributes.as_raw())) };
        match made {
            Err(error) if error.code() == ERROR_ALREADY_EXISTS.to_hresult() && path.is_dir() => Ok(()),
            made => made.map_err(os_error),
        }
    }

    /// Makes a folder as [`Self::create_folder`] does. One that is there is from now on for these accounts, and so is
    /// what lies in it and takes its rights from there; its owner stays.
    pub fn claim_folder(&self, path: &Path) -> io::Result<()> {
        if !path.is_dir() {
            return self.create_folder(path);
        }
        let name = wide(path.as_os_str())?;
        let descriptor = self.folder_descriptor()?;
        let (mut list, mut present, mut defaulted) = (ptr::null_mut::<ACL>(), BOOL(0), BOOL(0));
        // SAFETY: the descriptor lives until the end of this function; the others take what is asked for.
        unsafe {
            GetSecurityDescriptorDacl(descriptor.raw, &raw mut present, &raw mut list, &raw mut defaulted)
        }
        .map_err(os_error)?;
        // SAFETY: the name ends with a zero and lives until the call returns; the list is a part of the descriptor,
        // which has one as its definition does.
        let error = unsafe {
            SetNamedSecurityInfoW(
                PCWSTR(name.as_ptr()),
                SE_FILE_OBJECT,
                DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION,
                None,
                None,
                Some(list),
                None,
            )
        };
        error.ok().map_err(os_error)?;
        // Wine adds what the folder above allows.
        // SAFETY: the name ends with a zero; name and descriptor live until the call returns.
        unsafe { SetFileSecurityW(PCWSTR(name.as_ptr()), DACL_SECURITY_INFORMATION, descriptor.raw) }
            .ok()
            .map_err(os_error)
    }

    /// Makes a file that must not exist, to read and write.
    pub fn create_file(&self, path: &Path) -> io::Result<File> {
        self.file(path, CREATE_NEW)
    }

    /// Opens a file to read and write, and makes it when it is missing. One that is there stays as it is.
    pub fn open_or_create_file(&self, path: &Path) -> io::Result<File> {
        self.file(path, OPEN_ALWAYS)
    }

    fn file(&self, path: &Path, disposition: FILE_CREATION_DISPOSITION) -> io::Result<File> {
        let name = wide(path.as_os_str())?;
        let mut descriptor = self.descriptor()?;
        let attributes = descriptor.attributes();
        // SAFETY: the name ends with a zero, and name and attributes live until the call returns.
        let handle = unsafe {
            CreateFileW(
                PCWSTR(name.as_ptr()),
                (GENERIC_READ | GENERIC_WRITE).0,
                FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                Some(attributes.as_raw()),
                disposition,
                FILE_ATTRIBUTE_NORMAL,
                None,
            )
        }
        .map_err(os_error)?;
        // SAFETY: the handle was just opened and is nobody else's.
        let handle = unsafe { OwnedHandle::from_raw_handle(handle.0) };
        Ok(File::from(handle))
    }
}

/// Owner and list of allowed accounts, in the operating system's form.
#[derive(Debug)]
pub struct SecurityDescriptor {
    /// Allocated by the operating system, and freed once, here.
    raw: PSECURITY_DESCRIPTOR,
}

impl SecurityDescriptor {
    fn parse(definition: &str) -> io::Result<Self> {
        let text = wide(definition.as_ref())?;
        let mut raw = PSECURITY_DESCRIPTOR::default();
        // SAFETY: the text ends with a zero and lives until the call returns; `raw` takes memory that is ours to free.
        unsafe {
            ConvertStringSecurityDescriptorToSecurityDescriptorW(
                PCWSTR(text.as_ptr()),
                SDDL_REVISION_1,
                &raw mut raw,
                None,
            )
        }
        .map_err(os_error)?;
        Ok(Self { raw })
    }

    /// Of a file or folder that exists.
    pub fn of_path(path: &Path) -> io::Result<Self> {
        let name = wide(path.as_os_str())?;
        let mut raw = PSECURITY_DESCRIPTOR::default();
        // SAFETY: the name ends with a zero and lives until the call returns; `raw` takes memory that is ours to free,
        // and nothing that points into it is asked for.
        let error = unsafe {
            GetNamedSecurityInfoW(
                PCWSTR(name.as_ptr()),
                SE_FILE_OBJECT,
                OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION,
                None,
                None,
                None,
                None,
                &raw mut raw,
            )
        };
        error.ok().map_err(os_error)?;
        Ok(Self { raw })
    }

    /// Owner and accounts in the security descriptor definition language.
    pub fn definition(&self) -> io::Result<String> {
        let mut text = PWSTR::null();
        // SAFETY: `raw` is a descriptor that lives as long as this; `text` takes a string that is ours to free.
        unsafe {
            ConvertSecurityDescriptorToStringSecurityDescriptorW(
                self.raw,
                SDDL_REVISION_1,
                OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION,
                &raw mut text,
                None,
            )
        }
        .map_err(os_error)?;
        take_string(text)
    }

    /// For calls that make an object. What they make is not inherited by child processes.
    pub fn attributes(&mut self) -> SecurityAttributes<'_> {
        let length = u32::try_from(size_of::<SECURITY_ATTRIBUTES>()).unwrap_or(u32::MAX);
        let raw = SECURITY_ATTRIBUTES {
            nLength: length,
            lpSecurityDescriptor: self.raw.0,
            bInheritHandle: false.into(),
        };
        SecurityAttributes { raw, _descriptor: self }
    }
}

impl Drop for SecurityDescriptor {
    fn drop(&mut self) {
        free(self.raw.0);
    }
}

/// A descriptor for a call, which it must outlive.
#[derive(Debug)]
pub struct SecurityAttributes<'a> {
    raw: SECURITY_ATTRIBUTES,
    _descriptor: &'a mut SecurityDescriptor,
}

impl SecurityAttributes<'_> {
    /// Good as long as this lives.
    pub(crate) fn as_raw(&self) -> *const SECURITY_ATTRIBUTES {
        &raw const self.raw
    }
}

/// Text that the operating system allocated.
fn take_string(text: PWSTR) -> io::Result<String> {
    // SAFETY: the calls that gave it end it with a zero.
    let taken = unsafe { text.to_string() };
    free(text.0.cast());
    taken.map_err(io::Error::other)
}

fn free(memory: *mut c_void) {
    // SAFETY: the callers own what they give, it comes from LocalAlloc, and they do not use it afterwards.
    let left = unsafe { LocalFree(Some(HLOCAL(memory))) };
    debug_assert!(left.is_invalid(), "memory was not freed");
}

#[cfg(test)]
mod tests;
