//! Recordings: a CSV file of time offset, reference, value and quality, to be played in a loop.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::value::{DataType, Scalar};

/// Quality of a sample that states none: good, in the style of OPC DA.
const QUALITY_GOOD: i32 = 192;
/// Lines a recording may have.
const MAX_SAMPLES: usize = 1_000_000;
/// Longest offset: a year, in seconds.
const MAX_OFFSET_SECONDS: f64 = 31_536_000.0;

/// The recording of one attribute; never empty.
#[derive(Clone, Debug, PartialEq)]
pub struct Replay {
    /// By rising offset.
    pub samples: Vec<Sample>,
    /// After this it starts again; longer than the last offset.
    pub length: Duration,
}

/// What a recording says for a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// From the start of the recording.
    pub offset: Duration,
    /// The value.
    pub value: Scalar,
    /// Its quality word, in the style of OPC DA.
    pub quality: i32,
}

/// A file's lines by lower-case reference, with the values still as text.
#[derive(Debug, Default)]
pub struct Recording {
    by_reference: BTreeMap<String, Vec<Line>>,
    length: Duration,
}

#[derive(Debug)]
struct Line {
    number: u64,
    offset: Duration,
    value: String,
    quality: i32,
}

impl Recording {
    /// Reads a file's text. The columns are `offset_seconds`, `reference`, `value` and, if wanted,
    /// `quality` (192 when absent), in this order below a line of headings. Gives all problems at once,
    /// each with its line.
    pub fn parse(text: &str) -> Result<Self, Vec<String>> {
        let mut recording = Self::default();
        let mut problems = Vec::new();
        let mut reader =
            csv::ReaderBuilder::new().trim(csv::Trim::Headers).flexible(true).from_reader(text.as_bytes());
        match reader.headers() {
            Ok(headers) => {
                let headers: Vec<_> = headers.iter().collect();
                if !matches!(
                    headers[..],
                    ["offset_seconds", "reference", "value"]
                        | ["offset_seconds", "reference", "value", "quality"]
                ) {
                    problems.push(
                        "line 1: the headings must be offset_seconds,reference,value and optionally quality"
                            .to_owned(),
                    );
                    return Err(problems);
                }
            }
            Err(error) => return Err(vec![error.to_string()]),
        }
        let mut previous = Duration::ZERO;
        for (count, record) in reader.records().enumerate() {
            let record = match record {
                Ok(record) => record,
                Err(error) => {
                    problems.push(error.to_string());
                    continue;
                }
            };
            let number = record.position().map_or(0, csv::Position::line);
            if count >= MAX_SAMPLES {
                problems.push(format!("line {number}: more than {MAX_SAMPLES} lines"));
                break;
            }
            match parse_line(&record, previous) {
                Ok((offset, value, quality)) => {
                    previous = offset;
                    let reference = record.get(1).unwrap_or_default().trim().to_ascii_lowercase();
                    let line = Line { number, offset, value, quality };
                    recording.by_reference.entry(reference).or_default().push(line);
                }
                Err(problem) => problems.push(format!("line {number}: {problem}")),
            }
        }
        recording.length = previous + Duration::from_secs(1);
        if problems.is_empty() { Ok(recording) } else { Err(problems) }
    }

    /// The samples of one reference, as values of a type.
    pub fn take(&self, reference: &str, data_type: DataType) -> Result<Arc<Replay>, String> {
        let lines = self
            .by_reference
            .get(&reference.to_ascii_lowercase())
            .ok_or_else(|| format!("the recording has no line for {reference}"))?;
        let samples = lines
            .iter()
            .map(|line| {
                data_type
                    .parse(&line.value)
                    .map(|value| Sample { offset: line.offset, value, quality: line.quality })
                    .map_err(|_| format!("line {}: the value is no {}", line.number, data_type.name()))
            })
            .collect::<Result<_, _>>()?;
        Ok(Arc::new(Replay { samples, length: self.length }))
    }
}

fn parse_line(record: &csv::StringRecord, previous: Duration) -> Result<(Duration, String, i32), String> {
    let (Some(offset), Some(value)) = (record.get(0), record.get(2)) else {
        return Err("it needs an offset, a reference and a value".to_owned());
    };
    let offset = offset
        .trim()
        .parse::<f64>()
        .ok()
        .filter(|seconds| (0.0..=MAX_OFFSET_SECONDS).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or("the offset must be a number of seconds from 0 to a year")?;
    if offset < previous {
        return Err("the offset is smaller than the one before it".to_owned());
    }
    let quality = match record.get(3).map(str::trim) {
        None | Some("") => QUALITY_GOOD,
        Some(text) => text
            .parse()
            .ok()
            .filter(|quality| (0..=0xFFFF).contains(quality))
            .ok_or("the quality must be a number from 0 to 65535")?,
    };
    Ok((offset, value.to_owned(), quality))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "offset_seconds,reference,value,quality\n\
        0.5,Mill.Speed,10,\n1,Mill.Torque,0.5,192\n2,MILL.speed,20,64\n";

    #[test]
    fn every_bad_line_is_named() {
        let problems = Recording::parse(
            "offset_seconds,reference,value,quality\n-1,A.B,1\n5,A.B,1\n4,A.B,1\n6,A.B\n7,A.B,1,good\n",
        )
        .unwrap_err();
        let lines: Vec<_> = problems.iter().map(|problem| problem.split(':').next().unwrap()).collect();
        assert_eq!(lines, ["line 2", "line 4", "line 5", "line 6"], "{problems:?}");
        assert!(Recording::parse("time,tag,value\n").unwrap_err()[0].contains("headings"));
        let recording = Recording::parse(FILE).unwrap();
        assert!(recording.take("Mill.Nothing", DataType::Integer).unwrap_err().contains("no line for"));
        assert!(recording.take("Mill.Torque", DataType::Boolean).unwrap_err().starts_with("line 3"));
    }
}
