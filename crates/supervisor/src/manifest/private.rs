//! Folders and files that others cannot reach.

use std::fs::File;
use std::io;
use std::path::Path;

pub(super) use platform::{create_file, folder, open_or_create_file};

#[cfg(not(windows))]
mod platform {
    use std::fs::{DirBuilder, OpenOptions};

    use super::{File, Path, io};

    /// Makes a folder where it is missing.
    pub(in super::super) fn folder(path: &Path) -> io::Result<()> {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path)
    }

    /// Makes a file where it is missing, to read and write.
    pub(in super::super) fn open_or_create_file(path: &Path) -> io::Result<File> {
        private(OpenOptions::new().read(true).write(true).create(true).truncate(false)).open(path)
    }

    /// Makes a file that must not exist, to write.
    pub(in super::super) fn create_file(path: &Path) -> io::Result<File> {
        private(OpenOptions::new().write(true).create_new(true)).open(path)
    }

    fn private(options: &mut OpenOptions) -> &mut OpenOptions {
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
        options
    }
}

#[cfg(windows)]
mod platform {
    use mxgateway_win::security::{Access, Sid};

    use super::{File, Path, io};

    /// Makes a folder where it is missing. Administrators and the system reach into it, as root does elsewhere.
    pub(in super::super) fn folder(path: &Path) -> io::Result<()> {
        ours_and_administrators()?.create_folder(path)
    }

    /// Makes a file where it is missing, to read and write; for administrators, too.
    pub(in super::super) fn open_or_create_file(path: &Path) -> io::Result<File> {
        ours_and_administrators()?.open_or_create_file(path)
    }

    /// Makes a file that must not exist, to write; for this account alone.
    pub(in super::super) fn create_file(path: &Path) -> io::Result<File> {
        Access::current_user()?.create_file(path)
    }

    fn ours_and_administrators() -> io::Result<Access> {
        Ok(Access::current_user()?.and(Sid::administrators()).and(Sid::local_system()))
    }
}
