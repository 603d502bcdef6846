//! Stand-in until the verifier is there.
#![expect(missing_docs, unreachable_pub, dead_code, reason = "a stand-in")]
use std::net::IpAddr;
use std::time::Duration;

use mxgateway_auth::audit::AuditEntry;
use mxgateway_auth::principal::Principal;
use tokio_util::sync::CancellationToken;

#[derive(Clone, Debug)]
pub struct AuditTrail;
impl AuditTrail {
    pub fn record(&self, _: AuditEntry) {}
}
#[derive(Clone, Debug)]
pub struct Caller {
    pub principal: Principal,
    pub ended: CancellationToken,
}
impl Caller {
    pub fn unrestricted() -> Self {
        Self { principal: Principal::Unrestricted, ended: CancellationToken::new() }
    }
}
#[derive(Clone, Debug)]
pub struct Verifier;
pub struct Refusal {
    pub cause: RefusalCause,
}
pub enum RefusalCause {
    Missing,
    Malformed,
    Unknown,
    WrongSecret,
    Revoked,
    Expired,
    TooManyAttempts { retry_after: Duration },
    StoreUnavailable,
}
impl Verifier {
    pub async fn verify(&self, _: Option<&str>, _: Option<IpAddr>) -> Result<Caller, Refusal> {
        Ok(Caller::unrestricted())
    }
}
