//! What a reference such as `Tank_001.Level` or `Tank_001.Samples[3]` refers to.

use crate::value::Data;
use crate::{AttributeId, Galaxy};

/// Longest reference, in bytes.
const MAX_REFERENCE_BYTES: usize = 1024;

/// A resolved reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The attribute.
    pub attribute: AttributeId,
    /// How much of it.
    pub part: Part,
}

/// Why a reference refers to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// It is empty, too long, or its dots and brackets make no sense.
    #[error("the reference is malformed; use Object.Attribute")]
    Malformed,
    /// No object of this name, or no container or area to start from.
    #[error("no such object in the galaxy")]
    NoSuchObject,
    /// The object has no attribute or contained object of this name.
    #[error("the object has no such attribute")]
    NoSuchAttribute,
    /// Brackets after an attribute that is no array.
    #[error("the attribute is not an array")]
    NotAnArray,
    /// The bare name of an array.
    #[error("an array is referred to as a whole by [] and an element by [n], counted from 1")]
    ArrayWithoutBrackets,
    /// An index of zero or beyond the end.
    #[error("the array has no such element; elements are counted from 1")]
    NoSuchElement,
}

/// How much of the attribute is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it, scalar or array.
    Whole,
    /// One element of an array, counted from 0.
    Element(usize),
}

/// What stood in the brackets.
#[derive(Clone, Copy)]
enum Index {
    None,
    Whole,
    /// Counted from 1.
    Element(usize),
}

impl Galaxy {
    /// Resolves a reference. With a context object, `me.`, `MyContainer.` and `MyArea.` start from there,
    /// and so does a reference that names one of its attributes or contained objects; anything else
    /// begins with a tag name. Names are compared without regard to ASCII case.
    pub fn resolve(&self, definition: &str, context: &str) -> Result<Target, ReferenceError> {
        let definition = definition.trim();
        if definition.is_empty() || definition.len() > MAX_REFERENCE_BYTES {
            return Err(ReferenceError::Malformed);
        }
        let (path, index) = split_index(definition)?;
        let path = path.to_ascii_lowercase();
        if path.split('.').any(str::is_empty) {
            return Err(ReferenceError::Malformed);
        }
        let attribute = self.find(&path, context.trim())?;
        let part = self.part(attribute, index)?;
        Ok(Target { attribute, part })
    }

    /// True for the bare name of an array, which only lacks its `[]`. Names as in [`resolve`](Self::resolve).
    pub fn is_array_without_brackets(&self, definition: &str, context: &str) -> bool {
        self.resolve(definition, context) == Err(ReferenceError::ArrayWithoutBrackets)
    }

    fn find(&self, path: &str, context: &str) -> Result<AttributeId, ReferenceError> {
        let (first, rest) = path.split_once('.').unwrap_or((path, ""));
        let from = (!context.is_empty()).then(|| self.by_name.get(&context.to_ascii_lowercase()).copied());
        if let Some(from) = from {
            let from = from.ok_or(ReferenceError::NoSuchObject)?;
            let object = self.objects.get(from).ok_or(ReferenceError::NoSuchObject)?;
            let start = match first {
                "me" => Some(Some(from)),
                "mycontainer" => Some(object.container),
                "myarea" => Some(object.area),
                _ => None,
            };
            if let Some(start) = start {
                return self.attribute_from(start.ok_or(ReferenceError::NoSuchObject)?, rest);
            }
            if let Ok(found) = self.attribute_from(from, path) {
                return Ok(found);
            }
        }
        if rest.is_empty() {
            return Err(ReferenceError::Malformed);
        }
        let object = self.by_name.get(first).copied().ok_or(ReferenceError::NoSuchObject)?;
        self.attribute_from(object, rest)
    }

    /// Walks down contained names as long as the path is no attribute of the object.
    fn attribute_from(&self, object: usize, path: &str) -> Result<AttributeId, ReferenceError> {
        let mut at = object;
        let mut path = path;
        loop {
            let here = self.objects.get(at).ok_or(ReferenceError::NoSuchObject)?;
            if let Some(attribute) = here.by_attribute.get(path) {
                return Ok(AttributeId { object: at, attribute: *attribute });
            }
            let (first, rest) = path.split_once('.').ok_or(ReferenceError::NoSuchAttribute)?;
            at = *here.contained.get(first).ok_or(ReferenceError::NoSuchAttribute)?;
            path = rest;
        }
    }

    fn part(&self, id: AttributeId, index: Index) -> Result<Part, ReferenceError> {
        let attribute = self.attribute(id).ok_or(ReferenceError::NoSuchAttribute)?;
        match (&attribute.initial, index) {
            (Data::Scalar(_), Index::None) | (Data::Array(_), Index::Whole) => Ok(Part::Whole),
            (Data::Scalar(_), Index::Whole | Index::Element(_)) => Err(ReferenceError::NotAnArray),
            (Data::Array(_), Index::None) => Err(ReferenceError::ArrayWithoutBrackets),
            (Data::Array(elements), Index::Element(number)) => number
                .checked_sub(1)
                .filter(|position| *position < elements.len())
                .map(Part::Element)
                .ok_or(ReferenceError::NoSuchElement),
        }
    }
}

fn split_index(definition: &str) -> Result<(&str, Index), ReferenceError> {
    let Some((path, bracket)) = definition.split_once('[') else {
        return if definition.contains(']') {
            Err(ReferenceError::Malformed)
        } else {
            Ok((definition, Index::None))
        };
    };
    let inside = bracket.strip_suffix(']').ok_or(ReferenceError::Malformed)?.trim();
    if inside.is_empty() {
        return Ok((path, Index::Whole));
    }
    if !inside.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ReferenceError::Malformed);
    }
    // More digits than fit are simply beyond every array.
    Ok((path, Index::Element(inside.parse().unwrap_or(usize::MAX))))
}
