//! The gateway: configuration, gRPC services, composition and staged shutdown. What the `mxgateway` program
//! and the tests start.

#![forbid(unsafe_code)]

pub mod config;
mod galaxy_view;
mod gateway;
mod grpc;
mod http;
mod listener;
pub mod metrics;
mod readiness;
pub mod security;
pub mod tls;

pub use gateway::{AtStop, RunError, run, run_with};
