//! How much of a galaxy a key may see.

use mxgateway_auth::constraints::Constraints;
use mxgateway_auth::principal::Principal;
use mxgateway_galaxy::browse::Hierarchy;

/// How much of one object may be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// Nothing, not even that it is there.
    Hidden,
    /// That it is there, because something below it may be seen; not its attributes.
    Way,
    /// All.
    Whole,
}

/// How much of each object may be seen.
#[derive(Clone, Debug)]
pub(super) struct View(Option<Vec<Sight>>);

impl View {
    pub(super) fn of(principal: &Principal, hierarchy: &Hierarchy) -> Self {
        match principal {
            Principal::Unrestricted => Self(None),
            Principal::Key(grant) => Self::within(&grant.constraints, hierarchy),
        }
    }

    /// A key sees what is within its subtrees, and of what is above only what leads to something that is there:
    /// a pattern that might be anywhere does not open the whole galaxy.
    fn within(constraints: &Constraints, hierarchy: &Hierarchy) -> Self {
        if !constraints.is_browse_constrained() {
            return Self(None);
        }
        let order = hierarchy.subtree(None);
        let mut sights = vec![Sight::Hidden; order.len()];
        let mut at = 0;
        while let Some(object) = order.get(at) {
            let subtree = hierarchy.subtree(Some(*object));
            let path = hierarchy.place(*object).map(|place| place.path.as_str()).unwrap_or_default();
            if constraints.browse(path).is_ok() {
                for below in subtree {
                    set(&mut sights, *below, Sight::Whole);
                }
                let mut above = hierarchy.parent(*object);
                // Whatever is above is within no subtree, or this would have been passed over.
                while let Some(on_the_way) = above
                    && set(&mut sights, on_the_way, Sight::Way)
                {
                    above = hierarchy.parent(on_the_way);
                }
                at += subtree.len().max(1);
            } else if constraints.browse_leads_to(path) {
                at += 1;
            } else {
                at += subtree.len().max(1);
            }
        }
        Self(Some(sights))
    }

    /// How much of an object may be seen.
    pub(super) fn sight(&self, object: usize) -> Sight {
        match &self.0 {
            None => Sight::Whole,
            Some(sights) => sights.get(object).copied().unwrap_or(Sight::Hidden),
        }
    }

    /// Whether the object may be seen at all.
    pub(super) fn has(&self, object: usize) -> bool {
        self.sight(object) != Sight::Hidden
    }
}

/// False when it was set so already.
fn set(sights: &mut [Sight], object: usize, sight: Sight) -> bool {
    sights.get_mut(object).is_some_and(|seen| std::mem::replace(seen, sight) != sight)
}
