//! The galaxy's description: pages, filters, and that no key sees what it may not browse.

use mxgateway_client::{Client, ClientOptions, GalaxyPlace};
use mxgateway_contracts::error_code::ErrorCode;
use mxgateway_contracts::v1::browse_children_request::Parent;
use mxgateway_contracts::v1::discover_hierarchy_request::Root;
use mxgateway_contracts::v1::{
    BrowseChildrenRequest, DiscoverHierarchyRequest, GalaxyFilter, GalaxyObject, GetLastDeployTimeRequest,
    OpenSessionRequest, TestConnectionRequest, WatchDeployEventsRequest,
};
use mxgateway_contracts::v1_client::galaxy_repository_client::GalaxyRepositoryClient;
use mxgateway_e2e::{Bearer, Gateway, Random, api_key, client_options, mxgw, until, within};
use serde_json::Value;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Status};

type Repository = GalaxyRepositoryClient<InterceptedService<Channel, Bearer>>;

/// The key may browse the tank farm.
const FARM: [&str; 5] =
    ["--id=farmer", "--name=farmer", "--scopes=metadata:read", "--browse-subtree", FARM_PATH];
const FARM_PATH: &str = "plant.tankfarm";

async fn repository(gateway: &Gateway, key: &str) -> Repository {
    GalaxyRepositoryClient::with_interceptor(gateway.channel().await, Bearer::new(key))
}

fn with_attributes() -> Option<GalaxyFilter> {
    Some(GalaxyFilter { include_attributes: true, ..GalaxyFilter::default() })
}

/// Every object that DiscoverHierarchy gives for the request, in pages of these sizes, one after the other.
async fn discover(
    repository: &mut Repository,
    mut request: DiscoverHierarchyRequest,
    mut size: impl FnMut() -> u32,
) -> Vec<GalaxyObject> {
    let mut objects = Vec::new();
    loop {
        request.page_size = size();
        let page = repository.discover_hierarchy(request.clone()).await.unwrap().into_inner();
        assert!(request.page_size == 0 || page.objects.len() <= usize::try_from(request.page_size).unwrap());
        objects.extend(page.objects);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            assert_eq!(objects.len(), usize::try_from(page.total_count).unwrap());
            return objects;
        }
    }
}

/// Every object, found by asking each for its children.
async fn walk(repository: &mut Repository, mut size: impl FnMut() -> u32) -> Vec<GalaxyObject> {
    let mut objects: Vec<GalaxyObject> = Vec::new();
    let mut parents = vec![None];
    while let Some(parent) = parents.pop() {
        let mut request =
            BrowseChildrenRequest { filter: with_attributes(), ..BrowseChildrenRequest::default() };
        request.parent = parent.map(Parent::ParentGobjectId);
        let mut children = Vec::new();
        loop {
            request.page_size = size();
            let page = repository.browse_children(request.clone()).await.unwrap().into_inner();
            children.extend(page.children);
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                assert_eq!(children.len(), usize::try_from(page.total_count).unwrap());
                break;
            }
        }
        let order = |child: &GalaxyObject| (!child.is_area, child.tag_name.to_lowercase());
        assert!(children.is_sorted_by_key(order), "areas first, then by name");
        assert!(children.iter().all(|child| child.parent_gobject_id == parent.unwrap_or_default()));
        parents
            .extend(children.iter().filter(|child| child.has_children).map(|child| Some(child.gobject_id)));
        objects.extend(children);
    }
    objects.sort_by_key(|object| object.gobject_id);
    objects
}

fn names(objects: &[GalaxyObject]) -> Vec<&str> {
    objects.iter().map(|object| object.tag_name.as_str()).collect()
}

#[track_caller]
fn assert_code<T>(result: Result<T, Status>, code: ErrorCode, what: &str) -> Status {
    let Err(status) = result else { panic!("{what} is answered") };
    assert_eq!(ErrorCode::of(&status), Some(code), "{what}: {status:?}");
    status
}

#[tokio::test]
async fn every_way_and_every_page_size_gives_the_same_galaxy() {
    let gateway = Gateway::start().await;
    let mut repository = repository(&gateway, api_key()).await;
    let request =
        || DiscoverHierarchyRequest { filter: with_attributes(), ..DiscoverHierarchyRequest::default() };
    let mut all = discover(&mut repository, request(), || 0).await;
    assert!(all.len() > 10);
    let mut random = Random::from_environment();
    for _ in 0..10 {
        let size = || u32::try_from(1 + random.below(6)).unwrap();
        assert_eq!(discover(&mut repository, request(), size).await, all);
    }
    all.sort_by_key(|object| object.gobject_id);
    assert_eq!(walk(&mut repository, || u32::try_from(random.below(4)).unwrap()).await, all);

    // Parents are told before their children.
    let in_order = discover(&mut repository, request(), || u32::MAX).await;
    for (at, object) in in_order.iter().enumerate() {
        let parent = in_order[..at].iter().any(|above| above.gobject_id == object.parent_gobject_id);
        assert!(parent || object.parent_gobject_id == 0, "{object:?}");
    }
    let machine = all.iter().find(|object| object.tag_name == "TestMachine_001").unwrap();
    let samples = machine.attributes.iter().find(|attribute| attribute.name == "Samples").unwrap();
    assert_eq!((samples.reference.as_str(), samples.array_length), ("TestMachine_001.Samples[]", 5));

    let told = repository.test_connection(TestConnectionRequest {}).await.unwrap().into_inner();
    assert!(told.ok && told.message.contains("Demo"), "{told:?}");
    let time = repository.get_last_deploy_time(GetLastDeployTimeRequest {}).await.unwrap().into_inner();
    let mut events = repository.watch_deploy_events(WatchDeployEventsRequest {}).await.unwrap().into_inner();
    let event = within("the present state", events.message()).await.unwrap().unwrap();
    assert_eq!((event.sequence, event.last_deploy_time), (1, time.last_deploy_time));
    assert_eq!(usize::try_from(event.object_count).unwrap(), all.len());
    let attributes: usize = all.iter().map(|object| object.attributes.len()).sum();
    assert_eq!(usize::try_from(event.attribute_count).unwrap(), attributes);
    let opened =
        gateway.client().await.open_session(OpenSessionRequest::default()).await.unwrap().into_inner();
    assert!(opened.capabilities.contains(&"galaxy-browse".to_owned()), "{:?}", opened.capabilities);
}

#[tokio::test]
async fn an_object_is_found_by_id_name_and_path_and_what_is_not_there_is_said() {
    let gateway = Gateway::start().await;
    let mut repository = repository(&gateway, api_key()).await;
    let all = discover(&mut repository, DiscoverHierarchyRequest::default(), || 0).await;
    let farm = all.iter().find(|object| object.tag_name == "TankFarm").unwrap();
    for root in [
        Root::RootGobjectId(farm.gobject_id),
        Root::RootTagName("tankfarm".to_owned()),
        Root::RootContainedPath(FARM_PATH.to_owned()),
    ] {
        let request = DiscoverHierarchyRequest { root: Some(root), max_depth: 1, ..Default::default() };
        let found = discover(&mut repository, request, || 1).await;
        assert_eq!(names(&found), ["TankFarm", "Tank_001", "Tank_002"]);
    }
    for (parent, code) in [
        (Parent::ParentGobjectId(0), ErrorCode::ObjectNotFound),
        (Parent::ParentGobjectId(-1), ErrorCode::ObjectNotFound),
        (Parent::ParentGobjectId(i32::MAX), ErrorCode::ObjectNotFound),
        (Parent::ParentTagName("Nobody".to_owned()), ErrorCode::ObjectNotFound),
        (Parent::ParentContainedPath("Plant.Nobody".to_owned()), ErrorCode::ObjectNotFound),
        (Parent::ParentContainedPath(String::new()), ErrorCode::InvalidRequest),
        (Parent::ParentTagName("x".repeat(5000)), ErrorCode::InvalidRequest),
        (Parent::ParentTagName("a\nb".to_owned()), ErrorCode::InvalidRequest),
    ] {
        let what = format!("{parent:?}");
        let request = BrowseChildrenRequest { parent: Some(parent), ..Default::default() };
        let status = assert_code(repository.browse_children(request).await, code, &what);
        assert!(status.message().len() < 200, "{}", status.message());
    }
}

#[tokio::test]
async fn a_token_is_good_for_its_own_request_and_key_alone() {
    let gateway = Gateway::start().await;
    let mut ours = repository(&gateway, api_key()).await;
    let request = DiscoverHierarchyRequest { page_size: 2, ..Default::default() };
    let token = ours.discover_hierarchy(request.clone()).await.unwrap().into_inner().next_page_token;
    let with = |token: &str| DiscoverHierarchyRequest { page_token: token.to_owned(), ..request.clone() };
    ours.discover_hierarchy(with(&token)).await.expect("the token is good");
    let larger = DiscoverHierarchyRequest { page_size: 3, ..with(&token) };
    ours.discover_hierarchy(larger).await.expect("pages may have different sizes");

    let mut refused = vec![
        with("x"),
        with("2."),
        with("2.0000000000000000"),
        with(&format!("{token}0")),
        with(&token.replacen('2', "4", 1)),
        DiscoverHierarchyRequest { filter: with_attributes(), ..with(&token) },
        DiscoverHierarchyRequest { max_depth: 1, ..with(&token) },
        DiscoverHierarchyRequest { root: Some(Root::RootTagName("Plant".to_owned())), ..with(&token) },
    ];
    let mut random = Random::from_environment();
    for _ in 0..20 {
        refused.push(with(&format!("{:x}.{:016x}", random.below(9), random.number())));
    }
    for request in refused {
        let what = format!("{request:?}");
        assert_code(ours.discover_hierarchy(request).await, ErrorCode::InvalidPageToken, &what);
    }
    let children = BrowseChildrenRequest { page_token: token.clone(), ..Default::default() };
    assert_code(ours.browse_children(children).await, ErrorCode::InvalidPageToken, "another RPC");
    let other = gateway.create_key(&["--name=other", "--scopes=metadata:read"]);
    let mut other = repository(&gateway, &other).await;
    assert_code(other.discover_hierarchy(with(&token)).await, ErrorCode::InvalidPageToken, "another key");
}

#[tokio::test]
async fn a_constrained_key_never_sees_anything_else() {
    let gateway = Gateway::start().await;
    let mut ours = repository(&gateway, api_key()).await;
    let mut constrained = repository(&gateway, &gateway.create_key(&FARM)).await;
    let everything = || DiscoverHierarchyRequest { filter: with_attributes(), ..Default::default() };
    let all = discover(&mut ours, everything(), || 0).await;
    let within_farm = |object: &GalaxyObject| object.contained_path.to_lowercase().starts_with(FARM_PATH);
    let expected: Vec<GalaxyObject> = all
        .iter()
        .filter(|object| within_farm(object) || object.tag_name == "Plant")
        .cloned()
        .map(|mut object| {
            if !within_farm(&object) {
                object.attributes.clear();
            }
            object
        })
        .collect();
    assert!(expected.len() > 4 && expected.len() < all.len());
    assert_eq!(discover(&mut constrained, everything(), || 1).await, expected);
    let mut sorted = expected.clone();
    sorted.sort_by_key(|object| object.gobject_id);
    assert_eq!(walk(&mut constrained, || 1).await, sorted);

    // Every place by every name, and places that there are not: the words are the same.
    let mut denials = Vec::new();
    let ids =
        (-1..=i32::try_from(all.len()).unwrap() + 2).map(|id| (id.to_string(), Parent::ParentGobjectId(id)));
    let tags = all.iter().map(|object| object.tag_name.clone()).chain(["Nobody".to_owned()]);
    let paths = all.iter().map(|object| object.contained_path.clone()).chain(["Plant.Nobody".to_owned()]);
    let places: Vec<(String, Parent)> = ids
        .chain(tags.map(|tag| (tag.clone(), Parent::ParentTagName(tag))))
        .chain(paths.map(|path| (path.clone(), Parent::ParentContainedPath(path))))
        .collect();
    for (text, parent) in places {
        let is_seen = expected.iter().any(|object| {
            [object.gobject_id.to_string(), object.tag_name.clone(), object.contained_path.clone()]
                .contains(&text)
        });
        let root = match parent.clone() {
            Parent::ParentGobjectId(id) => Root::RootGobjectId(id),
            Parent::ParentTagName(tag) => Root::RootTagName(tag),
            Parent::ParentContainedPath(path) => Root::RootContainedPath(path),
        };
        let discovered = constrained
            .discover_hierarchy(DiscoverHierarchyRequest { root: Some(root), ..everything() })
            .await
            .map(|page| page.into_inner().objects);
        let children = constrained
            .browse_children(BrowseChildrenRequest {
                parent: Some(parent),
                filter: with_attributes(),
                ..Default::default()
            })
            .await
            .map(|page| page.into_inner().children);
        for answer in [discovered, children] {
            match answer {
                Ok(objects) => {
                    assert!(is_seen, "{text} is answered");
                    assert!(objects.iter().all(|object| expected.contains(object)), "{text}: {objects:?}");
                }
                Err(status) => {
                    assert!(!is_seen, "{text}: {status:?}");
                    assert_eq!(status.code(), Code::PermissionDenied, "{text}: {status:?}");
                    denials.push(status.message().split(':').nth(1).map(str::to_owned));
                }
            }
        }
    }
    assert!(denials.len() > 10 && denials.iter().all(|words| *words == denials[0]), "{denials:?}");

    // Where it may browse it is told what is not there.
    let missing = Parent::ParentContainedPath(format!("{FARM_PATH}.nobody"));
    let request = BrowseChildrenRequest { parent: Some(missing), ..Default::default() };
    assert_code(constrained.browse_children(request).await, ErrorCode::ObjectNotFound, "a missing place");

    let mut events = constrained.watch_deploy_events(WatchDeployEventsRequest {}).await.unwrap().into_inner();
    let event = within("the present state", events.message()).await.unwrap().unwrap();
    assert_eq!(usize::try_from(event.object_count).unwrap(), expected.len());
    let attributes: usize = expected.iter().map(|object| object.attributes.len()).sum();
    assert_eq!(usize::try_from(event.attribute_count).unwrap(), attributes);

    let noted = until("denials are noted", async || {
        let text = gateway.audit(&["--json", "--limit=1000", "--actor=farmer"]);
        let entries: Vec<Value> = String::from_utf8(text)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        (entries.len() >= denials.len()).then_some(entries)
    })
    .await;
    assert!(noted.iter().all(|entry| entry["outcome"] == "denied"), "{noted:?}");
    let of = |action: &str| noted.iter().filter(|entry| entry["action"] == action).count();
    assert!(of("BrowseChildren") > 0 && of("DiscoverHierarchy") > 0);

    // The key's end is the end of what it watches.
    gateway.apikey(&["revoke", "farmer"]);
    let ended = within("the end with the key", events.message()).await;
    assert_code(ended, ErrorCode::Unauthenticated, "deploy events of a revoked key");
}

async fn browse(gateway: &Gateway, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = mxgw(&gateway.endpoint());
    let output = within("mxgw browse", command.arg("browse").args(arguments).output()).await.unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[tokio::test]
async fn mxgw_browse_shows_the_galaxy() {
    let gateway = Gateway::start().await;
    let client = Client::connect(client_options(gateway.endpoint())).unwrap();
    let filter = GalaxyFilter::default();
    let all = client.discover_hierarchy(None, 0, &filter).await.unwrap();
    let (code, text) = browse(&gateway, &[]).await;
    assert_eq!((code, text.lines().count()), (Some(0), all.len()), "{text}");
    assert!(text.contains("area\tTankFarm\tPlant.TankFarm\t"), "{text}");

    let (_, text) = browse(&gateway, &["Plant.TankFarm", "--depth=1", "--glob=tank_*", "--attributes"]).await;
    let (attributes, objects): (Vec<&str>, Vec<&str>) =
        text.lines().partition(|line| line.starts_with("attribute\t"));
    assert_eq!(objects.len(), 2, "{text}");
    assert!(attributes.contains(&"attribute\tTank_001.SetPoint\tDouble\t-\tOperate"), "{text}");

    let (_, text) = browse(&gateway, &["Plant", "--json"]).await;
    let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!((&first["type"], &first["tagName"]), (&"object".into(), &"Plant".into()), "{text}");
    assert_eq!(browse(&gateway, &["Nobody"]).await.0, Some(4));

    let plant = GalaxyPlace::TagName("Plant".to_owned());
    let children = client.browse_children(Some(&plant), &filter).await.unwrap();
    assert_eq!(names(&children), ["Packaging", "TankFarm", "Host", "Platform_001"]);
    let nobody = ClientOptions { api_key: None, ..client_options(gateway.endpoint()) };
    let refused = Client::connect(nobody).unwrap().browse_children(None, &filter).await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::Unauthenticated));
}
