//! Which references are bare names of arrays.
//!
//! MXAccess takes an array as a whole only by `Object.Attribute[]`; the bare name fails on its first event.
//! The gateway appends the brackets where the galaxy says that the attribute is an array, so that one name
//! serves scalars and arrays alike.

use mxgateway_galaxy::{Galaxy, GalaxyError};

use crate::config::{Backend, Config};

/// What the gateway knows of the galaxy's arrays.
#[derive(Clone, Debug)]
pub(crate) enum ArrayNames {
    /// Nothing, or it is not to be used: every reference goes on as it came.
    Unknown,
    /// The simulator's galaxy.
    Described(Box<Galaxy>),
}

impl ArrayNames {
    /// Reads the galaxy of the configured backend, once. Errors: the simulator's galaxy file cannot be read
    /// or is not valid.
    pub(crate) fn load(config: &Config) -> Result<Self, GalaxyError> {
        match config.workers.backend {
            Backend::Simulator if config.sessions.complete_array_names => {
                let galaxy = match &config.simulator.galaxy_path {
                    Some(path) => Galaxy::load(path)?,
                    None => Galaxy::built_in()?,
                };
                Ok(Self::Described(Box::new(galaxy)))
            }
            Backend::Simulator | Backend::LmxProxy => Ok(Self::Unknown),
        }
    }

    /// True when names are completed at all.
    pub(crate) fn is_known(&self) -> bool {
        match self {
            Self::Unknown => false,
            Self::Described(_) => true,
        }
    }

    /// The reference with its brackets; `None` when it needs none or nothing is known about it. Names as in
    /// AddItem2: `context` is empty without one.
    pub(crate) fn completed(&self, definition: &str, context: &str) -> Option<String> {
        match self {
            Self::Unknown => None,
            Self::Described(galaxy) => galaxy
                .is_array_without_brackets(definition, context)
                .then(|| format!("{}[]", definition.trim_end())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(settings: &[(&str, &str)]) -> Result<ArrayNames, GalaxyError> {
        ArrayNames::load(&Config::from_settings(settings).unwrap())
    }

    #[test]
    fn only_bare_names_of_arrays_are_completed() {
        let names = names(&[]).unwrap();
        let completed = |definition, context| names.completed(definition, context);
        assert_eq!(completed("TestMachine_001.Samples", "").as_deref(), Some("TestMachine_001.Samples[]"));
        assert_eq!(completed("testmachine_001.samples ", "").as_deref(), Some("testmachine_001.samples[]"));
        assert_eq!(completed("me.Samples", "TestMachine_001").as_deref(), Some("me.Samples[]"));
        for name in
            ["TestMachine_001.Samples[]", "TestMachine_001.Samples[1]", "Tank_001.Level", "No.Such", ""]
        {
            assert_eq!(completed(name, ""), None, "{name}");
        }
    }

    #[test]
    fn completing_can_be_switched_off() {
        assert!(names(&[]).unwrap().is_known());
        let names = names(&[("sessions.complete_array_names", "false")]).unwrap();
        assert!(!names.is_known());
        assert_eq!(names.completed("TestMachine_001.Samples", ""), None);
    }

    #[test]
    fn a_bad_galaxy_is_an_error() {
        let error = names(&[("simulator.galaxy_path", "/nowhere/galaxy.toml")]).unwrap_err();
        assert!(error.to_string().contains("/nowhere/galaxy.toml"), "{error}");
    }
}
