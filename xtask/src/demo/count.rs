//! Whether live values really arrived, from the lines of `mxgw watch`.

use std::collections::BTreeMap;

use anyhow::bail;

use super::line;

/// What was seen so far.
pub(super) struct Count {
    seen: BTreeMap<String, Seen>,
}

#[derive(Default)]
struct Seen {
    events: usize,
    last_good: Option<String>,
    changed: bool,
}

impl Count {
    pub(super) fn new(tags: &[String]) -> Self {
        Self { seen: tags.iter().map(|tag| (tag.clone(), Seen::default())).collect() }
    }

    /// Takes in a line; one without a watched tag is not an event.
    pub(super) fn add(&mut self, line: &str) {
        let Some(event) = line::event(line) else { return };
        for (tag, seen) in &mut self.seen {
            if !tag.eq_ignore_ascii_case(&event.tag) {
                continue;
            }
            seen.events += 1;
            // A value that is not good may be anything; that it becomes good is no change.
            if event.is_good {
                seen.changed |= seen.last_good.as_ref().is_some_and(|last| *last != event.value);
                seen.last_good = Some(event.value.clone());
            }
        }
    }

    pub(super) fn summary(&self) -> String {
        let events: usize = self.seen.values().map(|seen| seen.events).sum();
        let changed = self.seen.values().filter(|seen| seen.changed).count();
        format!("{events} events of {} tags, {changed} with changing values", self.seen.len())
    }

    /// Fails unless every tag had a value and one of the host's sensors changed.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let silent: Vec<&str> =
            self.seen.iter().filter(|(_, seen)| seen.events == 0).map(|(tag, _)| tag.as_str()).collect();
        if !silent.is_empty() {
            bail!("no value arrived of {}", silent.join(", "));
        }
        let host = |tag: &str| tag.to_ascii_lowercase().starts_with("host.");
        if !self.seen.iter().any(|(tag, seen)| host(tag) && seen.changed) {
            bail!("no sensor of this machine (Host.*) changed its value");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(lines: &[&str]) -> Count {
        let mut count = Count::new(&["Host.Cpu.Load".to_owned(), "Tank_001.Level".to_owned()]);
        for line in lines {
            count.add(line);
        }
        count
    }

    #[test]
    fn a_changing_sensor_is_enough() {
        let count = count(&[
            "12:00:01.000\tHost.Cpu.Load\tgood\t3.5",
            "12:00:01.000\tTank_001.Level\tgood\t1",
            "12:00:02.000\tHost.Cpu.Load\tgood\t3.6",
            "something else",
        ]);
        count.check().unwrap();
        assert_eq!(count.summary(), "3 events of 2 tags, 1 with changing values");
    }

    #[test]
    fn the_same_value_again_is_no_change() {
        let count = count(&[
            "12:00:00.000\tHost.Cpu.Load\tbad 32\t1.5",
            "12:00:01.000\tHost.Cpu.Load\tgood\t3.5",
            "12:00:02.000\tHost.Cpu.Load\tgood\t3.5",
            "12:00:01.000\tTank_001.Level\tgood\t1",
            "12:00:02.000\tTank_001.Level\tgood\t2",
        ]);
        assert!(count.check().unwrap_err().to_string().contains("no sensor"));
    }

    #[test]
    fn a_silent_tag_is_named() {
        let count =
            count(&["12:00:01.000\tHost.Cpu.Load\tgood\t3.5", "12:00:02.000\tHost.Cpu.Load\tgood\t3.6"]);
        assert!(count.check().unwrap_err().to_string().contains("Tank_001.Level"));
    }
}
