//! The sharing of a session between publisher, subscribers and whoever ends it, in every order of threads.
//!
//! What is tested is the product's own source, `shared.rs` and `subscription.rs` of `crates/session`: it is
//! compiled here once more, with loom's mutex and with stand-ins for the few things that it takes from tokio,
//! parking_lot and tracing (`stand_in.rs`). The stand-in for `tokio::sync::Notify` does what its
//! documentation promises of `notified`, `enable` and `notify_waiters`; that tokio's own keeps that is what
//! tokio's loom tests check. A reader that misses a wake-up sleeps for ever, which loom reports as a deadlock.

mod cases;
mod id;
mod stand_in;

#[expect(unreachable_pub, dead_code, reason = "the product's file, of which the cases need a part")]
#[path = "../../../../crates/session/src/shared.rs"]
mod shared;
#[expect(unreachable_pub, dead_code, reason = "the product's file, of which the cases need a part")]
#[path = "../../../../crates/session/src/subscription.rs"]
mod subscription;

// The product's `use tokio::sync::Notify` and the like find the stand-ins under these names.
extern crate self as parking_lot;
extern crate self as tokio;
extern crate self as tokio_util;
extern crate self as tracing;

pub(crate) use stand_in::{
    Mutex, MutexGuard, nothing as debug, nothing as error, nothing as warn, pin_here as pin, sync, time,
};
