//! Who gets in, how, and for how long.

mod client;
mod forms;
mod localhost;
mod lockout;
mod sign_in;
mod slapd;
mod tokens;
mod visits;
