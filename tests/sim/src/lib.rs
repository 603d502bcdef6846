//! Model-based simulation of a session's pure code: ring, subscribers, lease, states and items.
//!
//! A run is made from a seed: random settings and a list of [`transition::Transition`]s. [`run`] carries them
//! out on the real [`SessionCore`](mxgateway_session_core::session::SessionCore), on a naive [`model`] and,
//! with one subscriber only, on a second real core. After each step the [`promises`] are checked: some from
//! what a subscriber was told and what was ever published alone, the rest by comparison. A run that breaks a
//! promise is made smaller and printed with the command that repeats it.

#![forbid(unsafe_code)]

pub mod generate;
pub mod history;
pub mod model;
pub mod promises;
pub mod run;
pub mod seed;
pub mod transition;
