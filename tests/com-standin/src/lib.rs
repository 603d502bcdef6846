//! A stand-in for MXAccess's COM server: its class, interfaces and events over a small scripted galaxy.
//!
//! Events come from a timer, so only while the apartment dispatches messages. Two environment variables of the
//! process change what it is like, read when an object is made:
//!
//! - `MXGW_STANDIN_INTERFACE`: the newest interface, 1 to 5 (5 when absent);
//! - `MXGW_STANDIN_TIMES`: shape of the time stamps, `text`, `date` or `filetime` (`date` when absent).

#![cfg(windows)]

mod class;
mod core;
mod galaxy;
mod interfaces;
mod object;
mod registration;
mod sources;
mod values;
