//! Reading the source of an attribute: a generator, or a recording.

use std::sync::Arc;
use std::time::Duration;

use toml::Table;

use crate::keys::Keys;
use crate::reading::Reading;
use crate::replay::Recording;
use crate::source::{Generator, Shape, Source};
use crate::value::DataType;

impl<'a> Reading<'a> {
    pub(super) fn source(
        &mut self,
        subject: &str,
        reference: &str,
        table: &'a Table,
        data_type: DataType,
    ) -> Option<Source> {
        const KINDS: [&str; 10] = [
            "ramp",
            "sine",
            "square",
            "random_walk",
            "counter",
            "text_cycle",
            "clock",
            "storm",
            "scan_state",
            "replay",
        ];
        let keys = Keys::new(subject, table, self.problems);
        let kind = keys.required_choice("kind", &KINDS.map(|kind| (kind, kind)))?;
        let fits = match kind {
            "text_cycle" => matches!(data_type, DataType::String | DataType::Text(_)),
            "clock" => data_type == DataType::Time,
            "storm" => matches!(data_type, DataType::Integer | DataType::Double),
            "scan_state" => data_type == DataType::Boolean,
            "replay" => true,
            _ => !matches!(data_type, DataType::String | DataType::Text(_) | DataType::Time),
        };
        if !fits {
            keys.problem(format_args!("a {kind} cannot feed an attribute of type {}", data_type.name()));
        }
        if kind == "replay" {
            let file = keys.required_text("file");
            let reference = keys.text("reference").unwrap_or(reference).to_owned();
            keys.finish();
            return self.replay(subject, file?, &reference, data_type);
        }
        if kind == "storm" {
            keys.finish();
            return Some(Source::Storm);
        }
        if kind == "scan_state" {
            keys.finish();
            return Some(Source::ScanState);
        }
        let shape = shape(&keys, kind);
        let step = keys.milliseconds("step_ms").unwrap_or(match kind {
            "ramp" | "sine" | "square" => Duration::from_millis(100),
            _ => Duration::from_secs(1),
        });
        keys.finish();
        Some(Source::Generated(Generator { shape: shape?, step }))
    }

    fn replay(&mut self, subject: &str, file: &str, reference: &str, data_type: DataType) -> Option<Source> {
        if !self.recordings.contains_key(file) {
            let recording =
                (self.recording)(file).map_err(|error| vec![error]).and_then(|text| Recording::parse(&text));
            let recording = recording
                .map_err(|problems| {
                    for problem in problems {
                        self.problems.add(&format!("recording {file}"), problem);
                    }
                })
                .ok();
            self.recordings.insert(file.to_owned(), recording);
        }
        let recording = self.recordings.get(file)?.as_ref()?;
        recording
            .take(reference, data_type)
            .map_err(|problem| self.problems.add(subject, problem))
            .ok()
            .map(Source::Replayed)
    }
}

fn shape(keys: &Keys<'_>, kind: &str) -> Option<Shape> {
    if kind == "clock" {
        return Some(Shape::Clock);
    }
    if kind == "text_cycle" {
        let texts: Option<Arc<[Arc<str>]>> = keys.value("texts").and_then(|texts| {
            texts
                .as_array()?
                .iter()
                .map(|text| text.as_str().map(Arc::from))
                .collect::<Option<Vec<_>>>()
                .map(Arc::from)
        });
        let texts = texts.filter(|texts| !texts.is_empty());
        if texts.is_none() {
            keys.problem("texts must be a list of at least one text");
        }
        return Some(Shape::TextCycle { texts: texts? });
    }
    if kind == "counter" {
        let start = keys.number("start").unwrap_or(0.0);
        let increment = keys.number("increment").unwrap_or(1.0);
        let modulus =
            keys.whole("modulus", 1..=i64::from(i32::MAX)).and_then(|modulus| u64::try_from(modulus).ok());
        return Some(Shape::Counter { start, increment, modulus: modulus.unwrap_or(1 << 31) });
    }
    let low = keys.number("low").unwrap_or(0.0);
    let high = keys.number("high").unwrap_or(1.0);
    if low >= high {
        keys.problem(format_args!("low ({low}) must be less than high ({high})"));
    }
    if kind == "random_walk" {
        let seed =
            keys.whole("seed", 0..=i64::MAX).and_then(|seed| u64::try_from(seed).ok()).unwrap_or_default();
        return Some(Shape::RandomWalk { low, high, seed });
    }
    let period = keys.milliseconds("period_ms").unwrap_or(Duration::from_secs(60));
    Some(match kind {
        "ramp" => Shape::Ramp { low, high, period },
        "sine" => Shape::Sine { low, high, period },
        _ => {
            let duty = keys.number("duty").unwrap_or(0.5);
            if !(0.0..=1.0).contains(&duty) {
                keys.problem("duty must be from 0 to 1");
            }
            Shape::Square { low, high, period, duty }
        }
    })
}
