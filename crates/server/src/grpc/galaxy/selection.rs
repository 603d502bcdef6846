//! Which objects a request is for, and on which page they are. Pure.

use mxgateway_auth::constraints::Pattern;
use mxgateway_contracts::v1::GalaxyFilter;
use mxgateway_galaxy::browse::Hierarchy;
use mxgateway_galaxy::{Galaxy, Object};
use tonic::Status;

use super::sight::View;
use crate::grpc::errors::invalid;

const DEFAULT_PAGE: usize = 500;
const LARGEST_PAGE: usize = 5000;

/// The simulator's objects have no category.
const CATEGORY: u32 = 0;

/// Where is looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Range {
    /// What an object contains, and nothing below; `None` stands for the galaxy.
    Children(Option<usize>),
    /// An object and what is so many levels below it, 0 for all; `None` stands for the galaxy, which is no
    /// object itself.
    Subtree(Option<usize>, u32),
}

/// Which objects are wanted.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    wanted: GalaxyFilter,
    glob: Option<Pattern>,
}

impl Filter {
    /// Errors: the glob is none.
    pub(super) fn of(wanted: Option<GalaxyFilter>) -> Result<Self, Status> {
        let wanted = wanted.unwrap_or_default();
        let glob = Some(wanted.tag_name_glob.as_str()).filter(|glob| !glob.is_empty());
        let glob = glob.map(str::parse).transpose().map_err(
            |error: mxgateway_auth::constraints::PatternError| {
                invalid("filter.tag_name_glob", &error.to_string())
            },
        )?;
        Ok(Self { wanted, glob })
    }

    /// Whether attributes are wanted along with the objects.
    pub(super) fn with_attributes(&self) -> bool {
        self.wanted.include_attributes
    }

    /// The simulator's objects have no templates, and no attribute raises alarms or is historized: who wants
    /// such objects gets none.
    fn takes(&self, object: &Object) -> bool {
        let GalaxyFilter {
            category_ids,
            template_chain_contains,
            tag_name_glob: _,
            include_attributes: _,
            alarm_bearing_only,
            historized_only,
        } = &self.wanted;
        (category_ids.is_empty() || category_ids.contains(&CATEGORY))
            && template_chain_contains.is_empty()
            && !alarm_bearing_only
            && !historized_only
            && self.glob.as_ref().is_none_or(|glob| glob.matches(&object.name))
    }
}

/// The objects of a range that the filter takes and the view has. Children are in order, areas first, then by
/// tag name; a subtree has parents before their children, and siblings in that order.
pub(super) fn select(
    galaxy: &Galaxy,
    hierarchy: &Hierarchy,
    view: &View,
    range: Range,
    filter: &Filter,
) -> Vec<usize> {
    let (candidates, deepest) = match range {
        Range::Children(parent) => (hierarchy.children(parent), None),
        Range::Subtree(root, 0) => (hierarchy.subtree(root), None),
        Range::Subtree(root, levels) => {
            let from = root.and_then(|root| hierarchy.place(root)).map_or(0, |place| place.level);
            let levels = usize::try_from(levels).unwrap_or(usize::MAX);
            (hierarchy.subtree(root), Some(from.saturating_add(levels)))
        }
    };
    let in_depth = |object: usize| {
        deepest.is_none_or(|deepest| hierarchy.place(object).is_some_and(|place| place.level <= deepest))
    };
    candidates
        .iter()
        .copied()
        .filter(|object| view.has(*object) && in_depth(*object))
        .filter(|object| galaxy.objects().get(*object).is_some_and(|object| filter.takes(object)))
        .collect()
}

/// How many objects a page may have: 0 for 500, and at most 5,000.
pub(super) fn page_size(wanted: u32) -> usize {
    match usize::try_from(wanted).unwrap_or(LARGEST_PAGE) {
        0 => DEFAULT_PAGE,
        size => size.min(LARGEST_PAGE),
    }
}
