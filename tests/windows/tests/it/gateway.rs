//! A 32-bit gateway with MXAccess's stand-in.

use std::fs;
use std::process::Stdio;

use mxgateway_contracts::v1_client::mx_gateway_client::MxGatewayClient;
use mxgateway_e2e::{Bearer, TestSession, until, within};
use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;
use tonic::transport::{Channel, Endpoint};

use crate::programs;

/// A gateway that runs in a folder of its own, with everything it started. Dropping it kills them.
#[derive(Debug)]
pub(crate) struct Gateway {
    child: Child,
    group: Pid,
    endpoint: String,
    folder: TempDir,
}

impl Gateway {
    /// Registers the stand-in, and starts a gateway whose workers talk to it.
    pub(crate) async fn start() -> Self {
        let regsvr32 = programs::run_narrow("regsvr32".as_ref());
        programs::register_standin(regsvr32, &programs::narrow("mxgateway_com_standin.dll")).await;

        let folder = programs::folder();
        let log = fs::File::create(folder.path().join("gateway.log")).expect("a log file");
        let data = format!("server.data_directory={}", folder.path().join("data").display());
        let mut command = programs::run_narrow(&programs::narrow("mxgateway.exe"));
        command.args(["run", "--listen", "127.0.0.1:0", "--set", &data]);
        for setting in [
            "auth.mode=disabled",
            "http.listen=",
            "logging.filter=info,mxgateway_supervisor=debug",
            "workers.backend=lmxproxy",
        ] {
            command.args(["--set", setting]);
        }
        // A group of its own, which can be killed as a whole.
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().expect("the gateway can be started");
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let group = group.expect("a process that runs has a number");
        let stdout = child.stdout.take().expect("the gateway's output is piped");
        let mut gateway = Self { child, group, endpoint: String::new(), folder };
        let mut lines = BufReader::new(stdout).lines();
        let line = within("the gateway listens", lines.next_line()).await.expect("the gateway's output");
        let address =
            line.as_deref().and_then(|line| line.trim_end().strip_prefix("mxgateway listening on "));
        let Some(address) = address else { panic!("the gateway said {line:?}; its log:\n{}", gateway.log()) };
        gateway.endpoint = format!("http://{address}");
        gateway
    }

    /// What it and its workers logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("gateway.log")).unwrap_or_default()
    }

    /// Opens a session on a connection of its own.
    pub(crate) async fn session(&self) -> TestSession {
        let endpoint = Endpoint::from_shared(self.endpoint.clone()).expect("an endpoint");
        let channel: Channel =
            within("a connection", endpoint.connect()).await.expect("the gateway takes connections");
        TestSession::open(MxGatewayClient::with_interceptor(channel, Bearer::new("none"))).await
    }

    /// Kills it outright, and waits until nothing of it is left.
    pub(crate) async fn kill(mut self) {
        let folder = self.folder.path().display().to_string();
        self.kill_group();
        within("the gateway ends", self.child.wait()).await.expect("its exit status");
        until("no process of it is left", async || {
            programs::processes_with(&folder).is_empty().then_some(())
        })
        .await;
    }

    fn kill_group(&self) {
        // It may be gone.
        let _gone = kill_process_group(self.group, Signal::KILL);
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.kill_group();
        if std::thread::panicking() {
            eprintln!("the gateway's log:\n{}", self.log());
        }
    }
}
