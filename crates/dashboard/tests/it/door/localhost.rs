use axum::extract::Request;
use http::StatusCode;
use mxgateway_dashboard::settings::Settings;

use super::client::{House, house, house_with, request, send};

const LOOPBACK: &str = "127.0.0.1:50000";

fn open() -> House {
    house_with(Settings { allow_anonymous_localhost: true, ..Settings::default() })
}

async fn status(house: &House, from: &str, request: Request) -> StatusCode {
    send(&house.dashboard, from, request).await.status
}

#[tokio::test]
async fn from_localhost_everything_is_seen_and_nothing_changed() {
    let house = open();
    for (from, host) in [
        (LOOPBACK, "localhost"),
        (LOOPBACK, "localhost:5121"),
        (LOOPBACK, "127.0.0.1:5121"),
        ("[::1]:50000", "[::1]:5121"),
        ("[::ffff:127.0.0.1]:50000", "localhost"),
    ] {
        let page = send(&house.dashboard, from, request("GET", "/sessions", &[("host", host)], "")).await;
        assert_eq!(page.status, StatusCode::OK, "{from} {host}");
        assert!(page.text().contains(crate::world::MARKER), "a session is not seen");
    }
    let host = ("host", "localhost");
    for path in ["/keys", "/audit", "/settings", "/api/v1/keys", "/api/v1/audit", "/api/v1/settings"] {
        assert_eq!(
            status(&house, LOOPBACK, request("GET", path, &[host], "")).await,
            StatusCode::FORBIDDEN,
            "{path}"
        );
    }
    let headers = [host, ("origin", "http://localhost"), ("sec-fetch-site", "same-origin")];
    let close = format!("/sessions/{}/close", crate::world::seen_id());
    for path in [&close, "/keys/new", "/keys/key0001/revoke", "/sign-out"] {
        let answer = status(&house, LOOPBACK, request("POST", path, &headers, "csrf=")).await;
        assert_eq!(answer, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(house.gateway.calls(), []);
}

#[tokio::test]
async fn it_has_to_be_allowed() {
    for path in ["/", "/sessions", "/api/v1/snapshot", "/hubs/token"] {
        let answer = status(&house(), LOOPBACK, request("GET", path, &[("host", "localhost")], "")).await;
        assert!(answer == StatusCode::SEE_OTHER || answer == StatusCode::UNAUTHORIZED, "{path} {answer}");
    }
}

#[tokio::test]
async fn everybody_else_is_refused() {
    let house = open();
    let host = ("host", "localhost");
    let cases: [(&str, &[(&str, &str)]); 16] = [
        // Other machines, whatever they call this one.
        ("192.0.2.1:50000", &[host]),
        ("[2001:db8::1]:50000", &[("host", "[::1]")]),
        ("[::ffff:192.0.2.1]:50000", &[("host", "127.0.0.1")]),
        ("0.0.0.0:50000", &[host]),
        // Proxies on this machine.
        (LOOPBACK, &[host, ("x-forwarded-for", "192.0.2.1")]),
        (LOOPBACK, &[host, ("x-forwarded-for", "127.0.0.1")]),
        (LOOPBACK, &[host, ("forwarded", "for=127.0.0.1")]),
        (LOOPBACK, &[host, ("x-real-ip", "127.0.0.1")]),
        (LOOPBACK, &[host, ("x-forwarded-host", "localhost")]),
        (LOOPBACK, &[host, ("via", "1.1 proxy")]),
        // Names that a page elsewhere had made up to lead here.
        (LOOPBACK, &[("host", "evil.example")]),
        (LOOPBACK, &[("host", "evil.example:5121")]),
        (LOOPBACK, &[("host", "localhost.evil.example")]),
        (LOOPBACK, &[("host", "127.0.0.1.evil.example")]),
        (LOOPBACK, &[("host", "localhost@evil.example")]),
        (LOOPBACK, &[host, host]),
    ];
    for (from, headers) in cases {
        for (path, expected) in [
            ("/", StatusCode::SEE_OTHER),
            ("/sessions", StatusCode::SEE_OTHER),
            ("/api/v1/snapshot", StatusCode::UNAUTHORIZED),
            ("/hubs/token", StatusCode::UNAUTHORIZED),
            ("/hubs/snapshot", StatusCode::UNAUTHORIZED),
        ] {
            assert_eq!(
                status(&house, from, request("GET", path, headers, "")).await,
                expected,
                "{from} {headers:?} {path}"
            );
        }
    }
}

#[tokio::test]
async fn a_token_from_localhost_is_good_from_localhost_only() {
    let house = open();
    let local = request("GET", "/hubs/token", &[("host", "localhost")], "");
    let token = send(&house.dashboard, LOOPBACK, local).await.json();
    let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
    let headers = [
        ("host", "localhost"),
        ("authorization", bearer.as_str()),
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let ask = |headers: &[(&str, &str)]| request("GET", "/hubs/snapshot", headers, "");
    assert_eq!(status(&house, LOOPBACK, ask(&headers)).await, StatusCode::UPGRADE_REQUIRED);
    assert_eq!(status(&house, "192.0.2.1:50000", ask(&headers)).await, StatusCode::UNAUTHORIZED);
    let elsewhere = [&headers[1..], &[("host", "evil.example")]].concat();
    assert_eq!(status(&house, LOOPBACK, ask(&elsewhere)).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn who_signed_in_is_no_longer_anonymous() {
    let house = open();
    let cookie = house.cookie_of("ann").await;
    let asked = request("GET", "/keys", &[("host", "localhost"), ("cookie", &cookie)], "");
    assert_eq!(status(&house, LOOPBACK, asked).await, StatusCode::OK);
}
