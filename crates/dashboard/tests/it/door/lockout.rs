use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use tokio::time::advance;

use super::client::{Form, House, PASSWORD, house};

async fn fail(house: &House, name: &str, from: &str) -> StatusCode {
    Form::from(&house.dashboard, from).await.post(name, "wrong").await.status
}

/// Waits until something holds. By the real clock: the paused one does not go on while something is done.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(20), "in vain: {what}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_is_locked_after_five_failures_wherever_they_come_from() {
    let house = house();
    for number in 0..5 {
        assert_eq!(fail(&house, "ann", &format!("192.0.2.{number}")).await, StatusCode::FORBIDDEN);
    }
    let locked = Form::from(&house.dashboard, "198.51.100.1").await.post("%20ANN", PASSWORD).await;
    assert_eq!(locked.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(locked.header("retry-after"), "300");
    assert!(locked.text().contains("Try again in 5 minutes."), "{}", locked.text());
    assert_eq!(house.questions(), 5, "the directory is left alone");
    let other = Form::from(&house.dashboard, "198.51.100.1").await.post("ben", PASSWORD).await;
    assert_eq!(other.status, StatusCode::SEE_OTHER, "others are not held up");

    let lockouts = house.notes().iter().filter(|note| note.1 == "DashboardLockout").count();
    assert_eq!(lockouts, 1);
    advance(Duration::from_mins(5)).await;
    let later = Form::from(&house.dashboard, "198.51.100.1").await.post("ann", PASSWORD).await;
    assert_eq!(later.status, StatusCode::SEE_OTHER);
}

#[tokio::test(start_paused = true)]
async fn an_address_is_locked_after_five_failures_whatever_the_name() {
    let house = house();
    for number in 0..5 {
        assert_eq!(fail(&house, &format!("name{number}"), "192.0.2.1").await, StatusCode::FORBIDDEN);
    }
    assert_eq!(fail(&house, "ann", "192.0.2.1").await, StatusCode::TOO_MANY_REQUESTS);
    let elsewhere = Form::from(&house.dashboard, "192.0.2.2").await.post("ann", PASSWORD).await;
    assert_eq!(elsewhere.status, StatusCode::SEE_OTHER);
}

#[tokio::test(start_paused = true)]
async fn somebody_who_is_in_stays_in_while_the_name_is_locked() {
    let house = house();
    let cookie = house.cookie_of("ann").await;
    for number in 0..5 {
        fail(&house, "ann", &format!("192.0.2.{}", 10 + number)).await;
    }
    assert_eq!(house.status("/", &cookie).await, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn attempts_at_once_are_no_way_around() {
    let house = Arc::new(house());
    // Nobody gets an answer yet.
    let gate = house.people.answers.forget_permits(1_000);
    let mut attempts = Vec::new();
    for number in 0..50 {
        let house = Arc::clone(&house);
        attempts.push(tokio::spawn(async move { fail(&house, "ann", &format!("192.0.2.{number}")).await }));
    }
    let refused = || attempts.iter().filter(|attempt| attempt.is_finished()).count();
    until("45 of 50 are refused", || house.questions() >= 5 && refused() == 45).await;
    assert_eq!(house.questions(), 5);
    house.people.answers.add_permits(gate);
    let mut wrong = 0;
    for attempt in attempts {
        wrong += usize::from(attempt.await.unwrap() == StatusCode::FORBIDDEN);
    }
    assert_eq!(wrong, 5);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_is_given_up_counts() {
    let house = Arc::new(house());
    house.people.answers.forget_permits(1_000);
    for number in 0..5 {
        let giving_up = Arc::clone(&house);
        let attempt =
            tokio::spawn(async move { fail(&giving_up, "ann", &format!("192.0.2.{number}")).await });
        until("the directory is asked", || house.questions() > number).await;
        attempt.abort();
        attempt.await.unwrap_err();
    }
    house.people.answers.add_permits(1_000);
    assert_eq!(fail(&house, "ann", "198.51.100.1").await, StatusCode::TOO_MANY_REQUESTS);
}
