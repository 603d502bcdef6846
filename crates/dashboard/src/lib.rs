//! The dashboard: everything live, to each visitor what that one may see.
//!
//! It knows nothing of how the gateway is made: what it shows and does goes through [`backend::Backend`], which the
//! server implements.

#![forbid(unsafe_code)]

pub mod access;
pub mod backend;
pub mod door;
pub mod model;
pub mod peer;
mod router;
pub mod settings;
mod state;

pub use router::router;
pub use state::Dashboard;
