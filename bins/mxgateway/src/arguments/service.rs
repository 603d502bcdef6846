//! `mxgateway service`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Args, Debug)]
pub(crate) struct ServiceArguments {
    #[command(subcommand)]
    pub(crate) command: ServiceCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ServiceCommand {
    /// Make the service, which starts with Windows and again after a failure
    Install(InstallArguments),
    /// Stop the service and remove it; data and configuration stay
    Uninstall(WaitArguments),
    /// Start the service and wait until it serves
    Start(WaitArguments),
    /// Stop the service and wait until its sessions are closed
    Stop(WaitArguments),
    /// Print what the service is doing
    Status,
    /// What the service manager starts
    #[command(hide = true)]
    Run(ServiceRunArguments),
}

#[derive(Args, Debug)]
pub(crate) struct InstallArguments {
    #[command(flatten)]
    pub(crate) run: ServiceRunArguments,
    /// The account it runs as, without a password
    #[arg(long, value_name = "NAME", default_value = r"NT SERVICE\mxgateway")]
    pub(crate) account: String,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct ServiceRunArguments {
    /// The configuration file [default: %ProgramData%\MxGateway\mxgateway.toml, when it exists]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// When stopped, leave sessions and their workers to the next gateway (workers.enable_orphan_reattach)
    #[arg(long)]
    pub(crate) handover: bool,
}

#[derive(Args, Debug)]
pub(crate) struct WaitArguments {
    /// How long to wait
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub(crate) timeout: u64,
}
