//! Numbers that follow what goes on.

use mxgateway_e2e::Gateway;

use super::visitor::Visitor;
use super::{ANONYMOUS, session};

#[tokio::test]
async fn numbers_of_the_overview_move_by_themselves() {
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
    // People are promised two seconds. What it takes with other tests beside it is no measure of that.
    eprintln!("the first number changed after {took:?}");
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
