use std::net::TcpListener;
use std::time::{Duration, Instant};

use mxgateway_directory::LdapSettings;
use mxgateway_testkit::slapd::{Membership, SERVICE_ACCOUNT_PASSWORD, SlapdServer};

use super::{is_wrong, misconfigured, person, plain, settings, sign_in, unavailable};

#[tokio::test]
async fn the_right_password_tells_who_somebody_is() {
    let Some(server) = SlapdServer::shared_if_installed() else { return };
    let settings = settings(&server);
    let alice = person(&settings, "alice").await;
    assert_eq!((alice.name.as_str(), alice.display_name.as_str()), ("alice", "Alice Adams"));
    let shouted = sign_in(&settings, "ALICE", "alice-password").await.unwrap();
    assert_eq!(shouted, alice, "the directory's way of writing the name counts");
    let erin = person(&settings, "erin(3*)").await;
    assert_eq!(erin.display_name, "Evans, Erin (3*)");
}

#[tokio::test]
async fn who_is_wrong_is_not_told_why() {
    let Some(server) = SlapdServer::shared_if_installed() else { return };
    let settings = settings(&server);
    let long = "a".repeat(10_000);
    let attempts = [
        ("alice", "bob-password"),
        ("alice", "Alice-password"),
        ("alice", "alice-password "),
        ("mallory", "alice-password"),
        ("", "alice-password"),
        ("   ", "alice-password"),
        ("ali\0ce", "alice-password"),
        ("alice\n", "alice-password"),
        (&long, "alice-password"),
        // Has no password in the directory.
        ("hugo", "hugo-password"),
        // The service account has another attribute, and no group of people.
        ("service", SERVICE_ACCOUNT_PASSWORD),
    ];
    for (name, password) in attempts {
        let answer = sign_in(&settings, name, password).await;
        assert!(is_wrong(&answer), "{name:?} {password:?}: {answer:?}");
        assert_eq!(answer.unwrap_err().to_string(), "the name or the password is wrong");
    }
}

#[tokio::test]
async fn an_empty_password_is_nobodys() {
    let Some(server) = SlapdServer::shared_if_installed() else { return };
    for name in ["alice", "hugo", "mallory"] {
        let answer = sign_in(&settings(&server), name, "").await;
        assert!(is_wrong(&answer), "{name}: {answer:?}");
    }
    // It does not even come to the server.
    let answer = sign_in(&plain(unused_port()), "alice", "").await;
    assert!(is_wrong(&answer), "{answer:?}");
}

#[tokio::test]
async fn a_name_is_never_a_filter() {
    let Some(server) = SlapdServer::shared_if_installed() else { return };
    let settings = settings(&server);
    for name in [
        "*",
        "ali*",
        "alic?",
        "*)(uid=*",
        "alice)(objectClass=*",
        "alice)(|(uid=*",
        "*)(|(objectClass=*)",
        "alice\\2a",
        "\\61lice",
        "uid=alice,ou=people,dc=example,dc=com",
        "alice)",
        "(alice",
        "alice\u{0}",
        "zoë*",
    ] {
        let answer = sign_in(&settings, name, "alice-password").await;
        assert!(is_wrong(&answer), "{name:?}: {answer:?}");
    }
    // Of a name with such characters, they are characters.
    for name in ["erin(3*)", "Erin(3*)"] {
        sign_in(&settings, name, "erin(3*)-password").await.unwrap();
    }
    let answer = sign_in(&settings, "erin(**)", "erin(3*)-password").await;
    assert!(is_wrong(&answer), "{answer:?}");
}

#[tokio::test]
async fn a_name_that_two_have_is_nobodys() {
    let Some(server) = SlapdServer::shared_if_installed() else { return };
    let settings = LdapSettings { user_name_attribute: "cn".to_owned(), ..settings(&server) };
    let alice = sign_in(&settings, "alice adams", "alice-password").await.unwrap();
    assert_eq!(alice.name, "Alice Adams");
    let answer = sign_in(&settings, "Sam Twin", "sam-password").await;
    assert!(is_wrong(&answer), "{answer:?}");
}

#[tokio::test]
async fn a_directory_that_does_not_serve_the_gateway_is_told_apart() {
    let Some(server) = SlapdServer::shared_if_installed() else { return };
    let good = settings(&server);
    let wrong_password = LdapSettings { service_account_password: "wrong".into(), ..good.clone() };
    let told = misconfigured(sign_in(&wrong_password, "alice", "alice-password").await);
    assert!(told.contains("service account") && told.contains("invalidCredentials"), "{told}");
    let no_dn = LdapSettings { service_account_dn: "service".to_owned(), ..good.clone() };
    let told = misconfigured(sign_in(&no_dn, "alice", "alice-password").await);
    assert!(told.contains("invalidDNSyntax"), "{told}");
    let elsewhere = LdapSettings { search_base: "dc=example,dc=org".to_owned(), ..good };
    let told = misconfigured(sign_in(&elsewhere, "alice", "alice-password").await);
    assert!(told.contains("dc=example,dc=org"), "{told}");
}

#[tokio::test]
async fn a_server_that_is_down_is_no_wrong_password() {
    let Some(server) = SlapdServer::start_if_installed(Membership::MemberOf) else { return };
    let settings = settings(&server);
    person(&settings, "alice").await;
    server.stop();
    let told = unavailable(sign_in(&settings, "alice", "alice-password").await);
    assert!(told.contains(&format!("localhost:{}", server.port())), "{told}");
    server.start_again().unwrap();
    person(&settings, "alice").await;
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    use mxgateway_directory::Transport;

    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = silent.local_addr().unwrap().port();
    let limit = Duration::from_millis(300);
    let Some(slapd) = SlapdServer::shared_if_installed() else { return };
    for transport in [Transport::Plain, Transport::StartTls, Transport::Ldaps] {
        let settings =
            LdapSettings { port, transport, timeout: limit, allow_insecure: true, ..settings(&slapd) };
        let begun = Instant::now();
        let told = unavailable(sign_in(&settings, "alice", "alice-password").await);
        assert!(told.contains("did not answer within 0.3 s"), "{told}");
        assert!(
            begun.elapsed() >= limit && begun.elapsed() < Duration::from_secs(20),
            "{:?}",
            begun.elapsed()
        );
    }
}

fn unused_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}
