//! The description of a galaxy: areas, objects and their attributes, read from TOML, and what references
//! to them mean.
//!
//! Pure but for reading the file. The simulator runs on it, and the gateway looks names up in it.

#![forbid(unsafe_code)]

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

use faults::Faults;
use users::Users;

pub mod browse;
pub mod faults;
mod keys;
mod reading;
mod reference;
pub mod replay;
pub mod sensor;
pub mod source;
mod sources;
mod tag;
#[cfg(test)]
mod tests;
pub mod users;
pub mod value;

pub use reference::{Part, ReferenceError, Target};
pub use source::Source;
pub use tag::TagDescription;
pub use value::{Data, DataType};

/// Galaxy files above this are refused, in bytes.
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;
const BUILT_IN: &str = include_str!("../galaxies/default.toml");
const BUILT_IN_RECORDING: &str = include_str!("../galaxies/mill.csv");

/// Why there is no galaxy.
#[derive(Debug, thiserror::Error)]
pub enum GalaxyError {
    /// The file, or a recording it names, cannot be read.
    #[error("cannot read the galaxy file {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file is larger than 16 MiB.
    #[error("the galaxy file {path} is larger than {MAX_FILE_BYTES} bytes")]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The text is no TOML.
    #[error("the galaxy is not valid TOML: {0}")]
    Syntax(String),
    /// The text is TOML but describes no galaxy; every problem found.
    #[error("the galaxy has {} problem(s): {}", .0.len(), .0.join("; "))]
    Invalid(Vec<String>),
}

/// A whole galaxy.
#[derive(Clone, Debug)]
pub struct Galaxy {
    name: String,
    users: Users,
    faults: Faults,
    objects: Vec<Object>,
    by_name: HashMap<String, usize>,
}

/// An area or an object. Both may be referred to; areas have no attributes of their own.
#[derive(Clone, Debug)]
pub struct Object {
    /// The tag name, unique within the galaxy.
    pub name: String,
    /// True for an area.
    pub is_area: bool,
    area: Option<usize>,
    container: Option<usize>,
    contained_name: Option<String>,
    /// Lower-case contained names of what it contains.
    contained: HashMap<String, usize>,
    /// How often its attributes are looked at for changes.
    pub scan: Duration,
    /// Gets the sensors of the worker's machine as attributes.
    pub host_sensors: bool,
    /// Its attributes, in the order of the file.
    pub attributes: Vec<Attribute>,
    by_attribute: HashMap<String, usize>,
}

/// An attribute of an object.
#[derive(Clone, Debug)]
pub struct Attribute {
    /// The name, which may have dots in it.
    pub name: String,
    /// Type of the value, or of each element.
    pub data_type: DataType,
    /// Who may write it.
    pub security: Security,
    /// Where its value comes from.
    pub source: Source,
    /// What it holds at first; for an array this also tells the length.
    pub initial: Data,
}

impl Attribute {
    /// True for an array of any length.
    pub fn is_array(&self) -> bool {
        matches!(self.initial, Data::Array(_))
    }

    /// True when its value comes from elsewhere than writes.
    pub fn is_calculated(&self) -> bool {
        !matches!(self.source, Source::Stored | Source::Storm)
    }
}

/// Security classification of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// Anybody may write.
    FreeAccess,
    /// Users with the permission to operate.
    Operate,
    /// By WriteSecured, with one user.
    SecuredWrite,
    /// By WriteSecured, with a user and a verifier.
    VerifiedWrite,
    /// Users with the permission to tune.
    Tune,
    /// Users with the permission to configure.
    Configure,
    /// Nobody.
    ViewOnly,
}

impl Security {
    const ALL: [Self; 7] = [
        Self::FreeAccess,
        Self::Operate,
        Self::SecuredWrite,
        Self::VerifiedWrite,
        Self::Tune,
        Self::Configure,
        Self::ViewOnly,
    ];

    /// The number that MXAccess knows it by, 0 to 6.
    pub fn code(self) -> u8 {
        match self {
            Self::FreeAccess => 0,
            Self::Operate => 1,
            Self::SecuredWrite => 2,
            Self::VerifiedWrite => 3,
            Self::Tune => 4,
            Self::Configure => 5,
            Self::ViewOnly => 6,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::FreeAccess => "free_access",
            Self::Operate => "operate",
            Self::SecuredWrite => "secured_write",
            Self::VerifiedWrite => "verified_write",
            Self::Tune => "tune",
            Self::Configure => "configure",
            Self::ViewOnly => "view_only",
        }
    }
}

/// Names an attribute within a galaxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttributeId {
    /// Position of the object within the galaxy.
    pub object: usize,
    /// Position of the attribute within the object.
    pub attribute: usize,
}

impl Galaxy {
    /// The galaxy that comes with the program.
    pub fn built_in() -> Result<Self, GalaxyError> {
        Self::parse(BUILT_IN, &|file| match file {
            "mill.csv" => Ok(BUILT_IN_RECORDING.to_owned()),
            _ => Err("no such recording comes with the program".to_owned()),
        })
    }

    /// Reads a galaxy file; the recordings it names are looked for beside it.
    pub fn load(path: &Path) -> Result<Self, GalaxyError> {
        let text = read_limited(path)?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Self::parse(&text, &|file| {
            read_limited(&folder.join(file)).map_err(|error| match error {
                GalaxyError::Read { source, .. } => source.to_string(),
                GalaxyError::TooLarge { .. } | GalaxyError::Syntax(_) | GalaxyError::Invalid(_) => {
                    error.to_string()
                }
            })
        })
    }

    /// Reads a galaxy from text. `recording` gives the text of a recording by its name.
    pub fn parse(
        text: &str,
        recording: &dyn Fn(&str) -> Result<String, String>,
    ) -> Result<Self, GalaxyError> {
        let table: toml::Table = text
            .parse()
            .map_err(|error: toml::de::Error| GalaxyError::Syntax(error.to_string().trim().to_owned()))?;
        reading::galaxy(&table, recording).map_err(GalaxyError::Invalid)
    }

    /// What the galaxy holds, for people, a line for each fact.
    pub fn summary(&self) -> String {
        let areas = self.objects.iter().filter(|object| object.is_area).count();
        let attributes: usize = self.objects.iter().map(|object| object.attributes.len()).sum();
        let mut types = BTreeMap::<&str, usize>::new();
        for attribute in self.objects.iter().flat_map(|object| &object.attributes) {
            *types.entry(attribute.data_type.name()).or_default() += 1;
        }
        let types: Vec<_> = types.iter().map(|(name, count)| format!("{count} {name}")).collect();
        let sensors: Vec<_> = self
            .objects
            .iter()
            .filter(|object| object.host_sensors)
            .map(|object| object.name.as_str())
            .collect();
        let mut text = format!(
            "galaxy {}\n{areas} areas, {} objects, {attributes} attributes ({})\n",
            self.name,
            self.objects.len() - areas,
            types.join(", ")
        );
        if !sensors.is_empty() {
            text.push_str(&format!("sensors of this machine: {}\n", sensors.join(", ")));
        }
        text
    }

    /// Who may do what.
    pub fn users(&self) -> &Users {
        &self.users
    }

    /// Faults to show from the start on.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// What to call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Areas and objects by their position within the galaxy.
    pub fn objects(&self) -> &[Object] {
        &self.objects
    }

    /// Position of the area or object with a tag name, in upper or lower case.
    pub fn find_object(&self, tag_name: &str) -> Option<usize> {
        self.by_name.get(&tag_name.to_ascii_lowercase()).copied()
    }

    /// An attribute; `None` for an id of another galaxy.
    pub fn attribute(&self, id: AttributeId) -> Option<&Attribute> {
        self.objects.get(id.object)?.attributes.get(id.attribute)
    }

    /// The object that has an attribute; `None` for an id of another galaxy.
    pub fn object(&self, id: AttributeId) -> Option<&Object> {
        self.objects.get(id.object)
    }

    /// Areas and containers from the galaxy down to the object, by contained names with dots between:
    /// `Plant.Line_001.Pump`. What has no contained name goes by its tag name. `None` for an object of another
    /// galaxy.
    pub fn contained_path(&self, object: usize) -> Option<String> {
        let mut names = Vec::new();
        let mut at = Some(object);
        // Reading has refused circles.
        while let Some(index) = at {
            let object = self.objects.get(index)?;
            names.push(object.contained_name.as_deref().unwrap_or(&object.name));
            at = object.container.or(object.area);
        }
        names.reverse();
        Some(names.join("."))
    }

    /// True when some object wants the sensors of this machine.
    pub fn wants_host_sensors(&self) -> bool {
        self.objects.iter().any(|object| object.host_sensors)
    }

    /// Adds attributes to every object that wants the sensors of this machine; configured attributes of
    /// the same name stay.
    pub fn install_host_sensors(&mut self, attributes: &[Attribute]) {
        for object in self.objects.iter_mut().filter(|object| object.host_sensors) {
            for attribute in attributes {
                object.add_attribute(attribute.clone());
            }
        }
    }
}

impl Object {
    /// Its name within what contains it, where that is not the tag name.
    pub fn contained_name(&self) -> Option<&str> {
        self.contained_name.as_deref()
    }

    /// False when there is an attribute of this name already.
    fn add_attribute(&mut self, attribute: Attribute) -> bool {
        let key = attribute.name.to_ascii_lowercase();
        if self.by_attribute.contains_key(&key) {
            return false;
        }
        self.by_attribute.insert(key, self.attributes.len());
        self.attributes.push(attribute);
        true
    }
}

fn read_limited(path: &Path) -> Result<String, GalaxyError> {
    use std::io::Read as _;
    let read = |source| GalaxyError::Read { path: path.to_owned(), source };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(read)?;
    file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text).map_err(read)?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > MAX_FILE_BYTES {
        return Err(GalaxyError::TooLarge { path: path.to_owned() });
    }
    Ok(text)
}
