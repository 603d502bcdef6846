//! `mxgateway.v1.GalaxyRepository`: the description of the simulator's galaxy.
//!
//! It is read when the gateway starts and stays as it is, so the galaxy counts as deployed at that time.

mod deploy_events;
mod objects;
mod selection;
mod sight;
#[cfg(test)]
mod tests;
mod token;

use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use futures_util::Stream;
use mxgateway_auth::action::Action;
use mxgateway_auth::authorize::Resource;
use mxgateway_auth::principal::Principal;
use mxgateway_contracts::error_code::ErrorCode;
use mxgateway_contracts::time::timestamp;
use mxgateway_contracts::v1;
use mxgateway_contracts::v1::browse_children_request::Parent;
use mxgateway_contracts::v1::discover_hierarchy_request::Root;
use mxgateway_contracts::v1_server::galaxy_repository_server::GalaxyRepository;
use mxgateway_galaxy::Galaxy;
use mxgateway_galaxy::browse::Hierarchy;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use self::selection::{Filter, Range};
use self::sight::{Sight, View};
use self::token::Tokens;
use super::door::{Door, Subject, Visitor};
use super::errors::invalid;
use crate::galaxy_view::GalaxyView;

/// A page ends after an object with which it is this large, in bytes: well below what any client takes.
const PAGE_BYTES: usize = 1 << 20;

/// Longest tag name or contained path that is looked up, in bytes.
const MAX_PLACE_BYTES: usize = 1024;

type Reply<T> = Result<Response<T>, Status>;

/// See the module's documentation. Paths are looked up, and objects are named, within what the key may browse.
#[derive(Clone, Debug)]
pub(crate) struct GalaxyService {
    /// `None` when nothing is known about the galaxy.
    served: Option<Arc<Served>>,
    door: Door,
    tokens: Tokens,
    /// Cancelled when the gateway stops.
    stop: CancellationToken,
}

#[derive(Debug)]
struct Served {
    view: Arc<GalaxyView>,
    hierarchy: Hierarchy,
    deployed_at: SystemTime,
}

impl Served {
    fn galaxy(&self) -> Result<&Galaxy, Status> {
        self.view.galaxy().ok_or_else(not_supported)
    }
}

/// Objects of one page, the token of the next, and how many there are on all pages.
struct Page {
    objects: Vec<v1::GalaxyObject>,
    next_page_token: String,
    total_count: u32,
}

/// Where a client wants to begin.
#[derive(Clone, Debug)]
enum Place {
    Id(i32),
    TagName(String),
    ContainedPath(String),
}

/// What the pages of one selection have in common.
#[derive(Hash)]
struct Asked<'a, R> {
    request: R,
    actor: &'a str,
    browse_subtrees: Vec<&'a str>,
}

impl<'a, R: Hash> Asked<'a, R> {
    fn by(principal: &'a Principal, request: R) -> Self {
        let browse_subtrees = match principal {
            Principal::Unrestricted => Vec::new(),
            Principal::Key(grant) => {
                grant.constraints.browse_subtrees.iter().map(|pattern| pattern.as_str()).collect()
            }
        };
        Self { request, actor: principal.actor(), browse_subtrees }
    }
}

impl GalaxyService {
    /// `deployed_at`: when the galaxy was read.
    pub(crate) fn new(
        view: Arc<GalaxyView>,
        deployed_at: SystemTime,
        door: Door,
        stop: CancellationToken,
    ) -> Self {
        let hierarchy = view.galaxy().map(Hierarchy::of);
        let served = hierarchy.map(|hierarchy| Arc::new(Served { view, hierarchy, deployed_at }));
        Self { served, door, tokens: Tokens::default(), stop }
    }

    fn served(&self) -> Result<&Arc<Served>, Status> {
        self.served.as_ref().ok_or_else(not_supported)
    }

    /// The object at a place, which the visitor may see. To a key with constraints what is not there is denied
    /// in the same words as what it may not see, so that it cannot find out what there is.
    fn find(
        &self,
        visitor: &Visitor,
        action: Action,
        served: &Served,
        view: &View,
        place: Place,
    ) -> Result<usize, Status> {
        let galaxy = served.galaxy()?;
        // Where a name or an id stands for nothing, the key would have to be good for everything.
        let (found, text, mut path) = match place {
            Place::Id(id) => (objects::from_id(galaxy, id), id.to_string(), String::new()),
            Place::TagName(name) => (galaxy.find_object(&name), looked_up("tag name", name)?, String::new()),
            Place::ContainedPath(path) => {
                let path = looked_up("contained path", path)?;
                (served.hierarchy.find(&path), path.clone(), path)
            }
        };
        if let Some(object) = found {
            if view.has(object) {
                return Ok(object);
            }
            path = galaxy.contained_path(object).unwrap_or_default();
        }
        self.door.check(visitor, action, &Resource::Path(&path), Subject::of(&text))?;
        let message = format!("the galaxy has no object {text:?}");
        Err(ErrorCode::ObjectNotFound.status(message, &[("object", &text)]))
    }

    fn page(
        &self,
        served: &Served,
        view: &View,
        range: Range,
        filter: &Filter,
        asked: &impl Hash,
        (size, token): (u32, &str),
    ) -> Result<Page, Status> {
        let galaxy = served.galaxy()?;
        let begin = self.tokens.begin(asked, token)?;
        let selected = selection::select(galaxy, &served.hierarchy, view, range, filter);
        let mut page = Page {
            objects: Vec::new(),
            next_page_token: String::new(),
            total_count: u32::try_from(selected.len()).unwrap_or(u32::MAX),
        };
        let mut bytes = 0;
        for object in selected.iter().skip(begin).take(selection::page_size(size)) {
            let object = objects::object(galaxy, &served.hierarchy, view, *object, filter.with_attributes());
            let Some(object) = object else { continue };
            bytes += objects::size(&object);
            page.objects.push(object);
            if bytes >= PAGE_BYTES {
                break;
            }
        }
        let next = begin + page.objects.len();
        if next < selected.len() {
            page.next_page_token = self.tokens.token(asked, next);
        }
        Ok(page)
    }
}

/// A tag name or path as it may be shown in errors and the audit trail.
fn looked_up(what: &str, text: String) -> Result<String, Status> {
    if text.is_empty() {
        return Err(invalid(what, "is empty"));
    }
    if text.len() > MAX_PLACE_BYTES {
        return Err(invalid(what, "has more than 1024 bytes"));
    }
    if text.chars().any(char::is_control) {
        return Err(invalid(what, "has control characters"));
    }
    Ok(text)
}

fn not_supported() -> Status {
    ErrorCode::NotSupported.status(
        "this gateway knows no galaxy that could be browsed; the backend simulator describes one (workers.backend)",
        &[("key", "workers.backend")],
    )
}

#[tonic::async_trait]
impl GalaxyRepository for GalaxyService {
    async fn test_connection(&self, _: Request<v1::TestConnectionRequest>) -> Reply<v1::TestConnectionReply> {
        let name = self.served()?.galaxy()?.name();
        let message = format!("galaxy {name} of the simulator, as it was read when the gateway started");
        Ok(Response::new(v1::TestConnectionReply { ok: true, message }))
    }

    async fn get_last_deploy_time(
        &self,
        _: Request<v1::GetLastDeployTimeRequest>,
    ) -> Reply<v1::GetLastDeployTimeReply> {
        let last_deploy_time = Some(timestamp(self.served()?.deployed_at));
        Ok(Response::new(v1::GetLastDeployTimeReply { last_deploy_time }))
    }

    async fn discover_hierarchy(
        &self,
        request: Request<v1::DiscoverHierarchyRequest>,
    ) -> Reply<v1::DiscoverHierarchyReply> {
        let visitor = Visitor::of(&request)?;
        let mut request = request.into_inner();
        let served = self.served()?;
        let view = View::of(visitor.principal(), &served.hierarchy);
        let page = (std::mem::take(&mut request.page_size), &*std::mem::take(&mut request.page_token));
        let asked = Asked::by(visitor.principal(), &request);
        let filter = Filter::of(request.filter.clone())?;
        let root = match request.root.clone().map(Place::from) {
            Some(place) => Some(self.find(&visitor, Action::DiscoverHierarchy, served, &view, place)?),
            None => None,
        };
        let range = Range::Subtree(root, request.max_depth);
        let page = self.page(served, &view, range, &filter, &asked, page)?;
        Ok(Response::new(v1::DiscoverHierarchyReply {
            objects: page.objects,
            next_page_token: page.next_page_token,
            total_count: page.total_count,
        }))
    }

    async fn browse_children(
        &self,
        request: Request<v1::BrowseChildrenRequest>,
    ) -> Reply<v1::BrowseChildrenReply> {
        let visitor = Visitor::of(&request)?;
        let mut request = request.into_inner();
        let served = self.served()?;
        let view = View::of(visitor.principal(), &served.hierarchy);
        let page = (std::mem::take(&mut request.page_size), &*std::mem::take(&mut request.page_token));
        let asked = Asked::by(visitor.principal(), &request);
        let filter = Filter::of(request.filter.clone())?;
        let parent = match request.parent.clone().map(Place::from) {
            Some(place) => Some(self.find(&visitor, Action::BrowseChildren, served, &view, place)?),
            None => None,
        };
        let page = self.page(served, &view, Range::Children(parent), &filter, &asked, page)?;
        Ok(Response::new(v1::BrowseChildrenReply {
            children: page.objects,
            next_page_token: page.next_page_token,
            total_count: page.total_count,
        }))
    }

    type WatchDeployEventsStream = Pin<Box<dyn Stream<Item = Result<v1::DeployEvent, Status>> + Send>>;

    async fn watch_deploy_events(
        &self,
        request: Request<v1::WatchDeployEventsRequest>,
    ) -> Reply<Self::WatchDeployEventsStream> {
        let visitor = Visitor::of(&request)?;
        let served = self.served()?;
        let view = View::of(visitor.principal(), &served.hierarchy);
        let (object_count, attribute_count) = counts(served.galaxy()?, &view);
        let present = v1::DeployEvent {
            sequence: 1,
            last_deploy_time: Some(timestamp(served.deployed_at)),
            object_count,
            attribute_count,
        };
        let events = deploy_events::stream(present, visitor.ended(), self.stop.clone());
        Ok(Response::new(Box::pin(events)))
    }
}

/// How many objects there are to see, and attributes.
fn counts(galaxy: &Galaxy, view: &View) -> (u32, u32) {
    let objects = || galaxy.objects().iter().enumerate();
    let attributes: usize = objects()
        .filter(|(object, _)| view.sight(*object) == Sight::Whole)
        .map(|(_, description)| description.attributes.len())
        .sum();
    let objects = objects().filter(|(object, _)| view.has(*object)).count();
    (u32::try_from(objects).unwrap_or(u32::MAX), u32::try_from(attributes).unwrap_or(u32::MAX))
}

impl From<Root> for Place {
    fn from(root: Root) -> Self {
        match root {
            Root::RootGobjectId(id) => Self::Id(id),
            Root::RootTagName(name) => Self::TagName(name),
            Root::RootContainedPath(path) => Self::ContainedPath(path),
        }
    }
}

impl From<Parent> for Place {
    fn from(parent: Parent) -> Self {
        match parent {
            Parent::ParentGobjectId(id) => Self::Id(id),
            Parent::ParentTagName(name) => Self::TagName(name),
            Parent::ParentContainedPath(path) => Self::ContainedPath(path),
        }
    }
}
