//! What a page says when nothing comes, and that it comes back by itself.

use mxgateway_e2e::{Gateway, signal};
use rustix::process::Signal;

use super::visitor::Visitor;
use super::{ANONYMOUS, session};

#[tokio::test]
async fn a_page_says_since_when_nothing_comes_and_goes_on_by_itself() {
    let mut gateway = Gateway::start_with_dashboard(ANONYMOUS).await;
    let Some(visitor) = Visitor::of(&gateway).await else { return };
    visitor.open("/").await;
    visitor.chip_says("Live").await;
    visitor.mark_page().await;

    // The connection is there, and nothing comes by it.
    signal(gateway.process_id(), Signal::STOP);
    visitor.chip_says("Stale since ").await;
    signal(gateway.process_id(), Signal::CONT);
    visitor.chip_says("Live").await;

    gateway.kill().await;
    visitor.chip_says("No connection since ").await;
    let gateway = gateway.start_again().await;
    visitor.chip_says("Live").await;
    session(&gateway, "after-the-restart", "").await;
    visitor.reads("tbody[data-each=busiest]", |text| text.contains("after-the-restart")).await;
    visitor.assert_same_page().await;
}
