//! `mxgateway config`.

use std::io::{self, Write};

use mxgateway_server::config::{Config, ConfigError, Loaded, Setting, Sources, markdown, sample};

use crate::arguments::{ConfigArguments, ConfigCommand};

pub(crate) fn run(arguments: &ConfigArguments) -> anyhow::Result<()> {
    let text = match &arguments.command {
        ConfigCommand::Check { sources } => {
            load(&sources.sources())?;
            "the configuration is good\n".to_owned()
        }
        ConfigCommand::Show { sources, json } => {
            let loaded = Config::load(&sources.sources())?;
            if *json { as_json(&loaded.settings) } else { as_table(&loaded.settings) }
        }
        ConfigCommand::Docs { sample: true } => sample(),
        ConfigCommand::Docs { sample: false } => markdown(),
    };
    io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

/// Loads and also looks whether the files that are named exist.
pub(crate) fn load(sources: &Sources) -> Result<Loaded, ConfigError> {
    let loaded = Config::load(sources)?;
    let missing = loaded.missing_files();
    if missing.is_empty() { Ok(loaded) } else { Err(ConfigError::Invalid(missing)) }
}

fn as_json(settings: &[Setting]) -> String {
    let keys: serde_json::Map<String, serde_json::Value> = settings
        .iter()
        .map(|setting| {
            let value = serde_json::json!({ "value": setting.value, "source": setting.source });
            (setting.key.to_owned(), value)
        })
        .collect();
    format!("{:#}\n", serde_json::Value::Object(keys))
}

fn as_table(settings: &[Setting]) -> String {
    let width = |text: fn(&Setting) -> usize| settings.iter().map(text).max().unwrap_or(0);
    let keys = width(|setting| setting.key.len());
    let values = width(|setting| setting.value.chars().count());
    settings
        .iter()
        .map(|setting| format!("{:keys$}  {:values$}  {}\n", setting.key, setting.value, setting.source))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Vec<Setting> {
        vec![
            Setting { key: "a.b", value: "1".to_owned(), source: "default".to_owned() },
            Setting { key: "a.longer", value: "\"x\"".to_owned(), source: "f.toml:3".to_owned() },
        ]
    }

    #[test]
    fn columns_are_aligned() {
        assert_eq!(as_table(&settings()), "a.b       1    default\na.longer  \"x\"  f.toml:3\n");
    }

    #[test]
    fn json_has_value_and_source() {
        let json: serde_json::Value = serde_json::from_str(&as_json(&settings())).unwrap();
        assert_eq!(json["a.longer"]["value"], "\"x\"");
        assert_eq!(json["a.b"]["source"], "default");
    }
}
