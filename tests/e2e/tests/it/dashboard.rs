//! The dashboard of the real gateway: in a real browser, with a real directory.

mod closing;
mod connection;
mod events;
mod hidden;
mod http;
mod localhost;
mod numbers;
mod sign_in;
mod visitor;

use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::{EventStormFault, InjectFaultCommand, inject_fault_command::Fault};
use mxgateway_e2e::{Gateway, TestSession, secret};
use mxgateway_testkit::slapd::{
    HOST_NAME, SEARCH_BASE, SERVICE_ACCOUNT_DN, SERVICE_ACCOUNT_PASSWORD, SlapdServer,
};

/// Whoever is at this machine sees everything.
const ANONYMOUS: &str =
    "[dashboard]\nallow_anonymous_localhost = true\n[simulator]\nallow_fault_injection = true\n";

/// An administrator.
const ALICE: &str = "alice";
/// A viewer who sees sessions with the tag `line-1`.
const BOB: &str = "bob";

/// A gateway whose visitors sign in.
async fn gateway_with(slapd: &SlapdServer) -> Gateway {
    for name in [ALICE, BOB] {
        secret(&SlapdServer::password_of(name));
    }
    Gateway::start_with_dashboard(&format!(
        "[dashboard]
group_to_role = {{ GwAdmin = \"administrator\", GwReader = \"viewer\" }}
group_to_session_tag = {{ \"Line 1\" = [\"line-1\"], \"Line 2\" = [\"line-2\"] }}
[ldap]
enabled = true
server = \"{HOST_NAME}\"
port = {}
transport = \"start_tls\"
ca_file = {:?}
search_base = \"{SEARCH_BASE}\"
service_account_dn = \"{SERVICE_ACCOUNT_DN}\"
service_account_password = \"{SERVICE_ACCOUNT_PASSWORD}\"
user_name_attribute = \"uid\"
",
        slapd.port(),
        slapd.ca_file(),
    ))
    .await
}

/// A session with this name and tag.
async fn session(gateway: &Gateway, name: &str, tag: &str) -> TestSession {
    TestSession::open_as(gateway.client().await, name, tag).await
}

/// Data changes of an advised tag, as fast as is asked for.
async fn storm(session: &TestSession, tag: &str, events_per_second: u32, milliseconds: i32) {
    let duration = prost_types::Duration {
        seconds: i64::from(milliseconds / 1000),
        nanos: milliseconds % 1000 * 1_000_000,
    };
    let storm = EventStormFault { tag_address: tag.to_owned(), events_per_second, duration: Some(duration) };
    let reply = session
        .reply(Payload::InjectFault(InjectFaultCommand { fault: Some(Fault::EventStorm(storm)) }))
        .await;
    assert_eq!(reply.hresult, 0, "{reply:?}");
}
