use std::time::Duration;

use http::StatusCode;
use mxgateway_dashboard::settings::Settings;
use tokio::time::advance;

use super::client::{Form, house};
use crate::browser::{Browser, hidden_field};
use crate::hub::Served;

const HOUR: Duration = Duration::from_hours(1);
const OWN: &[(&str, &str)] = &[("origin", "https://gateway.example")];

#[tokio::test(start_paused = true)]
async fn a_sign_in_lasts_while_it_is_used_and_a_day_at_most() {
    let house = house();
    let [used, unused] = [house.cookie_of("ann").await, house.cookie_of("ann").await];
    for _ in 0..3 {
        advance(HOUR * 7).await;
        assert_eq!(house.status("/api/v1/snapshot", &used).await, StatusCode::OK);
    }
    assert_eq!(house.status("/", &unused).await, StatusCode::SEE_OTHER);
    assert_eq!(house.status("/api/v1/snapshot", &unused).await, StatusCode::UNAUTHORIZED);
    advance(HOUR * 3).await;
    assert_eq!(house.status("/", &used).await, StatusCode::SEE_OTHER, "a day is over");
}

#[tokio::test]
async fn who_signs_out_is_out_with_that_cookie_only() {
    let house = house();
    let [here, there] = [house.cookie_of("ann").await, house.cookie_of("ann").await];
    let csrf = hidden_field(house.get("/", &[("cookie", &here)]).await.text(), "csrf");
    let answer = house.post("/sign-out", &here, &format!("csrf={csrf}"), OWN).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/sign-in"));
    for path in ["/", "/keys", "/settings"] {
        assert_eq!(house.status(path, &here).await, StatusCode::SEE_OTHER, "{path}");
    }
    assert_eq!(house.status("/api/v1/keys", &here).await, StatusCode::UNAUTHORIZED);
    assert_eq!(house.status("/hubs/token", &here).await, StatusCode::UNAUTHORIZED);
    assert_eq!(house.status("/", &there).await, StatusCode::OK);
    let last = house.notes().pop().unwrap();
    assert_eq!(last, ("ann".to_owned(), "DashboardSignOut", true, None));
    // The form of the same page once more.
    let again = house.post("/sign-out", &here, &format!("csrf={csrf}"), OWN).await;
    assert_eq!((again.status, again.header("location")), (StatusCode::SEE_OTHER, "/sign-in"));
}

#[tokio::test]
async fn what_is_no_sign_in_opens_nothing() {
    let house = house();
    let good = house.cookie_of("ann").await;
    let value = good.split_once('=').unwrap().1.to_owned();
    let csrf = hidden_field(house.get("/", &[("cookie", &good)]).await.text(), "csrf");
    let token = house.get("/hubs/token", &[("cookie", &good)]).await.json();
    let token = token["access_token"].as_str().unwrap();
    let form = Form::from(&house.dashboard, "192.0.2.1").await;
    let own = form.cookie.split_once('=').unwrap().1;
    for wrong in
        ["", "0", &csrf, token, own, &form.csrf, &value.to_uppercase(), &format!("{value}0"), &value[1..]]
    {
        let cookie = format!("MxGatewayDashboard={wrong}");
        assert_eq!(house.status("/", &cookie).await, StatusCode::SEE_OTHER, "{wrong}");
        assert_eq!(house.status("/api/v1/keys", &cookie).await, StatusCode::UNAUTHORIZED, "{wrong}");
    }
    for name in ["mxgatewaydashboard", "__Host-MxGatewayDashboard", "MxGatewayDashboardSignIn", "other"] {
        assert_eq!(house.status("/", &format!("{name}={value}")).await, StatusCode::SEE_OTHER, "{name}");
    }
    let bearer = format!("Bearer {value}");
    assert_eq!(house.get("/", &[("authorization", &bearer)]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(house.status("/", &format!("a=b; {good}; c=d")).await, StatusCode::OK);
    let other = super::client::house();
    assert_eq!(other.status("/", &good).await, StatusCode::SEE_OTHER, "another gateway's");
}

#[tokio::test]
async fn a_hub_ends_with_the_sign_in_by_which_it_was_opened() {
    let settings = Settings { session_lifetime: Duration::from_millis(700), ..Settings::default() };
    let world = crate::world::with(settings);
    let ben = Browser::signed_in(&world.dashboard, "ben").await;
    let served = Served::new(&world.dashboard).await;
    let mut hub = served.open("/hubs/snapshot", &ben).await.unwrap();
    hub.json().await;
    assert_eq!(hub.end().await, Some(4401));
    assert_eq!(served.open("/hubs/snapshot", &ben).await.unwrap_err(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_hub_that_was_opened_by_a_token_ends_with_the_token() {
    let settings = Settings { hub_token_lifetime: Duration::from_millis(700), ..Settings::default() };
    let world = crate::world::with(settings);
    let token = Browser::signed_in(&world.dashboard, "ben").await.get("/hubs/token").await.json();
    let served = Served::new(&world.dashboard).await;
    let nobody = Browser::new(&world.dashboard);
    let path = format!("/hubs/snapshot?access_token={}", token["access_token"].as_str().unwrap());
    let mut hub = served.open(&path, &nobody).await.unwrap();
    hub.json().await;
    assert_eq!(hub.end().await, Some(4401));
    assert_eq!(served.open(&path, &nobody).await.unwrap_err(), StatusCode::UNAUTHORIZED);
}
