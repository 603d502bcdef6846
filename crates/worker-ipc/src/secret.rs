//! The secret that a worker is started with and that both ends of its connection prove to know.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

/// Length of a [`Secret`] in bytes.
pub const SECRET_BYTES: usize = 32;

/// 32 secret bytes; wiped when dropped, never printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret([u8; SECRET_BYTES]);

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The bytes are not [`SECRET_BYTES`] long.
    #[error("a secret has {SECRET_BYTES} bytes, not {0}")]
    Length(usize),
    /// The operating system gave no random bytes.
    #[error("the operating system gives no random bytes")]
    Random(#[source] getrandom::Error),
}

impl Secret {
    /// A new secret from the operating system's random source.
    pub fn random() -> Result<Self, SecretError> {
        let mut secret = Self([0; SECRET_BYTES]);
        getrandom::fill(&mut secret.0).map_err(SecretError::Random)?;
        Ok(secret)
    }

    /// The secret with exactly these bytes; the caller wipes its own copy.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, SecretError> {
        bytes.try_into().map(Self).map_err(|_| SecretError::Length(bytes.len()))
    }

    /// The bytes, for the bootstrap frame and the proofs.
    pub fn expose(&self) -> &[u8; SECRET_BYTES] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_nothing() {
        let secret = Secret::from_slice(&[0xab; SECRET_BYTES]).unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(..)");
    }

    #[test]
    fn only_the_right_length_is_taken() {
        for length in [0, SECRET_BYTES - 1, SECRET_BYTES + 1] {
            let error = Secret::from_slice(&vec![1; length]).unwrap_err();
            assert_eq!(error.to_string(), format!("a secret has 32 bytes, not {length}"));
        }
    }

    #[test]
    fn random_secrets_differ() {
        assert_ne!(Secret::random().unwrap().expose(), Secret::random().unwrap().expose());
    }
}
