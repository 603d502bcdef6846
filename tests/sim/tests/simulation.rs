//! Thousands of random runs against the naive model. A run is repeated with `MXGW_SIM_SEED`.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use mxgateway_sim::promises::Promise;
use mxgateway_sim::run::{self, Seen};
use mxgateway_sim::seed;

/// As many as take some seconds.
const SEEDS: u64 = 20_000;
/// Broken runs that are looked at, to name each promise that is broken.
const ENOUGH: usize = 200;

#[test]
fn every_promise_holds_in_every_run() {
    let seeds = seed::seeds(SEEDS);
    let next = AtomicUsize::new(0);
    let started = Instant::now();
    let work = || {
        let mut seen = Seen::default();
        let mut broken = Vec::new();
        while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
            match run::seed(*seed) {
                Ok(one) => seen.add(&one),
                Err(promise) => broken.push((promise, *seed)),
            }
            if broken.len() >= ENOUGH {
                break;
            }
        }
        (seen, broken)
    };
    let (mut seen, mut broken) = (Seen::default(), Vec::new());
    thread::scope(|scope| {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            let (one, some) = worker.join().unwrap();
            seen.add(&one);
            broken.extend(some);
        }
    });
    // Each promise once; that the model says something else is of interest when no promise says more.
    broken.sort_by_key(|(promise, seed)| (*promise == Promise::Model, format!("{promise:?}"), *seed));
    broken.dedup_by_key(|(promise, _)| *promise);
    if broken.len() > 1 {
        broken.retain(|(promise, _)| *promise != Promise::Model);
    }
    let reports: Vec<String> = broken.iter().map(|(_, seed)| run::report(*seed)).collect();
    assert!(reports.is_empty(), "\n{}", reports.join("\n"));

    let took = started.elapsed().as_secs_f64();
    println!(
        "{} seeds ({:.0}/s), {} steps ({:.0}/s) in {took:.1} s; new seeds from {:?}",
        seeds.len(),
        seeds.len() as f64 / took,
        seen.steps,
        seen.steps as f64 / took,
        seeds.get(seeds.len() / 2),
    );
    for what in run::ALL {
        let count = seen.what.get(what).copied().unwrap_or(0);
        println!("{count:>9} {what}");
        assert!(count > 0 || seeds.len() < 1_000, "{what} was never seen");
    }
}
