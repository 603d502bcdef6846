use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mxgateway_directory::{LdapSettings, SignInError};

use super::fake::{Answer, Asked, FakeServer};
use super::{is_wrong, misconfigured, plain, sign_in, unavailable};

const DN: &str = "CN=Olsen\\, Olga (Line 1),OU=Plant,DC=example,DC=com";
const IN_CHAIN: &[u8] = b"1.2.840.113556.1.4.1941";

fn active_directory(port: u16) -> LdapSettings {
    LdapSettings {
        user_name_attribute: "sAMAccountName".to_owned(),
        display_name_attribute: "displayName".to_owned(),
        ..plain(port)
    }
}

fn contains(filter: &[u8], part: &[u8]) -> bool {
    filter.windows(part.len()).any(|window| window == part)
}

/// Olga's entry, as Active Directory gives it, with a reference to another domain.
fn olga() -> Vec<Answer> {
    let entry = Answer::entry(
        DN,
        &[
            ("sAMAccountName", &["Olga"]),
            ("displayName", &["Olga Olsen"]),
            ("memberOf", &["CN=Shift,OU=Groups,DC=example,DC=com"]),
        ],
    );
    let elsewhere =
        Answer::References(vec!["ldap://other.example.com/DC=other,DC=example,DC=com".to_owned()]);
    vec![elsewhere, entry, Answer::done()]
}

fn answer(asked: Asked) -> Vec<Answer> {
    match asked {
        Asked::Bind { dn, password } => {
            let is_right = dn == DN && password == "secret" || dn == "cn=service,dc=example,dc=com";
            vec![Answer::Done(if is_right { 0 } else { 49 }, Vec::new())]
        }
        Asked::Search { base, .. } if base.is_empty() => {
            let capabilities: &[&str] = &["1.2.840.113556.1.4.1670", "1.2.840.113556.1.4.800"];
            vec![Answer::entry("", &[("supportedCapabilities", capabilities)]), Answer::done()]
        }
        Asked::Search { filter, .. } if contains(&filter, IN_CHAIN) => {
            assert!(contains(&filter, b"member"), "{filter:?}");
            assert!(contains(&filter, DN.as_bytes()), "the name is unescaped in BER");
            vec![
                Answer::entry("CN=SHIFT,OU=Groups,DC=example,DC=com", &[]),
                Answer::entry("CN=GwReader,OU=Groups,DC=example,DC=com", &[]),
                Answer::done(),
            ]
        }
        Asked::Search { base, .. } => {
            assert_eq!(base, "dc=example,dc=com", "no group is asked for one by one");
            olga()
        }
    }
}

#[tokio::test]
async fn active_directory_is_asked_for_groups_of_groups_at_once() {
    let server = FakeServer::start(answer).await;
    let settings = active_directory(server.port);
    let olga = sign_in(&settings, "olga", "secret").await.unwrap();
    assert_eq!((olga.name.as_str(), olga.display_name.as_str()), ("Olga", "Olga Olsen"));
    let expected = ["CN=Shift,OU=Groups,DC=example,DC=com", "CN=GwReader,OU=Groups,DC=example,DC=com"];
    assert_eq!(olga.groups, expected);
    let direct = LdapSettings { nested_groups: false, ..settings.clone() };
    assert_eq!(sign_in(&direct, "olga", "secret").await.unwrap().groups, expected[..1]);
    assert!(is_wrong(&sign_in(&settings, "olga", "Secret").await));
}

#[tokio::test]
async fn nobody_is_asked_elsewhere() {
    let other = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&other);
    let elsewhere = FakeServer::start(move |asked| {
        counted.fetch_add(1, Ordering::SeqCst);
        answer(asked)
    })
    .await;
    let url = format!("ldap://127.0.0.1:{}/dc=example,dc=com", elsewhere.port);

    // Instead of entries, where there are some.
    let refers = url.clone();
    let server = FakeServer::start(move |asked| match asked {
        Asked::Bind { .. } => vec![Answer::done()],
        Asked::Search { .. } => vec![Answer::References(vec![refers.clone()]), Answer::done()],
    })
    .await;
    assert!(is_wrong(&sign_in(&active_directory(server.port), "olga", "secret").await));

    // Instead of a result.
    for operation in ["bind", "search"] {
        let refers = url.clone();
        let server = FakeServer::start(move |asked| match asked {
            Asked::Bind { ref dn, .. } if dn == DN && operation == "bind" => {
                vec![Answer::Done(10, vec![refers.clone()])]
            }
            Asked::Search { .. } if operation == "search" => vec![Answer::Done(10, vec![refers.clone()])],
            asked @ (Asked::Bind { .. } | Asked::Search { .. }) => answer(asked),
        })
        .await;
        let refused = sign_in(&active_directory(server.port), "olga", "secret").await;
        match operation {
            "bind" => assert!(is_wrong(&refused), "{refused:?}"),
            _ => assert!(misconfigured(refused).contains("referral")),
        }
    }
    assert_eq!(other.load(Ordering::SeqCst), 0, "another server was asked");
}

#[tokio::test]
async fn a_server_that_keeps_to_no_limit_is_cut_short() {
    // Thousands of entries for one name, and no end.
    let server = FakeServer::start(|asked| match asked {
        Asked::Bind { .. } => vec![Answer::done()],
        Asked::Search { .. } => (0..5000).map(|n| Answer::entry(&format!("CN={n}"), &[])).collect(),
    })
    .await;
    assert!(is_wrong(&sign_in(&active_directory(server.port), "olga", "secret").await));
}

#[tokio::test]
async fn an_unknown_name_is_bound_as_well_and_never_right() {
    let asked_for = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let noted = Arc::clone(&asked_for);
    let server = FakeServer::start(move |asked| match asked {
        Asked::Bind { dn, .. } => {
            noted.lock().push(dn);
            // Says yes to everybody.
            vec![Answer::done()]
        }
        Asked::Search { .. } => vec![Answer::done()],
    })
    .await;
    assert!(is_wrong(&sign_in(&active_directory(server.port), "olga", "secret").await));
    assert_eq!(
        *asked_for.lock(),
        ["cn=service,dc=example,dc=com", "cn=mxgateway-nobody,dc=example,dc=com"],
        "who knows the name does not learn more than who does not"
    );
}

#[tokio::test]
async fn answers_that_are_none_are_told() {
    for bytes in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], &[0x30, 0x03, 0x02, 0x01, 0x01], &[0xff; 100]] {
        let server = FakeServer::start(move |_| vec![Answer::Raw(bytes.to_vec())]).await;
        let settings =
            LdapSettings { timeout: std::time::Duration::from_secs(2), ..active_directory(server.port) };
        let told = unavailable(sign_in(&settings, "olga", "secret").await);
        assert!(told.starts_with(&format!("ldap://127.0.0.1:{}: ", server.port)), "{told}");
    }
    // An entry that is none: its name is no text.
    let server = FakeServer::start(|asked| match asked {
        Asked::Bind { .. } => vec![Answer::done()],
        Asked::Search { .. } => {
            vec![Answer::Raw(vec![0x30, 0x0b, 2, 1, 2, 0x64, 6, 4, 2, 0xff, 0xfe, 0x30, 0])]
        }
    })
    .await;
    let answer = sign_in(&active_directory(server.port), "olga", "secret").await;
    assert!(matches!(&answer, Err(SignInError::Unavailable(why)) if why.contains("no LDAP")), "{answer:?}");
}
