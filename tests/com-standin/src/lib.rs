//! A stand-in for MXAccess's COM server: its class, interfaces and events over a small scripted galaxy.

#![cfg(windows)]
