use std::fs;

use mxgateway_directory::{LdapDirectory, LdapSettings, SettingsError, Transport};
use mxgateway_testkit::slapd::SlapdServer;

use super::{person, settings, sign_in, unavailable};

/// The same person by every transport.
fn by(server: &SlapdServer, transport: Transport) -> LdapSettings {
    let port = match transport {
        Transport::Ldaps => server.tls_port(),
        Transport::StartTls | Transport::Plain => server.port(),
    };
    LdapSettings { port, transport, ..settings(server) }
}

const SECURE: [Transport; 2] = [Transport::StartTls, Transport::Ldaps];

#[tokio::test]
async fn every_transport_gives_the_same_answer() {
    let Some(server) = SlapdServer::shared_if_installed() else { return };
    let [start_tls, ldaps, plain] =
        [Transport::StartTls, Transport::Ldaps, Transport::Plain].map(|it| by(&server, it));
    let alice = person(&start_tls, "alice").await;
    assert_eq!(person(&ldaps, "alice").await, alice);
    assert_eq!(person(&plain, "alice").await, alice);
}

#[tokio::test]
async fn plain_has_to_be_allowed() {
    let Some(server) = SlapdServer::shared_if_installed() else { return };
    let refused = LdapSettings { allow_insecure: false, ..by(&server, Transport::Plain) };
    assert!(matches!(LdapDirectory::new(refused), Err(SettingsError::Insecure)));
    for transport in SECURE {
        person(&LdapSettings { allow_insecure: false, ..by(&server, transport) }, "alice").await;
    }
}

#[tokio::test]
async fn a_server_by_another_name_gets_no_password() {
    let Some(server) = SlapdServer::shared_if_installed() else { return };
    for transport in SECURE {
        let settings = LdapSettings { server: "127.0.0.1".to_owned(), ..by(&server, transport) };
        let told = unavailable(sign_in(&settings, "alice", "alice-password").await);
        assert!(told.contains("certificate") && told.contains("127.0.0.1"), "{told}");
    }
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_gets_no_password() {
    let Some(server) = SlapdServer::shared_if_installed() else { return };
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.pem");
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(&other, signed.cert.pem()).unwrap();
    for transport in SECURE {
        let settings = LdapSettings { ca_file: Some(other.clone()), ..by(&server, transport) };
        let told = unavailable(sign_in(&settings, "alice", "alice-password").await);
        assert!(told.contains("UnknownIssuer"), "{told}");
        // The system does not know the authority either, if it knows any.
        let settings = LdapSettings { ca_file: None, ..by(&server, transport) };
        match LdapDirectory::new(settings.clone()) {
            Err(SettingsError::SystemRoots(_)) => {}
            other => {
                other.unwrap();
                let told = unavailable(sign_in(&settings, "alice", "alice-password").await);
                assert!(told.contains("UnknownIssuer"), "{told}");
            }
        }
    }
}

#[tokio::test]
async fn the_wrong_port_is_told() {
    let Some(server) = SlapdServer::shared_if_installed() else { return };
    // TLS where the server expects LDAP, which it answers with nothing.
    let settings = LdapSettings { port: server.port(), ..by(&server, Transport::Ldaps) };
    unavailable(sign_in(&settings, "alice", "alice-password").await);
}

#[test]
fn a_file_without_certificates_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    let settings = |path| LdapSettings {
        transport: Transport::Ldaps,
        server: "localhost".to_owned(),
        ca_file: Some(path),
        ..super::plain(636)
    };
    let error = LdapDirectory::new(settings(path.clone())).unwrap_err();
    assert!(error.to_string().contains("ca.pem"), "{error}");
    for content in ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "text"] {
        fs::write(&path, content).unwrap();
        let error = LdapDirectory::new(settings(path.clone())).unwrap_err();
        assert!(matches!(error, SettingsError::CaFile { .. }), "{error}");
    }
}
