//! The JSON API: the same as the pages show, and described in full.

use http::StatusCode;
use mxgateway_dashboard::routes;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::world::{self, hidden_id, seen_id};

#[tokio::test]
async fn what_is_told_is_what_the_gateway_has() {
    let world = world::world();
    let mut ada = Browser::signed_in(&world.dashboard, "ada").await;
    let snapshot = ada.get("/api/v1/snapshot").await;
    assert_eq!(snapshot.header("content-type"), "application/json");
    let expected = serde_json::to_value(world::snapshot(1)).unwrap();
    assert_eq!(snapshot.json(), expected);
    let sessions = ada.get("/api/v1/sessions").await.json();
    assert_eq!(sessions, json!({ "sessions": expected["sessions"], "ended": expected["ended"] }));
    let session = ada.get(&format!("/api/v1/sessions/{}", seen_id())).await.json();
    assert_eq!(session, json!({ "current": expected["sessions"][0] }));
    let ended = expected["ended"][0]["id"].as_str().unwrap();
    let session = ada.get(&format!("/api/v1/sessions/{ended}")).await.json();
    assert_eq!(session, json!({ "ended": expected["ended"][0] }));
    let workers = ada.get("/api/v1/workers").await.json();
    assert_eq!(
        workers[0],
        json!({ "session": seen_id(), "state": "ready", "worker": expected["sessions"][0]["worker"] })
    );
    assert_eq!(ada.get("/api/v1/keys").await.json()[0]["id"], "key0001");
    assert_eq!(ada.get("/api/v1/settings").await.json()[1]["value"], "<redacted>");
}

#[tokio::test]
async fn a_viewer_gets_sums_of_what_it_sees() {
    let world = world::world();
    let mut ben = Browser::signed_in(&world.dashboard, "ben").await;
    let snapshot = ben.get("/api/v1/snapshot").await.json();
    assert_eq!(snapshot["totals"]["sessions"], 1);
    assert_eq!(snapshot["totals"]["subscribers"], 1);
    assert_eq!(snapshot["totals"]["received_events"], 2_024);
    assert_eq!(snapshot["ended"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn refusals_are_json_with_a_word_and_a_sentence() {
    let world = world::world();
    let hidden = format!("/api/v1/sessions/{}", hidden_id());
    let mut ben = Browser::signed_in(&world.dashboard, "ben").await;
    for (path, status, word) in [
        (hidden.as_str(), StatusCode::NOT_FOUND, "not_found"),
        ("/api/v1/nothing", StatusCode::NOT_FOUND, "not_found"),
        ("/api", StatusCode::NOT_FOUND, "not_found"),
        ("/hubs/nothing", StatusCode::NOT_FOUND, "not_found"),
        ("/api/v1/keys", StatusCode::FORBIDDEN, "not_allowed"),
        ("/hubs/snapshot", StatusCode::BAD_REQUEST, "not_a_websocket"),
    ] {
        let answer = ben.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.json()["error"], word, "{path}");
        assert!(answer.json()["message"].as_str().is_some_and(|text| !text.is_empty()), "{path}");
    }
    let posted = ben.post("/api/v1/snapshot", &[]).await;
    assert_eq!(posted.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(posted.json()["error"], "method_not_allowed");
    let mut ada = Browser::signed_in(&world.dashboard, "ada").await;
    for query in ["since_seconds=x", "limit=0", "limit=1001", "limit=-1", "actor=a&actor=b"] {
        let answer = ada.get(&format!("/api/v1/audit?{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert_eq!(answer.json()["error"], "invalid", "{query}");
    }
}

#[tokio::test]
async fn the_audit_trail_is_narrowed_down() {
    let world = world::world();
    let mut ada = Browser::signed_in(&world.dashboard, "ada").await;
    let mut count = async |query: &str| {
        let entries = ada.get(&format!("/api/v1/audit{query}")).await.json();
        entries.as_array().map(Vec::len)
    };
    assert_eq!(count("").await, Some(1));
    assert_eq!(count("?actor=key0001&action=OpenSession&limit=5").await, Some(1));
    assert_eq!(count("?actor=another").await, Some(0));
    assert_eq!(count("?actor=&action=").await, Some(1));
}

#[tokio::test]
async fn every_path_of_the_api_is_described() {
    let world = world::world();
    let mut ben = Browser::signed_in(&world.dashboard, "ben").await;
    let description = ben.get("/api/v1/openapi.json").await.json();
    let paths = description["paths"].as_object().unwrap();
    let served: Vec<_> = routes().into_iter().filter(|route| route.path.starts_with("/api/")).collect();
    assert_eq!(paths.len(), served.len());
    for route in served {
        assert_eq!(route.method, "GET", "the API is to read");
        let responses = &paths[route.path]["get"]["responses"];
        assert!(responses["200"].is_object() && responses["401"].is_object(), "{}: {responses}", route.path);
    }
    unknown_references(&description, &description);
}

/// Panics when something refers to a schema that is not there.
fn unknown_references(whole: &Value, part: &Value) {
    match part {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get("$ref") {
                let pointer = reference.strip_prefix('#').expect("a reference within the document");
                assert!(whole.pointer(pointer).is_some(), "{reference} is not there");
            }
            fields.values().for_each(|field| unknown_references(whole, field));
        }
        Value::Array(items) => items.iter().for_each(|item| unknown_references(whole, item)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
