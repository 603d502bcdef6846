//! The gRPC contract (`mxgateway.v1`) and the worker protocol (`mxgateway.worker.v1`).
//!
//! The code under `generated/` comes from `proto/` by `cargo xtask codegen`. What stands beside it by
//! hand: the error map, conversions by topic, and the encoded form in which events travel.
//!
//! Feature `grpc` adds clients, servers and the error map; without it there are only messages, which is
//! all a worker needs, and no HTTP stack comes along.

#![forbid(unsafe_code)]

#[cfg(feature = "grpc")]
pub mod codec;
pub mod command;
#[cfg(feature = "grpc")]
pub mod error_code;
pub mod event_header;
pub mod hresult;
mod redaction;
pub mod sparse_array;
pub mod stream_item;
pub mod time;
pub mod value;

/// Version of the public contract that this build speaks; in `OpenSessionReply`.
pub const GATEWAY_PROTOCOL_VERSION: u32 = 1;
/// Oldest version of the worker protocol that this build speaks.
pub const MIN_WORKER_PROTOCOL_VERSION: u32 = 1;
/// Newest version of the worker protocol that this build speaks.
pub const MAX_WORKER_PROTOCOL_VERSION: u32 = 1;

/// `mxgateway.v1`: messages.
#[expect(clippy::large_enum_variant, reason = "generated")]
pub mod v1 {
    include!("generated/messages.rs");

    /// `FileDescriptorSet` of the package, for reflection and JSON.
    pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("generated/descriptors.bin");
}

/// `mxgateway.v1`: clients.
#[cfg(feature = "grpc")]
#[expect(clippy::allow_attributes_without_reason, reason = "generated")]
pub mod v1_client {
    include!("generated/clients.rs");
}

/// `mxgateway.v1`: servers. Not in one module with the messages because the gateway's end answers
/// `StreamEvents` with [`stream_item::EncodedStreamItem`].
#[cfg(feature = "grpc")]
#[expect(clippy::allow_attributes, clippy::allow_attributes_without_reason, reason = "generated")]
pub mod v1_server {
    include!("generated/servers.rs");
}

/// `mxgateway.worker.v1`: the protocol between the gateway and a worker.
pub mod worker_v1 {
    include!("generated/worker.rs");
}
