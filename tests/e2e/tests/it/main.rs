//! End-to-end tests: the real gateway, real workers, the real command line client.

#![expect(clippy::unwrap_used, clippy::large_futures, reason = "a test fails by panicking, and runs once")]

mod auth;
mod bad_input;
mod browse;
mod cli;
mod configuration;
mod crashes;
mod dashboard;
mod impostors;
mod kills;
mod late_replies;
mod leases;
mod limits;
mod main_job;
mod many_sessions;
mod promises;
mod readoption;
mod request_ids;
mod resume;
mod services;
mod shutdown;
mod slow_readers;
mod subscribers;
mod supervision;
mod values;
mod watch;
