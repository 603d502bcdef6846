use http::StatusCode;

use super::client::{Form, house};
use crate::browser::hidden_field;
use crate::world::seen_id;

const OWN: &[(&str, &str)] = &[("origin", "https://gateway.example")];

/// What each form is refused without, at a path that changes something and at the door's own.
#[tokio::test]
async fn a_form_needs_its_visitors_token_and_the_dashboards_origin() {
    let house = house();
    let [ann, again, ben] =
        [house.cookie_of("ann").await, house.cookie_of("ann").await, house.cookie_of("ben").await];
    let csrf_of = async |cookie: &str| {
        let csrf = hidden_field(house.get("/", &[("cookie", cookie)]).await.text(), "csrf");
        assert_eq!(csrf.len(), 64);
        format!("csrf={csrf}")
    };
    let [good, agains, bens] = [csrf_of(&ann).await, csrf_of(&again).await, csrf_of(&ben).await];
    let token = house.get("/hubs/token", &[("cookie", &ann)]).await.json();
    let hub_token = format!("csrf={}", token["access_token"].as_str().unwrap());
    let sign_in = format!("csrf={}", Form::from(&house.dashboard, "192.0.2.1").await.csrf);
    let value = format!("csrf={}", ann.split_once('=').unwrap().1);
    let own_twice = format!("csrf=&{good}");

    for path in
        [format!("/sessions/{}/close", seen_id()), "/keys/key0001/revoke".to_owned(), "/sign-out".to_owned()]
    {
        for body in
            ["", "csrf=", &agains, &bens, &hub_token, &sign_in, &value, &own_twice, &format!("{good}0")]
        {
            let answer = house.post(&path, &ann, body, OWN).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {body}");
            assert!(answer.text().contains("too old, or from somewhere else"));
        }
        let host = [("origin", "https://gateway.example"), ("host", "other.example")];
        for headers in [
            &[][..],
            &[("origin", "null")],
            &[("origin", "https://evil.example")],
            &[("origin", "https://gateway.example"), ("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site")],
            &host,
        ] {
            let answer = house.post(&path, &ann, &good, headers).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {headers:?}");
        }
        let answer = house.post(&path, "", &good, OWN).await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/sign-in"));
        let asked_for = house.get(&format!("{path}?{good}"), &[("cookie", &ann)]).await;
        assert_ne!(asked_for.status, StatusCode::SEE_OTHER, "{path} is changed by a link");
    }
    assert_eq!(house.done(), 0);
    assert_eq!(house.status("/", &ann).await, StatusCode::OK, "somebody else signed her out");

    let close = format!("/sessions/{}/close", seen_id());
    for headers in [OWN, &[("origin", "null"), ("sec-fetch-site", "same-origin")]] {
        assert_eq!(house.post(&close, &ann, &good, headers).await.status, StatusCode::SEE_OTHER);
    }
    assert_eq!(house.done(), 2);
}
