//! Tests of the Windows programs from outside; `cargo xtask windows test` runs them, and says where the programs are.

#![forbid(unsafe_code)]
