//! Windows programs under Wine, with a client of this system.

mod com;
mod gateway;
mod killed;
mod prefix;
mod programs;
mod service;
mod table;
