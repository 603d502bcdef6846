//! One file per command, and the way to them.

pub(crate) mod batch;
pub(crate) mod browse;
pub(crate) mod call;
pub(crate) mod close;
pub(crate) mod completions;
pub(crate) mod invoke;
pub(crate) mod last;
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
use crate::command::last::Last;
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
    /// What earlier commands of a batch gave.
    pub(crate) last: Last,
    /// Standard input has commands and is not to be asked for anything else.
    pub(crate) is_batch: bool,
}

/// Carries out the command.
pub(crate) async fn run(arguments: Arguments, output: &mut Output) -> Result<Exit, Failure> {
    let timeout = arguments.global.timeout;
    let client = Client::connect(ClientOptions {
        api_key: arguments.global.access.api_key()?,
        tls: arguments.global.access.tls()?,
        endpoint: arguments.global.endpoint,
        call_timeout: timeout,
        // Starting a worker is no call like others.
        open_timeout: timeout.max(Duration::from_secs(30)),
        ..ClientOptions::default()
    })?;
    let stop = stop::on_signal();
    let mut context = Context { client, output, timeout, stop, last: Last::default(), is_batch: false };
    if let Command::Batch(arguments) = arguments.command {
        return batch::run(arguments, &mut context).await;
    }
    dispatch(arguments.command, &mut context).await
}

/// Carries out a command that is not a batch of others.
async fn dispatch(command: Command, context: &mut Context<'_>) -> Result<Exit, Failure> {
    match command {
        Command::Watch(arguments) => watch::run(arguments, context).await,
        Command::Stream(arguments) => stream::run(arguments, context).await,
        Command::Read(arguments) => read::run(arguments, context).await,
        Command::Write(arguments) => write::run(arguments, context).await,
        Command::Open(arguments) => stoppable(open::run, arguments, context).await,
        Command::Close(arguments) => stoppable(close::run, arguments, context).await,
        Command::Sessions(arguments) => stoppable(sessions::run, arguments, context).await,
        Command::Browse(arguments) => stoppable(browse::run, arguments, context).await,
        Command::Invoke(arguments) => stoppable(invoke::run, arguments, context).await,
        Command::Call(arguments) => stoppable(call::run, arguments, context).await,
        Command::Completions(arguments) => completions::run(arguments),
        Command::Batch(_) => Err(Failure::Usage("a batch cannot be in a batch".to_owned())),
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
