//! Constraints: which tags and which part of the Galaxy a key is good for.

use serde::{Deserialize, Serialize};

pub use classification::{Classification, UnknownClassification};
pub use pattern::{Pattern, PatternError, Patterns, TooManyPatterns};

mod classification;
mod pattern;
#[cfg(test)]
mod tests;

/// Where a key is good. An empty list constrains nothing.
///
/// Reading a tag needs one match among the two read lists, whichever list it is in; writing needs one among
/// the two write lists, and a classification up to the greatest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Constraints {
    /// Subtrees whose tags may be read, by [`Tag::contained_path`].
    #[serde(skip_serializing_if = "Patterns::is_empty")]
    pub read_subtrees: Patterns,
    /// Subtrees whose tags may be written.
    #[serde(skip_serializing_if = "Patterns::is_empty")]
    pub write_subtrees: Patterns,
    /// Tags that may be read, by [`Tag::reference`].
    #[serde(skip_serializing_if = "Patterns::is_empty")]
    pub read_tag_globs: Patterns,
    /// Tags that may be written.
    #[serde(skip_serializing_if = "Patterns::is_empty")]
    pub write_tag_globs: Patterns,
    /// Subtrees of the Galaxy that may be browsed.
    #[serde(skip_serializing_if = "Patterns::is_empty")]
    pub browse_subtrees: Patterns,
    /// Greatest security classification of a tag that may be written; `None` allows all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_write_classification: Option<Classification>,
}

/// What is known of a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag<'a> {
    /// Tag name and attribute as the Galaxy spells them, without brackets: `Tank_001.Level`. Where the Galaxy
    /// is not known, the reference as the client spelled it.
    pub reference: &'a str,
    /// Areas and containers down to the object: `Plant.Line_001.Tank`. `None` when not known; then no subtree
    /// matches.
    pub contained_path: Option<&'a str>,
    /// `None` when not known; then no tag is low enough for a key with a greatest classification.
    pub classification: Option<Classification>,
}

/// The constraint that stands against something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConstraintHit {
    /// Only `read_subtrees` is set, and has no match.
    #[error("the tag is not within the key's read_subtrees")]
    ReadSubtrees,
    /// Only `read_tag_globs` is set, and has no match.
    #[error("the tag is not within the key's read_tag_globs")]
    ReadTagGlobs,
    /// Neither of the two read lists has a match.
    #[error("the tag is not within the key's read_subtrees and read_tag_globs")]
    ReadLists,
    /// Only `write_subtrees` is set, and has no match.
    #[error("the tag is not within the key's write_subtrees")]
    WriteSubtrees,
    /// Only `write_tag_globs` is set, and has no match.
    #[error("the tag is not within the key's write_tag_globs")]
    WriteTagGlobs,
    /// Neither of the two write lists has a match.
    #[error("the tag is not within the key's write_subtrees and write_tag_globs")]
    WriteLists,
    /// `browse_subtrees` has no match.
    #[error("the path is not within the key's browse_subtrees")]
    BrowseSubtrees,
    /// The tag's classification is greater than `max_write_classification`, or not known.
    #[error("the tag's security classification {} the key's max_write_classification {maximum}", above(*classification))]
    MaxWriteClassification {
        /// The tag's; `None` when it is not known.
        classification: Option<Classification>,
        /// The key's greatest.
        maximum: Classification,
    },
}

fn above(classification: Option<Classification>) -> String {
    match classification {
        Some(classification) => format!("{classification} is above"),
        None => "is not known and may be above".to_owned(),
    }
}

impl ConstraintHit {
    /// The constraints by their names in [`Constraints`].
    pub fn name(self) -> &'static str {
        match self {
            Self::ReadSubtrees => "read_subtrees",
            Self::ReadTagGlobs => "read_tag_globs",
            Self::ReadLists => "read_subtrees, read_tag_globs",
            Self::WriteSubtrees => "write_subtrees",
            Self::WriteTagGlobs => "write_tag_globs",
            Self::WriteLists => "write_subtrees, write_tag_globs",
            Self::BrowseSubtrees => "browse_subtrees",
            Self::MaxWriteClassification { .. } => "max_write_classification",
        }
    }
}

impl Constraints {
    /// True when some tags may not be read: the Galaxy has to be asked before a tag is added.
    pub fn is_read_constrained(&self) -> bool {
        !(self.read_subtrees.is_empty() && self.read_tag_globs.is_empty())
    }

    /// True when some tags may not be written.
    pub fn is_write_constrained(&self) -> bool {
        !(self.write_subtrees.is_empty() && self.write_tag_globs.is_empty())
            || self.max_write_classification.is_some()
    }

    /// True when some of the Galaxy may not be browsed.
    pub fn is_browse_constrained(&self) -> bool {
        !self.browse_subtrees.is_empty()
    }

    /// True when there is any constraint.
    pub fn is_constrained(&self) -> bool {
        self.is_read_constrained() || self.is_write_constrained() || self.is_browse_constrained()
    }

    /// May the tag be read?
    pub fn read(&self, tag: &Tag<'_>) -> Result<(), ConstraintHit> {
        let (subtrees, globs) = (&self.read_subtrees, &self.read_tag_globs);
        match (subtrees.is_empty(), globs.is_empty()) {
            (true, true) => Ok(()),
            _ if listed(subtrees, globs, tag) => Ok(()),
            (false, true) => Err(ConstraintHit::ReadSubtrees),
            (true, false) => Err(ConstraintHit::ReadTagGlobs),
            (false, false) => Err(ConstraintHit::ReadLists),
        }
    }

    /// May the tag be written? The lists are looked at first, then the classification.
    pub fn write(&self, tag: &Tag<'_>) -> Result<(), ConstraintHit> {
        let (subtrees, globs) = (&self.write_subtrees, &self.write_tag_globs);
        match (subtrees.is_empty(), globs.is_empty()) {
            (true, true) => {}
            _ if listed(subtrees, globs, tag) => {}
            (false, true) => return Err(ConstraintHit::WriteSubtrees),
            (true, false) => return Err(ConstraintHit::WriteTagGlobs),
            (false, false) => return Err(ConstraintHit::WriteLists),
        }
        match self.max_write_classification {
            Some(maximum) if tag.classification.is_none_or(|classification| classification > maximum) => {
                Err(ConstraintHit::MaxWriteClassification { classification: tag.classification, maximum })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// May what is at the contained path be browsed, with everything below?
    pub fn browse(&self, path: &str) -> Result<(), ConstraintHit> {
        if self.browse_subtrees.is_empty() || self.browse_subtrees.cover(path) {
            return Ok(());
        }
        Err(ConstraintHit::BrowseSubtrees)
    }

    /// True when the path may be browsed or something below it might be, so that a tree can be walked down to
    /// it. The empty path is the Galaxy's root. A pattern that begins with `*` might be anywhere.
    pub fn browse_leads_to(&self, path: &str) -> bool {
        self.browse(path).is_ok() || self.browse_subtrees.iter().any(|pattern| pattern.may_cover_below(path))
    }
}

fn listed(subtrees: &Patterns, globs: &Patterns, tag: &Tag<'_>) -> bool {
    tag.contained_path.is_some_and(|path| subtrees.cover(path)) || globs.match_any(tag.reference)
}
