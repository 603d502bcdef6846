//! An LDAP server of its own for tests: OpenLDAP's slapd with a small directory, in `slapd/people.ldif`.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;

use crate::running::{self, Running, Told, free_port, text, watched};

/// The whole directory is below this.
pub const SEARCH_BASE: &str = "dc=example,dc=com";
/// The account that may look people up.
pub const SERVICE_ACCOUNT_DN: &str = "cn=service,dc=example,dc=com";
/// Its password.
pub const SERVICE_ACCOUNT_PASSWORD: &str = "service-password";
/// The only name in the server's certificate.
pub const HOST_NAME: &str = "localhost";

const ROOT_DN: &str = "cn=root,dc=example,dc=com";
const PEOPLE: &str = include_str!("slapd/people.ldif");
/// What the server logs.
const TOLD: Told = Told { ready: "slapd starting", failed: "slapd stopped" };
/// It does so at once.
const LISTENS_WITHIN: Duration = Duration::from_secs(30);
/// Where distributions have the server, its modules and its schema.
const PROGRAMS: [&str; 2] = ["/usr/sbin/slapd", "/usr/libexec/slapd"];
const MODULES: [&str; 3] = ["/usr/lib/ldap", "/usr/lib64/openldap", "/usr/lib/openldap"];
const SCHEMAS: [&str; 2] = ["/etc/ldap/schema", "/etc/openldap/schema"];

/// Whether people know their groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    /// Each person and group has `memberOf`, kept by the server's overlay.
    MemberOf,
    /// Only groups know their members.
    GroupsOnly,
}

/// A running server, on two ports of 127.0.0.1. Dropping it stops it and removes its files.
#[derive(Debug)]
pub struct SlapdServer {
    program: PathBuf,
    folder: TempDir,
    root_password: String,
    port: u16,
    tls_port: u16,
    running: Mutex<Option<Running>>,
}

static SHARED: Mutex<Weak<SlapdServer>> = Mutex::new(Weak::new());

impl SlapdServer {
    /// Starts a server. The error says why there is none: most often that slapd is not installed.
    pub fn start(membership: Membership) -> Result<Self, String> {
        let installed = first(&PROGRAMS, Path::is_file).ok_or("there is no slapd in /usr/sbin")?;
        let modules = first(&MODULES, |folder| folder.join("back_mdb.so").is_file())
            .ok_or("slapd has no module back_mdb")?;
        let schemas = first(&SCHEMAS, Path::is_dir).ok_or("slapd has no schema")?;
        let folder =
            tempfile::Builder::new().prefix("mxgateway-slapd").tempdir().map_err(text("temporary folder"))?;
        // A copy of its own: AppArmor keeps the installed program of some distributions to its folders.
        let program = folder.path().join("slapd");
        fs::copy(&installed, &program).map_err(text("copy of slapd"))?;
        let root_password: String = std::iter::repeat_with(fastrand::alphanumeric).take(24).collect();
        fs::create_dir(folder.path().join("data")).map_err(text("data folder"))?;
        make_certificates(folder.path())?;
        let configuration = configuration(folder.path(), &modules, &schemas, &root_password, membership);
        fs::write(folder.path().join("slapd.conf"), configuration).map_err(text("slapd.conf"))?;
        let server = Self { program, folder, root_password, port: 0, tls_port: 0, running: Mutex::new(None) };
        let server = server.start_on_free_ports()?;
        server.add(PEOPLE)?;
        Ok(server)
    }

    /// As [`start`](Self::start); `None` after a loud message where slapd is not installed.
    ///
    /// # Panics
    /// Where the environment variable `CI` is set: there, no test may be left out.
    pub fn start_if_installed(membership: Membership) -> Option<Self> {
        running::if_installed(Self::start(membership), "slapd", "slapd ldap-utils")
    }

    /// The server with `memberOf` that other tests of this process use already, or a new one, as of
    /// [`start_if_installed`](Self::start_if_installed). It stops when the last of them dropped it.
    pub fn shared_if_installed() -> Option<Arc<Self>> {
        running::if_installed(
            running::shared(&SHARED, || Self::start(Membership::MemberOf)),
            "slapd",
            "slapd ldap-utils",
        )
    }

    /// Where it talks without protection, and with StartTLS.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where it talks TLS from the first byte.
    pub fn tls_port(&self) -> u16 {
        self.tls_port
    }

    /// The authority that vouches for it, in PEM.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The password of a person.
    pub fn password_of(name: &str) -> String {
        format!("{name}-password")
    }

    /// Adds entries, or changes them, in LDIF.
    pub fn add(&self, ldif: &str) -> Result<(), String> {
        let mut child = Command::new("ldapadd")
            .args(["-x", "-D", ROOT_DN, "-w", &self.root_password])
            .args(["-H", &format!("ldap://127.0.0.1:{}", self.port)])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(text("ldapadd"))?;
        let mut input = child.stdin.take().ok_or("ldapadd takes no input")?;
        input.write_all(ldif.as_bytes()).map_err(text("ldapadd"))?;
        drop(input);
        let output = child.wait_with_output().map_err(text("ldapadd"))?;
        if output.status.success() {
            return Ok(());
        }
        Err(format!("ldapadd: {}", String::from_utf8_lossy(&output.stderr)))
    }

    /// Stops the server, as a failure of it. The directory stays.
    pub fn stop(&self) {
        drop(self.running.lock().take());
    }

    /// Starts it again after [`stop`](Self::stop), on the same ports.
    pub fn start_again(&self) -> Result<(), String> {
        running::start_again(&self.running, || self.run())
    }

    fn start_on_free_ports(mut self) -> Result<Self, String> {
        let running = running::on_free_ports(|| {
            self.port = free_port()?;
            self.tls_port = free_port()?;
            self.run()
        })?;
        self.running = Mutex::new(Some(running));
        Ok(self)
    }

    fn run(&self) -> Result<Running, String> {
        let mut shell = Command::new("/bin/sh");
        let listeners = format!("ldap://127.0.0.1:{} ldaps://127.0.0.1:{}", self.port, self.tls_port);
        watched(&mut shell, &self.program)
            .arg("-f")
            .arg(self.folder.path().join("slapd.conf"))
            // In the foreground, logging what is always logged.
            .args(["-h", &listeners, "-d", "none"])
            .current_dir(self.folder.path());
        let running = Running::start(&mut shell, TOLD).map_err(|log| format!("slapd: {log}"))?;
        // What it logs last before it listens to the ports that it has taken.
        [self.port, self.tls_port].into_iter().try_for_each(wait_for_listener)?;
        Ok(running)
    }
}

/// Waits until somebody listens to a port of 127.0.0.1.
fn wait_for_listener(port: u16) -> Result<(), String> {
    let begun = Instant::now();
    while let Err(error) = TcpStream::connect(("127.0.0.1", port)) {
        if begun.elapsed() > LISTENS_WITHIN {
            return Err(format!("slapd does not listen to port {port}: {error}"));
        }
        std::thread::yield_now();
    }
    Ok(())
}

fn configuration(
    folder: &Path,
    modules: &Path,
    schemas: &Path,
    root_password: &str,
    membership: Membership,
) -> String {
    let (folder, modules, schemas) = (folder.display(), modules.display(), schemas.display());
    let (module, overlay) = match membership {
        Membership::MemberOf => ("moduleload memberof", "overlay memberof"),
        Membership::GroupsOnly => ("", ""),
    };
    // Binding with a name and no password is allowed here, as in some real directories: it succeeds as nobody.
    format!(
        "include {schemas}/core.schema
include {schemas}/cosine.schema
include {schemas}/inetorgperson.schema
modulepath {modules}
moduleload back_mdb
{module}
allow bind_anon_cred bind_anon_dn
TLSCertificateFile {folder}/certificate.pem
TLSCertificateKeyFile {folder}/private-key.pem
database mdb
suffix \"{SEARCH_BASE}\"
rootdn \"{ROOT_DN}\"
rootpw {root_password}
directory {folder}/data
dbnosync
maxsize 16777216
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact=\"{SERVICE_ACCOUNT_DN}\" read by anonymous auth by * none
{overlay}
"
    )
}

/// An authority, and the server's certificate by it.
fn make_certificates(folder: &Path) -> Result<(), String> {
    let failed = |error: rcgen::Error| format!("certificates: {error}");
    let key = KeyPair::generate().map_err(failed)?;
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, "authority for tests");
    let authority = CertifiedIssuer::self_signed(authority, key).map_err(failed)?;
    let key = KeyPair::generate().map_err(failed)?;
    let certificate = CertificateParams::new([HOST_NAME.to_owned()])
        .and_then(|params| params.signed_by(&key, &authority))
        .map_err(failed)?;
    let write = |name: &str, pem: String| fs::write(folder.join(name), pem).map_err(text(name));
    write("ca.pem", authority.pem())?;
    write("certificate.pem", certificate.pem())?;
    write("private-key.pem", key.serialize_pem())
}

fn first(paths: &[&str], is_right: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    paths.iter().map(PathBuf::from).find(|path| is_right(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_stops_and_starts_again_with_its_directory_and_leaves_nothing() {
        let Some(server) = SlapdServer::start_if_installed(Membership::MemberOf) else { return };
        let addresses = [("127.0.0.1", server.port), ("127.0.0.1", server.tls_port)];
        assert!(addresses.iter().all(|address| TcpStream::connect(address).is_ok()));
        server.stop();
        assert!(addresses.iter().all(|address| TcpStream::connect(address).is_err()));
        server.start_again().unwrap();
        let refused = server.add(PEOPLE).unwrap_err();
        assert!(refused.contains("Already exists"), "{refused}");
        let folder = server.folder.path().to_owned();
        drop(server);
        assert!(addresses.iter().all(|address| TcpStream::connect(address).is_err()));
        assert!(!folder.exists());
    }
}
