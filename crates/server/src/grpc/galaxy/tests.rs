use std::fmt::Write as _;

use mxgateway_auth::constraints::Constraints;
use mxgateway_auth::principal::KeyGrant;
use mxgateway_auth::scope::Scopes;
use mxgateway_auth::verifier::Caller;
use mxgateway_contracts::v1::GalaxyFilter;

use super::*;
use crate::config::Config;
use crate::metrics::Metrics;

/// A galaxy of areas within areas, and objects in them and in each other.
fn random_galaxy(random: &mut fastrand::Rng) -> Galaxy {
    let mut text = "[galaxy]\nname = \"Random\"\n".to_owned();
    let (areas, objects) = (random.usize(1..12), random.usize(0..60));
    for area in 0..areas {
        let _ = writeln!(text, "[[area]]\nname = \"Area_{area}\"");
        if area > 0 && random.bool() {
            let _ = writeln!(text, "parent = \"Area_{}\"", random.usize(..area));
        }
    }
    for object in 0..objects {
        let _ = writeln!(text, "[[object]]\nname = \"Object_{object}\"");
        if object > 0 && random.bool() {
            let _ = writeln!(text, "container = \"Object_{}\"", random.usize(..object));
            let _ = writeln!(text, "contained_name = \"Part_{object}\"");
        } else if random.bool() {
            let _ = writeln!(text, "area = \"Area_{}\"", random.usize(..areas));
        }
        text.push_str("attributes.Level = { type = \"double\" }\n");
    }
    Galaxy::parse(&text, &|_| Err("no recordings".to_owned())).unwrap()
}

/// Patterns of some of the galaxy's paths, and one of nothing.
fn random_constraints(random: &mut fastrand::Rng, hierarchy: &Hierarchy) -> Constraints {
    let mut patterns = vec!["No.Such*".to_owned()];
    for _ in 0..random.usize(0..4) {
        let Some(object) = random.choice(hierarchy.subtree(None)) else { continue };
        let path = hierarchy.place(*object).unwrap().path.to_uppercase();
        patterns.push(match random.u8(0..4) {
            0 => path,
            1 => path.replace(|it: char| it.is_ascii_digit(), "?"),
            2 => format!("*{}", &path[path.len() / 2..]),
            _ => format!("{}*", &path[..path.len().div_ceil(2)]),
        });
    }
    serde_json::from_value(serde_json::json!({ "browse_subtrees": patterns })).unwrap()
}

fn key(constraints: Constraints) -> Principal {
    let (id, scopes) = ("k1".parse().unwrap(), Scopes::all());
    Principal::Key(Arc::new(KeyGrant { id, name: "test".to_owned(), scopes, constraints }))
}

#[test]
fn a_key_sees_its_subtrees_and_what_leads_to_them_and_nothing_else() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    for _ in 0..200 {
        let galaxy = random_galaxy(&mut random);
        let hierarchy = Hierarchy::of(&galaxy);
        let constraints = random_constraints(&mut random, &hierarchy);
        let view = View::of(&key(constraints.clone()), &hierarchy);
        let within = |object: &usize| constraints.browse(&galaxy.contained_path(*object).unwrap()).is_ok();
        for object in hierarchy.subtree(None) {
            let expected = if within(object) {
                Sight::Whole
            } else if hierarchy.subtree(Some(*object)).iter().any(within) {
                Sight::Way
            } else {
                Sight::Hidden
            };
            assert_eq!(
                view.sight(*object),
                expected,
                "{:?} of {constraints:?}",
                galaxy.objects()[*object].name
            );
            let message = objects::object(&galaxy, &hierarchy, &view, *object, true);
            assert_eq!(message.is_some(), expected != Sight::Hidden);
            let Some(message) = message else { continue };
            let described = &galaxy.objects()[*object].attributes;
            assert_eq!(message.attributes.len(), if expected == Sight::Whole { described.len() } else { 0 });
            let seen_children = hierarchy.children(Some(*object)).iter().filter(|it| view.has(**it)).count();
            assert_eq!(message.has_children, seen_children > 0);
        }
    }
}

#[test]
fn without_constraints_nothing_is_filtered() {
    let galaxy = Galaxy::built_in().unwrap();
    let hierarchy = Hierarchy::of(&galaxy);
    let reading = serde_json::from_str(r#"{"read_subtrees": ["Nothing"]}"#).unwrap();
    for principal in [Principal::Unrestricted, key(Constraints::default()), key(reading)] {
        let view = View::of(&principal, &hierarchy);
        assert!(hierarchy.subtree(None).iter().all(|object| view.sight(*object) == Sight::Whole));
    }
}

#[test]
fn each_filter_takes_what_it_says() {
    let galaxy = Galaxy::built_in().unwrap();
    let hierarchy = Hierarchy::of(&galaxy);
    let view = View::of(&Principal::Unrestricted, &hierarchy);
    let select = |range, wanted| {
        let filter = Filter::of(Some(wanted)).unwrap();
        let selected = selection::select(&galaxy, &hierarchy, &view, range, &filter);
        selected.into_iter().map(|object| galaxy.objects()[object].name.clone()).collect::<Vec<_>>()
    };
    let glob = |glob: &str| GalaxyFilter { tag_name_glob: glob.to_owned(), ..GalaxyFilter::default() };
    let all = Range::Subtree(None, 0);
    assert_eq!(select(all, GalaxyFilter::default()).len(), galaxy.objects().len());
    assert_eq!(select(all, glob("tank_???")), ["Tank_001", "Tank_002"]);
    assert_eq!(select(all, glob("TANK")), Vec::<String>::new(), "the whole name has to match");
    assert_eq!(select(all, glob("tank*")), ["TankFarm", "Tank_001", "Tank_002"]);

    let farm = galaxy.find_object("TankFarm");
    assert_eq!(select(Range::Subtree(farm, 1), glob("")), ["TankFarm", "Tank_001", "Tank_002"]);
    assert_eq!(select(Range::Subtree(farm, 2), glob("")), ["TankFarm", "Tank_001", "Pump_001", "Tank_002"]);
    assert_eq!(select(Range::Subtree(farm, u32::MAX), glob("")), select(Range::Subtree(farm, 0), glob("")));
    assert_eq!(select(Range::Subtree(None, 1), glob("")), ["Plant", "TestArea"]);
    assert_eq!(select(Range::Children(None), glob("")), ["Plant", "TestArea"]);
    assert_eq!(select(Range::Children(farm), glob("*1")), ["Tank_001"]);

    let none = Vec::<String>::new();
    let filter = GalaxyFilter::default;
    assert_eq!(select(all, GalaxyFilter { category_ids: vec![13], ..filter() }), none);
    assert_eq!(select(all, GalaxyFilter { template_chain_contains: "$Tank".into(), ..filter() }), none);
    assert_eq!(select(all, GalaxyFilter { alarm_bearing_only: true, ..filter() }), none);
    assert_eq!(select(all, GalaxyFilter { historized_only: true, ..filter() }), none);
    let refused = Filter::of(Some(glob(&"x".repeat(1000)))).unwrap_err();
    assert_eq!(ErrorCode::of(&refused), Some(ErrorCode::InvalidRequest));
}

#[test]
fn pages_have_their_sizes() {
    assert_eq!([0, 1, 499, 5000, 5001, u32::MAX].map(selection::page_size), [500, 1, 499, 5000, 5000, 5000]);
}

#[test]
fn attributes_can_be_added_as_items() {
    let galaxy = Galaxy::built_in().unwrap();
    let hierarchy = Hierarchy::of(&galaxy);
    let view = View::of(&Principal::Unrestricted, &hierarchy);
    let mut arrays = 0;
    for object in hierarchy.subtree(None) {
        for attribute in objects::object(&galaxy, &hierarchy, &view, *object, true).unwrap().attributes {
            let target = galaxy.resolve(&attribute.reference, "").unwrap().attribute;
            let described = galaxy.attribute(target).unwrap();
            assert_eq!(described.name, attribute.name);
            assert_eq!(attribute.security_classification, i32::from(described.security.code()));
            assert_eq!(attribute.is_array, attribute.array_length > 0);
            assert_ne!(attribute.data_type(), v1::MxDataType::Unknown);
            arrays += usize::from(attribute.is_array);
        }
    }
    assert!(arrays > 0);
}

fn service(view: GalaxyView, stop: &CancellationToken) -> GalaxyService {
    let door = Door::new(None, Metrics::new(|| panic!("nobody asks")));
    GalaxyService::new(Arc::new(view), SystemTime::now(), door, stop.clone())
}

fn asked<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(Visitor::new(Caller::unrestricted(), None, None));
    request
}

#[tokio::test]
async fn without_a_galaxy_nothing_is_served() {
    let service = service(GalaxyView::Unknown, &CancellationToken::new());
    let refusals = [
        service.test_connection(asked(v1::TestConnectionRequest {})).await.unwrap_err(),
        service.get_last_deploy_time(asked(v1::GetLastDeployTimeRequest {})).await.unwrap_err(),
        service.discover_hierarchy(asked(v1::DiscoverHierarchyRequest::default())).await.unwrap_err(),
        service.browse_children(asked(v1::BrowseChildrenRequest::default())).await.unwrap_err(),
        service.watch_deploy_events(asked(v1::WatchDeployEventsRequest {})).await.map(drop).unwrap_err(),
    ];
    for status in refusals {
        assert_eq!(ErrorCode::of(&status), Some(ErrorCode::NotSupported));
        assert!(status.message().contains("workers.backend"), "{}", status.message());
    }
}

#[tokio::test]
async fn deploy_events_begin_at_once_and_end_with_the_gateway() {
    use futures_util::StreamExt as _;

    let stop = CancellationToken::new();
    let view = GalaxyView::load(&Config::from_settings(&[]).unwrap()).unwrap();
    let objects = view.galaxy().unwrap().objects().len();
    let service = service(view, &stop);
    let watched = service.watch_deploy_events(asked(v1::WatchDeployEventsRequest {})).await.unwrap();
    let mut events = watched.into_inner();
    let first = events.next().await.unwrap().unwrap();
    assert_eq!((first.sequence, usize::try_from(first.object_count).unwrap()), (1, objects));
    let time = service.get_last_deploy_time(asked(v1::GetLastDeployTimeRequest {})).await.unwrap();
    assert_eq!(time.into_inner().last_deploy_time, first.last_deploy_time);
    stop.cancel();
    let status = events.next().await.unwrap().unwrap_err();
    assert_eq!(ErrorCode::of(&status), Some(ErrorCode::GatewayStopping));
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn a_large_page_ends_before_it_is_too_large() {
    let mut text = "[galaxy]\nname = \"Large\"\n".to_owned();
    for object in 0..40 {
        let _ = writeln!(text, "[[object]]\nname = \"Object_{object}\"\n[object.attributes]");
        for attribute in 0..1000 {
            let _ = writeln!(text, "Attribute_{attribute} = {{ type = \"integer\" }}");
        }
    }
    let galaxy = Galaxy::parse(&text, &|_| Err("no recordings".to_owned())).unwrap();
    let view = GalaxyView::Described { galaxy: Box::new(galaxy), complete_array_names: true };
    let service = service(view, &CancellationToken::new());
    let filter = Some(GalaxyFilter { include_attributes: true, ..GalaxyFilter::default() });
    let mut request = v1::BrowseChildrenRequest { filter, ..v1::BrowseChildrenRequest::default() };
    let mut objects = 0;
    loop {
        let page = service.browse_children(asked(request.clone())).await.unwrap().into_inner();
        assert_eq!(page.total_count, 40);
        assert!((1..20).contains(&page.children.len()), "{}", page.children.len());
        objects += page.children.len();
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(objects, 40);
}
