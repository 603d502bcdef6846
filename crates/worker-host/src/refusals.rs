//! Why no gateway was found, told once for each cause: a worker without a gateway tries about once a second.

use std::collections::BTreeMap;
use std::error::Error;

/// Counts failures by their cause.
#[derive(Debug, Default)]
pub(crate) struct Refusals(BTreeMap<&'static str, u64>);

impl Refusals {
    /// Logs a failure when it is the first of its cause. Causes are constants, so that there are few.
    pub(crate) fn note(&mut self, cause: &'static str, error: &(dyn Error + 'static)) {
        if self.count(cause) {
            tracing::warn!(cause, error, "No gateway yet; this cause is not logged again");
        }
    }

    /// Logs how often what was not logged happened.
    pub(crate) fn sum_up(&self) {
        for (cause, suppressed) in self.suppressed() {
            tracing::info!(cause, suppressed, "Failures to find a gateway that were not logged");
        }
    }

    /// True for the first of a cause.
    fn count(&mut self, cause: &'static str) -> bool {
        let count = self.0.entry(cause).or_default();
        *count += 1;
        *count == 1
    }

    fn suppressed(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.iter().filter(|(_, count)| **count > 1).map(|(cause, count)| (*cause, count - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_once_and_the_rest_is_counted() {
        let mut refusals = Refusals::default();
        let told: Vec<_> = ["a", "b", "a", "a", "c", "b"].map(|cause| refusals.count(cause)).to_vec();
        assert_eq!(told, [true, true, false, false, true, false]);
        assert_eq!(refusals.suppressed().collect::<Vec<_>>(), [("a", 2), ("b", 1)]);
    }
}
