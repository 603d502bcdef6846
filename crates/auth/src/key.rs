//! API keys, and the keyed hashes by which they are remembered.
//!
//! A key is `mxgw_<key id>_<secret>`: the id is public and tells keys apart, the secret is 32 random bytes.
//! Only a hash of it is stored, keyed by the gateway's pepper, so that what leaks from the store neither
//! opens the gateway nor lets anybody make keys that do.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

#[cfg(test)]
mod tests;

/// What every key begins with.
const PREFIX: &str = "mxgw_";
const SCHEME: &str = "Bearer ";
const SECRET_BYTES: usize = 32;
/// 32 bytes as base64 without padding.
const SECRET_CHARACTERS: usize = 43;
/// The actor of requests without a key; see [`Principal::actor`](crate::principal::Principal::actor).
pub(crate) const ANONYMOUS: &str = "anonymous";

/// Public name of a key: 1 to 64 of `a` to `z`, `0` to `9` and `-`, the first no `-`.
///
/// `anonymous` is none, because the audit trail calls those without a key so.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId(Arc<str>);

/// The text is no [`KeyId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyIdError {
    /// Empty, or longer than 64 characters.
    #[error("a key id has 1 to {} characters", KeyId::MAX_CHARACTERS)]
    Length,
    /// Another character than those allowed, or a hyphen in front.
    #[error("a key id has small letters a to z, digits and hyphens only, and no hyphen in front")]
    Character,
    /// A name with a meaning of its own.
    #[error("the key id \"{ANONYMOUS}\" stands for requests without a key; take another")]
    Reserved,
}

impl KeyId {
    /// Most characters.
    pub const MAX_CHARACTERS: usize = 64;

    /// A random id of 16 characters, for a key that nobody named.
    pub fn random() -> Result<Self, RandomError> {
        let number = getrandom::u64().map_err(RandomError)?;
        Ok(Self(format!("{number:016x}").into()))
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyId {
    type Err = KeyIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() || text.len() > Self::MAX_CHARACTERS {
            return Err(KeyIdError::Length);
        }
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        // A hyphen in front would read as an option on a command line.
        if !text.bytes().all(allowed) || text.starts_with('-') {
            return Err(KeyIdError::Character);
        }
        if text == ANONYMOUS {
            return Err(KeyIdError::Reserved);
        }
        Ok(Self(text.into()))
    }
}

impl TryFrom<String> for KeyId {
    type Error = KeyIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> Self {
        id.as_str().to_owned()
    }
}

impl Borrow<str> for KeyId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, out)
    }
}

/// A whole key with its secret, which is wiped from memory when the key is dropped.
pub struct ApiKey {
    id: KeyId,
    secret: Zeroizing<[u8; SECRET_BYTES]>,
}

/// The text is no [`ApiKey`]. Says what is wrong without repeating any of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedKey {
    /// The header does not begin with `Bearer `.
    #[error("the authorization is not of the form \"Bearer mxgw_<key id>_<secret>\"")]
    Scheme,
    /// It lacks `mxgw_` in front, or the second underscore.
    #[error("an API key is of the form mxgw_<key id>_<secret>")]
    Form,
    /// What stands for the id is none.
    #[error("the API key's id is not valid: {0}")]
    Id(#[from] KeyIdError),
    /// The secret is not 43 characters of URL-safe base64.
    #[error("the API key's secret is not {SECRET_CHARACTERS} characters of URL-safe base64")]
    Secret,
}

/// The operating system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gives no random numbers")]
pub struct RandomError(#[source] getrandom::Error);

impl ApiKey {
    /// A new key with a secret from the operating system's random numbers.
    pub fn generate(id: KeyId) -> Result<Self, RandomError> {
        let mut secret = Zeroizing::new([0; SECRET_BYTES]);
        getrandom::fill(secret.as_mut_slice()).map_err(RandomError)?;
        Ok(Self { id, secret })
    }

    /// Reads `mxgw_<key id>_<secret>`; only `mxgw_` may be in upper or lower case.
    pub fn parse(token: &str) -> Result<Self, MalformedKey> {
        let rest = strip_prefix_any_case(token, PREFIX).ok_or(MalformedKey::Form)?;
        // An id has no underscore; the secret may have some.
        let (id, secret) = rest.split_once('_').ok_or(MalformedKey::Form)?;
        let id = id.parse()?;
        let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
        match URL_SAFE_NO_PAD.decode_slice(secret, bytes.as_mut_slice()) {
            Ok(SECRET_BYTES) => Ok(Self { id, secret: bytes }),
            Ok(_) | Err(_) => Err(MalformedKey::Secret),
        }
    }

    /// Reads the value of an `authorization` header: `Bearer` in upper or lower case, spaces, and the key.
    pub fn from_header(authorization: &str) -> Result<Self, MalformedKey> {
        let token = strip_prefix_any_case(authorization, SCHEME).ok_or(MalformedKey::Scheme)?;
        Self::parse(token.trim_matches(' '))
    }

    /// Which key it is.
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// The text that [`parse`](Self::parse) reads. It opens the gateway: show it once, and never log it.
    pub fn token(&self) -> SecretString {
        let secret = Zeroizing::new(URL_SAFE_NO_PAD.encode(self.secret.as_slice()));
        // As long as needed from the start: a string that grows leaves copies behind.
        let mut text = String::with_capacity(PREFIX.len() + self.id.as_str().len() + 1 + secret.len());
        for part in [PREFIX, self.id.as_str(), "_", secret.as_str()] {
            text.push_str(part);
        }
        text.into()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ApiKey").field("id", &self.id).finish_non_exhaustive()
    }
}

fn strip_prefix_any_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// The gateway's own secret; the hashes of all keys depend on it.
///
/// Kept apart from the store. Without it, or with another, no stored key verifies.
pub struct Pepper {
    bytes: Zeroizing<Vec<u8>>,
    /// Has taken in the pepper already, which is half the work of a hash.
    keyed: Hmac<Sha256>,
}

/// The bytes are no [`Pepper`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a pepper has {} to {} bytes, not {length}", Pepper::MIN_BYTES, Pepper::MAX_BYTES)]
pub struct PepperError {
    /// How many there were.
    pub length: usize,
}

impl Pepper {
    /// Fewest bytes.
    pub const MIN_BYTES: usize = 32;
    /// Most bytes.
    pub const MAX_BYTES: usize = 1024;

    /// A new pepper of 32 bytes from the operating system's random numbers.
    pub fn random() -> Result<Self, RandomError> {
        let mut bytes = Zeroizing::new(vec![0; Self::MIN_BYTES]);
        getrandom::fill(&mut bytes).map_err(RandomError)?;
        Ok(Self::keyed(bytes))
    }

    /// A pepper that was made before; any bytes, [`MIN_BYTES`](Self::MIN_BYTES) to
    /// [`MAX_BYTES`](Self::MAX_BYTES) of them.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PepperError> {
        if !(Self::MIN_BYTES..=Self::MAX_BYTES).contains(&bytes.len()) {
            return Err(PepperError { length: bytes.len() });
        }
        Ok(Self::keyed(Zeroizing::new(bytes.to_vec())))
    }

    fn keyed(bytes: Zeroizing<Vec<u8>>) -> Self {
        let keyed = Hmac::new_from_slice(&bytes).expect("an HMAC takes a key of any length");
        Self { bytes, keyed }
    }

    /// The secret bytes, to be kept in a file.
    pub fn expose_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The hash to be stored for a key.
    pub fn hash(&self, key: &ApiKey) -> SecretHash {
        SecretHash(self.fed(key).finalize().into_bytes().into())
    }

    /// True when the hash is this key's. Takes as long whether it is or not.
    pub fn verify(&self, key: &ApiKey, hash: &SecretHash) -> bool {
        self.fed(key).verify_slice(&hash.0).is_ok()
    }

    /// Id and secret are both taken in, so that a hash moved to another key's row verifies nothing. The
    /// secret has a fixed length: no two keys give the same bytes.
    fn fed(&self, key: &ApiKey) -> Hmac<Sha256> {
        self.keyed.clone().chain_update(key.id.as_str()).chain_update(key.secret.as_slice())
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Pepper").finish_non_exhaustive()
    }
}

/// What is stored of a key's secret. There is no `==`: only [`Pepper::verify`] compares, in constant time.
#[derive(Clone, Copy)]
pub struct SecretHash([u8; Self::BYTES]);

impl SecretHash {
    /// Its length.
    pub const BYTES: usize = 32;

    /// A hash read from the store.
    pub fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes to be stored.
    pub fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("SecretHash").finish_non_exhaustive()
    }
}
