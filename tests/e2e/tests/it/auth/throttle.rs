//! Whoever tries keys is slowed, and then refused; nobody else notices.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use mxgateway_contracts::error_code::ErrorCode;
use mxgateway_e2e::{Gateway, api_key, within};
use tonic_types::StatusExt;

use super::keys::with_wrong_secret;
use super::{assert_refused, bearer, call};

const PATH: &str = "/mxgateway.v1.MxGateway/ListSessions";
const AT_ONCE: Duration = Duration::from_secs(1);

#[tokio::test]
async fn many_wrong_keys_are_slowed_and_refused_while_a_good_one_is_answered_at_once() {
    let gateway = Gateway::start().await;
    let channel = gateway.channel_from(Ipv4Addr::new(127, 2, 0, 1)).await;
    let (good, wrong) = (bearer(api_key()), bearer(&with_wrong_secret(api_key())));
    call(&channel, PATH, Some(&good), ()).await.unwrap();

    let attempt = || call(&channel, PATH, Some(&wrong), ());
    for _ in 0..5 {
        assert_refused(attempt().await, ErrorCode::Unauthenticated, "a wrong key");
    }
    // Of these, each waits longer than the one before; those that would wait too long are refused at once.
    let began = Instant::now();
    let mut attempts: FuturesUnordered<_> = (0..20).map(|_| attempt()).collect();
    let (mut tried, mut refused) = (0, 0);
    while refused < 10 {
        let result = within("the refusals", attempts.next()).await.expect("most are refused");
        let status = result.expect_err("a wrong key is not good");
        if ErrorCode::of(&status) == Some(ErrorCode::TooManyAttempts) {
            assert_eq!(status.code(), ErrorCode::TooManyAttempts.grpc());
            let after = status.get_details_retry_info().unwrap().retry_delay.unwrap();
            assert!(after > Duration::from_secs(5), "{after:?}");
            refused += 1;
        } else {
            assert_eq!(ErrorCode::of(&status), Some(ErrorCode::Unauthenticated), "{status:?}");
            tried += 1;
        }
    }

    let asked = Instant::now();
    call(&channel, PATH, Some(&good), ()).await.unwrap();
    assert!(asked.elapsed() < AT_ONCE, "the good key waited {:?}", asked.elapsed());
    // Others have nothing to do with it.
    let elsewhere = gateway.channel_from(Ipv4Addr::new(127, 2, 0, 2)).await;
    let asked = Instant::now();
    assert_refused(call(&elsewhere, PATH, Some(&wrong), ()).await, ErrorCode::Unauthenticated, "elsewhere");
    assert!(asked.elapsed() < AT_ONCE, "another address waited {:?}", asked.elapsed());

    while let Some(result) = within("the rest", attempts.next()).await {
        tried += i32::from(ErrorCode::of(&result.unwrap_err()) == Some(ErrorCode::Unauthenticated));
    }
    let waited = began.elapsed();
    assert!((1..=7).contains(&tried) && waited > Duration::from_secs(3), "{tried} tried in {waited:?}");
}
