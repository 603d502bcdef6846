//! The backend that talks to MXAccess through COM.

#![cfg(windows)]
