//! Nobody gets in without a key that is good, and nobody learns what is wrong with a bad one.

use std::net::Ipv4Addr;

use mxgateway_contracts::error_code::ErrorCode;
use mxgateway_contracts::v1::ListSessionsRequest;
use mxgateway_e2e::{Gateway, api_key, until};
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::{OTHER_RPCS, assert_refused, bearer, call, contract};

/// All that a client learns of a refusal.
fn told(status: &Status) -> (Code, String, Vec<u8>) {
    (status.code(), status.message().to_owned(), status.details().to_vec())
}

/// The key with another secret that is one by its form: its last character stands for fewer bits.
pub(super) fn with_wrong_secret(key: &str) -> String {
    let (front, secret) = key.split_at(key.len() - 43);
    let (most, last) = secret.split_at(42);
    let turned: String = most.chars().rev().collect();
    assert_ne!(turned, most);
    format!("{front}{turned}{last}")
}

#[tokio::test]
async fn without_a_good_key_every_rpc_gives_the_very_same_answer() {
    let gateway = Gateway::start().await;
    let wrong_secret = bearer(&with_wrong_secret(api_key()));
    let unknown = wrong_secret.replace("_e2e_", "_nobody_");
    let bad: [(&str, Option<&str>); 7] = [
        ("no key", None),
        ("an empty one", Some("")),
        ("no key by its form", Some("Bearer secret")),
        ("another scheme", Some("Basic ZTJlOnNlY3JldA==")),
        ("without a scheme", Some(api_key())),
        ("a key that nobody has", Some(&unknown)),
        ("a wrong secret", Some(&wrong_secret)),
    ];
    let mut answer = None;
    let contract: Vec<String> = contract().into_iter().map(|rpc| rpc.path).collect();
    let paths = contract.iter().map(String::as_str).chain(OTHER_RPCS);
    for (number, path) in (0_u8..).zip(paths) {
        for (half, cases) in (0..).zip(bad.chunks(4)) {
            // Each from an address of its own: too many failures from one are another refusal.
            let channel = gateway.channel_from(Ipv4Addr::new(127, 1, number, half + 1)).await;
            for (case, authorization) in cases {
                let result = call(&channel, path, *authorization, ()).await;
                let status = assert_refused(result, ErrorCode::Unauthenticated, &format!("{path}, {case}"));
                let told = told(&status);
                assert_eq!(*answer.get_or_insert_with(|| told.clone()), told, "{path}, {case}");
            }
        }
        let channel = gateway.channel().await;
        let result = call(&channel, path, Some(&bearer(api_key())), ()).await;
        assert_ne!(result.err().map(|status| status.code()), Some(Code::Unauthenticated), "{path}");
    }
}

#[tokio::test]
async fn the_name_of_the_scheme_may_be_spelled_as_one_likes() {
    let gateway = Gateway::start().await;
    let channel = gateway.channel().await;
    for authorization in [format!("bearer {}", api_key()), format!("BEARER {}", api_key())] {
        let path = "/mxgateway.v1.MxGateway/ListSessions";
        call(&channel, path, Some(&authorization), ListSessionsRequest::default()).await.unwrap();
    }
}

#[tokio::test]
async fn health_answers_everybody() {
    let gateway = Gateway::start().await;
    let request = || HealthCheckRequest { service: "mxgateway.v1.MxGateway".to_owned() };
    let mut health = HealthClient::new(gateway.channel().await);
    let answer = health.check(request()).await.unwrap().into_inner();
    assert_eq!(answer.status(), ServingStatus::Serving);
    let mut watch = health.watch(request()).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    // Nor does a bad key close the door that is open.
    let channel = gateway.channel().await;
    call(&channel, "/grpc.health.v1.Health/Check", Some("Bearer nonsense"), ()).await.unwrap();
}

#[tokio::test]
async fn an_expired_and_a_revoked_key_are_refused_as_any_other() {
    let gateway = Gateway::start().await;
    let mut stranger = gateway.client_with("mxgw_nobody_x").await;
    let refused = stranger.list_sessions(ListSessionsRequest::default()).await.unwrap_err();

    let short = gateway.create_key(&["--id=short", "--name=Short", "--scope=events:read", "--expires-in=3s"]);
    let ended = gateway.create_key(&["--id=ended", "--name=Ended", "--scope=events:read"]);
    for (key, id) in [(short, "short"), (ended, "ended")] {
        let mut client = gateway.client_with(&key).await;
        client.list_sessions(ListSessionsRequest::default()).await.unwrap();
        if id == "ended" {
            gateway.apikey(&["revoke", id]);
        }
        let status = until("the key is refused", async || {
            client.list_sessions(ListSessionsRequest::default()).await.err()
        })
        .await;
        assert_eq!(told(&status), told(&refused), "{id}");
        // A connection on which it was never used is no way around.
        let mut again = gateway.client_with(&key).await;
        let status = again.list_sessions(ListSessionsRequest::default()).await.unwrap_err();
        assert_eq!(told(&status), told(&refused), "{id}");
    }
}
