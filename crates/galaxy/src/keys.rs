//! Reading a TOML table key by key, so that every problem is found in one go.

use std::cell::RefCell;
use std::ops::RangeInclusive;
use std::time::Duration;

use toml::{Table, Value};

/// Everything found wrong so far.
#[derive(Debug, Default)]
pub(super) struct Problems(RefCell<Vec<String>>);

impl Problems {
    pub(super) fn add(&self, subject: &str, problem: impl std::fmt::Display) {
        self.0.borrow_mut().push(format!("{subject}: {problem}"));
    }

    pub(super) fn into_vec(self) -> Vec<String> {
        self.0.into_inner()
    }
}

/// One table with the name of what it describes.
pub(super) struct Keys<'a> {
    subject: String,
    table: &'a Table,
    problems: &'a Problems,
    known: RefCell<Vec<&'static str>>,
}

impl<'a> Keys<'a> {
    pub(super) fn new(subject: impl Into<String>, table: &'a Table, problems: &'a Problems) -> Self {
        Self { subject: subject.into(), table, problems, known: RefCell::default() }
    }

    pub(super) fn subject(&self) -> &str {
        &self.subject
    }

    pub(super) fn problem(&self, problem: impl std::fmt::Display) {
        self.problems.add(&self.subject, problem);
    }

    pub(super) fn value(&self, key: &'static str) -> Option<&'a Value> {
        let mut known = self.known.borrow_mut();
        if !known.contains(&key) {
            known.push(key);
        }
        self.table.get(key)
    }

    fn typed<T>(&self, key: &'static str, what: &str, read: impl Fn(&'a Value) -> Option<T>) -> Option<T> {
        let value = self.value(key)?;
        let typed = read(value);
        if typed.is_none() {
            self.problem(format_args!("{key} must be {what}"));
        }
        typed
    }

    fn required<T>(&self, key: &'static str, value: Option<T>) -> Option<T> {
        if !self.table.contains_key(key) {
            self.problem(format_args!("{key} is missing"));
        }
        value
    }

    pub(super) fn text(&self, key: &'static str) -> Option<&'a str> {
        self.typed(key, "text", Value::as_str)
    }

    pub(super) fn required_text(&self, key: &'static str) -> Option<&'a str> {
        let value = self.text(key);
        self.required(key, value)
    }

    /// One of several names.
    pub(super) fn choice<T: Copy>(&self, key: &'static str, choices: &[(&'static str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let found = choices.iter().find(|(name, _)| *name == text).map(|(_, choice)| *choice);
        if found.is_none() {
            let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
            self.problem(format_args!("{key} is \"{text}\" but must be one of {}", names.join(", ")));
        }
        found
    }

    pub(super) fn required_choice<T: Copy>(
        &self,
        key: &'static str,
        choices: &[(&'static str, T)],
    ) -> Option<T> {
        let value = self.choice(key, choices);
        self.required(key, value)
    }

    pub(super) fn whole(&self, key: &'static str, range: RangeInclusive<i64>) -> Option<i64> {
        let what = format!("a whole number from {} to {}", range.start(), range.end());
        self.typed(key, &what, |value| value.as_integer().filter(|number| range.contains(number)))
    }

    pub(super) fn number(&self, key: &'static str) -> Option<f64> {
        self.typed(key, "a finite number", |value| number(value).filter(|number| number.is_finite()))
    }

    pub(super) fn flag(&self, key: &'static str) -> Option<bool> {
        self.typed(key, "true or false", Value::as_bool)
    }

    /// Milliseconds, at least one and at most a year.
    pub(super) fn milliseconds(&self, key: &'static str) -> Option<Duration> {
        let number = self.whole(key, 1..=31_536_000_000)?;
        u64::try_from(number).ok().map(Duration::from_millis)
    }

    pub(super) fn table(&self, key: &'static str) -> Option<&'a Table> {
        self.typed(key, "a table", Value::as_table)
    }

    /// The tables of `[[key]]`; none when absent.
    pub(super) fn tables(&self, key: &'static str) -> Vec<&'a Table> {
        self.typed(key, "a list of tables", |value| value.as_array()?.iter().map(Value::as_table).collect())
            .unwrap_or_default()
    }

    /// Reports the keys that nobody asked for.
    pub(super) fn finish(self) {
        let known = self.known.borrow();
        for key in self.table.keys().filter(|key| !known.contains(&key.as_str())) {
            self.problem(format_args!("unknown key {key} (known: {})", known.join(", ")));
        }
    }
}

pub(super) fn number(value: &Value) -> Option<f64> {
    value
        .as_float()
        .or_else(|| value.as_integer().and_then(|number| i32::try_from(number).ok()).map(f64::from))
}
