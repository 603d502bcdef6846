//! A session that a viewer may not see does not exist for that one: not one byte of it, wherever the viewer asks.

use mxgateway_dashboard::routes;
use mxgateway_e2e::{ALL_SCOPES, Gateway, TestSession};
use mxgateway_testkit::slapd::SlapdServer;

use super::http::{Answer, Program};
use super::visitor::Visitor;
use super::{ALICE, BOB, gateway_with, session};

/// What there is to hide: a session at work, and one that has ended.
struct Hidden {
    session: TestSession,
    seen: TestSession,
    /// What none but the hidden sessions has.
    marks: Vec<String>,
}

const HIDDEN_ITEM: &str = "Pump_001.Speed";
const SEEN_ITEM: &str = "Tank_001.Temperature";
/// The API key that opened them.
const OWNER: &str = "nightowl";

impl Hidden {
    async fn at(gateway: &Gateway) -> Self {
        let key = gateway.create_key(&["--id", OWNER, "--name", "of-the-night", "--scopes", ALL_SCOPES]);
        let open =
            async |name: &str| TestSession::open_as(gateway.client_with(&key).await, name, "line-2").await;
        let (hidden, ended) = (open("secret-recipe").await, open("secret-history").await);
        let seen = session(gateway, "open-to-see", "line-1").await;
        let mut streams = [hidden.stream().await, ended.stream().await, seen.stream().await];
        for (session, item) in [(&hidden, HIDDEN_ITEM), (&ended, HIDDEN_ITEM), (&seen, SEEN_ITEM)] {
            session.advise_tags(&[item]).await;
        }
        for stream in &mut streams {
            stream.event().await;
        }
        drop(streams);
        ended.close().await;

        let mut marks: Vec<String> =
            [OWNER, "of-the-night", "secret-recipe", "secret-history", HIDDEN_ITEM, "line-2"]
                .map(String::from)
                .into();
        for session in [&hidden, &ended] {
            let id = session.id();
            // Pages have the first part of it as well.
            marks.push(id.trim_start_matches("session-")[..12].to_owned());
            marks.push(id);
        }
        marks.push(format!("{:016x}", hidden.opened.epoch));
        Self { session: hidden, seen, marks }
    }

    #[track_caller]
    fn assert_not_in(&self, text: &str, what: &str) {
        for mark in &self.marks {
            assert!(!text.contains(mark.as_str()), "{what} has {mark} in it:\n{text}");
        }
    }
}

/// Every path with the hidden session's id, and the same with one that there is not.
fn paths(hidden: &str, path: &'static str) -> Vec<(String, String)> {
    let unknown = format!("session-{}", "0".repeat(32));
    let with = |id: &str, key: &str| {
        if path.contains("/keys/") {
            path.replace("{id}", key)
        } else if path == "/hubs/events" || path == "/events" {
            format!("{path}?session={id}")
        } else {
            path.replace("{id}", id).replace("{version}/{name}", "any/base.css")
        }
    };
    let mut all = vec![(with(hidden, OWNER), with(&unknown, "nobody"))];
    if path == "/hubs/events" {
        let position = "&epoch=00000000000000ff&after=1";
        all.push((
            format!("{}{position}", with(hidden, OWNER)),
            format!("{}{position}", with(&unknown, "nobody")),
        ));
    }
    if path == "/audit" || path == "/api/v1/audit" {
        all.push((format!("{path}?actor={OWNER}"), format!("{path}?actor=nobody")));
    }
    all
}

#[tokio::test]
async fn a_viewer_finds_nothing_of_a_hidden_session_at_any_path() {
    let Some(slapd) = SlapdServer::shared_if_installed() else { return };
    let gateway = gateway_with(&slapd).await;
    let hidden = Hidden::at(&gateway).await;
    let viewer = Program::signed_in(&gateway, BOB).await;

    let mut asked = 0;
    for route in routes() {
        for (path, unknown) in paths(&hidden.session.id(), route.path) {
            let what = format!("{} {path}", route.method);
            let [answer, of_unknown] =
                [&path, &unknown].map(async |path| ask(&viewer, route.method, path).await);
            let (answer, of_unknown) = (answer.await, of_unknown.await);
            assert_eq!(answer.outcome(), of_unknown.outcome(), "{what}");
            hidden.assert_not_in(&answer.whole, &what);
            asked += 1;
        }
    }
    assert!(asked > 30, "only {asked} paths were asked for");
    for path in
        ["/sign-in", "/denied", "/hubs/token", "/?session=x", "/no/such/page", "/metrics", "/health/ready"]
    {
        hidden.assert_not_in(&viewer.get(path).await.whole, path);
    }
    // The same answers do have what is for this viewer, and for an administrator all of it.
    let (seen, hidden_id) = (hidden.seen.id(), hidden.session.id());
    assert!(viewer.get("/api/v1/snapshot").await.body.contains(&seen));
    assert!(viewer.get(&format!("/sessions/{seen}")).await.body.contains("open-to-see"));
    let administrator = Program::signed_in(&gateway, ALICE).await;
    let session = format!("/sessions/{hidden_id}");
    let mut everything = String::new();
    for path in ["/api/v1/snapshot", &session, "/api/v1/keys"] {
        everything += &administrator.get(path).await.body;
    }
    for mark in hidden.marks.iter().filter(|mark| *mark != HIDDEN_ITEM) {
        assert!(
            everything.contains(mark.as_str()),
            "{mark} is no mark: an administrator does not find it either"
        );
    }
}

/// Hubs that open are read for a while.
async fn ask(program: &Program, method: &str, path: &str) -> Answer {
    match (method, path.starts_with("/hubs/")) {
        ("GET", false) => program.get(path).await,
        ("GET", true) => match program.hub(path).await {
            Err(answer) => answer,
            Ok(mut hub) => {
                let mut messages = String::new();
                for _ in 0..3 {
                    messages += &hub.text().await;
                }
                Answer::of_hub(messages)
            }
        },
        ("POST", _) => program.post(path, "&name=a-name&scope=session%3Aopen").await,
        _ => panic!("{method} is not asked for"),
    }
}

#[tokio::test]
async fn hubs_bring_a_viewer_its_sessions_and_nothing_of_hidden_ones() {
    let Some(slapd) = SlapdServer::shared_if_installed() else { return };
    let gateway = gateway_with(&slapd).await;
    let hidden = Hidden::at(&gateway).await;
    let viewer = Program::signed_in(&gateway, BOB).await;

    let mut snapshots = viewer.hub("/hubs/snapshot").await.unwrap();
    // The dashboard looks once a second.
    while !snapshots.text().await.contains("open-to-see") {}
    let path = format!("/hubs/events?session={}", hidden.seen.id());
    let mut events = viewer.hub(&path).await.unwrap();
    let mut has_events = false;
    for _ in 0..4 {
        let snapshot = snapshots.text().await;
        assert!(snapshot.contains("open-to-see"), "{snapshot}");
        hidden.assert_not_in(&snapshot, "a snapshot");
        let message = events.text().await;
        has_events |= message.contains(SEEN_ITEM);
        hidden.assert_not_in(&message, "a message about events");
    }
    assert!(has_events, "no event of the session came");

    let of_hidden = viewer.hub(&format!("/hubs/events?session={}", hidden.session.id())).await;
    assert_eq!(of_hidden.err().unwrap().outcome(), (404, ""));
    let administrator = Program::signed_in(&gateway, ALICE).await;
    let mut all = administrator.hub(&format!("/hubs/events?session={}", hidden.session.id())).await.unwrap();
    while !all.text().await.contains(HIDDEN_ITEM) {}
}

#[tokio::test]
async fn pages_of_a_viewer_have_nothing_of_hidden_sessions_however_long_they_are_open() {
    let Some(slapd) = SlapdServer::shared_if_installed() else { return };
    let gateway = gateway_with(&slapd).await;
    let hidden = Hidden::at(&gateway).await;
    let Some(visitor) = Visitor::signed_in(&gateway, BOB, "/").await else { return };

    let received = "document.body.querySelector('[data-each]')";
    let two_snapshots = format!(
        "let left = 2; new MutationObserver(() => {{ left -= 1; if (left === 0) done(true); }}) \
         .observe({received}, {{ childList: true, subtree: true, characterData: true, attributes: true }});"
    );
    for path in ["/", "/sessions", "/workers", "/events"] {
        visitor.open(path).await;
        visitor.chip_says("Live").await;
        visitor.waiting_script(&two_snapshots).await;
        let page = visitor.whole_page().await;
        assert!(page.contains("open-to-see"), "{path}:\n{page}");
        hidden.assert_not_in(&page, path);
    }
    let kept = visitor.script("return JSON.stringify([sessionStorage, localStorage])").await;
    hidden.assert_not_in(kept.as_str().unwrap(), "what the browser keeps");
    visitor.assert_no_complaints().await;
    visitor.open(&format!("/sessions/{}", hidden.session.id())).await;
    assert_eq!(visitor.text("main h2").await, "Not found");
    hidden.assert_not_in(&visitor.whole_page().await, "the page of the hidden session");
}
