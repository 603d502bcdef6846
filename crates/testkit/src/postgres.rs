//! A PostgreSQL server of its own for tests, with an empty cluster in a temporary folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tempfile::TempDir;

use account::Account;

use crate::running::{self, Running, Told, free_port, text, watched};

mod account;

/// The server's superuser; its password is random.
const USER: &str = "mxgateway";
/// What the server logs.
const TOLD: Told = Told { ready: "ready to accept connections", failed: "FATAL" };

/// A running server, on a port of 127.0.0.1. Dropping it stops it and removes its files.
#[derive(Debug)]
pub struct PostgresServer {
    binaries: PathBuf,
    account: Option<Account>,
    folder: TempDir,
    password: String,
    port: u16,
    running: Mutex<Option<Running>>,
    databases: AtomicU32,
}

static SHARED: Mutex<Weak<PostgresServer>> = Mutex::new(Weak::new());

impl PostgresServer {
    /// Starts a server. The error says why there is none: most often that PostgreSQL is not installed.
    pub fn start() -> Result<Self, String> {
        let binaries =
            find_binaries().ok_or("initdb and postgres are neither in PATH nor in /usr/lib/postgresql")?;
        let folder = tempfile::Builder::new()
            .prefix("mxgateway-postgres")
            .tempdir()
            .map_err(text("temporary folder"))?;
        let account = Account::for_servers(folder.path())?;
        let password: String = std::iter::repeat_with(fastrand::alphanumeric).take(24).collect();
        let password_file = folder.path().join("password");
        fs::write(&password_file, &password).map_err(text("password file"))?;
        if let Some(account) = &account {
            account.give(folder.path())?;
            account.give(&password_file)?;
        }
        let server = Self {
            binaries,
            account,
            folder,
            password,
            port: 0,
            running: Mutex::new(None),
            databases: AtomicU32::new(0),
        };
        server.make_cluster(&password_file)?;
        server.start_on_a_free_port()
    }

    /// The server that other tests of this process use already, or a new one. It stops when the last of them
    /// dropped it.
    pub fn shared() -> Result<Arc<Self>, String> {
        running::shared(&SHARED, Self::start)
    }

    /// As [`shared`](Self::shared); `None` after a loud message where PostgreSQL is not installed.
    ///
    /// # Panics
    /// Where the environment variable `CI` is set: there, no test may be left out.
    pub fn shared_if_installed() -> Option<Arc<Self>> {
        running::if_installed(Self::shared(), "PostgreSQL", "postgresql")
    }

    /// Makes a new, empty database and gives its URL, with user and password.
    ///
    /// # Panics
    /// When the server does not make one.
    pub fn database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let output = Command::new(self.binaries.join("createdb"))
            .args([
                "--host=127.0.0.1",
                &format!("--port={}", self.port),
                &format!("--username={USER}"),
                &name,
            ])
            .env("PGPASSWORD", &self.password)
            .stdin(Stdio::null())
            .output();
        let output = output.unwrap_or_else(|error| panic!("createdb does not start: {error}"));
        assert!(output.status.success(), "createdb: {}", String::from_utf8_lossy(&output.stderr));
        format!("postgres://{USER}:{}@127.0.0.1:{}/{name}", self.password, self.port)
    }

    /// Stops the server, as a failure of it. Its databases stay.
    pub fn stop(&self) {
        drop(self.running.lock().take());
    }

    /// Starts it again after [`stop`](Self::stop), on the same port.
    pub fn start_again(&self) -> Result<(), String> {
        running::start_again(&self.running, || self.run())
    }

    fn make_cluster(&self, password_file: &Path) -> Result<(), String> {
        let output = self
            .command(&self.binaries.join("initdb"))
            .args(["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"])
            .arg(format!("--username={USER}"))
            .arg(format!("--pwfile={}", password_file.display()))
            .arg("--pgdata")
            .arg(self.data())
            .output()
            .map_err(text("initdb"))?;
        if output.status.success() {
            return Ok(());
        }
        Err(format!("initdb: {}", String::from_utf8_lossy(&output.stderr)))
    }

    fn start_on_a_free_port(mut self) -> Result<Self, String> {
        let running = running::on_free_ports(|| {
            self.port = free_port()?;
            self.run()
        })?;
        self.running = Mutex::new(Some(running));
        Ok(self)
    }

    fn run(&self) -> Result<Running, String> {
        // A test's server has nothing to lose.
        let quick = ["fsync=off", "synchronous_commit=off", "full_page_writes=off"];
        let mut shell = self.command(Path::new("/bin/sh"));
        watched(&mut shell, &self.binaries.join("postgres"))
            .arg("-D")
            .arg(self.data())
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
            .args(["-c", "unix_socket_directories="])
            .args(quick.into_iter().flat_map(|setting| ["-c", setting]));
        Running::start(&mut shell, TOLD).map_err(|log| format!("postgres: {log}"))
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        // Of the caller's folder the other user may know nothing.
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        if let Some(account) = &self.account {
            account.run(&mut command);
        }
        command
    }
}

/// The folder of `initdb` and `postgres`: one of PATH, or the newest of Debian's.
fn find_binaries() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&path).find(|folder| has_binaries(folder));
    in_path.or_else(|| {
        let versions = fs::read_dir("/usr/lib/postgresql").ok()?.filter_map(Result::ok);
        versions
            .filter_map(|entry| {
                let version: u32 = entry.file_name().to_str()?.parse().ok()?;
                let folder = entry.path().join("bin");
                has_binaries(&folder).then_some((version, folder))
            })
            .max()
            .map(|(_, folder)| folder)
    })
}

fn has_binaries(folder: &Path) -> bool {
    ["initdb", "postgres", "createdb"].iter().all(|name| folder.join(name).is_file())
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn a_server_stops_and_starts_again_on_its_port_and_leaves_nothing() {
        let Some(server) = PostgresServer::shared_if_installed() else { return };
        let address = ("127.0.0.1", server.port);
        assert!(server.database().ends_with("/test_0"));
        server.stop();
        assert!(TcpStream::connect(address).is_err());
        server.start_again().unwrap();
        assert!(server.database().ends_with("/test_1"));
        let folder = server.folder.path().to_owned();
        drop(server);
        assert!(TcpStream::connect(address).is_err());
        assert!(!folder.exists());
    }
}
