//! The one place for Win32 calls: what Windows offers, behind types that cannot be misused.
//!
//! `security` says who may reach a pipe, folder or file, `process` tells a process from every other one and waits
//! for its end, `job` ends processes with their owner, `pipe` makes named pipes and knows who is at their other end,
//! `folders` are places, `inheritance` keeps handles from child processes, `service` is the service manager's side of a program, and `event_log` tells administrators. Errors are those of
//! the operating system.

#![cfg(windows)]

pub mod event_log;
pub mod folders;
pub mod inheritance;
pub mod job;
pub mod pipe;
pub mod process;
pub mod security;
pub mod service;

mod wide;
