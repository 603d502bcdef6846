//! One file per command, and the way to them.

pub(crate) mod close;
pub(crate) mod completions;
pub(crate) mod invoke;
pub(crate) mod open;
pub(crate) mod read;
pub(crate) mod sessions;
pub(crate) mod stream;
pub(crate) mod watch;
pub(crate) mod write;

use std::time::Duration;

use mxgateway_client::{Client, ClientOptions};
use tokio_util::sync::CancellationToken;

use crate::cli::{Arguments, Command};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::stop;

/// What every command works with.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) client: Client,
    pub(crate) output: &'a mut Output,
    /// Limit for what is waited for.
    pub(crate) timeout: Duration,
    /// Cancelled by Ctrl-C.
    pub(crate) stop: CancellationToken,
}

/// Carries out the command.
pub(crate) async fn run(arguments: Arguments, output: &mut Output) -> Result<Exit, Failure> {
    let timeout = arguments.global.timeout;
    let client = Client::connect(ClientOptions {
        endpoint: arguments.global.endpoint,
        call_timeout: timeout,
        // Starting a worker is no call like others.
        open_timeout: timeout.max(Duration::from_secs(30)),
        ..ClientOptions::default()
    })?;
    let mut context = Context { client, output, timeout, stop: stop::on_signal() };
    match arguments.command {
        Command::Watch(arguments) => watch::run(arguments, &mut context).await,
        Command::Stream(arguments) => stream::run(arguments, &mut context).await,
        Command::Read(arguments) => read::run(arguments, &mut context).await,
        Command::Write(arguments) => write::run(arguments, &mut context).await,
        Command::Open(arguments) => stoppable(open::run, arguments, &mut context).await,
        Command::Close(arguments) => stoppable(close::run, arguments, &mut context).await,
        Command::Sessions(arguments) => stoppable(sessions::run, arguments, &mut context).await,
        Command::Invoke(arguments) => stoppable(invoke::run, arguments, &mut context).await,
        Command::Completions(arguments) => completions::run(arguments),
    }
}

/// A command that leaves nothing behind when it is dropped.
async fn stoppable<A>(
    run: impl AsyncFnOnce(A, &mut Context<'_>) -> Result<Exit, Failure>,
    arguments: A,
    context: &mut Context<'_>,
) -> Result<Exit, Failure> {
    let stop = context.stop.clone();
    stop.run_until_cancelled(run(arguments, context)).await.unwrap_or(Err(Failure::Interrupted))
}
