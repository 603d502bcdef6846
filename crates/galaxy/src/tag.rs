//! What a reference is about, for those who decide who may use it.

use crate::reference::ReferenceError;
use crate::{Galaxy, Security};

/// What the galaxy says of a reference, whatever way it was spelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagDescription {
    /// Tag name and attribute as the galaxy spells them, without brackets.
    pub reference: String,
    /// Areas and containers down to the object.
    pub contained_path: String,
    /// Who may write it; `None` for an attribute that only the worker knows.
    pub security: Option<Security>,
}

impl Galaxy {
    /// Describes a reference; names as in [`resolve`](Self::resolve). A bare array name and an element are
    /// described as the array. The sensors of an object that has the worker's machine's are known to the worker
    /// alone, and described by the object and as spelled.
    ///
    /// # Errors
    /// What [`resolve`](Self::resolve) says of a reference that refers to nothing.
    pub fn describe(&self, definition: &str, context: &str) -> Result<TagDescription, ReferenceError> {
        let definition = definition.trim();
        let bare = definition.split_once('[').map_or(definition, |(bare, _)| bare);
        // Brackets change nothing about what is referred to.
        let resolved = match self.resolve(bare, context) {
            Err(ReferenceError::ArrayWithoutBrackets) => self.resolve(&format!("{bare}[]"), context),
            resolved => resolved,
        };
        match resolved {
            Ok(target) => {
                let id = target.attribute;
                let object = self.object(id).ok_or(ReferenceError::NoSuchObject)?;
                let attribute = self.attribute(id).ok_or(ReferenceError::NoSuchAttribute)?;
                Ok(TagDescription {
                    reference: format!("{}.{}", object.name, attribute.name),
                    contained_path: self.contained_path(id.object).unwrap_or_default(),
                    security: Some(attribute.security),
                })
            }
            Err(error) => self.sensor(bare, context).ok_or(error),
        }
    }

    fn sensor(&self, bare: &str, context: &str) -> Option<TagDescription> {
        let (object, attribute) = match (bare.split_once('.'), context.trim()) {
            (Some((object, attribute)), "") => (object, attribute),
            (Some((me, attribute)), context) if me.eq_ignore_ascii_case("me") => (context, attribute),
            (_, context) => (context, bare),
        };
        let index = *self.by_name.get(&object.to_ascii_lowercase())?;
        let object = self.objects.get(index).filter(|object| object.host_sensors)?;
        Some(TagDescription {
            reference: format!("{}.{attribute}", object.name),
            contained_path: self.contained_path(index)?,
            security: None,
        })
    }
}
