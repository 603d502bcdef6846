//! Values as attributes hold them, and their way from and to the wire.

mod wire;

pub(crate) use mxgateway_galaxy::value::{Data, DataType, Scalar};
pub(crate) use wire::{empty, from_wire, integers, list, times, to_wire, wire_type_of, write_time};
