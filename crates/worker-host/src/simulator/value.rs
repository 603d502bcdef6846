//! Values as attributes hold them, and their way from and to the wire.

mod wire;

pub(crate) use mxgateway_galaxy::value::{Data, DataType, Scalar};
pub(crate) use wire::{empty, from_wire, to_wire, write_time};
