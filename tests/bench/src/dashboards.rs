//! `dashboards`: what open dashboards cost those who read the same session's events.

pub(crate) mod pages;

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::gateway::Gateway;
use crate::note;
use crate::options::Options;
use crate::process::{self, Process};
use crate::progress::rate;
use crate::row::{Bound, Of, Row};
use crate::storm::{self, Load};
use crate::wire;

const DASHBOARDS: usize = 200;
const SUBSCRIBERS: usize = 8;
/// How much of the rate without them is wanted.
const OF_WITHOUT: f64 = 0.95;
/// How many times the deliveries of other measurements: pages get something four times a second, and a few of
/// those have to be in it.
const LONGER: u64 = 4;
const WITHOUT: &str = "without";

/// What is measured.
struct Rows {
    rate: Row,
    processor: Row,
    messages: Row,
    readers: Row,
}

impl Rows {
    fn new() -> Self {
        let name = format!("dashboards/{DASHBOARDS}");
        Self {
            rate: Row::new(&name, "events/s").target(Of::Ratio(WITHOUT), Bound::AtLeast(OF_WITHOUT)),
            processor: Row::new(format!("{name}-processor"), "ns"),
            messages: Row::new(format!("{name}-messages"), "messages/s"),
            readers: Row::new(format!("{name}-readers"), "cores"),
        }
    }

    fn all(&self) -> [&Row; 4] {
        [&self.rate, &self.processor, &self.messages, &self.readers]
    }
}

/// Measurements of one kind, added up.
#[derive(Debug, Default)]
struct Sum {
    deliveries: u64,
    time: Duration,
    /// Processor time of the gateway.
    processor: Duration,
}

impl Sum {
    fn rate(&self) -> f64 {
        rate(self.deliveries, self.time)
    }

    /// Processor time of the gateway for a delivery, in nanoseconds.
    fn processor_nanoseconds(&self) -> f64 {
        1e9 / rate(self.deliveries, self.processor)
    }
}

/// What the pages of a run did, added up.
#[derive(Debug, Default)]
struct Read {
    messages: u64,
    /// While they counted messages.
    open: Duration,
    processor: Duration,
    /// While processor time was counted.
    time: Duration,
}

/// Measures run by run: without and with pages, and then the other way round, so that a machine that becomes faster
/// or slower does the same to both.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Vec<Row>> {
    let mut rows = Rows::new();
    if !options.wants_any(&rows.all()) {
        return Ok(Vec::new());
    }
    let events = options.events * LONGER / SUBSCRIBERS as u64;
    let load = Load { subscribers: SUBSCRIBERS, stuck: 0, events, window: options.window, read: wire::count };
    // As in `stream`, for a subscriber that reads never to be cut.
    let lag = options.window * 4;
    let setting = format!("queue_capacity = {lag}\nreplay_buffer_bytes = \"1 GiB\"\n");
    let gateway = Gateway::start_with_dashboard(&setting).await?;
    for run in 1..=options.runs {
        note(&format!("run {run} of {}: {}", options.runs, rows.rate.name));
        let mut sums = [Sum::default(), Sum::default()];
        let mut read = Read::default();
        let first = run % 2 == 0;
        for has_pages in [first, !first, !first, first] {
            let sum = &mut sums[usize::from(has_pages)];
            measure(&gateway, load, sum, has_pages.then_some(&mut read)).await?;
        }
        let [without, with] = sums;
        rows.rate.runs.push(with.rate());
        rows.rate.baseline(WITHOUT, without.rate());
        rows.processor.runs.push(with.processor_nanoseconds());
        rows.processor.baseline(WITHOUT, without.processor_nanoseconds());
        rows.messages.runs.push(rate(read.messages, read.open));
        rows.readers.runs.push(read.processor.as_secs_f64() / read.time.as_secs_f64());
    }
    gateway.stop().await?;
    let Rows { rate, processor, messages, readers } = rows;
    Ok(options.wanted([rate, processor, messages, readers]))
}

/// One storm, with pages if they are to be read.
async fn measure(
    gateway: &Gateway,
    load: Load,
    sum: &mut Sum,
    read: Option<&mut Read>,
) -> anyhow::Result<()> {
    let calm = storm::prepare(gateway, load).await?;
    let pages = match read {
        Some(read) => Some((Pages::open(gateway, &calm.session.id).await?, read)),
        None => None,
    };
    let readers_before = pages.as_ref().map(|(pages, _)| pages.process.processor_time()).transpose()?;
    let before = gateway.process.processor_time()?;
    let began = Instant::now();
    let (session, time) = calm.blow(gateway).await?;
    let all = began.elapsed();
    sum.deliveries += load.events * load.subscribers as u64;
    sum.time += time;
    sum.processor += gateway.process.processor_time()?.saturating_sub(before);
    if let Some((pages, read)) = pages {
        read.processor += pages.process.processor_time()?.saturating_sub(readers_before.unwrap_or_default());
        read.time += all;
        let (messages, open) = pages.close().await.with_context(|| gateway.log())?;
        read.messages += messages;
        read.open += open;
    }
    session.close().await
}

/// Open dashboards, in a process of their own.
struct Pages {
    process: Process,
    folder: tempfile::TempDir,
}

impl Pages {
    /// Opens them; each has had its first messages then.
    async fn open(gateway: &Gateway, session: &str) -> anyhow::Result<Self> {
        let folder = process::folder()?;
        let count = DASHBOARDS.to_string();
        let arguments = ["pages", "--address", gateway.dashboard()?, "--session", session, "--count", &count];
        let mut process = Process::start(&std::env::current_exe()?, arguments, folder.path())?;
        process.says(pages::OPEN, folder.path()).await?;
        Ok(Self { process, folder })
    }

    /// Closes them; gives what they got, and in how long.
    async fn close(mut self) -> anyhow::Result<(u64, Duration)> {
        self.process.terminate()?;
        let got = self.process.says(pages::GOT, self.folder.path()).await?;
        let mut numbers = got.split(' ').map(str::parse::<u64>);
        let mut number = || numbers.next().context("a number is missing")?.context("no number");
        let (messages, milliseconds, least) = (number()?, number()?, number()?);
        ensure!(least > 0, "a page got no events: {messages} messages in {milliseconds} ms");
        self.process.stop().await?;
        Ok((messages, Duration::from_millis(milliseconds)))
    }
}
