//! Numbers that follow what goes on.

use std::time::Duration;

use mxgateway_e2e::Gateway;

use super::visitor::Visitor;
use super::{ANONYMOUS, session};

/// What people are promised.
const FIRST_CHANGE: Duration = Duration::from_secs(2);

#[tokio::test]
async fn numbers_of_the_overview_move_within_two_seconds_of_its_opening() {
    let gateway = Gateway::start_with_dashboard(ANONYMOUS).await;
    let session = session(&gateway, "at-work", "").await;
    let mut stream = session.stream().await;
    session.advise_tags(&["Fast_001.Count"]).await;
    stream.events(10).await;
    let Some(visitor) = Visitor::of(&gateway).await else { return };

    // A browser that was just started has other things to do as well.
    visitor.open("/workers").await;
    visitor.chip_says("Live").await;
    let received = "[data-bind='totals.received_events']";
    let took = visitor.opens_until_changed("/", received).await;
    assert!(took < FIRST_CHANGE, "it took {took:?} until they changed");
    visitor.chip_says("Live").await;
    visitor.mark_page().await;
    // They go on moving.
    let number = |text: &str| text.replace(',', "").parse::<u64>().unwrap_or_default();
    let first = number(&visitor.text(received).await);
    assert!(first > 0);
    visitor.reads(received, |text| number(text) > first + 2000).await;
    visitor.reads("tbody[data-each=busiest]", |text| text.contains("at-work")).await;
    visitor.assert_same_page().await;
    visitor.assert_no_complaints().await;
}
