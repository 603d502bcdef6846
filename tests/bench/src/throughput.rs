//! `stream`: deliveries per second from a source that is as fast as the gateway.

use bytes::Bytes;

use crate::baseline::nats::{self, Nats};
use crate::baseline::tonic::Running;
use crate::baseline::{ring, tonic};
use crate::gateway::Gateway;
use crate::options::Options;
use crate::row::{Bound, Of, Row};
use crate::storm::{self, Load};
use crate::{hex, note, process, wire};

const UNIT: &str = "events/s";
/// Subscribers, and how many times NATS's rate is wanted.
const ROWS: [(usize, f64); 3] = [(1, 1.5), (8, 3.5), (64, 6.0)];
/// How much of the ring's rate is wanted.
const OF_RING: f64 = 0.8;
const SHARED: usize = 8;

/// What is measured: rows by their number of subscribers, and those of [`SHARED`] with something special.
struct Rows {
    fan_out: Vec<(usize, Row)>,
    decoded: Row,
    stuck: Row,
}

impl Rows {
    fn new() -> Self {
        let fan_out = ROWS.into_iter().map(|(subscribers, of_nats)| {
            let row = Row::new(format!("stream/{subscribers}"), UNIT)
                .target(Of::Ratio("nats"), Bound::AtLeast(of_nats))
                .target(Of::Ratio("lab_ring"), Bound::AtLeast(OF_RING));
            (subscribers, row)
        });
        Self {
            fan_out: fan_out.collect(),
            decoded: Row::new(format!("stream/{SHARED}-decoded"), UNIT),
            stuck: Row::new(format!("stream/{SHARED}-one-stuck"), UNIT)
                .target(Of::Ratio("without"), Bound::AtLeast(0.95)),
        }
    }

    fn all(&self) -> Vec<&Row> {
        self.fan_out.iter().map(|(_, row)| row).chain([&self.decoded, &self.stuck]).collect()
    }
}

struct Servers {
    gateway: Gateway,
    bare: Running,
    ring: Running,
    nats: Option<Nats>,
    /// What an event of the gateway is on the wire.
    event: Bytes,
}

/// Measures all rows, run by run, each next to its baselines.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Vec<Row>> {
    let mut rows = Rows::new();
    if !options.wants_any(&rows.all()) {
        return Ok(Vec::new());
    }
    let folder = process::folder()?;
    // A subscriber that reads is never cut; one that never reads is, but late.
    let lag = options.window * 4;
    let gateway =
        Gateway::start(&format!("queue_capacity = {lag}\nreplay_buffer_bytes = \"1 GiB\"\n")).await?;
    let event = storm::sample(&gateway, options.window).await?;
    note(&format!("an event has {} bytes", event.len()));
    let as_text = hex::encode(&event);
    let nats = match nats::installed() {
        Some(program) => Some(Nats::start(&program).await?),
        None => {
            note(nats::MISSING);
            None
        }
    };
    let servers = Servers {
        gateway,
        bare: tonic::start(&as_text, folder.path()).await?,
        ring: ring::start(&as_text, folder.path()).await?,
        nats,
        event: event.into(),
    };
    measure(&servers, &mut rows, options).await?;
    if let Some(nats) = servers.nats {
        nats.stop().await?;
    }
    for process in servers.bare.processes.into_iter().chain(servers.ring.processes) {
        process.stop().await?;
    }
    servers.gateway.stop().await?;
    let Rows { fan_out, decoded, stuck } = rows;
    Ok(options.wanted(fan_out.into_iter().map(|(_, row)| row).chain([decoded, stuck])))
}

async fn measure(servers: &Servers, rows: &mut Rows, options: &Options) -> anyhow::Result<()> {
    let Rows { fan_out, decoded, stuck } = rows;
    let load = |subscribers: usize| Load {
        subscribers,
        stuck: 0,
        events: options.events / subscribers as u64,
        window: options.window,
        read: wire::count,
    };
    for run in 1..=options.runs {
        for (subscribers, row) in fan_out.iter_mut().filter(|(_, row)| options.wants(row)) {
            note(&format!("run {run} of {}: {}", options.runs, row.name));
            let load = load(*subscribers);
            row.runs.push(storm::measure(&servers.gateway, load).await?);
            if options.alone {
                continue;
            }
            row.baseline("lab_ring", servers.ring.measure(*subscribers, load.events).await?);
            row.baseline("bare_tonic", servers.bare.measure(*subscribers, load.events).await?);
            if let Some(nats) = &servers.nats {
                let rate = nats.measure(*subscribers, load.events, options.window, &servers.event).await?;
                row.baseline("nats", rate);
            }
        }
        if options.wants(decoded) {
            note(&format!("run {run} of {}: {}", options.runs, decoded.name));
            let load = Load { read: wire::decode, ..load(SHARED) };
            decoded.runs.push(storm::measure(&servers.gateway, load).await?);
        }
        if options.wants(stuck) {
            note(&format!("run {run} of {}: {}", options.runs, stuck.name));
            let without = load(SHARED - 1);
            let with = Load { stuck: 1, ..without };
            // Whoever comes second is not always the same.
            let rates = if run % 2 == 0 { [with, without] } else { [without, with] };
            for load in rates {
                let rate = storm::measure(&servers.gateway, load).await?;
                if load.stuck == 1 {
                    stuck.runs.push(rate);
                } else {
                    stuck.baseline("without", rate);
                }
            }
        }
    }
    Ok(())
}
