//! API keys of the tests, and the promise that no secret is written anywhere.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use memchr::memmem;
use mxgateway_client::ClientOptions;
use mxgateway_contracts::v1_client::mx_gateway_client::MxGatewayClient;
use parking_lot::Mutex;
use secrecy::SecretString;
use tempfile::TempDir;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Request, Status};

use crate::program;

/// Folder of what a gateway keeps, in its working directory.
pub(crate) const DATA: &str = "data";

/// Every scope there is.
pub const ALL_SCOPES: &str = "session:open,session:close,session:all,invoke:read,invoke:write,invoke:secure,\
                              events:read,metadata:read,admin";

/// A client that shows a key.
pub type KeyedClient = MxGatewayClient<InterceptedService<Channel, Bearer>>;

/// Puts a key on each request.
#[derive(Clone, Debug)]
pub struct Bearer(MetadataValue<Ascii>);

impl Bearer {
    /// With this key.
    pub fn new(key: &str) -> Self {
        let mut value: MetadataValue<Ascii> = format!("Bearer {key}").parse().expect("a key is ASCII");
        value.set_sensitive(true);
        Self(value)
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// What this test program made once for all its gateways.
struct Prepared {
    folder: TempDir,
    key: String,
}

fn prepared() -> &'static Prepared {
    static PREPARED: OnceLock<Prepared> = OnceLock::new();
    PREPARED.get_or_init(|| {
        let folder = tempfile::Builder::new().prefix("mxgw").tempdir().expect("a temporary folder");
        let key = create_key(folder.path(), &["--id", "e2e", "--name", "tests", "--scopes", ALL_SCOPES]);
        Prepared { folder, key }
    })
}

/// A key for everything, which every gateway of this test program knows.
pub fn api_key() -> &'static str {
    &prepared().key
}

/// For the project's own client: this endpoint, with that key.
pub fn client_options(endpoint: String) -> ClientOptions {
    ClientOptions { endpoint, api_key: Some(SecretString::from(api_key())), ..ClientOptions::default() }
}

/// Gives a gateway's folder the key store that all of them begin with.
pub(crate) fn give_key_store(folder: &Path) {
    let (from, to) = (prepared().folder.path().join(DATA), folder.join(DATA));
    if to.exists() {
        return;
    }
    fs::create_dir(&to).expect("a data folder");
    for entry in fs::read_dir(from).expect("the prepared data").map(|entry| entry.expect("a file")) {
        fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy of the prepared data");
    }
}

/// `mxgateway apikey create` with these options for the gateway that lives in `folder`.
pub(crate) fn create_key(folder: &Path, options: &[&str]) -> String {
    new_key(folder, &[&["create"], options].concat())
}

/// A command of `mxgateway apikey` that prints a key, for the gateway that lives in `folder`.
pub(crate) fn new_key(folder: &Path, arguments: &[&str]) -> String {
    let output = apikey(folder, arguments);
    let key = String::from_utf8(output).expect("a key is text").trim().to_owned();
    assert!(key.starts_with("mxgw_"), "apikey {arguments:?} printed something else");
    // The secret may have underscores itself.
    secret(key.splitn(3, '_').nth(2).unwrap_or_default());
    key
}

/// `mxgateway apikey` with these arguments; what it printed.
pub(crate) fn apikey(folder: &Path, arguments: &[&str]) -> Vec<u8> {
    mxgateway(folder, &[&["apikey"], arguments].concat())
}

/// `mxgateway` for the gateway that lives in `folder`; what it printed.
pub(crate) fn mxgateway(folder: &Path, arguments: &[&str]) -> Vec<u8> {
    let output = try_mxgateway(folder, arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "mxgateway {arguments:?}: {said}");
    output.stdout
}

/// `mxgateway` for the gateway that lives in `folder`, whatever comes of it.
pub(crate) fn try_mxgateway(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(program("mxgateway"))
        .args(arguments)
        .args(["--set", &format!("server.data_directory={DATA}")])
        .current_dir(folder)
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .expect("mxgateway can be started")
}

static SECRETS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Tells of a secret that a test uses: no log and no file of any gateway may have it.
pub fn secret(text: &str) {
    assert!(text.len() >= 8, "too short to be looked for");
    SECRETS.lock().push(text.to_owned());
}

/// Fails when a secret was written into a file below a folder.
pub(crate) fn check_no_secret_below(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => check_no_secret_below(&path),
            Ok(kind) if kind.is_file() => check_file(&path),
            // Sockets.
            Ok(_) | Err(_) => {}
        }
    }
}

fn check_file(path: &Path) {
    let content = fs::read(path).unwrap_or_default();
    for secret in SECRETS.lock().iter() {
        // The log of a test may have some fifty megabytes.
        let found = memmem::find(&content, secret.as_bytes());
        if let Some(at) = found {
            let before = String::from_utf8_lossy(&content[at.saturating_sub(120)..at]).into_owned();
            panic!("a secret was written to {}, after:\n{before}", path.display());
        }
    }
}
