use axum::body::Body;
use axum::extract::Request;
use http::StatusCode;
use mxgateway_dashboard::settings::Settings;
use mxgateway_dashboard::{Dashboard, router};
use tower::ServiceExt as _;

use super::client::{Form, PASSWORD, cookies, house, house_with, request, send, set_cookies};
use crate::browser::hidden_field;
use crate::scripted::Scripted;
use crate::world;

const FROM: &str = "192.0.2.1";

#[tokio::test]
async fn the_right_password_opens_the_door() {
    let house = house();
    let mut form = Form::from(&house.dashboard, FROM).await;
    form.next = "%2Fsessions%3Fdone%3Dclosed".to_owned();
    let answer = form.post("Ann", PASSWORD).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.header("location"), "/sessions?done=closed");
    let cookie = cookies(&answer)[0].clone();
    assert_eq!(house.status("/keys", &cookie).await, StatusCode::OK);
    assert_eq!(house.notes(), [("ann".to_owned(), "DashboardSignIn", true, None)]);
    assert_eq!(house.status("/keys", &house.cookie_of("ben").await).await, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn cookies_are_kept_from_scripts_and_other_pages() {
    for (is_secure, prefix, secure) in [(false, "", ""), (true, "__Host-", "; Secure")] {
        let house = house_with(Settings { is_secure, ..Settings::default() });
        let page = house.get("/sign-in", &[]).await;
        let [form] = set_cookies(&page)[..] else { panic!("{:?}", page.headers) };
        let (name, attributes) = form.split_once('=').unwrap();
        assert_eq!(name, format!("{prefix}MxGatewayDashboardSignIn"));
        assert_eq!(&attributes[64..], format!("; HttpOnly; SameSite=Strict{secure}; Path=/"));

        let answer = Form::from(&house.dashboard, FROM).await.post("ann", PASSWORD).await;
        let [visit, form] = set_cookies(&answer)[..] else { panic!("{:?}", answer.headers) };
        let (name, attributes) = visit.split_once('=').unwrap();
        assert_eq!(name, format!("{prefix}MxGatewayDashboard"));
        // Neither Max-Age nor Domain: it is gone with the browser, and goes to this host only.
        assert_eq!(&attributes[64..], format!("; HttpOnly; SameSite=Lax{secure}; Path=/"));
        assert!(form.starts_with(&format!("{prefix}MxGatewayDashboardSignIn=;")), "{form}");
        assert!(form.contains("Max-Age=0"), "{form}");
        assert_eq!(answer.header("cache-control"), "no-store");

        let cookie = cookies(&answer)[0].clone();
        let csrf = hidden_field(house.get("/", &[("cookie", &cookie)]).await.text(), "csrf");
        let origin = [("origin", "https://gateway.example")];
        let answer = house.post("/sign-out", &cookie, &format!("csrf={csrf}"), &origin).await;
        assert_eq!(answer.header("location"), "/sign-in");
        let [gone] = set_cookies(&answer)[..] else { panic!("{:?}", answer.headers) };
        assert!(gone.starts_with(&format!("{prefix}MxGatewayDashboard=; ")), "{gone}");
        assert!(gone.contains("Max-Age=0") && gone.contains("HttpOnly"), "{gone}");
        assert_eq!(gone.contains("Secure"), is_secure, "{gone}");
    }
    // A cookie that a page without TLS could have set is none where there is TLS.
    let house = house_with(Settings { is_secure: true, ..Settings::default() });
    let cookie = house.cookie_of("ann").await;
    assert_eq!(house.status("/", &cookie).await, StatusCode::OK);
    assert_eq!(house.status("/", cookie.trim_start_matches("__Host-")).await, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn who_is_wrong_learns_nothing() {
    let house = house();
    let form = Form::from(&house.dashboard, FROM).await;
    let answers =
        [form.post("ann", "wrong").await, form.post("eve", PASSWORD).await, form.post("", "").await];
    for answer in &answers {
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert!(cookies(answer).is_empty(), "{:?}", answer.headers);
    }
    let [known, unknown, _] = answers.map(|answer| answer.text().to_owned());
    assert_eq!(known.replace("\"ann\"", "NAME"), unknown.replace("\"eve\"", "NAME"));
    assert!(known.contains("The name or the password is wrong."), "{known}");
    assert!(!known.contains("wrong\"") && !unknown.contains(PASSWORD), "a password is in the page");
    let wrong =
        |name: &str| (name.to_owned(), "DashboardSignIn", false, Some("wrong_credentials".to_owned()));
    assert_eq!(house.notes(), [wrong("ann"), wrong("eve"), wrong("")]);
}

#[tokio::test]
async fn who_has_no_role_does_not_get_in() {
    let house = house();
    let answer = Form::from(&house.dashboard, FROM).await.post("cid", PASSWORD).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/denied"));
    assert!(cookies(&answer).is_empty());
    assert_eq!(house.notes(), [("cid".to_owned(), "DashboardSignIn", false, Some("no_role".to_owned()))]);
    assert!(house.get("/denied", &[]).await.text().contains("none of your groups"));
}

#[tokio::test]
async fn a_directory_that_is_away_is_not_the_visitors_fault() {
    let house = house();
    let form = Form::from(&house.dashboard, FROM).await;
    // More often than anybody may be wrong.
    for name in ["down", "odd", "down", "odd", "down", "odd", "down"] {
        let answer = form.post(name, PASSWORD).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(
            !answer.text().contains("away") && !answer.text().contains("no base"),
            "the fault is told to anybody"
        );
    }
    assert_eq!(form.post("ann", PASSWORD).await.status, StatusCode::SEE_OTHER);
    let away = Some("directory_unavailable".to_owned());
    assert_eq!(house.notes()[0], ("down".to_owned(), "DashboardSignIn", false, away));
}

#[tokio::test]
async fn without_a_directory_nobody_signs_in() {
    let dashboard = Dashboard::new(Settings::default(), Scripted::new(world::snapshot(1)), None);
    let page =
        send(&dashboard, "127.0.0.1:1", request("GET", "/sign-in", &[("host", "localhost")], "")).await;
    assert!(page.text().contains("Nobody can sign in"), "{}", page.text());
    let posted =
        request("POST", "/sign-in", &[("origin", "https://gateway.example")], "name=ann&password=right");
    let answer = send(&dashboard, "192.0.2.1:1", posted).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    let answer = send(&dashboard, "127.0.0.1:1", request("GET", "/", &[("host", "localhost")], "")).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn nobody_is_sent_elsewhere() {
    let house = house();
    for next in [
        "//evil.example",
        "%2F%2Fevil.example",
        "/%5Cevil.example",
        "%5C%5Cevil.example",
        "https:%2F%2Fevil.example/",
        "/%09/evil.example",
        "/%0D%0Alocation:%20https:%2F%2Fevil.example",
        "javascript:alert(1)",
        "/sign-in",
        "",
    ] {
        let page = house.get(&format!("/sign-in?next={next}"), &[]).await;
        assert_eq!(hidden_field(page.text(), "next"), "/", "{next}");
        let mut form = Form::from(&house.dashboard, FROM).await;
        form.next = next.to_owned();
        let answer = form.post("ann", PASSWORD).await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/"), "{next}");
    }
    let asked = house.get("/sessions?a=1&b=%2F%22", &[]).await;
    assert_eq!(asked.header("location"), "/sign-in?next=/sessions%3Fa%3D1%26b%3D%252F%2522");
    let page = house.get(asked.header("location"), &[]).await;
    assert_eq!(hidden_field(page.text(), "next"), "/sessions?a=1&amp;b=%2F%22");
    assert_eq!(house.get("//evil.example", &[]).await.header("location"), "/sign-in");
}

#[tokio::test]
async fn only_a_form_that_was_given_to_the_browser_is_taken() {
    let house = house();
    let good = Form::from(&house.dashboard, FROM).await;
    let other = Form::from(&house.dashboard, FROM).await;
    assert_ne!(good.csrf, other.csrf);
    let refused = async |change: &dyn Fn(&mut Form<'_>)| {
        let mut form = Form::from(&house.dashboard, FROM).await;
        change(&mut form);
        let answer = form.post("ann", PASSWORD).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.text());
        assert!(answer.text().contains("too old"));
        assert!(!cookies(&answer).iter().any(|cookie| cookie.starts_with("MxGatewayDashboard=")));
    };
    refused(&|form| form.csrf.clear()).await;
    refused(&|form| form.csrf = other.csrf.clone()).await;
    refused(&|form| form.cookie = other.cookie.clone()).await;
    refused(&|form| form.cookie.clear()).await;
    refused(&|form| form.cookie = "MxGatewayDashboardSignIn=00".to_owned()).await;
    // A page elsewhere that sets both to the same finds no proof.
    refused(&|form| {
        form.cookie = format!("MxGatewayDashboardSignIn={}", "0".repeat(64));
        form.csrf = "0".repeat(64);
    })
    .await;
    for origin in [None, Some("null"), Some("https://evil.example"), Some("https://gateway.example:444")] {
        refused(&|form| form.origin = origin.map(str::to_owned)).await;
    }
    assert_eq!(house.questions(), 0, "the directory was asked");
    assert_eq!(good.post("ann", PASSWORD).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn what_is_no_form_is_refused() {
    let house = house();
    let origin = ("origin", "https://gateway.example");
    let text = send(
        &house.dashboard,
        "192.0.2.1:1",
        Request::post("/sign-in").header("host", "gateway.example").body(Body::from("name=ann")).unwrap(),
    );
    assert_eq!(text.await.status, StatusCode::BAD_REQUEST);
    let long = format!("name=ann&password={}", "a".repeat(100_000));
    let answer = send(&house.dashboard, "192.0.2.1:1", request("POST", "/sign-in", &[origin], &long)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(house.questions(), 0);
}

#[tokio::test]
async fn a_browser_that_signs_in_again_leaves_the_first_sign_in() {
    let house = house();
    let first = house.cookie_of("ann").await;
    let mut form = Form::from(&house.dashboard, FROM).await;
    form.cookie = format!("{}; {first}", form.cookie);
    let second = cookies(&form.post("ben", PASSWORD).await)[0].clone();
    assert_eq!(house.status("/", &first).await, StatusCode::SEE_OTHER);
    assert_eq!(house.status("/", &second).await, StatusCode::OK);
}

#[tokio::test]
async fn a_server_that_does_not_say_who_asks_serves_nobody() {
    let house = house_with(Settings { allow_anonymous_localhost: true, ..Settings::default() });
    for (method, path) in [("GET", "/"), ("GET", "/api/v1/snapshot"), ("POST", "/sign-in")] {
        let request = request(method, path, &[("host", "localhost")], "");
        let response = router(house.dashboard.clone()).oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR, "{path}");
    }
}
