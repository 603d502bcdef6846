//! TLS and API keys.

use std::time::Duration;

use mxgateway_client::contracts::v1::ListSessionsRequest;
use mxgateway_client::secrecy::{ExposeSecret, SecretSlice, SecretString};
use mxgateway_client::{
    Client, ClientError, ClientIdentity, ClientOptions, EventOptions, OpenOptions, TlsOptions,
    TlsOptionsError, TlsProblem, Watch, WatchOptions,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tonic::Status;
use tonic::transport::{Certificate, Identity, ServerTlsConfig};

use crate::gateway::{Gateway, Script};
use crate::within;

struct Authority(CertifiedIssuer<'static, KeyPair>);

struct Issued {
    certificate: String,
    private_key: String,
}

impl Authority {
    fn new() -> Self {
        let mut authority = CertificateParams::default();
        authority.distinguished_name.push(DnType::CommonName, "authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap())
    }

    fn issue(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Issued {
        let key = KeyPair::generate().unwrap();
        let mut certificate = CertificateParams::new([name.to_owned()]).unwrap();
        change(&mut certificate);
        let certificate = certificate.signed_by(&key, &self.0).unwrap();
        Issued { certificate: certificate.pem(), private_key: key.serialize_pem() }
    }

    fn pinned(&self) -> TlsOptions {
        TlsOptions { ca_certificate: Some(self.0.pem().into_bytes()), ..TlsOptions::default() }
    }
}

impl Issued {
    fn server(&self) -> ServerTlsConfig {
        ServerTlsConfig::new().identity(Identity::from_pem(&self.certificate, &self.private_key))
    }

    fn identity(&self) -> ClientIdentity {
        ClientIdentity {
            certificate: self.certificate.clone().into_bytes(),
            private_key: SecretSlice::from(self.private_key.clone().into_bytes()),
        }
    }
}

async fn list(gateway: &Gateway, scheme: &str, tls: TlsOptions) -> Result<(), ClientError> {
    let endpoint = format!("{scheme}://localhost:{}", gateway.address.port());
    let client = Client::connect(ClientOptions { endpoint, tls, ..ClientOptions::default() })?;
    within("answer", client.list_sessions()).await.map(drop)
}

fn problem(result: Result<(), ClientError>) -> TlsProblem {
    match result {
        Err(ClientError::Tls { problem, .. }) => problem,
        other => panic!("{other:?}"),
    }
}

fn key(text: &str) -> Option<SecretString> {
    Some(text.to_owned().into())
}

#[tokio::test]
async fn only_a_gateway_that_is_trusted_is_talked_to() {
    let (authority, script) = (Authority::new(), Script::default());
    let gateway = Gateway::start_tls(script.clone(), authority.issue("localhost", |_| {}).server());
    list(&gateway, "https", authority.pinned()).await.unwrap();
    script.state().authorizations.clear();

    assert_eq!(problem(list(&gateway, "https", Authority::new().pinned()).await), TlsProblem::Untrusted);
    let error = list(&gateway, "https", TlsOptions::default()).await.unwrap_err();
    // The latter on a machine without any authorities.
    assert!(
        matches!(
            error,
            ClientError::Tls { problem: TlsProblem::Untrusted, .. }
                | ClientError::TlsOptions(TlsOptionsError::NoAuthorities(_))
        ),
        "{error:?}"
    );
    for (from, to) in [(2001, 2002), (2999, 3000)] {
        let issued = authority.issue("localhost", |certificate| {
            certificate.not_before = rcgen::date_time_ymd(from, 1, 1);
            certificate.not_after = rcgen::date_time_ymd(to, 1, 1);
        });
        let gateway = Gateway::start_tls(script.clone(), issued.server());
        let expected = if to < 2999 { TlsProblem::Expired } else { TlsProblem::NotYetValid };
        assert_eq!(problem(list(&gateway, "https", authority.pinned()).await), expected);
    }
    assert!(script.state().authorizations.is_empty(), "a call came through");
}

#[tokio::test]
async fn a_self_signed_certificate_is_a_pin() {
    let [ours, other] = [(); 2].map(|()| {
        let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        Issued { certificate: signed.cert.pem(), private_key: signed.signing_key.serialize_pem() }
    });
    let pin = |issued: &Issued| TlsOptions {
        ca_certificate: Some(issued.certificate.clone().into_bytes()),
        ..TlsOptions::default()
    };
    let gateway = Gateway::start_tls(Script::default(), ours.server());
    list(&gateway, "https", pin(&ours)).await.unwrap();
    assert_eq!(problem(list(&gateway, "https", pin(&other)).await), TlsProblem::Untrusted);
}

#[tokio::test]
async fn the_name_has_to_match() {
    let authority = Authority::new();
    let gateway = Gateway::start_tls(Script::default(), authority.issue("plant.example", |_| {}).server());
    let error = list(&gateway, "https", authority.pinned()).await.unwrap_err();
    assert!(
        error.to_string().ends_with(r#"its certificate is not for "localhost", only for "plant.example""#),
        "{error}"
    );
    assert!(!error.is_transient());
    let named = TlsOptions { server_name: Some("plant.example".to_owned()), ..authority.pinned() };
    list(&gateway, "https", named).await.unwrap();
}

#[tokio::test]
async fn tls_on_one_side_only_is_told_apart_from_a_lost_connection() {
    let authority = Authority::new();
    let gateway = Gateway::start_tls(Script::default(), authority.issue("localhost", |_| {}).server());
    let plain = Gateway::start(Script::default());
    // Which end notices first is chance.
    for _ in 0..20 {
        assert_eq!(problem(list(&gateway, "http", TlsOptions::default()).await), TlsProblem::Required);
        assert_eq!(problem(list(&plain, "https", authority.pinned()).await), TlsProblem::SpokenNot);
    }
    list(&gateway, "https", authority.pinned()).await.unwrap();
    list(&plain, "http", TlsOptions::default()).await.unwrap();
}

#[tokio::test]
async fn a_gateway_may_ask_for_a_client_certificate() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let tls = authority.issue("localhost", |_| {}).server();
    let tls = tls.client_ca_root(Certificate::from_pem(clients.0.pem()));
    let gateway = Gateway::start_tls(Script::default(), tls);
    let with = |authority: &Authority, pinned: TlsOptions| TlsOptions {
        client_identity: Some(authority.issue("client", |_| {}).identity()),
        ..pinned
    };
    // When the refusal arrives is chance.
    for _ in 0..20 {
        let missing = problem(list(&gateway, "https", authority.pinned()).await);
        assert_eq!(missing, TlsProblem::ClientCertificateRequired);
        let wrong = problem(list(&gateway, "https", with(&authority, authority.pinned())).await);
        assert!(matches!(wrong, TlsProblem::ClientCertificateRefused(_)), "{wrong:?}");
    }
    list(&gateway, "https", with(&clients, authority.pinned())).await.unwrap();
}

#[tokio::test]
async fn options_that_cannot_be_used_are_refused_at_once() {
    let authority = Authority::new();
    let pinned = authority.pinned();
    let (one, two) =
        (authority.issue("client", |_| {}).identity(), authority.issue("client", |_| {}).identity());
    let connect = |endpoint: &str, tls: TlsOptions| {
        let options = ClientOptions { endpoint: endpoint.to_owned(), tls, ..ClientOptions::default() };
        Client::connect(options).unwrap_err().to_string()
    };
    let identity = |certificate: &[u8], private_key: &[u8]| {
        let (certificate, private_key) = (certificate.to_vec(), SecretSlice::from(private_key.to_vec()));
        let client_identity = Some(ClientIdentity { certificate, private_key });
        TlsOptions { client_identity, ..pinned.clone() }
    };
    let ca = |pem: &[u8]| TlsOptions { ca_certificate: Some(pem.to_vec()), ..TlsOptions::default() };
    let name = TlsOptions { server_name: Some("no name".to_owned()), ..pinned.clone() };
    let key = |identity: &ClientIdentity| identity.private_key.expose_secret().to_vec();
    let garbage = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (endpoint, tls, words) in [
        ("http://localhost", pinned.clone(), "begins with https://"),
        ("https://localhost", ca(b""), "CA certificate cannot be used: there is no certificate"),
        ("https://localhost", ca(garbage), "CA certificate cannot be used"),
        ("https://localhost", name, "\"no name\" is not the name"),
        ("https://localhost", identity(b"", &key(&one)), "there is no certificate"),
        ("https://localhost", identity(&one.certificate, b""), "there is no private key"),
        ("https://localhost", identity(&one.certificate, &key(&two)), "do not belong together"),
    ] {
        let text = connect(endpoint, tls);
        assert!(text.contains(words), "{text}");
    }
}

#[tokio::test]
async fn each_call_has_the_api_key_and_nothing_shows_it() {
    let gateway = Gateway::start(Script::default());
    let api_key = key("mxgw_me_secret");
    let options = ClientOptions { endpoint: gateway.url(), api_key, ..ClientOptions::default() };
    assert!(!format!("{options:?}").contains("secret"), "{options:?}");
    let client = Client::connect(options).unwrap();
    assert!(!format!("{client:?}").contains("secret"), "{client:?}");
    let client = client.with_call_timeout(Duration::from_secs(10));
    let session = within("session", client.open_session(OpenOptions::default())).await.unwrap();
    session.register("test").await.unwrap();
    within("start", session.events(EventOptions::default()).next()).await.unwrap().unwrap();
    client.grpc().list_sessions(ListSessionsRequest::default()).await.unwrap();
    session.close().await.unwrap();
    let authorizations = std::mem::take(&mut gateway.script.state().authorizations);
    assert_eq!(authorizations, vec![Some("Bearer mxgw_me_secret".to_owned()); 5]);

    within("list", crate::client(gateway.url()).list_sessions()).await.unwrap();
    assert_eq!(gateway.script.state().authorizations[0], None);
    for text in ["", "two words", "line\n", "\u{e4}"] {
        let refused = Client::connect(ClientOptions { api_key: key(text), ..ClientOptions::default() });
        assert!(matches!(refused, Err(ClientError::InvalidApiKey)), "{text:?}");
    }
}

#[tokio::test]
async fn a_key_that_is_refused_is_not_tried_for_ever() {
    let gateway = Gateway::start(Script::default());
    let client = crate::client(gateway.url());
    let session = within("session", client.open_session(OpenOptions::default())).await.unwrap();
    for refusal in
        [Status::unauthenticated("no valid key"), Status::permission_denied("events:read is missing")]
    {
        let code = refusal.code();
        gateway.script.state().required = Some(("Bearer mxgw_other_secret".to_owned(), refusal));
        gateway.script.state().authorizations.clear();
        let mut events = session.events(EventOptions::default());
        let error = within("end of the stream", events.next()).await.unwrap().unwrap_err();
        assert_eq!(error.gateway().unwrap().status, code);
        assert!(!error.is_transient());
        assert!(events.next().await.is_none());

        let mut watch = Watch::new(client.clone(), ["Tank.Level"], WatchOptions::default());
        let error = within("end of the watch", watch.next()).await.unwrap().unwrap_err();
        assert_eq!(error.gateway().unwrap().status, code);
        assert!(watch.next().await.is_none());
        assert_eq!(gateway.script.state().authorizations.len(), 2);
    }
}

#[tokio::test]
async fn a_stream_does_not_come_back_to_a_gateway_that_is_not_trusted() {
    let authority = Authority::new();
    let gateway = Gateway::start_tls(Script::default(), authority.issue("localhost", |_| {}).server());
    let endpoint = format!("https://localhost:{}", gateway.address.port());
    let options = ClientOptions { endpoint, tls: Authority::new().pinned(), ..ClientOptions::default() };
    let mut watch = Watch::new(Client::connect(options).unwrap(), ["Tank.Level"], WatchOptions::default());
    let error = within("end of the watch", watch.next()).await.unwrap().unwrap_err();
    assert!(matches!(error, ClientError::Tls { .. }), "{error:?}");
    assert!(watch.next().await.is_none());
}
