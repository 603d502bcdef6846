//! Chance that can be repeated.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

/// Set it to repeat what a test that failed has done.
const SEED: &str = "MXGW_TEST_SEED";

/// Random numbers from a seed (splitmix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// From the seed in `MXGW_TEST_SEED`, else from a new one; prints it.
    #[expect(clippy::print_stderr, reason = "a test's output is shown when it fails")]
    pub fn from_environment() -> Self {
        let seed = match std::env::var(SEED) {
            Ok(text) => text.parse().unwrap_or_else(|_| panic!("{SEED} is not a number: {text}")),
            Err(_) => RandomState::new().hash_one(0),
        };
        eprintln!("{SEED}={seed}");
        Self(seed)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`, which is not 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.number() % limit
    }
}
