//! Makes a run smaller that breaks a promise, as long as it breaks the same one.

use crate::generate::Plan;
use crate::promises::Promise;

/// How many smaller runs are tried at most.
const TRIES: usize = 4_000;

pub(super) fn shrink(plan: &Plan, promise: Promise) -> Plan {
    let mut small = plan.clone();
    let mut tries = 0;
    let mut breaks = |candidate: &Plan| {
        tries += 1;
        tries <= TRIES && super::plan_of(candidate).is_err_and(|(broken, _)| broken.promise == promise)
    };
    // First halves, then ever smaller pieces; and again while that helps.
    loop {
        let before = small.transitions.len();
        let mut piece = before.div_ceil(2).max(1);
        loop {
            let mut from = 0;
            while from < small.transitions.len() {
                let mut candidate = small.clone();
                let to = (from + piece).min(candidate.transitions.len());
                candidate.transitions.drain(from..to);
                if breaks(&candidate) {
                    small = candidate;
                } else {
                    from = to;
                }
            }
            if piece == 1 {
                break;
            }
            piece = piece.div_ceil(2);
        }
        simplify(&mut small, &mut breaks);
        if small.transitions.len() == before {
            return small;
        }
    }
}

/// Publishes fewer events.
fn simplify(small: &mut Plan, breaks: &mut impl FnMut(&Plan) -> bool) {
    for at in 0..small.transitions.len() {
        let mut from = 0;
        loop {
            let mut candidate = small.clone();
            let Some(crate::transition::Transition::Publish(specs)) = candidate.transitions.get_mut(at)
            else {
                break;
            };
            if from >= specs.len() {
                break;
            }
            specs.remove(from);
            if breaks(&candidate) {
                *small = candidate;
            } else {
                from += 1;
            }
        }
    }
}
