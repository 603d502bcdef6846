//! Real servers and a browser for tests, started and thrown away.

#![forbid(unsafe_code)]

#[cfg(feature = "browser")]
pub mod browser;
pub mod postgres;
mod running;
pub mod slapd;
