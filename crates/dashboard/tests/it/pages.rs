//! Pages: what is on them, for whom, and what browsers are told to allow.

use http::StatusCode;
use mxgateway_dashboard::model::Snapshot;
use mxgateway_dashboard::routes;
use mxgateway_dashboard::settings::Settings;

use crate::browser::Browser;
use crate::markup;
use crate::sample::{self, session_id};
use crate::world::{self, seen_id};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Every page that can be asked for, and some that cannot.
fn paths() -> Vec<String> {
    let mut paths: Vec<_> = routes()
        .into_iter()
        .filter(|route| route.method == "GET" && !route.path.starts_with("/assets"))
        .map(|route| {
            let id = if route.path.starts_with("/keys") { "key0001".to_owned() } else { seen_id() };
            route.path.replace("{id}", &id)
        })
        .collect();
    let more = [
        format!("/sessions/{}", session_id(2)),
        format!("/events?session={}", seen_id()),
        "/sessions/none".to_owned(),
        "/sessions?done=closed".to_owned(),
        "/sessions?done=nonsense".to_owned(),
        "/keys?done=revoked".to_owned(),
        "/audit?actor=nobody&action=x&since_seconds=60".to_owned(),
        "/audit?since_seconds=x".to_owned(),
        "/nothing/here".to_owned(),
        "/api/v1/nothing".to_owned(),
        "/sign-in".to_owned(),
        "/denied".to_owned(),
    ];
    paths.extend(more);
    paths
}

#[tokio::test]
async fn every_answer_has_the_headers_and_every_page_keeps_to_them() {
    let world = world::world();
    let mut browsers = [
        Browser::signed_in(&world.dashboard, "ada").await,
        Browser::signed_in(&world.dashboard, "ben").await,
        Browser::new(&world.dashboard),
    ];
    for browser in &mut browsers {
        for path in paths() {
            let answer = browser.get(&path).await;
            assert_eq!(answer.header("content-security-policy"), POLICY, "{path}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
            assert_eq!(answer.header("referrer-policy"), "same-origin", "{path}");
            assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin", "{path}");
            assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin", "{path}");
            assert_eq!(answer.header("cache-control"), "no-store", "{path}");
            if answer.header("content-type").starts_with("text/html") {
                markup::check(&path, answer.text());
            }
        }
    }
}

/// Text that would do something if it were not escaped.
const HOSTILE: &str = "<script>alert(1)</script>\"'&<b>";

fn hostile() -> Snapshot {
    let mut session = sample::session(&seen_id(), world::SEEN_TAG);
    session.client_name = HOSTILE.to_owned();
    session.owner = Some(HOSTILE.to_owned());
    session.reason = HOSTILE.to_owned();
    let mut ended = sample::ended(&session_id(2), world::SEEN_TAG);
    ended.client_name = HOSTILE.to_owned();
    ended.reason = HOSTILE.to_owned();
    sample::snapshot(2, vec![session], vec![ended])
}

#[tokio::test]
async fn names_are_text_and_nothing_else() {
    let world = world::world();
    world.gateway.tell(hostile());
    let mut key = sample::key("key0001");
    key.name = HOSTILE.to_owned();
    key.constraints = vec![HOSTILE.to_owned()];
    world.gateway.set_keys(vec![key]);
    let mut entry = sample::audit_entry(HOSTILE, HOSTILE);
    entry.details = HOSTILE.to_owned();
    world.gateway.set_audit(vec![entry]);
    let mut ada = Browser::signed_in(&world.dashboard, "ada").await;
    let mut shown = 0;
    let more =
        ["/audit?actor=%3Cscript%3Ealert(1)%3C%2Fscript%3E%22", "/%3Cscript%3Ealert(1)%3C%2Fscript%3E"];
    for path in paths().iter().map(String::as_str).chain(more) {
        let answer = ada.get(path).await;
        if answer.header("content-type").starts_with("text/html") {
            assert!(!answer.text().contains("<script>"), "{path}");
            assert!(!answer.text().contains("<b>\"") && !answer.text().contains("\"'&<"), "{path}");
            markup::check(path, answer.text());
            shown += answer.text().matches("&lt;script&gt;alert(1)").count();
        }
    }
    assert!(shown > 20, "the names were shown {shown} times only");
}

#[tokio::test]
async fn numbers_are_there_without_scripts() {
    let world = world::world();
    let mut ben = Browser::signed_in(&world.dashboard, "ben").await;
    for (path, texts) in [
        ("/", vec!["packaging-line", "2,024", "120", "key store", "127.0.0.1:5120"]),
        ("/sessions", vec!["packaging-line", "9.0 ms", "worker exited", "key0001"]),
        ("/workers", vec!["4711", "31 MiB", "3.5 %", "f0e1d2c3b4a59687"]),
        ("/events", vec!["packaging-line", "Show their events"]),
    ] {
        let answer = ben.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        for text in texts {
            assert!(answer.text().contains(text), "{path} does not say {text}");
        }
    }
    let answer = ben.get(&format!("/sessions/{}", seen_id())).await;
    for text in ["1,001", "2,024", "96 KiB", "15 ms", "24", "12", "10"] {
        assert!(answer.text().contains(text), "the session's page does not say {text}");
    }
}

#[tokio::test]
async fn pages_offer_what_the_visitor_may_do_and_nothing_else() {
    let world = world::with(Settings { allow_anonymous_localhost: true, ..Settings::default() });
    let session = format!("/sessions/{}", seen_id());
    let offered = async |mut browser: Browser| {
        let page = browser.get(&session).await;
        ["/close\"", "/kill\"", "href=\"/keys\"", "href=\"/audit\"", "action=\"/sign-out\""]
            .map(|place| page.text().contains(place))
    };
    let ada = Browser::signed_in(&world.dashboard, "ada").await;
    let ben = Browser::signed_in(&world.dashboard, "ben").await;
    assert_eq!(offered(ada).await, [true; 5]);
    assert_eq!(offered(ben).await, [false, false, false, false, true]);
    assert_eq!(offered(Browser::local(&world.dashboard)).await, [false; 5]);
}

#[tokio::test]
async fn an_empty_gateway_says_what_to_do_next() {
    let world = world::world();
    world.gateway.tell(sample::snapshot(2, Vec::new(), Vec::new()));
    world.gateway.set_keys(Vec::new());
    world.gateway.set_audit(Vec::new());
    let mut ada = Browser::signed_in(&world.dashboard, "ada").await;
    for (path, text) in [
        ("/", "mxgw watch TAG"),
        ("/sessions", "mxgw watch TAG"),
        ("/workers", "A worker is started"),
        ("/events", "mxgw watch TAG"),
        ("/keys", "mxgateway apikey create"),
        ("/audit", "No entry is like this"),
    ] {
        assert!(ada.get(path).await.text().contains(text), "{path} does not say {text}");
    }
}

#[tokio::test]
async fn there_is_a_place_for_values_only_where_they_are_shown() {
    for show_tag_values in [false, true] {
        let world = world::with(Settings { show_tag_values, ..Settings::default() });
        let mut ben = Browser::signed_in(&world.dashboard, "ben").await;
        for path in [format!("/sessions/{}", seen_id()), format!("/events?session={}", seen_id())] {
            let page = ben.get(&path).await;
            assert_eq!(page.text().contains(">Value</th>"), show_tag_values, "{path}");
            assert_eq!(page.text().contains("without values"), !show_tag_values, "{path}");
        }
    }
}
