//! Which events of a session a key may see.

use std::sync::Arc;

use mxgateway_auth::principal::Principal;
use mxgateway_session_core::access::Access;
use mxgateway_session_core::event::EventFamily;
use mxgateway_session_core::items::Item;

use super::door::Visitor;
use super::tag_access::TagRights;
use crate::galaxy_view::GalaxyView;

#[derive(Debug)]
struct KeyAccess {
    principal: Principal,
    galaxy: Arc<GalaxyView>,
}

impl Access for KeyAccess {
    fn allows(&self, item: &Item, family: EventFamily) -> bool {
        TagRights { principal: &self.principal, galaxy: &self.galaxy }.may_see(item, family)
    }
}

/// `None` for who may see everything.
pub(super) fn of(visitor: &Visitor, galaxy: &Arc<GalaxyView>) -> Option<Arc<dyn Access>> {
    let principal = visitor.principal();
    let limited = !TagRights { principal, galaxy }.are_unlimited_to_read();
    limited.then(|| -> Arc<dyn Access> {
        Arc::new(KeyAccess { principal: principal.clone(), galaxy: Arc::clone(galaxy) })
    })
}

#[cfg(test)]
mod tests;
