//! Measures the real programs next to what is possible and to what others do. `cargo xtask bench` builds
//! everything and runs it.

#![forbid(unsafe_code)]

mod authorization;
mod baseline;
mod bulk_subscribe;
mod codec;
mod commands;
mod dashboards;
mod gateway;
mod hex;
mod invoke;
mod latency;
mod memory;
mod open;
mod options;
mod process;
mod progress;
mod read_bulk;
mod replay;
mod report;
mod restart;
mod row;
mod storm;
mod throughput;
mod wire;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use options::Options;

/// Measures the gateway.
#[derive(Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
struct Arguments {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Subcommand)]
enum Bench {
    /// Deliveries per second to 1, 8 and 64 subscribers
    Stream(Options),
    /// Time from the worker to a subscriber at 50,000 deliveries per second
    Latency(Options),
    /// Events per second to a client that comes back
    Replay(Options),
    /// Memory of a subscriber that gets nothing
    Memory(Options),
    /// Round trip of a command, one at a time
    Invoke(Options),
    /// Cached values read per second by 5 clients at once
    ReadBulk(Options),
    /// Cost of telling who asks and whether it is allowed
    Authorization(Options),
    /// Time until a session is ready, one at a time and 64 at once
    Open(Options),
    /// Time to subscribe 10,000 tags
    BulkSubscribe(Options),
    /// What clients lose and how long they wait when the gateway crashes and comes back
    Restart {
        #[command(flatten)]
        options: Options,
        #[command(flatten)]
        load: restart::Load,
    },
    /// What 200 open dashboards cost 8 subscribers
    Dashboards(Options),
    /// All of them, with a document
    Report {
        #[command(flatten)]
        options: Options,
        /// The document
        #[arg(long, value_name = "FILE", default_value = "docs/performance.md")]
        output: PathBuf,
    },
    #[command(hide = true)]
    Pages {
        #[arg(long)]
        address: String,
        #[arg(long)]
        session: String,
        #[arg(long)]
        count: usize,
    },
    #[command(hide = true)]
    BareServer {
        #[arg(long)]
        event: String,
    },
    #[command(hide = true)]
    HopServer,
    #[command(hide = true)]
    HopWorker,
    #[command(hide = true)]
    RingGateway,
    #[command(hide = true)]
    RingWorker {
        #[arg(long)]
        event: String,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Arguments::parse().bench {
        Bench::Stream(options) => {
            let options = options.check()?;
            show(&throughput::run(&options).await?, &options);
        }
        Bench::Latency(options) => {
            let options = options.check()?;
            show(&latency::run(&options).await?, &options);
        }
        Bench::Replay(options) => {
            let options = options.check()?;
            show(&replay::run(&options).await?, &options);
        }
        Bench::Memory(options) => {
            let options = options.check()?;
            show(&memory::run(&options).await?, &options);
        }
        Bench::Invoke(options) => {
            let options = options.check()?;
            show(&invoke::run(&options).await?, &options);
        }
        Bench::ReadBulk(options) => {
            let options = options.check()?;
            show(&read_bulk::run(&options).await?, &options);
        }
        Bench::Authorization(options) => {
            let options = options.check()?;
            show(&authorization::run(&options).await?, &options);
        }
        Bench::Open(options) => {
            let options = options.check()?;
            show(&open::run(&options).await?, &options);
        }
        Bench::BulkSubscribe(options) => {
            let options = options.check()?;
            show(&bulk_subscribe::run(&options).await?, &options);
        }
        Bench::Restart { options, load } => {
            let options = options.check()?;
            show(&restart::run(&options, &load).await?, &options);
        }
        Bench::Dashboards(options) => {
            let options = options.check()?;
            show(&dashboards::run(&options).await?, &options);
        }
        Bench::Report { options, output } => {
            let options = options.check()?;
            let mut rows = throughput::run(&options).await?;
            rows.extend(latency::run(&options).await?);
            rows.extend(replay::run(&options).await?);
            rows.extend(memory::run(&options).await?);
            rows.extend(invoke::run(&options).await?);
            rows.extend(read_bulk::run(&options).await?);
            rows.extend(authorization::run(&options).await?);
            rows.extend(open::run(&options).await?);
            rows.extend(bulk_subscribe::run(&options).await?);
            rows.extend(restart::run(&options, &restart::Load::default()).await?);
            rows.extend(dashboards::run(&options).await?);
            show(&rows, &options);
            report::write(&output, &rows, &options)?;
            note(&format!("wrote {}", output.display()));
        }
        Bench::Pages { address, session, count } => {
            dashboards::pages::run(&address, &session, count).await?;
        }
        Bench::BareServer { event } => baseline::tonic::run(hex::decode(&event)?).await?,
        Bench::HopServer => baseline::hop::run_server().await?,
        Bench::HopWorker => baseline::hop::run_worker()?,
        Bench::RingGateway => baseline::ring::run_gateway().await?,
        Bench::RingWorker { event } => baseline::ring::run_worker(&hex::decode(&event)?)?,
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a program that talks to people")]
fn show(rows: &[row::Row], options: &Options) {
    if options.json {
        for row in rows {
            println!("{}", row.json());
        }
    } else {
        print!("{}", report::table(rows));
    }
}

/// Something on the way, on standard error.
#[expect(clippy::print_stderr, reason = "a program that talks to people")]
fn note(text: &str) {
    eprintln!("{text}");
}
