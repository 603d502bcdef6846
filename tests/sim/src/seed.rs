//! Which seeds are run, and how one is run again.

use std::env;
use std::hash::{BuildHasher, RandomState};

/// Names the one seed to run.
pub const SEED: &str = "MXGW_SIM_SEED";
/// Says how many seeds to run.
pub const COUNT: &str = "MXGW_SIM_COUNT";

/// The seeds of this run of the tests: the one that [`SEED`] names, or `count` (or as many as [`COUNT`] says),
/// half of them always the same and half of them new.
pub fn seeds(count: u64) -> Vec<u64> {
    if let Some(seed) = number(SEED) {
        return vec![seed];
    }
    let count = number(COUNT).unwrap_or(count);
    let fresh = RandomState::new().hash_one(count);
    (0..count / 2).chain((0..count - count / 2).map(|offset| fresh.wrapping_add(offset))).collect()
}

/// The command that runs a seed again.
pub fn command(seed: u64) -> String {
    format!("{SEED}={seed} cargo test -p mxgateway-sim --test simulation")
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{variable}={text}: {error}")))
}
