//! Ending a session by hand.

use mxgateway_contracts::v1::StreamEndReason;
use mxgateway_e2e::until;
use mxgateway_testkit::slapd::SlapdServer;
use serde_json::Value;

use super::visitor::Visitor;
use super::{ALICE, gateway_with, session};

#[tokio::test]
async fn an_administrator_ends_a_session_and_the_audit_trail_says_who_it_was() {
    let Some(slapd) = SlapdServer::shared_if_installed() else { return };
    let gateway = gateway_with(&slapd).await;
    let ended = session(&gateway, "to-be-ended", "line-1").await;
    let kept = session(&gateway, "to-be-kept", "line-1").await;
    let stream = ended.stream().await;
    let path = format!("/sessions/{}", ended.id());
    let Some(visitor) = Visitor::signed_in(&gateway, ALICE, &path).await else { return };
    visitor.chip_says("Live").await;

    // Who is asked may say no.
    visitor.click(&format!("a[href='{path}/close']")).await;
    assert_eq!(visitor.text("dialog #question").await, "Close the session?");
    visitor.click("dialog [data-cancel]").await;
    until("the question is gone", async || (!visitor.has("dialog").await).then_some(())).await;
    assert_eq!(ended.status().await.session_id, ended.id());

    visitor.click(&format!("a[href='{path}/close']")).await;
    visitor.click("dialog button[type=submit]").await;
    visitor.is_at("/sessions?done=closed").await;
    visitor.reads(".notice", |text| text == "The session is being closed.").await;
    let (_, end, _) = stream.end().await;
    assert_eq!(end.expect("an end item").reason(), StreamEndReason::SessionClosed);
    visitor.reads("tbody[data-each=sessions]", |text| !text.contains("to-be-ended")).await;
    visitor.reads("[aria-labelledby=ended] tbody", |text| text.contains("to-be-ended")).await;
    assert_eq!(kept.status().await.session_id, kept.id());

    let entry = until("the end is noted", async || {
        let output = gateway.audit(&["--json", "--limit=1000"]);
        let text = String::from_utf8(output).unwrap();
        let mut entries = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        entries.find(|entry| entry["action"] == "DashboardCloseSession")
    })
    .await;
    assert_eq!((&entry["actor"], &entry["target"]), (&"visitor:alice".into(), &ended.id().into()), "{entry}");
    assert_eq!(entry["outcome"], "allowed", "{entry}");
    assert!(entry["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{entry}");
    visitor.open("/audit").await;
    let row = visitor.reads(".table tbody", |text| text.contains(&ended.id())).await;
    assert!(row.contains(ALICE), "{row}");
    visitor.assert_no_complaints().await;
}
