//! What administrators do: it is asked first, done once, in their name, and only by their own pages.

use http::StatusCode;
use mxgateway_dashboard::backend::NewKey;

use crate::browser::{Answer, Browser, hidden_field};
use crate::scripted::Call;
use crate::world::{self, World, seen_id};

/// What was done, without what was only noted.
fn done(world: &World) -> Vec<Call> {
    world.gateway.calls().into_iter().filter(|call| !matches!(call, Call::Note { .. })).collect()
}

async fn ada() -> (World, Browser) {
    let world = world::world();
    let browser = Browser::signed_in(&world.dashboard, "ada").await;
    (world, browser)
}

fn location(answer: &Answer) -> (StatusCode, &str) {
    (answer.status, answer.header("location"))
}

#[tokio::test]
async fn closing_and_killing_are_asked_and_then_done() {
    let (world, mut ada) = ada().await;
    let id = seen_id();
    let close = format!("/sessions/{id}/close");
    let kill = format!("/sessions/{id}/kill");
    for (path, question) in [(&close, "Close the session?"), (&kill, "Kill the worker?")] {
        let page = ada.get(path).await;
        assert!(page.text().contains(question), "{path}");
        assert!(page.text().contains(&format!("action=\"{path}\"")), "{path}");
        assert_ne!(hidden_field(page.text(), "csrf"), "", "{path}");
    }
    assert_eq!(done(&world), [], "a question did something");
    let closed = ada.post(&close, &[]).await;
    assert_eq!(location(&closed), (StatusCode::SEE_OTHER, "/sessions?done=closed"));
    let killed = ada.post(&kill, &[]).await;
    assert_eq!(location(&killed), (StatusCode::SEE_OTHER, "/sessions?done=killed"));
    let by_ada = "ada".to_owned();
    assert_eq!(done(&world), [Call::CloseSession(by_ada.clone(), id.clone()), Call::KillWorker(by_ada, id)]);
}

#[tokio::test]
async fn nothing_is_done_without_the_pages_own_form() {
    let (world, mut ada) = ada().await;
    let id = seen_id();
    for path in [
        format!("/sessions/{id}/close"),
        format!("/sessions/{id}/kill"),
        "/keys/new".to_owned(),
        "/keys/key0001/rotate".to_owned(),
        "/keys/key0001/revoke".to_owned(),
    ] {
        for fields in [vec![], vec![("csrf", "")], vec![("csrf", "guessed")]] {
            let answer = ada.post_form(&path, &fields).await;
            assert!(answer.status.is_client_error(), "{path} with {fields:?}: {answer:?}");
        }
    }
    assert_eq!(done(&world), []);
}

#[tokio::test]
async fn a_new_key_is_shown_whole_and_once() {
    let (world, mut ada) = ada().await;
    let form = ada.get("/keys/new").await;
    assert!(form.text().contains("receive events and alarms"), "scopes are not explained");
    let fields = [
        ("name", " Tank farm "),
        ("scope", "session:open"),
        ("scope", "events:read"),
        ("constraints", "read_subtree = Plant.Tanks\r\n\r\n  max_write = operate \r\n"),
        ("expires_in_days", "30"),
    ];
    let made = ada.post("/keys/new", &fields).await;
    assert_eq!(made.status, StatusCode::OK);
    assert_eq!(made.header("cache-control"), "no-store");
    assert!(made.text().contains("mxgw_key0009_the-new-secret"), "{}", made.text());
    let key = NewKey {
        name: "Tank farm".to_owned(),
        scopes: vec!["session:open".to_owned(), "events:read".to_owned()],
        constraints: vec!["read_subtree = Plant.Tanks".to_owned(), "max_write = operate".to_owned()],
        expires_in_days: Some(30),
    };
    assert_eq!(done(&world), [Call::CreateKey("ada".to_owned(), key)]);
    let list = ada.get("/keys").await;
    assert!(list.text().contains("Tank farm") && !list.text().contains("the-new-secret"));
}

#[tokio::test]
async fn what_is_wrong_with_a_new_key_is_said_and_what_was_filled_in_stays() {
    let (world, mut ada) = ada().await;
    for (fields, problem) in [
        (vec![("name", "kept"), ("constraints", "kept")], "scopes"),
        (vec![("name", ""), ("scope", "session:open"), ("constraints", "kept")], "name"),
        (vec![("name", "kept"), ("scope", "session:open"), ("expires_in_days", "0")], "days"),
        (vec![("name", "kept"), ("scope", "session:open"), ("expires_in_days", "soon")], "days"),
    ] {
        let answer = ada.post("/keys/new", &fields).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{fields:?}");
        let said = answer.text().split("role=\"alert\">").nth(1).unwrap_or_default();
        assert!(said.starts_with(problem), "{fields:?}: {said}");
        assert!(answer.text().contains("kept"), "{fields:?} was forgotten");
    }
    assert_eq!(done(&world), []);
}

#[tokio::test]
async fn keys_are_rotated_and_revoked() {
    let (world, mut ada) = ada().await;
    let question = ada.get("/keys/key0001/rotate").await;
    assert!(question.text().contains("Rotate the key?") && question.text().contains("Packaging line"));
    let rotated = ada.post("/keys/key0001/rotate", &[]).await;
    assert!(rotated.text().contains("mxgw_key0001_the-rotated-secret"));
    let revoked = ada.post("/keys/key0001/revoke", &[]).await;
    assert_eq!(location(&revoked), (StatusCode::SEE_OTHER, "/keys?done=revoked"));
    let (by, id) = ("ada".to_owned(), "key0001".to_owned());
    assert_eq!(done(&world), [Call::RotateKey(by.clone(), id.clone()), Call::RevokeKey(by, id)]);
    let list = ada.get("/keys?done=revoked").await;
    assert!(list.text().contains("data-state=\"revoked\""));
    assert!(!list.text().contains("/keys/key0001/revoke"), "a revoked key can be revoked again");
}
