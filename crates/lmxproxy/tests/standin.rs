//! The worker's real command loop on the real backend, against the stand-in through real COM.
//!
//! Build the stand-in before: `cargo build -p mxgateway-com-standin` for the same target and profile.

#![cfg(windows)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "standin/events.rs"]
mod events;
#[path = "standin/gateway.rs"]
mod gateway;
#[path = "standin/values.rs"]
mod values;
