//! Who is it? From the `authorization` of a request to its caller.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::key::{ApiKey, KeyId, MalformedKey, Pepper};
use crate::principal::Principal;
use crate::store::{AuthStore, KeyState, StoreError};
use crate::throttle::{Admission, Throttle};
use remembered::{Entry, Found, Remembered};

mod background;
mod remembered;

/// A key that another process changed while it is looked up is looked up again, so often at most.
const TRIES: u32 = 3;

/// Tells callers by their keys; clones are the same verifier.
///
/// It remembers the keys it has seen, so that a request costs no look into the store. [`run`](Self::run) has to
/// run beside: it ends what other processes revoke.
#[derive(Clone)]
pub struct Verifier(Arc<Mode>);

enum Mode {
    Disabled(Caller),
    Keys(Box<Keys>),
}

struct Keys {
    store: AuthStore,
    pepper: Arc<Pepper>,
    remembered: RwLock<Remembered>,
    throttle: Mutex<Throttle>,
    /// Tells that a key was remembered that expires.
    expires: Notify,
    store_answers: AtomicBool,
}

/// Who asks, found out.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who.
    pub principal: Principal,
    /// Cancelled as soon as the key is found to be revoked, rotated, deleted or expired. What goes on for
    /// longer than a moment ends with it.
    pub ended: CancellationToken,
}

/// Nobody who may use the gateway asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why not. For the audit trail and the metrics; clients learn no more than [`Refusal::answer`].
    pub cause: RefusalCause,
    /// The key that it claims to be; nothing shows that it really is, save for `Revoked` and `Expired`.
    pub key: Option<KeyId>,
}

/// Why somebody is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefusalCause {
    /// No authorization is given.
    #[error("no API key is given")]
    Missing,
    /// It is no API key.
    #[error("{0}")]
    Malformed(MalformedKey),
    /// There is no key of this id.
    #[error("there is no such API key")]
    Unknown,
    /// The key has another secret.
    #[error("the API key's secret is wrong")]
    WrongSecret,
    /// It was revoked. The secret is right.
    #[error("the API key is revoked")]
    Revoked,
    /// Its time is over. The secret is right.
    #[error("the API key has expired")]
    Expired,
    /// The peer tried too many keys in vain.
    #[error("too many attempts with wrong API keys")]
    TooManyAttempts {
        /// When to try again.
        retry_after: Duration,
    },
    /// The key store does not answer, and the key is not remembered or was for too long.
    #[error("the key store does not answer")]
    StoreUnavailable,
}

/// What a refused client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalAnswer {
    /// It needs a good API key. Which of the causes it was stays untold.
    Unauthenticated,
    /// Try again later.
    ResourceExhausted {
        /// How much later.
        retry_after: Duration,
    },
    /// Try again soon: the key may be good.
    Unavailable,
}

impl RefusalCause {
    /// In a word, for metrics and the audit trail.
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed(_) => "malformed",
            Self::Unknown => "unknown",
            Self::WrongSecret => "wrong-secret",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::TooManyAttempts { .. } => "too-many-attempts",
            Self::StoreUnavailable => "store-unavailable",
        }
    }
}

impl Caller {
    /// Anybody, never ended.
    pub fn unrestricted() -> Self {
        Self { principal: Principal::Unrestricted, ended: CancellationToken::new() }
    }
}

impl Refusal {
    /// What the client is told.
    pub fn answer(&self) -> RefusalAnswer {
        match self.cause {
            RefusalCause::Missing
            | RefusalCause::Malformed(_)
            | RefusalCause::Unknown
            | RefusalCause::WrongSecret
            | RefusalCause::Revoked
            | RefusalCause::Expired => RefusalAnswer::Unauthenticated,
            RefusalCause::TooManyAttempts { retry_after } => RefusalAnswer::ResourceExhausted { retry_after },
            RefusalCause::StoreUnavailable => RefusalAnswer::Unavailable,
        }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Mode::Disabled(_) => out.write_str("Verifier(disabled)"),
            Mode::Keys(keys) => out.debug_tuple("Verifier").field(&keys.store).finish_non_exhaustive(),
        }
    }
}

impl Verifier {
    /// For a gateway that everybody may use: every caller is [`Principal::Unrestricted`] and never ended.
    pub fn disabled() -> Self {
        Self(Arc::new(Mode::Disabled(Caller::unrestricted())))
    }

    /// Takes the keys of the store. While the store does not answer, keys that are remembered stay good for
    /// `cache` after it last did.
    pub async fn start(
        store: AuthStore,
        pepper: impl Into<Arc<Pepper>>,
        cache: Duration,
    ) -> Result<Self, StoreError> {
        let pepper = pepper.into();
        let asked = Instant::now().into_std();
        let revision = store.revision().await?;
        let keys = Keys {
            store,
            pepper,
            remembered: RwLock::new(Remembered::new(revision, cache, asked)),
            throttle: Mutex::new(Throttle::new()),
            expires: Notify::new(),
            store_answers: AtomicBool::new(true),
        };
        Ok(Self(Arc::new(Mode::Keys(Box::new(keys)))))
    }

    /// Tells who asks, by the value of the request's `authorization` header and the address it comes from.
    ///
    /// A key that is remembered is told at once. Any other is looked up, and waits before when the peer tried
    /// many wrong ones; peers without an address count as one.
    pub async fn verify(&self, authorization: Option<&str>, peer: Option<IpAddr>) -> Result<Caller, Refusal> {
        let keys = match &*self.0 {
            Mode::Disabled(caller) => return Ok(caller.clone()),
            Mode::Keys(keys) => keys,
        };
        let Some(authorization) = authorization else {
            return Err(Refusal { cause: RefusalCause::Missing, key: None });
        };
        let key = ApiKey::from_header(authorization);
        if let Ok(key) = &key
            && let Some(known) = keys.recall(key)
        {
            return known.map_err(|cause| Refusal { cause, key: Some(key.id().clone()) });
        }
        let id = key.as_ref().ok().map(|key| key.id().clone());
        keys.try_out(key, peer.unwrap_or(Ipv6Addr::UNSPECIFIED.into()))
            .await
            .map_err(|cause| Refusal { cause, key: id })
    }

    /// True unless the store was last asked in vain. For health and metrics.
    pub fn store_answers(&self) -> bool {
        match &*self.0 {
            Mode::Disabled(_) => true,
            Mode::Keys(keys) => keys.store_answers.load(Ordering::Relaxed),
        }
    }

    /// Looks four times a second whether keys changed, and ends the callers of those that did; ends callers
    /// when their keys expire; notes when keys were used. Until `stop` is cancelled; to be run once.
    pub async fn run(&self, stop: CancellationToken) {
        match &*self.0 {
            Mode::Disabled(_) => stop.cancelled().await,
            Mode::Keys(keys) => background::run(keys, &stop).await,
        }
    }
}

impl Keys {
    /// The answer for a key that is remembered with this secret.
    fn recall(&self, key: &ApiKey) -> Option<Result<Caller, RefusalCause>> {
        let found = self.remembered.read().find(key.id(), Instant::now().into_std());
        let (entry, good) = match found {
            Found::Good(entry) => (entry, true),
            Found::TooOld(entry) => (entry, false),
            Found::None => return None,
        };
        // With another secret it may have been rotated just now.
        if !self.pepper.verify(key, entry.hash()) {
            return None;
        }
        let now = SystemTime::now();
        Some(if entry.is_expired(now) {
            Err(RefusalCause::Expired)
        } else if good {
            Ok(caller(&entry, now))
        } else {
            Err(RefusalCause::StoreUnavailable)
        })
    }

    /// The answer for any other key, as soon as the peer may have one.
    async fn try_out(&self, key: Result<ApiKey, MalformedKey>, peer: IpAddr) -> Result<Caller, RefusalCause> {
        let admission = self.throttle.lock().admit(peer, Instant::now().into_std());
        match admission {
            Admission::Now => {}
            Admission::After(wait) => tokio::time::sleep(wait).await,
            Admission::Refused { retry_after } => return Err(RefusalCause::TooManyAttempts { retry_after }),
        }
        let result = match key {
            Ok(key) => self.look_up(&key).await,
            Err(malformed) => Err(RefusalCause::Malformed(malformed)),
        };
        let mut throttle = self.throttle.lock();
        match result {
            Ok(_) | Err(RefusalCause::StoreUnavailable) => {
                throttle.succeeded(peer, Instant::now().into_std())
            }
            Err(_) => throttle.failed(peer, Instant::now().into_std()),
        }
        result
    }

    async fn look_up(&self, key: &ApiKey) -> Result<Caller, RefusalCause> {
        for _ in 0..TRIES {
            let (stored, revision) = self.store.get_at_revision(key.id()).await.map_err(|error| {
                // That the store does not answer is told by those who ask it all the time.
                if !error.is_unavailable() {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, key = key.id().as_str(), "Cannot use a stored API key");
                }
                RefusalCause::StoreUnavailable
            })?;
            let stored = stored.ok_or(RefusalCause::Unknown)?;
            if !self.pepper.verify(key, &stored.hash) {
                return Err(RefusalCause::WrongSecret);
            }
            let now = SystemTime::now();
            match stored.state(now) {
                KeyState::InForce => {}
                KeyState::Expired => return Err(RefusalCause::Expired),
                KeyState::Revoked => return Err(RefusalCause::Revoked),
            }
            let entry = self.remembered.write().remember(&stored, revision);
            if let Some(entry) = entry {
                if stored.expires.is_some() {
                    self.expires.notify_one();
                }
                return Ok(caller(&entry, now));
            }
        }
        Err(RefusalCause::StoreUnavailable)
    }
}

fn caller(entry: &Entry, now: SystemTime) -> Caller {
    entry.used(now);
    Caller { principal: Principal::Key(Arc::clone(entry.grant())), ended: entry.ended().clone() }
}
