//! Whoever is at the gateway's own machine sees everything without signing in, and changes nothing; and what is open to
//! everybody stays so.

use mxgateway_e2e::{Gateway, api_key};
use mxgateway_testkit::slapd::SlapdServer;

use super::http::Program;
use super::{ANONYMOUS, gateway_with, session};

#[tokio::test]
async fn everything_is_seen_from_the_same_machine_and_nothing_changed() {
    let gateway = Gateway::start_with_dashboard(ANONYMOUS).await;
    let tagged = session(&gateway, "at-line-1", "line-1").await;
    session(&gateway, "at-no-line", "").await;
    let visitor = Program::of(&gateway);

    // The dashboard looks once a second.
    let mut snapshots = visitor.hub("/hubs/snapshot").await.unwrap();
    while !snapshots.text().await.contains("at-no-line") {}
    let page = visitor.get("/sessions").await;
    assert_eq!(page.outcome(), (200, ""));
    assert!(page.body.contains("at-line-1") && page.body.contains("at-no-line"), "{}", page.body);
    for path in
        ["/keys", "/keys/new", "/audit", "/settings", "/api/v1/keys", "/api/v1/audit", "/api/v1/settings"]
    {
        assert_eq!(visitor.get(path).await.outcome(), (403, ""), "{path}");
    }
    let path = format!("/sessions/{}", tagged.id());
    for path in [format!("{path}/close"), format!("{path}/kill")] {
        assert_eq!(visitor.get(&path).await.outcome(), (403, ""), "GET {path}");
        assert_eq!(visitor.post(&path, "").await.outcome(), (403, ""), "POST {path}");
    }
    let fields = "&name=mine&scope=admin&constraints=&expires_in_days=";
    assert_eq!(visitor.post("/keys/new", fields).await.outcome(), (403, ""));
    assert_eq!(tagged.status().await.session_id, tagged.id());
    tagged.advise_tags(&["Tank_001.Level"]).await;

    // Neither through a proxy, nor by a name that a page elsewhere could have made up.
    for (name, value) in [("x-forwarded-for", "192.0.2.1"), ("host", "gateway.example")] {
        let answer = visitor.get_with("/", name, value).await;
        assert_eq!(answer.outcome(), (303, "/sign-in"), "{name}");
        let answer = visitor.get_with("/api/v1/snapshot", name, value).await;
        assert_eq!(answer.outcome(), (401, ""), "{name}");
    }
}

#[tokio::test]
async fn health_and_metrics_are_what_they_are_whether_people_can_sign_in_or_not() {
    let Some(slapd) = SlapdServer::shared_if_installed() else { return };
    let with_people = gateway_with(&slapd).await;
    let without = Gateway::start_with_dashboard("").await;
    for gateway in [&with_people, &without] {
        session(gateway, "counted", "line-2").await;
        let anybody = Program::of(gateway);
        assert_eq!(anybody.get("/").await.outcome(), (303, "/sign-in"));
        assert_eq!(anybody.get("/health/live").await.outcome(), (200, ""));
        assert_eq!(anybody.get("/health/ready").await.outcome(), (200, ""));
        assert_eq!(anybody.get("/metrics").await.outcome(), (401, ""));
        let key = format!("Bearer {}", api_key());
        let metrics = anybody.get_with("/metrics", "authorization", &key).await;
        assert_eq!(metrics.outcome(), (200, ""));
        let line = "mxgateway_requests_total{rpc=\"OpenSession\",outcome=\"ok\"} 1";
        assert!(metrics.body.lines().any(|found| found == line), "{line} in\n{}", metrics.body);
        assert!(!metrics.body.contains("line-2"), "{}", metrics.body);
    }
}
