//! Files and folders for the service's user alone.

use std::fs;
use std::io;
use std::path::Path;

/// Makes a folder, and those above it, where there is none.
pub(crate) fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
