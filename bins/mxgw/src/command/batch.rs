//! `mxgw batch`.

mod line;

use std::fmt::Write as _;
use std::io::{self, BufRead};
use std::time::Duration;

use clap::parser::ValueSource;
use clap::{Args, CommandFactory, FromArgMatches};
use mxgateway_client::ClientError;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use self::line::Line;
use super::{Context, dispatch};
use crate::access::Access;
use crate::cli::{self, Command};
use crate::exit::{Exit, Failure};

/// Carry out commands from standard input, one on each line
///
/// A line has the words of a command line without `mxgw`, quoted as in a shell; empty lines and what follows
/// a # are skipped. All lines share one connection. Each command is answered with one JSON object on one line
/// of standard output, in order and at once:
///
///   {"line":1,"ok":true,"result":{...}}
///   {"line":2,"ok":false,"exitCode":6,"error":{"message":"...","kind":"Write","hresult":-2147024809}}
///
/// The result is what the command prints with --json: an object, or null when it prints nothing; read, write,
/// sessions and browse give an array. A command that failed is answered with its exit code and error (and
/// with its result, if it has one), and the batch goes on to the end of its input.
///
/// Three words stand for what earlier lines gave: $session is the session opened last, $server the server
/// handle registered last, $item the SERVER:ITEM added last.
///
/// A line may have a --timeout of its own. watch, stream, completions and batch cannot be in a batch.
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_long_help = "Examples:
  mxgw batch < commands.txt | jq -c 'select(.ok | not)'
  mxgw batch <<'END'
  open --name night-run
  call register $session night-run
  call add-item $session $server TestMachine_001.TestInteger
  call advise $session $item
  call write $session $item 5 --type int   # a comment
  close $session
  END"
)]
pub(crate) struct Arguments {}

pub(crate) async fn run(_: Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    context.is_batch = true;
    context.output.capture();
    let (client, timeout) = (context.client.clone(), context.timeout);
    let mut lines = read(io::stdin());
    let mut failed = false;
    let mut number = 0u64;
    let stop = context.stop.clone();
    // Between commands; one at work ends by itself, with what it has to tidy up.
    while let Some(Some(read)) = stop.run_until_cancelled(lines.recv()).await {
        number += 1;
        let text = read.map_err(|error| Failure::Other(format!("cannot read line {number}: {error}")))?;
        let result = match parse(&text, context) {
            Ok(None) => continue,
            Ok(Some(request)) => {
                context.timeout = request.timeout.unwrap_or(timeout);
                context.client = client.with_call_timeout(context.timeout);
                carry_out(request, context).await
            }
            Err(failure) => Answer::failed(failure),
        };
        failed |= !result.is_ok();
        context.output.answer(result.object(number))?;
    }
    if stop.is_cancelled() {
        return Err(Failure::Interrupted);
    }
    Ok(if failed { Exit::SomeFailed } else { Exit::Ok })
}

/// Lines of standard input, as they come. A thread of its own, because nothing can end a read of it.
fn read(input: io::Stdin) -> mpsc::Receiver<io::Result<Vec<u8>>> {
    let (sender, receiver) = mpsc::channel(1);
    std::thread::spawn(move || {
        let mut input = input.lock();
        loop {
            let mut line = Vec::new();
            let read = input.read_until(b'\n', &mut line);
            let is_end = !matches!(read, Ok(1..));
            if matches!(read, Ok(0)) || sender.blocking_send(read.map(|_| line)).is_err() || is_end {
                return;
            }
        }
    });
    receiver
}

struct Request {
    command: Command,
    /// The line's own.
    timeout: Option<Duration>,
    /// The command prints any number of objects.
    is_list: bool,
}

/// The command of a line; `None` when it has none.
fn parse(text: &[u8], context: &Context<'_>) -> Result<Option<Request>, Failure> {
    let text = std::str::from_utf8(text).map_err(|_| Failure::Usage("the line is not UTF-8".to_owned()))?;
    let words = match line::words(text, &context.last)? {
        Line::Nothing => return Ok(None),
        Line::Words(words) => words,
    };
    let usage = |error: clap::Error| Failure::Usage(error.to_string().trim_end().to_owned());
    let matches =
        cli::Arguments::command().no_binary_name(true).try_get_matches_from(words).map_err(usage)?;
    let is_given = |name: &str| matches.value_source(name) == Some(ValueSource::CommandLine);
    if let Some(given) = ["endpoint"].into_iter().chain(Access::IDS).find(|name| is_given(name)) {
        let option = given.replace('_', "-");
        return Err(Failure::Usage(format!(
            "--{option} goes to `mxgw batch`: its lines share one connection"
        )));
    }
    let own_timeout = is_given("timeout");
    let arguments = cli::Arguments::from_arg_matches(&matches).map_err(usage)?;
    let timeout = own_timeout.then_some(arguments.global.timeout);
    let is_list = match &arguments.command {
        Command::Read(_) | Command::Write(_) | Command::Sessions(_) | Command::Browse(_) => true,
        Command::Open(_) | Command::Close(_) | Command::Invoke(_) | Command::Call(_) => false,
        Command::Watch(_) | Command::Stream(_) | Command::Batch(_) | Command::Completions(_) => {
            return Err(Failure::Usage("this command cannot be in a batch".to_owned()));
        }
    };
    Ok(Some(Request { command: arguments.command, timeout, is_list }))
}

async fn carry_out(request: Request, context: &mut Context<'_>) -> Answer {
    let request_is_list = request.is_list;
    // Boxed because the future of all commands together is large.
    let ended = Box::pin(dispatch(request.command, context)).await;
    let lines = context.output.captured();
    let result = match (request_is_list, lines.first()) {
        (true, _) => Some(format!("[{}]", lines.join(","))).filter(|_| ended.is_ok() || !lines.is_empty()),
        (false, first) => first.cloned(),
    };
    Answer { result, error: ended.err() }
}

/// What became of a line.
struct Answer {
    /// What the command printed, as JSON.
    result: Option<String>,
    error: Option<Failure>,
}

impl Answer {
    fn failed(failure: Failure) -> Self {
        Self { result: None, error: Some(failure) }
    }

    fn is_ok(&self) -> bool {
        self.error.is_none()
    }

    fn object(&self, number: u64) -> String {
        let mut object = format!("{{\"line\":{number},\"ok\":{}", self.is_ok());
        if let Some(failure) = &self.error {
            let _ = write!(object, ",\"exitCode\":{},\"error\":{}", failure.exit().code(), error(failure));
        }
        match (&self.result, &self.error) {
            (Some(result), _) => {
                let _ = write!(object, ",\"result\":{result}");
            }
            (None, None) => object.push_str(",\"result\":null"),
            (None, Some(_)) => {}
        }
        object.push('}');
        object
    }
}

/// A failure for scripts: its text, the gateway's stable code, MXAccess's HRESULT.
fn error(failure: &Failure) -> Value {
    let mut object = Map::new();
    object.insert("message".to_owned(), json!(failure.to_string()));
    if let Failure::Client(error) = failure {
        if let Some(code) = error.code() {
            object.insert("code".to_owned(), json!(code.code()));
        }
        if let ClientError::MxAccess { kind, hresult, .. } = error {
            let name = mxgateway_client::contracts::command::name(*kind);
            object.insert("kind".to_owned(), json!(name));
            object.insert("hresult".to_owned(), json!(hresult));
        }
    }
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use mxgateway_client::contracts::hresult::E_INVALIDARG;
    use mxgateway_client::contracts::v1::CommandKind;

    use super::*;

    fn value(answer: &Answer) -> Value {
        serde_json::from_str(&answer.object(3)).unwrap()
    }

    #[test]
    fn an_answer_has_its_line_and_what_became_of_it() {
        let fine = Answer { result: Some("{\"a\":1}".to_owned()), error: None };
        assert_eq!(fine.object(3), r#"{"line":3,"ok":true,"result":{"a":1}}"#);
        let silent = Answer { result: None, error: None };
        assert_eq!(silent.object(3), r#"{"line":3,"ok":true,"result":null}"#);
        let wrong = Failure::Usage("what?\nusage".to_owned());
        let answer = Answer::failed(wrong).object(3);
        assert!(!answer.contains('\n'));
        let expected = json!({"line": 3, "ok": false, "exitCode": 2, "error": {"message": "what?\nusage"}});
        assert_eq!(serde_json::from_str::<Value>(&answer).unwrap(), expected);
    }

    #[test]
    fn a_refusal_of_mxaccess_keeps_its_numbers_and_the_reply() {
        let refused = ClientError::MxAccess {
            kind: CommandKind::Write,
            hresult: E_INVALIDARG,
            diagnostic_text: String::new(),
            statuses: Vec::new(),
        };
        let answer =
            value(&Answer { result: Some("{\"reply\":{}}".to_owned()), error: Some(refused.into()) });
        assert_eq!(answer["exitCode"], 6);
        assert_eq!(
            (&answer["error"]["kind"], &answer["error"]["hresult"]),
            (&json!("Write"), &json!(E_INVALIDARG))
        );
        assert_eq!(answer["result"], json!({"reply": {}}));
    }
}
