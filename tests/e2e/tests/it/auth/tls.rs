//! TLS with the gateway's own certificate, and with certificates of clients.

use std::path::{Path, PathBuf};
use std::process::Output;

use mxgateway_client::{
    Client, ClientError, ClientIdentity, ClientOptions, TlsOptions, Watch, WatchOptions, WatchUpdate,
};
use mxgateway_e2e::{Gateway, client_options, mxgw, within};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustix::process::Signal;
use secrecy::SecretSlice;
use tempfile::TempDir;

/// How `mxgw` exits when there is no secure connection.
const NOT_SECURE: i32 = 11;

const SELF_SIGNED: &str = "[tls]\nmode = \"self_signed\"\n";

fn endpoint(gateway: &Gateway) -> String {
    format!("https://127.0.0.1:{}", gateway.port())
}

fn certificate(gateway: &Gateway) -> PathBuf {
    gateway.data_directory().join("tls/certificate.pem")
}

/// `mxgw read` of a tag.
async fn read(endpoint: &str, more: &[&str]) -> Output {
    let read = mxgw(endpoint).args(more).args(["read", "Host.Cpu.Count"]).output();
    within("mxgw read", read).await.unwrap()
}

fn pinned(gateway: &Gateway, client_identity: Option<ClientIdentity>) -> ClientOptions {
    let ca_certificate = Some(std::fs::read(certificate(gateway)).unwrap());
    let tls = TlsOptions { ca_certificate, client_identity, ..TlsOptions::default() };
    ClientOptions { tls, ..client_options(endpoint(gateway)) }
}

/// Watches a tag until its first value.
async fn watch(options: ClientOptions) -> Result<(), ClientError> {
    let client = Client::connect(options)?;
    let mut watch = Watch::new(client, ["Host.Cpu.Load"], WatchOptions::default());
    let mut event = false;
    while !event {
        let update = within("a value", watch.next()).await.expect("the watch goes on")?;
        event = matches!(update, WatchUpdate::Event { .. });
    }
    watch.close().await
}

#[tokio::test]
async fn clients_that_pin_the_self_signed_certificate_are_served_also_after_a_restart() {
    let mut gateway = Gateway::start_as(SELF_SIGNED).await;
    let made = std::fs::read(certificate(&gateway)).unwrap();
    for restarted in [false, true] {
        if restarted {
            gateway.stop(Signal::TERM).await;
            gateway = gateway.start_again().await;
            assert_eq!(std::fs::read(certificate(&gateway)).unwrap(), made, "there is another certificate");
        }
        let ca = certificate(&gateway);
        let output = read(&endpoint(&gateway), &["--ca", ca.to_str().unwrap()]).await;
        assert!(output.status.success(), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("Host.Cpu.Count"));
        watch(pinned(&gateway, None)).await.unwrap();
    }
}

#[tokio::test]
async fn who_does_not_trust_the_gateway_or_speaks_in_the_clear_is_told_what_to_do() {
    let gateway = Gateway::start_as(SELF_SIGNED).await;
    let another = Gateway::start_as(SELF_SIGNED).await;
    let other_ca = certificate(&another);
    for more in [&[][..], &["--ca", other_ca.to_str().unwrap()]] {
        let output = read(&endpoint(&gateway), more).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(NOT_SECURE), "{more:?}: {said}");
        assert!(said.contains("pin") || said.contains("--ca"), "{more:?}: {said}");
    }
    let output = read(&gateway.endpoint(), &[]).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(NOT_SECURE), "{said}");
    assert!(said.contains("https://"), "{said}");
    // The other way round.
    let plain = Gateway::start().await;
    let output = read(&endpoint(&plain), &["--ca", other_ca.to_str().unwrap()]).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(NOT_SECURE), "{said}");
    assert!(said.contains("http://"), "{said}");
}

/// An authority, and a client that it vouches for.
struct Authority {
    folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        std::fs::write(folder.path().join("ca.pem"), certificate.pem()).unwrap();
        Self { folder, issuer: Issuer::new(params, key) }
    }

    fn certificate(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Files with a client's certificate and its private key.
    fn client(&self) -> (PathBuf, PathBuf) {
        let mut params = CertificateParams::new(vec!["client".to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        let signed = params.signed_by(&key, &self.issuer).unwrap();
        let paths = ["client.pem", "client-key.pem"].map(|name| self.folder.path().join(name));
        std::fs::write(&paths[0], signed.pem()).unwrap();
        std::fs::write(&paths[1], key.serialize_pem()).unwrap();
        let [certificate, private_key] = paths;
        (certificate, private_key)
    }
}

fn identity(certificate: &Path, private_key: &Path) -> ClientIdentity {
    ClientIdentity {
        certificate: std::fs::read(certificate).unwrap(),
        private_key: SecretSlice::from(std::fs::read(private_key).unwrap()),
    }
}

#[tokio::test]
async fn clients_show_a_certificate_where_that_is_asked_for() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let ca_path = ours.certificate();
    let gateway = Gateway::start_as(&format!("{SELF_SIGNED}client_ca_path = {ca_path:?}\n")).await;
    let ca = certificate(&gateway);
    let ca = ca.to_str().unwrap();

    let (good, good_key) = ours.client();
    watch(pinned(&gateway, Some(identity(&good, &good_key)))).await.unwrap();
    let shown = ["--client-certificate", good.to_str().unwrap(), "--client-key", good_key.to_str().unwrap()];
    let output = read(&endpoint(&gateway), &[&["--ca", ca], &shown[..]].concat()).await;
    assert!(output.status.success(), "{output:?}");

    let (bad, bad_key) = theirs.client();
    for client_identity in [None, Some(identity(&bad, &bad_key))] {
        let what = format!("{client_identity:?}");
        let client = Client::connect(pinned(&gateway, client_identity)).unwrap();
        let error = within("a refusal", client.list_sessions()).await.unwrap_err();
        assert!(error.to_string().contains("certificate"), "{what}: {error}");
    }
    let output = read(&endpoint(&gateway), &["--ca", ca]).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(NOT_SECURE), "{said}");
    assert!(said.contains("certificate"), "{said}");
}
