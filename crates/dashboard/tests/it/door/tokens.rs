use std::time::Duration;

use http::StatusCode;
use jiff::{Timestamp, ToSpan};
use tokio::time::advance;

use super::client::{House, house};
use crate::browser::hidden_field;
use crate::world::{hidden_id, seen_id};

/// What a hub answers that would have been opened.
const OPEN: StatusCode = StatusCode::UPGRADE_REQUIRED;
const CLOSED: StatusCode = StatusCode::UNAUTHORIZED;
const HUB: &str = "/hubs/snapshot";

async fn token(house: &House, cookie: &str) -> String {
    let answer = house.get("/hubs/token", &[("cookie", cookie)]).await;
    assert_eq!(answer.status, StatusCode::OK);
    answer.json()["access_token"].as_str().expect("a token").to_owned()
}

async fn hub(house: &House, token: &str) -> StatusCode {
    house.hub(HUB, &[("authorization", &format!("Bearer {token}"))]).await
}

#[tokio::test(start_paused = true)]
async fn a_token_opens_hubs_for_half_an_hour() {
    let house = house();
    let cookie = house.cookie_of("ben").await;
    let answer = house.get("/hubs/token", &[("cookie", &cookie)]).await.json();
    let ends: Timestamp = answer["expires_at"].as_str().unwrap().parse().unwrap();
    let now = Timestamp::now();
    assert!(ends > now + 29.minutes() && ends <= now + 30.minutes(), "{ends}");
    let token = answer["access_token"].as_str().unwrap();
    assert_eq!(hub(&house, token).await, OPEN);
    assert_eq!(house.hub(&format!("{HUB}?access_token={token}"), &[]).await, OPEN);
    assert_eq!(house.hub(HUB, &[("authorization", &format!("bearer  {token}"))]).await, OPEN);
    // With the rights of its visitor.
    let bearer = format!("Bearer {token}");
    for (id, expected) in [(seen_id(), OPEN), (hidden_id(), StatusCode::NOT_FOUND)] {
        let path = format!("/hubs/events?session={id}");
        assert_eq!(house.hub(&path, &[("authorization", &bearer)]).await, expected);
    }
    advance(Duration::from_mins(30) - Duration::from_millis(1)).await;
    assert_eq!(hub(&house, token).await, OPEN);
    advance(Duration::from_millis(1)).await;
    assert_eq!(hub(&house, token).await, CLOSED);
    assert_eq!(house.status("/", &cookie).await, StatusCode::OK, "the sign-in goes on");
}

#[tokio::test]
async fn a_token_opens_hubs_and_nothing_else() {
    let house = house();
    let token = token(&house, &house.cookie_of("ann").await).await;
    let bearer = format!("Bearer {token}");
    for path in [
        "/",
        "/sessions",
        "/keys",
        "/settings",
        "/api/v1/snapshot",
        "/api/v1/keys",
        "/hubs/token",
        "/hubs",
        "/hubs/none",
    ] {
        let expected = match path {
            "/hubs/none" => StatusCode::NOT_FOUND,
            _ if path.starts_with("/api") || path.starts_with("/hubs") => CLOSED,
            _ => StatusCode::SEE_OTHER,
        };
        let with_header = house.get(path, &[("authorization", &bearer)]).await;
        let with_query = house.get(&format!("{path}?access_token={token}"), &[]).await;
        assert_eq!((with_header.status, with_query.status), (expected, expected), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_ends_with_its_sign_in() {
    let house = house();
    let cookie = house.cookie_of("ben").await;
    let signed_out = token(&house, &cookie).await;
    let csrf = hidden_field(house.get("/", &[("cookie", &cookie)]).await.text(), "csrf");
    house.post("/sign-out", &cookie, &format!("csrf={csrf}"), &[("origin", "https://gateway.example")]).await;
    assert_eq!(hub(&house, &signed_out).await, CLOSED);

    // And does not keep it going.
    let cookie = house.cookie_of("ben").await;
    advance(Duration::from_hours(8) - Duration::from_mins(10)).await;
    let idle = token(&house, &cookie).await;
    for _ in 0..5 {
        advance(Duration::from_mins(5)).await;
        assert_eq!(hub(&house, &idle).await, OPEN);
    }
    for _ in 0..16 {
        advance(Duration::from_hours(1)).await;
        house.status("/", &cookie).await;
    }
    // The day is nearly over, and with it the sign-in.
    let answer = house.get("/hubs/token", &[("cookie", &cookie)]).await;
    assert_eq!(answer.status, CLOSED);
}

#[tokio::test]
async fn what_is_no_token_opens_nothing() {
    let house = house();
    let cookie = house.cookie_of("ann").await;
    let value = cookie.split_once('=').unwrap().1;
    let csrf = hidden_field(house.get("/", &[("cookie", &cookie)]).await.text(), "csrf");
    let good = token(&house, &cookie).await;
    let longer = format!("{good}0");
    let others = super::client::house();
    let other = token(&others, &others.cookie_of("ann").await).await;
    let forged = format!("01{}{csrf}", "0".repeat(64 + 16));
    for wrong in ["", "x", value, &csrf, &good[1..], &good[..good.len() - 1], &longer, &other, &forged] {
        assert_eq!(hub(&house, wrong).await, CLOSED, "{wrong}");
        assert_eq!(house.hub(&format!("{HUB}?access_token={wrong}"), &[]).await, CLOSED, "{wrong}");
        // Whoever comes with a token comes by nothing else.
        let both = [("cookie", cookie.as_str()), ("authorization", &format!("Bearer {wrong}"))];
        assert_eq!(house.hub(HUB, &both).await, CLOSED, "{wrong}");
    }
    assert_eq!(
        house.hub(HUB, &[("cookie", &cookie), ("authorization", &format!("Basic {good}"))]).await,
        CLOSED
    );
    assert_eq!(house.hub(HUB, &[("cookie", &cookie)]).await, OPEN);
    assert_eq!(hub(&house, &good).await, OPEN);
}
