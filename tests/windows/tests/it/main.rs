//! Windows programs under Wine, with a client of this system.

#![expect(clippy::print_stderr, reason = "a test that fails shows what the Windows programs logged")]

mod com;
mod gateway;
mod killed;
mod prefix;
mod programs;
mod service;
mod table;
