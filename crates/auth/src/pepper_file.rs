//! The pepper's file.
//!
//! It is text, of which spaces and line ends around do not count; any 32 to 1,024 bytes will do. Whoever can
//! read it and the key store can try out secrets, and without it no stored key works: keep it apart from the
//! key store, and a copy of it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::key::{Pepper, PepperError, RandomError};
use crate::private::private_folder;

#[cfg(test)]
mod tests;

/// There is no pepper.
#[derive(Debug, thiserror::Error)]
pub enum PepperFileError {
    /// There are keys that need a pepper, and it is gone.
    #[error(
        "the pepper's file {} is missing, and without it none of the stored keys works; put it back or set \
         auth.pepper_path, or revoke and delete all keys to begin anew",
        path.display()
    )]
    Missing {
        /// Which file.
        path: PathBuf,
    },
    /// It cannot be read.
    #[error("cannot read the pepper's file {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It cannot be made.
    #[error("cannot make the pepper's file {}", path.display())]
    Make {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Others than its owner and its group may read or change it.
    #[error(
        "other users may read or change the pepper's file {} (mode {mode:04o}); chmod 600 it, and if somebody \
         may have read it, replace it and all keys",
        path.display()
    )]
    Open {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// There is too little or too much in it.
    #[error("the pepper's file {} cannot be used", path.display())]
    Content {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: PepperError,
    },
    /// No new pepper can be made.
    #[error("cannot make a pepper")]
    Random(#[from] RandomError),
}

/// Reads the pepper. Where there is no file and no key is stored yet, makes both, the file for this user alone;
/// of processes that do so at the same time all get the same pepper.
pub fn read_or_make(path: &Path, keys_exist: bool) -> Result<Pepper, PepperFileError> {
    if let Some(pepper) = read(path)? {
        return Ok(pepper);
    }
    if keys_exist {
        return Err(PepperFileError::Missing { path: path.to_owned() });
    }
    let random = Pepper::random()?;
    make(path, &random).map_err(|source| PepperFileError::Make { path: path.to_owned(), source })?;
    // Not the one made here: another process may have been first.
    read(path)?.ok_or_else(|| PepperFileError::Missing { path: path.to_owned() })
}

/// `None` when there is no file.
fn read(path: &Path) -> Result<Option<Pepper>, PepperFileError> {
    let failed = |source| PepperFileError::Read { path: path.to_owned(), source };
    match fs::metadata(path) {
        Ok(metadata) => refuse_open(path, &metadata)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    }
    let bytes = Zeroizing::new(fs::read(path).map_err(failed)?);
    Pepper::from_bytes(bytes.trim_ascii())
        .map(Some)
        .map_err(|source| PepperFileError::Content { path: path.to_owned(), source })
}

/// The group may read: that is how secrets are given to containers.
#[cfg(unix)]
fn refuse_open(path: &Path, metadata: &fs::Metadata) -> Result<(), PepperFileError> {
    use std::os::unix::fs::PermissionsExt;

    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o027 == 0 { Ok(()) } else { Err(PepperFileError::Open { path: path.to_owned(), mode }) }
}

#[cfg(not(unix))]
fn refuse_open(_path: &Path, _metadata: &fs::Metadata) -> Result<(), PepperFileError> {
    Ok(())
}

/// All of it or nothing appears under the name, and never in place of another. That there is one already is
/// no error.
fn make(path: &Path, pepper: &Pepper) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    private_folder(folder)?;
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}-{:p}.new", std::process::id(), pepper));
    let temporary = PathBuf::from(temporary);
    let result = write_private(&temporary, pepper).and_then(|()| match fs::hard_link(&temporary, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    });
    // Its content is in place, or an error is told already.
    let _ = fs::remove_file(&temporary);
    result?;
    // The name lasts, too, whatever happens to the machine.
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    Ok(())
}

fn write_private(path: &Path, pepper: &Pepper) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file: File = options.open(path)?;
    let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(pepper.expose_bytes()));
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}
