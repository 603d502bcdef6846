//! The commands, one file each.

pub(crate) mod apikey;
pub(crate) mod audit;
pub(crate) mod config;
pub(crate) mod errors;
pub(crate) mod run;
pub(crate) mod service;
mod store;
mod table;
