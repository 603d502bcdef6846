//! `cargo xtask demo`: gateway, simulator and live values with one command.

mod child;
mod count;
mod gateway;
mod line;

use std::env;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, test_kill_process};

use crate::build::{self, Programs};
use crate::process;
use crate::workspace;
use child::{Ended, Running};
use count::Count;
use gateway::Place;

/// How long `mxgw watch` may take to close its session when asked to stop.
const WATCH_STOP: Duration = Duration::from_secs(10);

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Stop after this time, and succeed only if live values arrived (such as 15s)
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
    time: Option<Duration>,
    /// Build with optimisation
    #[arg(long)]
    release: bool,
    /// What to watch
    #[arg(long, num_args = 1.., value_name = "TAG", default_values = [
        "Host.Cpu.Load", "Host.Memory.Used", "Tank_001.Temperature",
    ])]
    tags: Vec<String>,
}

/// Everything that the demo waits for.
#[derive(Debug)]
pub(super) enum Happening {
    /// Ctrl-C, or another request to end.
    Interrupt,
    /// A line of the gateway's standard output.
    GatewayLine(String),
    /// A line of the watch's standard output.
    WatchLine(String),
    /// The gateway's process ended.
    GatewayEnded,
    /// The watch's process ended.
    WatchEnded,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    check_prerequisites()?;
    let (happenings, received) = mpsc::channel();
    let interrupts = happenings.clone();
    // The children are in process groups of their own, so Ctrl-C reaches only us, and we stop them in order.
    ctrlc::set_handler(move || {
        let _ = interrupts.send(Happening::Interrupt);
    })
    .context("cannot listen for Ctrl-C")?;
    let programs = build::programs(arguments.release)?;
    if let Ok(Happening::Interrupt) = received.try_recv() {
        bail!("interrupted");
    }

    // Its own folder for each run, so that two demos do not meet.
    let folders = workspace::target()?.join("demo");
    remove_old(&folders);
    let folder = folders.join(std::process::id().to_string());
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let shown = show_demo(arguments, &programs, &folder, &happenings, &received);
    if shown.is_ok() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    } else {
        eprintln!("the gateway's log is in {}", relative(&folder.join(gateway::LOG)).display());
    }
    shown
}

fn show_demo(
    arguments: &Arguments,
    programs: &Programs,
    folder: &Path,
    happenings: &Sender<Happening>,
    received: &Receiver<Happening>,
) -> anyhow::Result<()> {
    gateway::prepare(&programs.gateway, folder)?;
    let (mut gateway, place) = gateway::start(&programs.gateway, folder, happenings, received)?;
    let watched = watch(arguments, programs, &place, folder, happenings, received);
    // In every case the gateway is stopped in order, so that it ends its workers.
    let stopped = gateway::stop(&mut gateway, received)?;
    gateway::check_nothing_left(folder)?;
    let watched = watched?;
    print_line(&format!(
        "\n{} in {:.1} s; everything is stopped",
        watched.count.summary(),
        watched.time.as_secs_f64()
    ))?;

    match watched.why {
        Why::GatewayEnded => bail!("the gateway ended by itself ({})", stopped.status()),
        Why::WatchEnded => bail!("mxgw watch ended by itself ({})", watched.ended.status()),
        Why::Interrupted if arguments.time.is_some() => bail!("interrupted before the time was over"),
        Why::Interrupted => {}
        Why::TimeOver => watched.count.check()?,
    }
    match (&watched.ended, &stopped) {
        (Ended::ByItself(watch), Ended::ByItself(gateway)) if watch.success() && gateway.success() => Ok(()),
        _ => bail!("not stopped cleanly: mxgw {}, gateway {}", watched.ended.status(), stopped.status()),
    }
}

/// What became of the watching.
struct Watched {
    why: Why,
    ended: Ended,
    count: Count,
    time: Duration,
}

fn watch(
    arguments: &Arguments,
    programs: &Programs,
    place: &Place,
    folder: &Path,
    happenings: &Sender<Happening>,
    received: &Receiver<Happening>,
) -> anyhow::Result<Watched> {
    let key = folder.join(gateway::KEY);
    print_line(&introduction(arguments, programs, place, &folder.join(gateway::LOG), &key))?;
    let endpoint = &place.endpoint();
    let show = Show::new(&arguments.tags);
    let mut command = Command::new(&programs.client);
    command
        .args(["--endpoint", endpoint, "--color", if show.colours { "always" } else { "never" }, "watch"])
        .args(&arguments.tags)
        .env_remove("MXGW_API_KEY")
        .env("MXGW_API_KEY_FILE", &key);
    let mut watch =
        Running::start("mxgw", command, happenings, Happening::WatchLine, || Happening::WatchEnded)?;

    let begun = Instant::now();
    let mut count = Count::new(&arguments.tags);
    let why = follow(arguments.time, received, &show, &mut count);
    let time = begun.elapsed();
    watch.interrupt()?;
    let last_lines = |happening| match happening {
        Happening::WatchLine(line) => show.line(&line),
        Happening::Interrupt
        | Happening::GatewayLine(_)
        | Happening::GatewayEnded
        | Happening::WatchEnded => Ok(()),
    };
    let ended = watch.wait(
        WATCH_STOP,
        received,
        |happening| matches!(happening, Happening::WatchEnded),
        last_lines,
    )?;
    Ok(Watched { why: why?, ended, count, time })
}

/// Why the watching ended.
#[derive(Clone, Copy)]
enum Why {
    TimeOver,
    Interrupted,
    WatchEnded,
    GatewayEnded,
}

fn follow(
    time: Option<Duration>,
    received: &Receiver<Happening>,
    show: &Show,
    count: &mut Count,
) -> anyhow::Result<Why> {
    let deadline = time.map(|time| Instant::now() + time);
    loop {
        let happening = match deadline {
            None => received.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(deadline) => received.recv_timeout(deadline.saturating_duration_since(Instant::now())),
        };
        match happening {
            Ok(Happening::WatchLine(line)) => {
                count.add(&line);
                show.line(&line)?;
            }
            Ok(Happening::Interrupt) => return Ok(Why::Interrupted),
            Ok(Happening::WatchEnded) => return Ok(Why::WatchEnded),
            Ok(Happening::GatewayEnded) => return Ok(Why::GatewayEnded),
            Ok(Happening::GatewayLine(_)) => {}
            Err(RecvTimeoutError::Timeout) => return Ok(Why::TimeOver),
            Err(RecvTimeoutError::Disconnected) => bail!("nothing left to wait for"),
        }
    }
}

/// How the lines of the watch are shown.
struct Show {
    terminal: bool,
    colours: bool,
    tag_width: usize,
}

impl Show {
    fn new(tags: &[String]) -> Self {
        let terminal = io::stdout().is_terminal();
        Self {
            terminal,
            colours: terminal && env::var_os("NO_COLOR").is_none(),
            tag_width: tags.iter().map(|tag| tag.chars().count()).max().unwrap_or(0),
        }
    }

    /// The watch writes into our pipe, so we do the aligning that it would do on a terminal.
    fn line(&self, line: &str) -> anyhow::Result<()> {
        if self.terminal { print_line(&line::aligned(line, self.tag_width)) } else { print_line(line) }
    }
}

fn print_line(line: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).context("cannot write to standard output")
}

/// Removes what failed runs have kept. A folder that cannot be removed does no harm.
fn remove_old(folders: &Path) {
    for entry in fs::read_dir(folders).into_iter().flatten().filter_map(Result::ok) {
        let process = entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
        if process.is_some_and(|process| test_kill_process(process).is_err()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn check_prerequisites() -> anyhow::Result<()> {
    if !process::is_installed("cc") {
        bail!("no C compiler found, which Rust needs as its linker (Debian: apt install gcc)");
    }
    Ok(())
}

fn introduction(arguments: &Arguments, programs: &Programs, place: &Place, log: &Path, key: &Path) -> String {
    let client = relative(&programs.client);
    let client = client.display();
    let (endpoint, dashboard) = (place.endpoint(), &place.dashboard);
    let until = match arguments.time {
        Some(time) => format!("It stops after {}.", humantime::format_duration(time)),
        None => "Ctrl-C stops everything.".to_owned(),
    };
    format!(
        "
The dashboard is at {dashboard} (open it in a browser on this machine).

The gateway runs at {endpoint} with the built-in simulator; its log is {}.
It has an API key for this demo, without which it answers nothing but its health.
Below is `mxgw watch {}`: values of this machine and of simulated objects.
{until} To try meanwhile in another terminal:

  export MXGW_ENDPOINT={endpoint} MXGW_API_KEY_FILE={}
  {client} sessions
  {client} watch Tank_001.Level Pump_001.Running
  {client} read Host.Cpu.Count Host.Uptime Line_001.State
  {client} write TestMachine_001.TestInteger 42
  {client} --json watch Host.Cpu.Load --count 5
",
        relative(log).display(),
        arguments.tags.join(" "),
        relative(key).display(),
    )
}

/// As one would type it from the working directory.
fn relative(path: &Path) -> PathBuf {
    let here = env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).to_owned()
}
