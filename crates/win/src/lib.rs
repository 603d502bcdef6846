//! The one place for Win32 calls.

#![cfg(windows)]
