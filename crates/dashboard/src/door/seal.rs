//! What the door gives away and knows again: form tokens and hub tokens. Pure but for the key, which each gateway makes anew.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::random_bytes;
use super::visits::{VisitId, from_hex, hex};

#[cfg(test)]
mod tests;

/// What a proof is for. One for a form is none for a hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A form of somebody who is signed in.
    Form,
    /// The form to sign in with.
    SignIn,
    /// A hub.
    Hub,
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Form => b"mxgateway dashboard form\0",
            Self::SignIn => b"mxgateway dashboard sign-in\0",
            Self::Hub => b"mxgateway dashboard hub\0",
        }
    }
}

/// What a hub token says. The visitor's name, role and tags are those of the sign-in, and end with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HubPass {
    /// The sign-in that it was given to; `None` for somebody from localhost, who has to come from there again.
    pub(super) visit: Option<VisitId>,
    /// Until when it is good, since the door's beginning.
    pub(super) until: Duration,
}

const VISIT: u8 = 1;
const LOCAL: u8 = 0;
const BODY: usize = 1 + 32 + 8;
const PROOF: usize = 32;

/// Makes and checks proofs.
pub(super) struct Seal(Zeroizing<[u8; 32]>);

impl Seal {
    /// With a key that nobody else has.
    pub(super) fn new() -> Self {
        Self(random_bytes())
    }

    /// Proof of these bytes, in hexadecimal.
    pub(super) fn proof(&self, purpose: Purpose, bytes: &[u8]) -> String {
        hex(&self.mac(purpose, bytes).finalize().into_bytes())
    }

    /// Whether it is the proof of these bytes. Takes as long for every wrong one of the right length.
    pub(super) fn is_proof(&self, purpose: Purpose, bytes: &[u8], proof: &str) -> bool {
        from_hex::<PROOF>(proof).is_some_and(|proof| self.mac(purpose, bytes).verify_slice(&proof).is_ok())
    }

    /// A hub token.
    pub(super) fn hub_token(&self, pass: HubPass) -> String {
        let body = body(pass);
        hex(&body) + &self.proof(Purpose::Hub, &body)
    }

    /// What a hub token says, if it is one of this door and good at this time since its beginning.
    pub(super) fn hub_pass(&self, token: &str, now: Duration) -> Option<HubPass> {
        let (body, proof) = token.split_at_checked(BODY * 2)?;
        let body = from_hex::<BODY>(body)?;
        if !self.is_proof(Purpose::Hub, &body, proof) {
            return None;
        }
        let (kind, rest) = body.split_first()?;
        let (visit, until) = rest.split_first_chunk::<32>()?;
        let until = Duration::from_millis(u64::from_be_bytes(until.try_into().ok()?));
        let visit = match *kind {
            VISIT => Some(VisitId(*visit)),
            _ => None,
        };
        (now < until).then_some(HubPass { visit, until })
    }

    fn mac(&self, purpose: Purpose, bytes: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.0).expect("HMAC takes a key of any length");
        mac.update(purpose.label());
        mac.update(bytes);
        mac
    }
}

fn body(pass: HubPass) -> [u8; BODY] {
    let mut body = [0; BODY];
    let (kind, rest) = body.split_at_mut(1);
    let (visit, until) = rest.split_at_mut(32);
    kind[0] = if pass.visit.is_some() { VISIT } else { LOCAL };
    if let Some(id) = pass.visit {
        visit.copy_from_slice(&id.0);
    }
    let milliseconds = u64::try_from(pass.until.as_millis()).unwrap_or(u64::MAX);
    until.copy_from_slice(&milliseconds.to_be_bytes());
    body
}
