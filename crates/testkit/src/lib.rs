//! Real servers for tests, started and thrown away.

#![forbid(unsafe_code)]

pub mod postgres;
mod running;
pub mod slapd;
