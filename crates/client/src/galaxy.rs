//! The galaxy's description: which objects and attributes there are.

use mxgateway_contracts::v1::browse_children_request::Parent;
use mxgateway_contracts::v1::discover_hierarchy_request::Root;
use mxgateway_contracts::v1::{BrowseChildrenRequest, DiscoverHierarchyRequest, GalaxyFilter, GalaxyObject};
use mxgateway_contracts::v1_client::galaxy_repository_client::GalaxyRepositoryClient;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;

use crate::connection::Client;
use crate::credentials::Credentials;
use crate::cursor::ProtocolViolation;
use crate::error::ClientError;

/// The generated client of the galaxy's description, with the API key on each call.
pub type GrpcGalaxyClient = GalaxyRepositoryClient<InterceptedService<Channel, Credentials>>;

/// Names an object of the galaxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GalaxyPlace {
    /// By [`GalaxyObject::gobject_id`].
    Id(i32),
    /// By its tag name.
    TagName(String),
    /// By areas and containers down to it, with dots between.
    ContainedPath(String),
}

impl Client {
    /// What an object contains, nothing below that; areas first, then by tag name. `None` for what is at the
    /// top. Reads page after page. A key with constraints gets what it may browse and what leads there.
    ///
    /// # Errors
    /// `OBJECT_NOT_FOUND`, `CONSTRAINT_DENIED`, `NOT_SUPPORTED` where the galaxy is not known, or a transport
    /// failure.
    pub async fn browse_children(
        &self,
        parent: Option<&GalaxyPlace>,
        filter: &GalaxyFilter,
    ) -> Result<Vec<GalaxyObject>, ClientError> {
        let parent = parent.cloned().map(|place| match place {
            GalaxyPlace::Id(id) => Parent::ParentGobjectId(id),
            GalaxyPlace::TagName(name) => Parent::ParentTagName(name),
            GalaxyPlace::ContainedPath(path) => Parent::ParentContainedPath(path),
        });
        let mut request = BrowseChildrenRequest {
            parent,
            filter: Some(filter.clone()),
            ..BrowseChildrenRequest::default()
        };
        let mut objects = Vec::new();
        loop {
            let mut grpc = self.galaxy();
            let answer = grpc.browse_children(request.clone());
            let page = self.call("BrowseChildren", self.options().call_timeout, answer).await?;
            objects.extend(page.children);
            if !goes_on("BrowseChildren", &mut request.page_token, page.next_page_token)? {
                return Ok(objects);
            }
        }
    }

    /// An object and what is up to `max_depth` levels below it, 0 for all; parents before their children.
    /// `None` for the whole galaxy, which is no object itself: its first level is what is at the top. Reads page
    /// after page, as [`Client::browse_children`].
    ///
    /// # Errors
    /// As [`Client::browse_children`].
    pub async fn discover_hierarchy(
        &self,
        root: Option<&GalaxyPlace>,
        max_depth: u32,
        filter: &GalaxyFilter,
    ) -> Result<Vec<GalaxyObject>, ClientError> {
        let root = root.cloned().map(|place| match place {
            GalaxyPlace::Id(id) => Root::RootGobjectId(id),
            GalaxyPlace::TagName(name) => Root::RootTagName(name),
            GalaxyPlace::ContainedPath(path) => Root::RootContainedPath(path),
        });
        let mut request = DiscoverHierarchyRequest {
            root,
            max_depth,
            filter: Some(filter.clone()),
            ..DiscoverHierarchyRequest::default()
        };
        let mut objects = Vec::new();
        loop {
            let mut grpc = self.galaxy();
            let answer = grpc.discover_hierarchy(request.clone());
            let page = self.call("DiscoverHierarchy", self.options().call_timeout, answer).await?;
            objects.extend(page.objects);
            if !goes_on("DiscoverHierarchy", &mut request.page_token, page.next_page_token)? {
                return Ok(objects);
            }
        }
    }
}

/// Whether there is another page, whose token is then in the request.
fn goes_on(call: &'static str, token: &mut String, next: String) -> Result<bool, ClientError> {
    // A token that leads back to its own page would have no end.
    if !next.is_empty() && next == *token {
        return Err(ProtocolViolation::IncompleteReply { call }.into());
    }
    *token = next;
    Ok(!token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_end_and_never_run_in_a_circle() {
        let mut token = String::new();
        assert!(goes_on("Call", &mut token, "1".to_owned()).unwrap());
        assert!(goes_on("Call", &mut token, "2".to_owned()).unwrap());
        assert!(goes_on("Call", &mut token, "2".to_owned()).is_err());
        assert!(!goes_on("Call", &mut token, String::new()).unwrap());
    }
}
