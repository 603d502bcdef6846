//! A viewer never gets one byte of a session outside its tags, wherever it asks.

use mxgateway_dashboard::backend::FeedItem;
use mxgateway_dashboard::routes;

use crate::browser::{Answer, Browser};
use crate::hub::Served;
use crate::sample::{self, session_id};
use crate::scripted::Call;
use crate::world::{self, MARKER, hidden_id, seen_id, unknown_id};

/// Everything that came over the wire, as text; without what the visitor itself had said.
fn everything(answer: &Answer) -> String {
    let headers: String = answer.headers.iter().map(|(name, value)| format!("{name}: {value:?}\n")).collect();
    format!("{}\n{headers}\n{}", answer.status, answer.text())
}

/// Every path with every session in every place that takes one.
fn paths() -> Vec<String> {
    let ids = [seen_id(), hidden_id(), format!("session-{MARKER}-ended"), unknown_id(), session_id(2)];
    let mut paths = Vec::new();
    for route in routes() {
        for id in &ids {
            let path = route.path.replace("{id}", id).replace("{version}/{name}", "any/main.js");
            paths.push(format!("{path}?session={id}&actor={id}&done=closed"));
            paths.push(path);
        }
    }
    paths.dedup();
    paths
}

#[tokio::test]
async fn no_path_tells_a_viewer_of_sessions_that_are_not_for_it() {
    let world = world::world();
    let mut browsers = [
        Browser::signed_in(&world.dashboard, "ben").await,
        Browser::with_token_of(&world.dashboard, "ben").await,
        Browser::new(&world.dashboard),
    ];
    let paths = paths();
    assert!(paths.len() > 100, "only {} paths", paths.len());
    for browser in &mut browsers {
        for path in &paths {
            for answer in [
                browser.get(path).await,
                browser.get_hub(path).await,
                browser.post_form(path, &[("csrf", ""), ("name", "x")]).await,
            ] {
                let told = everything(&answer);
                // Where one is sent to sign in, the address has what was asked for in it, and nothing else does.
                let own_words = answer.header("location");
                let told =
                    if own_words.starts_with("/sign-in?") { told.replace(own_words, "") } else { told };
                assert!(!told.contains(MARKER), "{path} told of a hidden session: {told}");
            }
        }
    }
    assert!(world.gateway.asked_from().is_empty(), "a feed was begun without a connection");
}

#[tokio::test]
async fn a_hidden_session_is_answered_exactly_as_one_that_is_not_there() {
    let world = world::world();
    let mut ben = Browser::signed_in(&world.dashboard, "ben").await;
    for route in routes().iter().filter(|route| route.path.contains("/sessions/{id}")) {
        let ask = async |browser: &mut Browser, id: &str| {
            let path = route.path.replace("{id}", id);
            let answer =
                if route.method == "GET" { browser.get(&path).await } else { browser.post(&path, &[]).await };
            everything(&answer)
        };
        let hidden = ask(&mut ben, &hidden_id()).await;
        let unknown = ask(&mut ben, &unknown_id()).await;
        assert!(hidden.starts_with("404"), "{hidden}");
        assert_eq!(hidden, unknown, "{route:?} tells the two apart");
    }
    let hidden = ben.get_hub(&format!("/hubs/events?session={}", hidden_id())).await;
    let unknown = ben.get_hub(&format!("/hubs/events?session={}", unknown_id())).await;
    assert_eq!(everything(&hidden), everything(&unknown));
    let ends = |call: &Call| matches!(call, Call::CloseSession(..) | Call::KillWorker(..));
    assert!(!world.gateway.calls().iter().any(ends), "a viewer ended something");
}

#[tokio::test]
async fn no_hub_tells_a_viewer_of_sessions_that_are_not_for_it() {
    let world = world::world();
    let served = Served::new(&world.dashboard).await;
    let ben = Browser::signed_in(&world.dashboard, "ben").await;
    let mut snapshots = served.open("/hubs/snapshot", &ben).await.unwrap();
    let mut events = served.open(&format!("/hubs/events?session={}", seen_id()), &ben).await.unwrap();
    events.text().await;
    for number in 2..20 {
        let mut snapshot = world::snapshot(number);
        if number % 2 == 0 {
            // Hidden sessions that come and go, and the seen one among those that go.
            snapshot.sessions.retain(|session| session.id != hidden_id());
            snapshot.ended.push(sample::ended(&hidden_id(), &format!("tag-{MARKER}")));
        }
        world.gateway.tell(snapshot);
        let told = snapshots.text().await;
        assert!(told.contains(&seen_id()), "{told}");
        assert!(!told.contains(MARKER), "{told}");
        assert!(!told.contains(&hidden_id()), "{told}");
    }
    world.gateway.feed_item(&hidden_id(), FeedItem::End { reason: MARKER.to_owned() });
    world.gateway.feed_item(&seen_id(), FeedItem::End { reason: "client_close".to_owned() });
    assert!(events.text().await.contains("client_close"));
}

#[tokio::test]
async fn an_administrator_does_see_them() {
    let world = world::world();
    let mut ada = Browser::signed_in(&world.dashboard, "ada").await;
    for path in ["/", "/sessions", "/workers", "/events", "/api/v1/snapshot"] {
        assert!(ada.get(path).await.text().contains(MARKER), "{path} does not show it");
    }
}
