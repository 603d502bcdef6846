//! What the two ends prove to each other, and how; no I/O.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::secret::Secret;

/// Length of a challenge and of a proof in bytes.
pub const CHALLENGE_BYTES: usize = 32;

/// Random bytes that make a proof good for one connection only.
pub type Challenge = [u8; CHALLENGE_BYTES];

/// Who proves. Each has a label of its own, so a proof sent back is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The gateway.
    Gateway,
    /// The worker.
    Worker,
}

impl Side {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Gateway => b"mxgateway worker protocol: gateway",
            Self::Worker => b"mxgateway worker protocol: worker",
        }
    }
}

/// Everything said before the proofs: both prove that they saw the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transcript<'a> {
    /// The session.
    pub session_id: &'a str,
    /// Oldest version the gateway offered.
    pub min_version: u32,
    /// Newest version the gateway offered.
    pub max_version: u32,
    /// The version the worker chose.
    pub selected_version: u32,
    /// The gateway's challenge.
    pub gateway_challenge: Challenge,
    /// The worker's challenge.
    pub worker_challenge: Challenge,
    /// The gateway's generation.
    pub generation: u64,
    /// The process the worker says it is.
    pub worker_process_id: u32,
}

impl Transcript<'_> {
    /// The side's proof that it knows the secret.
    pub fn prove(&self, side: Side, secret: &Secret) -> Vec<u8> {
        self.mac(side, secret).finalize().into_bytes().to_vec()
    }

    /// Whether `proof` is the side's; takes the same time for every wrong one of the right length.
    pub fn verify(&self, side: Side, secret: &Secret, proof: &[u8]) -> bool {
        self.mac(side, secret).verify_slice(proof).is_ok()
    }

    fn mac(&self, side: Side, secret: &Secret) -> Hmac<Sha256> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(secret.expose()).expect("an HMAC takes a key of any length");
        let parts: [&[u8]; 9] = [
            side.label(),
            self.session_id.as_bytes(),
            &self.min_version.to_le_bytes(),
            &self.max_version.to_le_bytes(),
            &self.selected_version.to_le_bytes(),
            &self.gateway_challenge,
            &self.worker_challenge,
            &self.generation.to_le_bytes(),
            &self.worker_process_id.to_le_bytes(),
        ];
        for part in parts {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transcript() -> Transcript<'static> {
        Transcript {
            session_id: "session-a",
            min_version: 1,
            max_version: 3,
            selected_version: 2,
            gateway_challenge: [1; CHALLENGE_BYTES],
            worker_challenge: [2; CHALLENGE_BYTES],
            generation: 1,
            worker_process_id: 42,
        }
    }

    #[test]
    fn a_proof_holds_for_one_side_one_secret_and_one_transcript() {
        let secret = Secret::from_slice(&[7; 32]).unwrap();
        let proof = transcript().prove(Side::Worker, &secret);
        assert!(transcript().verify(Side::Worker, &secret, &proof));

        assert!(!transcript().verify(Side::Gateway, &secret, &proof), "reflected");
        let other_secret = Secret::from_slice(&[8; 32]).unwrap();
        assert!(!transcript().verify(Side::Worker, &other_secret, &proof), "wrong secret");
        assert!(!transcript().verify(Side::Worker, &secret, &proof[..31]), "cut short");
        assert!(!transcript().verify(Side::Worker, &secret, &[]), "empty");
        let others = [
            Transcript { session_id: "session-b", ..transcript() },
            Transcript { min_version: 2, ..transcript() },
            Transcript { max_version: 4, ..transcript() },
            Transcript { selected_version: 1, ..transcript() },
            Transcript { gateway_challenge: [3; CHALLENGE_BYTES], ..transcript() },
            Transcript { worker_challenge: [3; CHALLENGE_BYTES], ..transcript() },
            Transcript { generation: 2, ..transcript() },
            Transcript { worker_process_id: 43, ..transcript() },
        ];
        for other in others {
            assert!(!other.verify(Side::Worker, &secret, &proof), "{other:?}");
        }
    }
}
