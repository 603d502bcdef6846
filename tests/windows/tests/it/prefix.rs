//! A 64-bit Wine of a test's own: registry, service manager, drive.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Output, Stdio};

use mxgateway_contracts::v1_client::mx_gateway_client::MxGatewayClient;
use mxgateway_e2e::{Bearer, TestSession, until, within};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tonic::transport::Endpoint;

use crate::programs::{folder, register_standin, wide};

const WINE: &str = "/usr/lib/wine/wine64";
const SERVER: &str = "/usr/lib/wine/wineserver64";

/// Dropping it ends every process in it.
#[derive(Debug)]
pub(crate) struct Prefix {
    folder: TempDir,
    endpoint: String,
    /// Keeps Wine up between the programs that a test runs: its service manager would end with the last of them, and
    /// begin anew with the next one.
    keeper: Option<Child>,
}

impl Prefix {
    /// With the gateway's configuration where the gateway looks for it: any free port, no keys, and these lines.
    pub(crate) async fn new(workers: &str) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = free.expect("a free port");
        let mut prefix = Self { folder: folder(), endpoint: format!("http://{address}"), keeper: None };
        let mut boot = prefix.wine();
        boot.args(["wineboot", "--init"]).stdout(Stdio::null()).stderr(Stdio::null());
        let limit = std::time::Duration::from_secs(180);
        let booted = tokio::time::timeout(limit, boot.status()).await.expect("Wine makes its registry");
        assert!(booted.expect("Wine runs").success());
        // A service manager that is about to end would answer beside the next one.
        let mut wait = Command::new(SERVER);
        wait.arg("-w").env("WINEPREFIX", prefix.root());
        within("Wine has ended", wait.status()).await.expect("Wine's server runs");
        let mut keeper = prefix.wine();
        keeper.args(["cmd.exe", "/k", "echo", "up"]);
        keeper.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut keeper = keeper.spawn().expect("Wine runs");
        // Two programs that both find no Wine running would each start its parts.
        let mut lines = BufReader::new(keeper.stdout.take().expect("the output is piped")).lines();
        let up = async {
            while let Some(line) = lines.next_line().await.expect("the program's output") {
                if line.trim_end().ends_with("up") {
                    return;
                }
            }
            panic!("Wine ended at once");
        };
        within("Wine is up", up).await;
        prefix.keeper = Some(keeper);
        fs::create_dir_all(prefix.home()).expect("the gateway's folder");
        let lines = format!(
            "[server]\nlisten = \"{address}\"\n[auth]\nmode = \"disabled\"\n[http]\nlisten = \"\"\n\
             [logging]\nfilter = \"info,mxgateway_supervisor=debug\"\n[workers]\n{workers}\n"
        );
        fs::write(prefix.home().join("mxgateway.toml"), lines).expect("a configuration");
        prefix
    }

    /// `%ProgramData%\MxGateway`.
    pub(crate) fn home(&self) -> PathBuf {
        self.root().join("drive_c/ProgramData/MxGateway")
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("prefix")
    }

    fn wine(&self) -> Command {
        let mut command = Command::new(WINE);
        command
            .env("WINEPREFIX", self.root())
            .env("WINEDEBUG", "-all")
            .env("WINEDLLOVERRIDES", "mscoree,mshtml=;winemenubuilder.exe=d")
            .env_remove("DISPLAY")
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// Lists MXAccess's stand-in.
    pub(crate) async fn register_standin(&self) {
        let mut regsvr32 = self.wine();
        regsvr32.arg("regsvr32");
        register_standin(regsvr32, &wide("mxgateway_com_standin.dll")).await;
    }

    /// Runs the gateway's program to its end.
    pub(crate) async fn mxgateway(&self, arguments: &[&str]) -> Output {
        let mut command = self.wine();
        command.arg(wide("mxgateway.exe")).args(arguments);
        let what = format!("mxgateway {arguments:?} ends");
        within(&what, command.output()).await.expect("the program runs")
    }

    /// The same, for a command that must succeed; gives what it wrote.
    pub(crate) async fn done(&self, arguments: &[&str]) -> String {
        let output = self.mxgateway(arguments).await;
        assert!(output.status.success(), "mxgateway {arguments:?}: {output:?}\n{}", self.logs());
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// A gateway on a console.
    pub(crate) async fn run(&self) -> Child {
        let log =
            fs::OpenOptions::new().create(true).append(true).open(self.folder.path().join("console.log"));
        let log = log.expect("a log file");
        let config = self.home().join("mxgateway.toml");
        let mut command = self.wine();
        command.arg(wide("mxgateway.exe")).args(["run", "--config"]).arg(config);
        command.stdout(log.try_clone().expect("a log file")).stderr(log).kill_on_drop(true);
        let child = command.spawn().expect("the gateway can be started");
        self.serves().await;
        child
    }

    async fn serves(&self) {
        until("the gateway listens", async || self.endpoint().connect().await.ok().map(drop)).await;
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint::from_shared(self.endpoint.clone()).expect("an endpoint")
    }

    /// A session on a connection of its own, which comes back by itself.
    pub(crate) async fn session(&self) -> TestSession {
        let channel = within("a connection", self.endpoint().connect()).await.expect("a connection");
        TestSession::open(MxGatewayClient::with_interceptor(channel, Bearer::new("none"))).await
    }

    /// Our processes in it: their numbers in this system, and their command lines.
    pub(crate) fn processes(&self, name: &str) -> Vec<(i32, String)> {
        let mark = format!("WINEPREFIX={}", self.root().display());
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").expect("the list of processes").filter_map(Result::ok) {
            let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            // A process may have ended meanwhile.
            let read = |file| fs::read(entry.path().join(file)).unwrap_or_default();
            let line = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
            if line.contains(name) && read("environ").split(|byte| *byte == 0).any(|v| v == mark.as_bytes()) {
                found.push((id, line));
            }
        }
        found
    }

    /// What was logged by whom.
    pub(crate) fn logs(&self) -> String {
        let mut logs = fs::read_to_string(self.folder.path().join("console.log")).unwrap_or_default();
        for entry in fs::read_dir(self.home().join("logs")).into_iter().flatten().filter_map(Result::ok) {
            logs += &fs::read_to_string(entry.path()).unwrap_or_default();
        }
        logs
    }
}

/// Ends a process outright.
pub(crate) fn kill(id: i32) {
    let id = Pid::from_raw(id).expect("a process that runs has a number");
    kill_process(id, Signal::KILL).expect("the process runs");
}

impl Drop for Prefix {
    fn drop(&mut self) {
        let mut end = std::process::Command::new(SERVER);
        drop(self.keeper.take());
        let ended = end.args(["-k", "-w"]).env("WINEPREFIX", self.root()).status();
        if std::thread::panicking() {
            eprintln!("Wine ended ({ended:?}); what was logged:\n{}", self.logs());
        }
    }
}
