//! Who gets in, and what they find.

use mxgateway_testkit::slapd::SlapdServer;

use super::visitor::Visitor;
use super::{ALICE, BOB, gateway_with, session};

#[tokio::test]
async fn an_administrator_signs_in_finds_everything_and_signs_out() {
    let Some(slapd) = SlapdServer::shared_if_installed() else { return };
    let gateway = gateway_with(&slapd).await;
    session(&gateway, "at-line-1", "line-1").await;
    session(&gateway, "at-no-line", "").await;
    let Some(visitor) = Visitor::of(&gateway).await else { return };

    visitor.open("/sessions").await;
    visitor.is_at("/sign-in?next=/sessions").await;
    visitor.sign_in(ALICE, &SlapdServer::password_of(ALICE)).await;
    visitor.is_at("/sessions").await;
    visitor.chip_says("Live").await;
    let sessions = visitor.reads("tbody[data-each=sessions]", |text| text.contains("at-no-line")).await;
    assert!(sessions.contains("at-line-1"), "{sessions}");
    assert_eq!(visitor.text(".account-name").await, ALICE);
    for path in ["/keys", "/audit", "/settings"] {
        visitor.click(&format!("nav a[href='{path}']")).await;
        visitor.is_at(path).await;
        visitor.chip_says("Live").await;
    }
    visitor.assert_no_complaints().await;

    visitor.click(".account summary").await;
    visitor.click("form[action='/sign-out'] button").await;
    visitor.element("input[name=password]").await;
    visitor.open("/sessions").await;
    visitor.is_at("/sign-in?next=/sessions").await;
}

#[tokio::test]
async fn a_viewer_signs_in_and_finds_sessions_with_its_tags_only() {
    let Some(slapd) = SlapdServer::shared_if_installed() else { return };
    let gateway = gateway_with(&slapd).await;
    let seen = session(&gateway, "at-line-1", "line-1").await;
    session(&gateway, "at-line-2", "line-2").await;
    let Some(visitor) = Visitor::signed_in(&gateway, BOB, "/sessions").await else { return };

    visitor.chip_says("Live").await;
    let sessions = visitor.reads("tbody[data-each=sessions]", |text| text.contains("at-line-1")).await;
    assert!(!sessions.contains("at-line-2"), "{sessions}");
    for path in ["/keys", "/audit", "/settings"] {
        assert!(!visitor.has(&format!("nav a[href='{path}']")).await, "a viewer is shown the way to {path}");
    }
    visitor.open(&format!("/sessions/{}", seen.id())).await;
    visitor.chip_says("Live").await;
    assert!(
        !visitor.has("a[href$='/close'], a[href$='/kill']").await,
        "a viewer is offered to end a session"
    );
    visitor.assert_no_complaints().await;
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_the_right_one_taken_after_it() {
    let Some(slapd) = SlapdServer::shared_if_installed() else { return };
    let gateway = gateway_with(&slapd).await;
    let Some(visitor) = Visitor::of(&gateway).await else { return };

    visitor.open("/workers").await;
    visitor.sign_in(ALICE, &SlapdServer::password_of(BOB)).await;
    assert_eq!(visitor.text("[role=alert]").await, "The name or the password is wrong.");
    assert_eq!(visitor.element("input[name=name]").await.value().await.unwrap().as_deref(), Some(ALICE));
    visitor.open("/workers").await;
    visitor.is_at("/sign-in?next=/workers").await;
    visitor.sign_in(ALICE, &SlapdServer::password_of(ALICE)).await;
    visitor.is_at("/workers").await;
}
