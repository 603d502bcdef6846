//! What a bench found: one row for each thing that was measured.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// A limit that a row is held against.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Bound {
    fn is_met(self, number: f64) -> bool {
        match self {
            Self::AtLeast(least) => number >= least,
            Self::AtMost(most) => number <= most,
        }
    }
}

/// What a [`Bound`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    Value,
    /// Each run by itself: a median would hide the one that failed.
    EveryRun,
    Ratio(&'static str),
}

/// One measured thing. Numbers come run by run; what is shown is the median of the runs, of a ratio the
/// median of the runs' ratios.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    pub(crate) runs: Vec<f64>,
    /// By name, run by run as `runs`.
    pub(crate) baselines: BTreeMap<&'static str, Vec<f64>>,
    pub(crate) targets: Vec<(Of, Bound)>,
}

/// The middle; of an even number of values, the mean of the middle two.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match (sorted.len() % 2, sorted.get(middle)) {
        (0, Some(upper)) => (sorted[middle - 1] + upper) / 2.0,
        (_, Some(value)) => *value,
        (_, None) => f64::NAN,
    }
}

impl Row {
    pub(crate) fn new(name: impl Into<String>, unit: &'static str) -> Self {
        Self { name: name.into(), unit, runs: Vec::new(), baselines: BTreeMap::new(), targets: Vec::new() }
    }

    pub(crate) fn target(mut self, of: Of, bound: Bound) -> Self {
        self.targets.push((of, bound));
        self
    }

    pub(crate) fn baseline(&mut self, name: &'static str, value: f64) {
        self.baselines.entry(name).or_default().push(value);
    }

    pub(crate) fn value(&self) -> f64 {
        median(&self.runs)
    }

    /// The value relative to a baseline.
    pub(crate) fn ratio(&self, baseline: &str) -> Option<f64> {
        let baseline = self.baselines.get(baseline)?;
        let ratios: Vec<f64> = self.runs.iter().zip(baseline).map(|(run, baseline)| run / baseline).collect();
        (!ratios.is_empty()).then(|| median(&ratios))
    }

    /// Whether a target is met; `None` when what it needs was not measured.
    pub(crate) fn is_met(&self, of: Of, bound: Bound) -> Option<bool> {
        match of {
            Of::Value => Some(bound.is_met(self.value())),
            Of::EveryRun => Some(!self.runs.is_empty() && self.runs.iter().all(|run| bound.is_met(*run))),
            Of::Ratio(baseline) => self.ratio(baseline).map(|ratio| bound.is_met(ratio)),
        }
    }

    /// For scripts.
    pub(crate) fn json(&self) -> Value {
        let numbers = |number: &dyn Fn(&str) -> Option<f64>| -> BTreeMap<&str, Option<f64>> {
            self.baselines.keys().map(|name| (*name, number(name))).collect()
        };
        let targets: Vec<Value> = self
            .targets
            .iter()
            .map(|(of, bound)| {
                let of_name = match of {
                    Of::Value => "value",
                    Of::EveryRun => "every_run",
                    Of::Ratio(baseline) => baseline,
                };
                let (kind, limit) = match bound {
                    Bound::AtLeast(least) => ("at_least", least),
                    Bound::AtMost(most) => ("at_most", most),
                };
                json!({ "of": of_name, kind: limit, "met": self.is_met(*of, *bound) })
            })
            .collect();
        json!({
            "name": self.name,
            "value": self.value(),
            "unit": self.unit,
            "baselines": numbers(&|name| self.baselines.get(name).map(|values| median(values))),
            "ratios": numbers(&|name| self.ratio(name)),
            "targets": targets,
            "runs": self.runs.len(),
            "median": self.value(),
            "min": self.runs.iter().copied().reduce(f64::min),
            "max": self.runs.iter().copied().reduce(f64::max),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_the_median_of_the_runs_ratios() {
        let mut row = Row::new("stream/1", "events/s")
            .target(Of::Ratio("nats"), Bound::AtLeast(2.0))
            .target(Of::Ratio("nats"), Bound::AtMost(2.0))
            .target(Of::Ratio("missing"), Bound::AtLeast(1.0))
            .target(Of::Value, Bound::AtLeast(30.0));
        row.runs = vec![10.0, 60.0, 30.0];
        for value in [10.0, 20.0, 10.0] {
            row.baseline("nats", value);
        }
        assert_eq!(row.ratio("nats"), Some(3.0));
        let met: Vec<_> = row.targets.iter().map(|(of, bound)| row.is_met(*of, *bound)).collect();
        assert_eq!(met, [Some(true), Some(false), None, Some(true)]);
        let json = row.json();
        assert_eq!(json["value"], 30.0);
        assert_eq!((&json["min"], &json["max"], &json["runs"]), (&json!(10.0), &json!(60.0), &json!(3)));
        assert_eq!(json["baselines"]["nats"], 10.0);
        assert_eq!(json["targets"][2]["met"], Value::Null);
    }

    #[test]
    fn one_bad_run_is_not_outvoted() {
        let mut row = Row::new("restart/lost", "events")
            .target(Of::Value, Bound::AtMost(0.0))
            .target(Of::EveryRun, Bound::AtMost(0.0));
        assert_eq!(row.is_met(Of::EveryRun, Bound::AtMost(0.0)), Some(false), "nothing was measured");
        row.runs = vec![0.0, 7.0, 0.0];
        let met: Vec<_> = row.targets.iter().map(|(of, bound)| row.is_met(*of, *bound)).collect();
        assert_eq!(met, [Some(true), Some(false)]);
        assert_eq!(row.json()["targets"][1]["of"], "every_run");
    }

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
    }
}
