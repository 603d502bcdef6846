//! Carries a run out and holds every promise to it.

mod compare;
mod seen;
mod shrink;
mod witness;
mod world;

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use crate::generate::{self, Plan};
use crate::promises::{Broken, Promise};
use crate::seed;
pub use seen::{ALL, Seen};
use world::World;

/// Runs a seed: what it came by, or the promise that it broke.
pub fn seed(seed: u64) -> Result<Seen, Promise> {
    plan_of(&generate::plan(seed)).map_err(|(broken, _)| broken.promise)
}

/// Tells how a seed breaks a promise: the smallest run found that does, and how to run it again.
pub fn report(seed: u64) -> String {
    let plan = generate::plan(seed);
    let Err((broken, _)) = plan_of(&plan) else { return format!("seed {seed} breaks no promise") };
    let small = shrink::shrink(&plan, broken.promise);
    let (broken, at) = plan_of(&small).err().unwrap_or((broken, usize::MAX));
    let mut report =
        format!("{broken}\nseed {seed}; again with: {}\n{:?}\n", seed::command(seed), small.settings);
    for (number, transition) in small.transitions.iter().enumerate() {
        let mark = if number == at { " <- here" } else { "" };
        report += &format!("{number:4} {transition:?}{mark}\n");
    }
    if at >= small.transitions.len() {
        report += "     <- at the end, when everybody reads to the end\n";
    }
    report
}

/// Carries a plan out; the promise that it breaks, and at which transition.
pub fn plan_of(plan: &Plan) -> Result<Seen, (Broken, usize)> {
    thread_local! {
        static RUNS: Cell<bool> = const { Cell::new(false) };
        static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
    }
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if RUNS.get() {
                PANIC.replace(info.to_string().replace('\n', " "));
            } else {
                print(info);
            }
        }));
    });
    let at = Cell::new(0);
    RUNS.set(true);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let mut world = World::new(plan.settings);
        for (number, transition) in plan.transitions.iter().enumerate() {
            at.set(number);
            world.step(transition)?;
        }
        at.set(plan.transitions.len());
        world.drain()?;
        match world.differs.take() {
            Some((broken, number)) => {
                at.set(number);
                Err(broken)
            }
            None => Ok(world.seen()),
        }
    }));
    RUNS.set(false);
    let outcome = outcome.unwrap_or_else(|_| Err(Broken { promise: Promise::Sound, how: PANIC.take() }));
    outcome.map_err(|broken| (broken, at.get()))
}
