//! The dashboard: everything live, to each visitor what that one may see.
//!
//! It knows nothing of how the gateway is made: what it shows and does goes through [`backend::Backend`], which the
//! server implements.

#![forbid(unsafe_code)]

pub mod access;
mod api;
mod assets;
pub mod backend;
pub mod door;
mod figures;
mod headers;
mod hubs;
pub mod model;
mod pages;
pub mod peer;
mod router;
mod seen;
pub mod settings;
mod state;

pub use hubs::HubLimits;
pub use router::{Route, router, routes};
pub use state::Dashboard;
