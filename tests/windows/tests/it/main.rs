//! Windows programs under Wine, with a client of this system.

mod com;
mod gateway;
mod programs;
mod table;
