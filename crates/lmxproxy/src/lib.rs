//! The backend that talks to MXAccess through COM.
//!
//! One single-threaded apartment with a message loop makes the object, calls it by its newest interface, and takes
//! its events through two sinks. Nothing is converted on the way that can be kept: the VARIANT type goes along with
//! each value, and an HRESULT comes out as it came in.
//!
//! The conversions that need no COM are in [`dates`] and [`details`], and work everywhere.

pub mod dates;
pub mod details;
pub mod options;

#[cfg(windows)]
mod apartment;
#[cfg(windows)]
mod arguments;
#[cfg(windows)]
mod backend;
#[cfg(windows)]
mod identity;
#[cfg(windows)]
mod interfaces;
#[cfg(windows)]
mod safearray;
#[cfg(windows)]
mod server;
#[cfg(windows)]
mod sink;
#[cfg(windows)]
mod status;
#[cfg(windows)]
mod variant;

/// Name in `Bootstrap.backend_name`.
pub const BACKEND_NAME: &str = "lmxproxy";

#[cfg(windows)]
pub use backend::{LmxProxy, make};
