//! The gateway: configuration, gRPC services, composition and staged shutdown. What the `mxgateway` program
//! and the tests start.

#![forbid(unsafe_code)]

pub mod config;
mod dashboard;
mod galaxy_view;
mod gateway;
mod grpc;
mod http;
mod listener;
pub mod metrics;
mod readiness;
mod running;
pub mod security;
pub mod tls;

pub use dashboard::DirectoryError;
pub use gateway::{Addresses, AtStop, RunError, run, run_with};
