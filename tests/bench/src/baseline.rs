//! What the gateway is measured next to.

pub(crate) mod hop;
pub(crate) mod nats;
pub(crate) mod ring;
pub(crate) mod tonic;
