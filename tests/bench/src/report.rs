//! Rows for people: a table on the terminal, and the document.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context;

use crate::options::Options;
use crate::row::{Bound, Of, Row, median};

/// A number as people read it: 1234567 is 1 234 567.
fn number(value: f64) -> String {
    let (whole, fraction) = if value.abs() < 100.0 {
        (value.trunc(), format!("{value:.2}"))
    } else {
        (value.round(), String::new())
    };
    if !fraction.is_empty() {
        return fraction;
    }
    let digits = format!("{whole:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

fn baselines(row: &Row) -> String {
    let texts = row.baselines.iter().map(|(name, values)| {
        let ratio = row.ratio(name).map_or_else(|| "?".to_owned(), |ratio| format!("{ratio:.2}"));
        format!("{ratio} x {name} ({})", number(median(values)))
    });
    texts.collect::<Vec<_>>().join(", ")
}

fn targets(row: &Row) -> String {
    let texts = row.targets.iter().map(|(of, bound)| {
        let limit = match bound {
            Bound::AtLeast(least) => format!(">= {}", number(*least)),
            Bound::AtMost(most) => format!("<= {}", number(*most)),
        };
        let of = match of {
            Of::Value => row.unit.to_owned(),
            Of::EveryRun => format!("{} in every run", row.unit),
            Of::Ratio(baseline) => format!("x {baseline}"),
        };
        (limit, of)
    });
    let texts = texts.zip(&row.targets).map(|((limit, of_text), (of, bound))| {
        let met = match row.is_met(*of, *bound) {
            Some(true) => "met",
            Some(false) => "NOT met",
            None => "not measured",
        };
        format!("{limit} {of_text}: {met}")
    });
    texts.collect::<Vec<_>>().join("; ")
}

fn spread(row: &Row) -> String {
    let least = row.runs.iter().copied().fold(f64::INFINITY, f64::min);
    let most = row.runs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!("{} to {}", number(least), number(most))
}

/// One line for each row.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut text = String::new();
    for row in rows {
        let spread = spread(row);
        text.push_str(&format!("{:<30} {:>12} {:<9} ({spread})\n", row.name, number(row.value()), row.unit));
        for line in [baselines(row), targets(row)].into_iter().filter(|line| !line.is_empty()) {
            text.push_str(&format!("{:30} {line}\n", ""));
        }
    }
    text
}

/// Writes the document.
pub(crate) fn write(path: &Path, rows: &[Row], options: &Options) -> anyhow::Result<()> {
    let mut text = String::from(include_str!("../performance.head.md"));
    text.push_str(&format!(
        "\n## Machine\n\n- {}\n- Linux {}\n- {}\n- {}, release profile of this workspace\n- {}\n\n",
        processor(),
        line("/proc/sys/kernel/osrelease"),
        version("nats-server", "/usr/sbin"),
        version("rustc", ""),
        jiff::Timestamp::now().strftime("measured on %Y-%m-%d"),
    ));
    text.push_str(&format!(
        "{} runs; {} deliveries in each measurement of throughput; sources at most {} events ahead of the \
         slowest reader.\n\n## Results\n\n| What | Median | Range | Beside it | Target |\n|---|---|---|---|---|\n",
        options.runs, options.events, options.window
    ));
    for row in rows {
        text.push_str(&format!(
            "| `{}` | {} {} | {} | {} | {} |\n",
            row.name,
            number(row.value()),
            row.unit,
            spread(row),
            baselines(row),
            targets(row)
        ));
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "{}, {cores} cores shared by everything that is measured",
        model.trim_start_matches([' ', '\t', ':'])
    )
}

fn line(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|_| "unknown".to_owned()).trim().to_owned()
}

fn version(program: &str, folder: &str) -> String {
    let in_folder = Path::new(folder).join(program);
    let outputs = [Path::new(program), &in_folder].map(|path| Command::new(path).arg("--version").output());
    let output = outputs.into_iter().flatten().next();
    output.map_or_else(
        || format!("{program} is missing"),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_for_people() {
        let cases = [
            (0.8, "0.80"),
            (99.999, "100.00"),
            (100.4, "100"),
            (1234.0, "1 234"),
            (1_234_567.0, "1 234 567"),
        ];
        for (value, expected) in cases {
            assert_eq!(number(value), expected);
        }
    }

    #[test]
    fn a_row_says_what_is_met_and_what_was_not_measured() {
        let mut row = Row::new("stream/1", "events/s")
            .target(Of::Ratio("nats"), Bound::AtLeast(1.5))
            .target(Of::Ratio("lab_ring"), Bound::AtLeast(0.8));
        row.runs = vec![300.0];
        row.baseline("lab_ring", 600.0);
        assert_eq!(targets(&row), ">= 1.50 x nats: not measured; >= 0.80 x lab_ring: NOT met");
        assert_eq!(baselines(&row), "0.50 x lab_ring (600)");
    }
}
