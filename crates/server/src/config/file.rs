//! `mxgateway.toml`: its settings with the line of each.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use figment::value::{Dict, Value as Raw};
use toml::de::DeTable;

use super::keys::keys;
use super::problem::{ConfigError, Problem};

/// More than any real configuration has; keeps a wrong path from filling the memory.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// One `section.name = value`, with its file and line.
#[derive(Debug)]
pub(super) struct FileSetting {
    pub(super) path: String,
    pub(super) raw: Raw,
    pub(super) source: String,
}

/// The settings of a file; what stands outside sections goes to `problems`.
pub(super) fn read(path: &Path, problems: &mut Vec<Problem>) -> Result<Vec<FileSetting>, ConfigError> {
    let text = read_text(path).map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    parse(path, &text, problems)
}

fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it has more than 1 MiB"));
    }
    Ok(text)
}

pub(super) fn parse(
    path: &Path,
    text: &str,
    problems: &mut Vec<Problem>,
) -> Result<Vec<FileSetting>, ConfigError> {
    let syntax = |error: toml::de::Error| {
        let (line, column) = line_and_column(text, error.span().map_or(0, |span| span.start));
        ConfigError::Syntax { path: path.to_owned(), line, column, message: error.message().to_owned() }
    };
    let spans = DeTable::parse(text).map_err(syntax)?;
    let table: toml::Table = toml::from_str(text).map_err(syntax)?;

    let mut settings = Vec::new();
    for (section_name, spanned) in spans.get_ref() {
        let name = section_name.get_ref();
        let section_source = source(path, text, section_name.span().start);
        let Some(section) = spanned.get_ref().as_table() else {
            problems.push(Problem {
                key: name.to_string(),
                source: section_source,
                what: "stands outside a section".to_owned(),
                allowed: "write it below a line like [server]".to_owned(),
            });
            continue;
        };
        for key in section.keys() {
            let value = table.get(name.as_ref()).and_then(|section| section.get(key.get_ref().as_ref()));
            settings.push(FileSetting {
                path: format!("{name}.{}", key.get_ref()),
                raw: value.map_or(Raw::from(""), raw),
                source: source(path, text, key.span().start),
            });
        }
        if section.is_empty() && !keys().any(|key| key.section() == name) {
            settings.push(FileSetting { path: name.to_string(), raw: Raw::from(""), source: section_source });
        }
    }
    Ok(settings)
}

fn raw(value: &toml::Value) -> Raw {
    match value {
        toml::Value::String(text) => Raw::from(text.as_str()),
        toml::Value::Integer(number) => Raw::from(*number),
        toml::Value::Float(number) => Raw::from(*number),
        toml::Value::Boolean(flag) => Raw::from(*flag),
        toml::Value::Array(values) => Raw::from(values.iter().map(raw).collect::<Vec<_>>()),
        toml::Value::Table(table) => {
            Raw::from(table.iter().map(|(name, value)| (name.clone(), raw(value))).collect::<Dict>())
        }
        // No key takes one; that it is not a single value is all that matters.
        toml::Value::Datetime(_) => Raw::from(Vec::<Raw>::new()),
    }
}

fn source(path: &Path, text: &str, offset: usize) -> String {
    format!("{}:{}", path.display(), line_and_column(text, offset).0)
}

fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}
