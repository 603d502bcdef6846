//! What the gateway knows of the galaxy: which references are bare names of arrays, and what a reference is about.
//!
//! MXAccess takes an array as a whole only by `Object.Attribute[]`; the bare name fails on its first event.
//! The gateway appends the brackets where the galaxy says that the attribute is an array, so that one name
//! serves scalars and arrays alike.

use mxgateway_auth::constraints::{Classification, Tag};
use mxgateway_galaxy::{Galaxy, GalaxyError};
use mxgateway_session_core::items::Item;

use crate::config::{Backend, Config};

/// See the module's documentation.
#[derive(Clone, Debug)]
pub(crate) enum GalaxyView {
    /// Nothing is known: every reference goes on as it came.
    Unknown,
    /// The simulator's galaxy.
    Described {
        /// The galaxy.
        galaxy: Box<Galaxy>,
        /// Whether brackets are appended.
        complete_array_names: bool,
    },
}

/// What a reference is about, in the galaxy's own spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TagIdentity {
    reference: String,
    contained_path: Option<String>,
    classification: Option<Classification>,
}

impl TagIdentity {
    /// For the constraints of a key.
    pub(crate) fn tag(&self) -> Tag<'_> {
        Tag {
            reference: &self.reference,
            contained_path: self.contained_path.as_deref(),
            classification: self.classification,
        }
    }
}

impl GalaxyView {
    /// Reads the galaxy of the configured backend, once. Errors: the simulator's galaxy file cannot be read
    /// or is not valid.
    pub(crate) fn load(config: &Config) -> Result<Self, GalaxyError> {
        match config.workers.backend {
            Backend::Simulator => {
                let galaxy = match &config.simulator.galaxy_path {
                    Some(path) => Galaxy::load(path)?,
                    None => Galaxy::built_in()?,
                };
                let complete_array_names = config.sessions.complete_array_names;
                Ok(Self::Described { galaxy: Box::new(galaxy), complete_array_names })
            }
            Backend::LmxProxy => Ok(Self::Unknown),
        }
    }

    /// The galaxy; `None` when nothing is known about it.
    pub(crate) fn galaxy(&self) -> Option<&Galaxy> {
        match self {
            Self::Unknown => None,
            Self::Described { galaxy, .. } => Some(galaxy),
        }
    }

    /// True when names of arrays are completed at all.
    pub(crate) fn completes_array_names(&self) -> bool {
        match self {
            Self::Unknown => false,
            Self::Described { complete_array_names, .. } => *complete_array_names,
        }
    }

    /// The reference with its brackets; `None` when it needs none or nothing is known about it. Names as in
    /// AddItem2: `context` is empty without one.
    pub(crate) fn completed(&self, definition: &str, context: &str) -> Option<String> {
        match self {
            Self::Described { galaxy, complete_array_names: true } => galaxy
                .is_array_without_brackets(definition, context)
                .then(|| format!("{}[]", definition.trim_end())),
            Self::Described { complete_array_names: false, .. } | Self::Unknown => None,
        }
    }

    /// What a reference is about; `None` when that cannot be told, so that whoever may not use everything may
    /// not use it.
    pub(crate) fn identify(&self, definition: &str, context: &str) -> Option<TagIdentity> {
        match self {
            Self::Described { galaxy, .. } => {
                let tag = galaxy.describe(definition, context).ok()?;
                Some(TagIdentity {
                    reference: tag.reference,
                    contained_path: Some(tag.contained_path),
                    classification: tag
                        .security
                        .and_then(|security| Classification::from_number(i32::from(security.code()))),
                })
            }
            Self::Unknown => {
                // Without the galaxy nobody can say what a context makes of a name.
                let bare = definition.trim().split('[').next().unwrap_or_default();
                (context.trim().is_empty() && !bare.is_empty()).then(|| TagIdentity {
                    reference: bare.to_owned(),
                    contained_path: None,
                    classification: None,
                })
            }
        }
    }

    /// What an added item is about.
    pub(crate) fn identify_item(&self, item: &Item) -> Option<TagIdentity> {
        self.identify(&item.definition, &item.context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(settings: &[(&str, &str)]) -> Result<GalaxyView, GalaxyError> {
        GalaxyView::load(&Config::from_settings(settings).unwrap())
    }

    #[test]
    fn only_bare_names_of_arrays_are_completed() {
        let names = view(&[]).unwrap();
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
        assert!(view(&[]).unwrap().completes_array_names());
        let names = view(&[("sessions.complete_array_names", "false")]).unwrap();
        assert!(!names.completes_array_names());
        assert_eq!(names.completed("TestMachine_001.Samples", ""), None);
    }

    #[test]
    fn a_bad_galaxy_is_an_error() {
        let error = view(&[("simulator.galaxy_path", "/nowhere/galaxy.toml")]).unwrap_err();
        assert!(error.to_string().contains("/nowhere/galaxy.toml"), "{error}");
    }

    #[test]
    fn a_reference_is_about_the_same_however_it_is_spelled() {
        let view = view(&[("sessions.complete_array_names", "false")]).unwrap();
        let samples = view.identify("TestMachine_001.Samples", "").unwrap();
        assert_eq!(samples.reference, "TestMachine_001.Samples");
        for (definition, context) in [
            ("testmachine_001.samples[2]", ""),
            ("me.Samples[]", "TestMachine_001"),
            ("Samples", "TestMachine_001"),
        ] {
            assert_eq!(view.identify(definition, context).as_ref(), Some(&samples), "{definition} {context}");
        }
        assert!(samples.contained_path.is_some() && samples.classification.is_some());
        assert_eq!(view.identify("No.Such", ""), None);
    }

    #[test]
    fn without_the_galaxy_a_reference_is_what_it_says_and_a_context_is_nothing() {
        let identify = |definition, context| GalaxyView::Unknown.identify(definition, context);
        let tag = identify(" Tank_001.Samples[3]", "").unwrap();
        assert_eq!(
            (&*tag.reference, tag.contained_path, tag.classification),
            ("Tank_001.Samples", None, None)
        );
        assert_eq!(identify("me.Level", "Tank_001"), None);
        assert_eq!(identify("[]", ""), None);
    }
}
