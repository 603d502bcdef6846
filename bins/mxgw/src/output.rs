//! Standard output for data, standard error for notices: for people, for pipes, or as JSON.

use std::io::{self, IsTerminal, Stderr, Stdout, Write};

use anstream::{AutoStream, ColorChoice};
use jiff::tz::TimeZone;
use serde_json::json;

use crate::cli::{Color, Global};
use crate::exit::Failure;
use crate::json;
use crate::render::{Format, Palette};

/// Where a command's data and notices go.
#[derive(Debug)]
pub(crate) struct Output {
    stdout: AutoStream<Stdout>,
    stderr: AutoStream<Stderr>,
    json: bool,
    format: Format,
    /// Lines of data that are kept back for an answer; `None` when they go out.
    captured: Option<Vec<String>>,
    /// The last notice, so that the same trouble is told once.
    noticed: String,
}

impl Output {
    pub(crate) fn new(global: &Global) -> Self {
        let choice = match global.color {
            Color::Auto => AutoStream::choice(&io::stdout()),
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        let stderr_choice = match global.color {
            Color::Auto => AutoStream::choice(&io::stderr()),
            Color::Always | Color::Never => choice,
        };
        let palette = if choice == ColorChoice::Never { Palette::PLAIN } else { Palette::COLOURED };
        let format = Format { terminal: io::stdout().is_terminal(), palette, zone: TimeZone::system() };
        Self {
            stdout: AutoStream::new(io::stdout(), choice),
            stderr: AutoStream::new(io::stderr(), stderr_choice),
            json: global.json,
            format,
            captured: None,
            noticed: String::new(),
        }
    }

    /// True when data goes out as JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// How text is laid out.
    pub(crate) fn format(&self) -> &Format {
        &self.format
    }

    /// From now on data is JSON and kept back, see [`Output::captured`].
    pub(crate) fn capture(&mut self) {
        self.json = true;
        self.captured = Some(Vec::new());
    }

    /// The lines that were kept back since.
    pub(crate) fn captured(&mut self) -> Vec<String> {
        self.captured.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Writes one line of data, at once, or keeps it back.
    pub(crate) fn line(&mut self, line: String) -> Result<(), Failure> {
        match &mut self.captured {
            None => self.answer(line),
            Some(lines) => {
                lines.push(line);
                Ok(())
            }
        }
    }

    /// Writes one line of data, at once, whether lines are kept back or not.
    pub(crate) fn answer(&mut self, mut line: String) -> Result<(), Failure> {
        line.push('\n');
        self.stdout.write_all(line.as_bytes())?;
        self.stdout.flush()?;
        self.noticed.clear();
        Ok(())
    }

    /// Tells something beside the data, once. Not being able to is no failure of the command.
    pub(crate) fn notice(&mut self, text: &str) {
        if self.noticed != text {
            let _ = writeln!(self.stderr, "{}", self.format.palette.dim(text));
            text.clone_into(&mut self.noticed);
        }
    }

    /// Tells why the command failed.
    pub(crate) fn failure(&mut self, failure: &Failure) {
        let _ = if self.json {
            let extras =
                [("message", json!(failure.to_string())), ("exitCode", json!(failure.exit().code()))];
            writeln!(self.stderr, "{}", json::object("error", &extras))
        } else {
            writeln!(self.stderr, "{} {failure}", self.format.palette.bad("error:"))
        };
    }
}
