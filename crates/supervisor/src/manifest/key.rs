//! The instance's key: 32 random bytes in a file, made once.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use mxgateway_session::SessionId;
use mxgateway_worker_ipc::secret::Secret;
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use super::{ManifestError, SALT_BYTES, private};

const KEY_BYTES: usize = 32;
/// So that the key is good for nothing else.
const LABEL: &[u8] = b"mxgateway worker secret";

pub(super) struct InstanceKey(Zeroizing<[u8; KEY_BYTES]>);

impl InstanceKey {
    /// Of processes that make it at the same time all get the same.
    pub(super) fn read_or_make(path: &Path) -> Result<Self, ManifestError> {
        if let Some(key) = read(path)? {
            return Ok(key);
        }
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        getrandom::fill(&mut *bytes).map_err(ManifestError::Random)?;
        make(path, &bytes).map_err(|source| ManifestError::File { path: path.to_owned(), source })?;
        read(path)?.ok_or_else(|| ManifestError::Key { path: path.to_owned() })
    }

    pub(super) fn secret(&self, session_id: SessionId, salt: &[u8; SALT_BYTES]) -> Secret {
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.0).expect("an HMAC takes a key of any length");
        mac.update(LABEL);
        mac.update(salt);
        mac.update(session_id.to_string().as_bytes());
        let mut bytes = mac.finalize().into_bytes();
        let secret = Secret::from_slice(&bytes).expect("a secret is as long as the HMAC");
        bytes.as_mut_slice().zeroize();
        secret
    }
}

/// `None` when there is no file.
fn read(path: &Path) -> Result<Option<InstanceKey>, ManifestError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => Zeroizing::new(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(ManifestError::File { path: path.to_owned(), source }),
    };
    let key = <[u8; KEY_BYTES]>::try_from(bytes.as_slice());
    key.map(|key| Some(InstanceKey(Zeroizing::new(key))))
        .map_err(|_| ManifestError::Key { path: path.to_owned() })
}

/// All of it or nothing appears under the name, and never in place of another. That there is one already is
/// no error.
fn make(path: &Path, key: &[u8; KEY_BYTES]) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}-{:p}.new", std::process::id(), key));
    let temporary = PathBuf::from(temporary);
    let result = write_private(&temporary, key).and_then(|()| match fs::hard_link(&temporary, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    });
    // Its content is in place, or an error is told already.
    let _ = fs::remove_file(&temporary);
    result
}

fn write_private(path: &Path, key: &[u8; KEY_BYTES]) -> io::Result<()> {
    let mut file = private::create_file(path)?;
    file.write_all(key)?;
    file.sync_all()
}
