//! From the sources to the checked configuration: layers, unknown keys, every problem at once.

use std::collections::BTreeMap;
use std::path::PathBuf;

use figment::value::{Dict, Map, Value as Raw};
use figment::{Figment, Metadata, Profile, Provider};

use super::build;
use super::environment::{ENVIRONMENT_PREFIX, Surroundings};
use super::file;
use super::keys::{Key, keys};
use super::kind::Value;
use super::problem::{ConfigError, Problem};
use super::rules;
use super::typed::{Config, TlsMode};

/// The file that is read when none is named, if it is there.
pub const DEFAULT_FILE: &str = "mxgateway.toml";

/// One setting from the command line.
#[derive(Clone, Debug)]
pub struct Override {
    /// `section.name`.
    pub key: String,
    /// As given.
    pub value: String,
    /// The option it was given with, for error texts.
    pub option: String,
}

/// Which file is read.
#[derive(Clone, Debug, Default)]
pub enum FileChoice {
    /// [`DEFAULT_FILE`] in the working directory, when it exists; else, on Windows, the service's.
    #[default]
    WhenPresent,
    /// This one; it must exist.
    Named(PathBuf),
    /// None.
    None,
}

/// Where settings come from; later ones win: file, environment, command line.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Which file.
    pub file: FileChoice,
    /// The process.
    pub surroundings: Surroundings,
    /// The command line, in its order.
    pub overrides: Vec<Override>,
}

/// A configuration and how it came to be.
#[derive(Debug)]
pub struct Loaded {
    /// What the gateway takes.
    pub config: Config,
    /// Every key, in the order of the table.
    pub settings: Vec<Setting>,
}

/// The effective value of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// `section.name`.
    pub key: &'static str,
    /// Seconds and bytes as plain numbers.
    pub value: String,
    /// Where it comes from.
    pub source: String,
}

impl Config {
    /// Reads all sources and checks everything.
    ///
    /// # Errors
    /// An unreadable or malformed file; else all problems with the keys together.
    pub fn load(sources: &Sources) -> Result<Loaded, ConfigError> {
        let mut problems = Vec::new();
        let mut given = Vec::new();
        let present = sources.surroundings.default_files().into_iter().find(|path| path.exists());
        let path = match &sources.file {
            FileChoice::Named(path) => Some(path.as_path()),
            FileChoice::WhenPresent => present.as_deref(),
            FileChoice::None => None,
        };
        if let Some(path) = path {
            given.extend(file::read(path, &mut problems)?);
        }
        let mut figment = Figment::new();
        for key in keys() {
            let raw = Raw::from(key.preset.text(&sources.surroundings));
            figment = figment.merge(Layer::new(key.path, raw, "default"));
        }
        let from_file = given.into_iter().map(|setting| (setting.path, setting.raw, setting.source));
        let from_environment = variables(&sources.surroundings, &mut problems).into_iter();
        let from_command_line = sources
            .overrides
            .iter()
            .map(|setting| (setting.key.clone(), Raw::from(setting.value.as_str()), setting.option.clone()));
        for (path, raw, source) in from_file.chain(from_environment).chain(from_command_line) {
            if Key::find(&path).is_some() {
                figment = figment.merge(Layer::new(&path, raw, &source));
            } else {
                problems.push(unknown(path, source));
            }
        }
        let values = check(&figment, &mut problems);
        rules::check(&values, &mut problems);
        if !problems.is_empty() {
            return Err(ConfigError::Invalid(problems));
        }
        let settings = keys()
            .filter_map(|key| values.get(key.path).map(|checked| (key.path, checked)))
            .map(|(key, checked)| Setting {
                key,
                value: checked.value.text(),
                source: checked.source.clone(),
            })
            .collect();
        let config = build::config(&values).map_err(|problem| ConfigError::Invalid(vec![problem]))?;
        Ok(Loaded { config, settings })
    }

    /// The defaults with some keys set; see [`Loaded::from_settings`].
    ///
    /// # Errors
    /// All problems with the keys together.
    pub fn from_settings(settings: &[(&str, &str)]) -> Result<Self, ConfigError> {
        Loaded::from_settings(settings).map(|loaded| loaded.config)
    }
}

impl Loaded {
    /// The defaults with some keys set, for embedding and tests; reads no file and no variables.
    ///
    /// # Errors
    /// All problems with the keys together.
    pub fn from_settings(settings: &[(&str, &str)]) -> Result<Self, ConfigError> {
        let surroundings = Surroundings { variables: Vec::new(), ..Surroundings::of_process() };
        let overrides = settings
            .iter()
            .map(|(key, value)| Override {
                key: (*key).to_owned(),
                value: (*value).to_owned(),
                option: "the program".to_owned(),
            })
            .collect();
        Config::load(&Sources { file: FileChoice::None, surroundings, overrides })
    }

    /// A problem for each file that the configuration names and that is not there.
    pub fn missing_files(&self) -> Vec<Problem> {
        let mut named = vec![("workers.executable_path", self.config.workers.executable_path.as_path())];
        if let Some(path) = &self.config.simulator.galaxy_path {
            named.push(("simulator.galaxy_path", path));
        }
        if let TlsMode::Files { certificate, private_key } = &self.config.tls.mode {
            named.push(("tls.certificate_path", certificate));
            named.push(("tls.private_key_path", private_key));
        }
        if let Some(path) = &self.config.tls.client_ca_path {
            named.push(("tls.client_ca_path", path));
        }
        if let Some(path) = &self.config.ldap.ca_file {
            named.push(("ldap.ca_file", path));
        }
        if let Some(path) = &self.config.ldap.service_account_password_path {
            named.push(("ldap.service_account_password_path", path));
        }
        let source_of = |key: &str| {
            self.settings
                .iter()
                .find(|setting| setting.key == key)
                .map_or_else(|| "default".to_owned(), |setting| setting.source.clone())
        };
        named
            .into_iter()
            .filter(|(_, path)| !path.is_file())
            .map(|(key, path)| Problem {
                key: key.to_owned(),
                source: source_of(key),
                what: format!("{} is not a file", path.display()),
                allowed: "name a file that exists".to_owned(),
            })
            .collect()
    }
}

/// One setting as a figment layer, so that figment keeps which source a value came from.
struct Layer {
    section: String,
    name: String,
    raw: Raw,
    source: String,
}

impl Layer {
    fn new(path: &str, raw: Raw, source: &str) -> Self {
        let (section, name) = path.split_once('.').unwrap_or((path, ""));
        Self { section: section.to_owned(), name: name.to_owned(), raw, source: source.to_owned() }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.source.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let section = Dict::from([(self.name.clone(), self.raw.clone())]);
        Ok(Map::from([(Profile::Default, Dict::from([(self.section.clone(), Raw::from(section))]))]))
    }
}

/// A value its key accepts, with its source.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) value: Value,
    pub(super) source: String,
}

fn check(figment: &Figment, problems: &mut Vec<Problem>) -> BTreeMap<&'static str, Checked> {
    let mut values = BTreeMap::new();
    for key in keys() {
        let source = figment
            .find_metadata(key.path)
            .map_or_else(|| "default".to_owned(), |data| data.name.to_string());
        let read = match figment.find_value(key.path) {
            Ok(raw) => key.kind.read(&raw),
            Err(error) => Err(error.to_string()),
        };
        match read {
            Ok(value) => {
                values.insert(key.path, Checked { value, source });
            }
            Err(what) => {
                let allowed = format!("allowed is {}", key.kind.allowed());
                problems.push(Problem { key: key.path.to_owned(), source, what, allowed });
            }
        }
    }
    values
}

/// `MXGATEWAY_SECTION__KEY` as settings.
fn variables(surroundings: &Surroundings, problems: &mut Vec<Problem>) -> Vec<(String, Raw, String)> {
    let mut settings = Vec::new();
    for (name, value) in &surroundings.variables {
        let Some(rest) = name.strip_prefix(ENVIRONMENT_PREFIX) else { continue };
        let Some((section, key)) = rest.split_once("__") else {
            // Other programs set variables with this prefix too (Kubernetes does for a service of that
            // name), so only one that is plainly meant for us is refused.
            let meant = keys().find(|key| key.variable().replace("__", "_") == *name);
            if let Some(key) = meant {
                problems.push(Problem {
                    key: key.path.to_owned(),
                    source: name.clone(),
                    what: "is written with one underscore after the section".to_owned(),
                    allowed: format!("write {}", key.variable()),
                });
            }
            continue;
        };
        let path = format!("{section}.{key}").to_lowercase();
        if value.contains(char::REPLACEMENT_CHARACTER) {
            problems.push(Problem {
                key: path,
                source: name.clone(),
                what: "is not UTF-8".to_owned(),
                allowed: "allowed is text in UTF-8".to_owned(),
            });
        } else {
            settings.push((path, Raw::from(value.as_str()), name.clone()));
        }
    }
    settings
}

fn unknown(path: String, source: String) -> Problem {
    let name = path.split_once('.').map(|(_, name)| name);
    let nearest = keys()
        .map(|key| {
            // The right name in the wrong section is nearer than any misspelling.
            let distance =
                if Some(key.name()) == name { 0 } else { strsim::damerau_levenshtein(key.path, &path) };
            (distance, key.path)
        })
        .min()
        .filter(|(distance, _)| *distance <= 2 + path.len() / 8);
    let allowed = match nearest {
        Some((_, near)) => format!("did you mean {near}?"),
        None => "`mxgateway config docs` lists the keys".to_owned(),
    };
    Problem { key: path, source, what: "is not a key".to_owned(), allowed }
}
