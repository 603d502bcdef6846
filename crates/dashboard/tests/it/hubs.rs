//! Hubs on a real port: what they send, to whom, and when they end.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use mxgateway_dashboard::HubLimits;
use mxgateway_dashboard::backend::{FeedItem, Missing, Position};
use mxgateway_dashboard::model::EventBatch;
use serde_json::json;

use crate::browser::Browser;
use crate::hub::{Served, until};
use crate::sample::{self, session_id};
use crate::world::{self, World, hidden_id, seen_id, unknown_id};

fn events_of(id: &str) -> String {
    format!("/hubs/events?session={id}")
}

fn missing(from: u64, to: u64, reason: &str) -> Missing {
    Missing { from, to, count: to - from + 1, reason: reason.to_owned() }
}

async fn served(name: &str) -> (World, Served, Browser) {
    served_within(HubLimits::default(), name).await
}

async fn served_within(limits: HubLimits, name: &str) -> (World, Served, Browser) {
    let World { dashboard, gateway } = world::world();
    let world = World { dashboard: dashboard.with_hub_limits(limits), gateway };
    let served = Served::new(&world.dashboard).await;
    let browser = Browser::signed_in(&world.dashboard, name).await;
    (world, served, browser)
}

#[tokio::test]
async fn snapshots_come_at_once_and_each_time_there_is_a_new_one() {
    let (world, served, browser) = served("ben").await;
    let mut hub = served.open("/hubs/snapshot", &browser).await.unwrap();
    let first = hub.json().await;
    assert_eq!(first["number"], 1);
    assert_eq!(first["totals"]["sessions"], 1, "{first}");
    assert_eq!(first["sessions"][0]["id"], seen_id());
    world.gateway.tell(world::snapshot(2));
    assert_eq!(hub.json().await["number"], 2);
}

#[tokio::test]
async fn all_who_see_the_same_get_the_same_text() {
    let (world, served, ben) = served("ben").await;
    let ada = Browser::signed_in(&world.dashboard, "ada").await;
    let mut texts = Vec::new();
    for browser in [&ben, &ben, &ada] {
        texts.push(served.open("/hubs/snapshot", browser).await.unwrap().text().await);
    }
    assert_eq!(texts[0], texts[1]);
    assert_ne!(texts[0], texts[2]);
    let by_api = Browser::signed_in(&world.dashboard, "ben").await.get("/api/v1/snapshot").await;
    assert_eq!(by_api.text(), texts[0]);
}

#[tokio::test]
async fn events_come_with_their_positions_and_with_what_is_missing() {
    let (world, served, browser) = served("ben").await;
    let id = seen_id();
    let path = format!("{}&epoch=f0e1d2c3b4a59687&after=1000", events_of(&id));
    world.gateway.start_feeds_with(
        &id,
        FeedItem::Start {
            position: Position { epoch: 0xf0e1_d2c3_b4a5_9687, sequence: 1_500 },
            oldest_retained: 1_501,
            missing: Some(missing(1_001, 1_500, "evicted")),
        },
    );
    let mut hub = served.open(&path, &browser).await.unwrap();
    let position = |sequence: u64| json!({ "epoch": "f0e1d2c3b4a59687", "sequence": sequence });
    assert_eq!(
        hub.json().await,
        json!({
            "type": "start",
            "position": position(1_500),
            "oldest_retained": 1_501,
            "missing": { "from": 1_001, "to": 1_500, "count": 500, "reason": "evicted" },
        })
    );
    assert_eq!(
        world.gateway.asked_from(),
        [Some(Position { epoch: 0xf0e1_d2c3_b4a5_9687, sequence: 1_000 })]
    );
    let batch = Arc::new(EventBatch::new(vec![sample::event(1_501), sample::event(1_502)]));
    world.gateway.feed_item(&id, FeedItem::Events(batch));
    let events = hub.json().await;
    assert_eq!(events["type"], "events");
    assert_eq!(events["events"][1]["sequence"], 1_502);
    assert_eq!(events["events"][1]["value"], json!(null));
    world.gateway.feed_item(&id, FeedItem::Missing(missing(1_503, 1_510, "skipped")));
    assert_eq!(
        hub.json().await,
        json!({ "type": "missing", "from": 1_503, "to": 1_510, "count": 8, "reason": "skipped" })
    );
    world.gateway.feed_item(&id, FeedItem::Bookmark(Position { epoch: 0xa, sequence: 1_510 }));
    assert_eq!(
        hub.json().await,
        json!({ "type": "bookmark", "position": { "epoch": "000000000000000a", "sequence": 1_510 } })
    );
    world.gateway.feed_item(&id, FeedItem::End { reason: "client_close".to_owned() });
    assert_eq!(hub.json().await, json!({ "type": "end", "reason": "client_close" }));
    assert_eq!(hub.end().await, Some(1000));
    until("the feed ends with its hub", || world.gateway.open_feeds(&id) == 0).await;
}

#[tokio::test]
async fn a_hub_that_is_not_for_the_visitor_is_one_that_is_not_there() {
    let (_world, served, ben) = served("ben").await;
    for id in [hidden_id(), unknown_id(), session_id(2), String::new()] {
        let refused = served.open(&events_of(&id), &ben).await.unwrap_err();
        assert_eq!(refused, StatusCode::NOT_FOUND, "{id:?}");
    }
}

#[tokio::test]
async fn positions_that_make_no_sense_are_refused() {
    let (_world, served, ben) = served("ben").await;
    for rest in
        ["&epoch=xyz&after=1", "&epoch=a&after=-1", "&epoch=a", "&after=1", "&epoch=a&epoch=b&after=1"]
    {
        let path = format!("{}{rest}", events_of(&seen_id()));
        assert_eq!(served.open(&path, &ben).await.unwrap_err(), StatusCode::BAD_REQUEST, "{rest}");
    }
}

#[tokio::test]
async fn pages_of_others_get_no_hub() {
    let (_world, served, ben) = served("ben").await;
    for origin in ["http://evil.example", "null", "http://127.0.0.1:1"] {
        let refused = served.open_from(origin, "/hubs/snapshot", &ben).await.unwrap_err();
        assert_eq!(refused, StatusCode::FORBIDDEN, "{origin}");
    }
}

#[tokio::test]
async fn signing_out_ends_the_hubs() {
    let (_world, served, mut ben) = served("ben").await;
    let mut snapshots = served.open("/hubs/snapshot", &ben).await.unwrap();
    let mut events = served.open(&events_of(&seen_id()), &ben).await.unwrap();
    snapshots.text().await;
    events.text().await;
    ben.post("/sign-out", &[]).await;
    assert_eq!(snapshots.end().await, Some(4401));
    assert_eq!(events.end().await, Some(4401));
}

#[tokio::test]
async fn there_is_room_for_so_many_and_it_is_given_back() {
    let limits = HubLimits { connections_of_visitor: 2, ..HubLimits::default() };
    let (world, served, ben) = served_within(limits, "ben").await;
    let first = served.open("/hubs/snapshot", &ben).await.unwrap();
    let _second = served.open("/hubs/snapshot", &ben).await.unwrap();
    let refused = served.open("/hubs/snapshot", &ben).await.unwrap_err();
    assert_eq!(refused, StatusCode::TOO_MANY_REQUESTS);
    let ada = Browser::signed_in(&world.dashboard, "ada").await;
    let _third = served.open("/hubs/snapshot", &ada).await.unwrap();
    assert_eq!(world.dashboard.hub_connections(), 3);
    drop(first);
    until("a connection that is gone makes room", || world.dashboard.hub_connections() == 2).await;
    served.open("/hubs/snapshot", &ben).await.unwrap();
}

#[tokio::test]
async fn who_sends_to_a_hub_is_let_go() {
    let (_world, served, ben) = served("ben").await;
    let mut hub = served.open("/hubs/snapshot", &ben).await.unwrap();
    hub.send("hello").await;
    assert_eq!(hub.end().await, Some(1008));
    let mut hub = served.open("/hubs/snapshot", &ben).await.unwrap();
    hub.send(&"x".repeat(2_000)).await;
    assert_ne!(hub.end().await, Some(1000), "a large message was taken");
}

#[tokio::test]
async fn a_browser_that_does_not_read_is_let_go_and_holds_nobody_up() {
    let limits = HubLimits { write: Duration::from_secs(2), ..HubLimits::default() };
    let (world, served, ada) = served_within(limits, "ada").await;
    let stuck = served.open("/hubs/snapshot", &ada).await.unwrap();
    let mut reads = served.open("/hubs/snapshot", &ada).await.unwrap();
    assert_eq!(reads.json().await["number"], 1);
    assert_eq!(world.dashboard.hub_connections(), 2);
    // More than the system keeps for a connection that is not read from.
    let many: Vec<_> = (0..4_000).map(|number| sample::session(&session_id(number), "")).collect();
    for number in 2.. {
        world.gateway.tell(sample::snapshot(number, many.clone(), Vec::new()));
        assert_eq!(reads.json().await["number"], number, "one that reads was held up");
        if world.dashboard.hub_connections() == 1 {
            break;
        }
        assert!(number < 500, "the one that does not read is still there");
    }
    drop(stuck);
}

#[tokio::test]
async fn a_browser_that_does_not_answer_pings_is_let_go() {
    let limits = HubLimits { ping: Duration::from_millis(400), ..HubLimits::default() };
    let (world, served, ada) = served_within(limits, "ada").await;
    let mut answers = served.open("/hubs/snapshot", &ada).await.unwrap();
    // Pongs are sent by who reads, and this one does not.
    let _silent = served.open("/hubs/snapshot", &ada).await.unwrap();
    let reading = tokio::spawn(async move { answers.end().await });
    until("the silent one is let go", || world.dashboard.hub_connections() == 1).await;
    assert!(!reading.is_finished(), "one that answers was let go");
    reading.abort();
}

#[tokio::test]
async fn closing_the_dashboard_ends_every_hub() {
    let (world, served, ben) = served("ben").await;
    let mut hub = served.open("/hubs/snapshot", &ben).await.unwrap();
    hub.text().await;
    let (code, ()) = tokio::join!(hub.end(), world.dashboard.close());
    assert_eq!(code, Some(1001));
    assert_eq!(world.dashboard.hub_connections(), 0);
}
