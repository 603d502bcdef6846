//! What a reference such as `Tank_001.Level` or `Tank_001.Samples[3]` refers to.

use super::{AttributeId, Galaxy};
use crate::simulator::status::Detail;
use crate::simulator::value::Data;

/// Longest reference, in bytes.
const MAX_REFERENCE_BYTES: usize = 1024;

/// A resolved reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) attribute: AttributeId,
    pub(crate) part: Part,
}

/// How much of the attribute is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
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
    pub(crate) fn resolve(&self, definition: &str, context: &str) -> Result<Target, Detail> {
        let definition = definition.trim();
        if definition.is_empty() || definition.len() > MAX_REFERENCE_BYTES {
            return Err(Detail::InvalidReference);
        }
        let (path, index) = split_index(definition)?;
        let path = path.to_ascii_lowercase();
        if path.split('.').any(str::is_empty) {
            return Err(Detail::InvalidReference);
        }
        let attribute = self.find(&path, context.trim())?;
        let part = self.part(attribute, index)?;
        Ok(Target { attribute, part })
    }

    fn find(&self, path: &str, context: &str) -> Result<AttributeId, Detail> {
        let (first, rest) = path.split_once('.').unwrap_or((path, ""));
        let from = (!context.is_empty()).then(|| self.by_name.get(&context.to_ascii_lowercase()).copied());
        if let Some(from) = from {
            let from = from.ok_or(Detail::InvalidObjectId)?;
            let object = self.objects.get(from).ok_or(Detail::InvalidObjectId)?;
            let start = match first {
                "me" => Some(Some(from)),
                "mycontainer" => Some(object.container),
                "myarea" => Some(object.area),
                _ => None,
            };
            if let Some(start) = start {
                return self.attribute_from(start.ok_or(Detail::InvalidObjectId)?, rest);
            }
            if let Ok(found) = self.attribute_from(from, path) {
                return Ok(found);
            }
        }
        if rest.is_empty() {
            return Err(Detail::InvalidReference);
        }
        let object = self.by_name.get(first).copied().ok_or(Detail::InvalidObjectId)?;
        self.attribute_from(object, rest)
    }

    /// Walks down contained names as long as the path is no attribute of the object.
    fn attribute_from(&self, object: usize, path: &str) -> Result<AttributeId, Detail> {
        let mut at = object;
        let mut path = path;
        loop {
            let here = self.objects.get(at).ok_or(Detail::InvalidObjectId)?;
            if let Some(attribute) = here.by_attribute.get(path) {
                return Ok(AttributeId { object: at, attribute: *attribute });
            }
            let (first, rest) = path.split_once('.').ok_or(Detail::InvalidAttributeId)?;
            at = *here.contained.get(first).ok_or(Detail::InvalidAttributeId)?;
            path = rest;
        }
    }

    fn part(&self, id: AttributeId, index: Index) -> Result<Part, Detail> {
        let attribute = self.attribute(id).ok_or(Detail::InvalidAttributeId)?;
        match (&attribute.initial, index) {
            (Data::Scalar(_), Index::None) | (Data::Array(_), Index::Whole) => Ok(Part::Whole),
            (Data::Scalar(_), Index::Whole | Index::Element(_)) => Err(Detail::DimensionDoesNotExist),
            (Data::Array(_), Index::None) => Err(Detail::IndexOutOfRange),
            (Data::Array(elements), Index::Element(number)) => number
                .checked_sub(1)
                .filter(|position| *position < elements.len())
                .map(Part::Element)
                .ok_or(Detail::IndexOutOfRange),
        }
    }
}

fn split_index(definition: &str) -> Result<(&str, Index), Detail> {
    let Some((path, bracket)) = definition.split_once('[') else {
        return if definition.contains(']') {
            Err(Detail::InvalidReference)
        } else {
            Ok((definition, Index::None))
        };
    };
    let inside = bracket.strip_suffix(']').ok_or(Detail::InvalidReference)?.trim();
    if inside.is_empty() {
        return Ok((path, Index::Whole));
    }
    if !inside.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Detail::InvalidReference);
    }
    // More digits than fit are simply beyond every array.
    Ok((path, Index::Element(inside.parse().unwrap_or(usize::MAX))))
}
