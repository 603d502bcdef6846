//! Readers that may see the events of some items only.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::event::{Event, EventFamily};
use crate::items::{Item, Items, Verdict};
use crate::ring::{ReadBudget, Ring};

/// Verdicts that a reader remembers at most.
const MAX_REMEMBERED: usize = 65_536;

/// Which items' events a reader may see. Asked once for each item and family, so it may take its time, but it
/// must not wait.
pub trait Access: fmt::Debug + Send + Sync {
    /// Whether events of this family of this item may be seen.
    fn allows(&self, item: &Item, family: EventFamily) -> bool;
}

/// An [`Access`] with what it said.
#[derive(Debug)]
pub(crate) struct Gate {
    access: Arc<dyn Access>,
    verdicts: HashMap<(u64, EventFamily), bool>,
}

impl Gate {
    pub(crate) fn new(access: Arc<dyn Access>) -> Self {
        Self { access, verdicts: HashMap::new() }
    }

    /// What the reader gets of an event.
    pub(crate) fn judge(&mut self, event: &Event, items: &Items) -> Verdict {
        if self.verdicts.len() > MAX_REMEMBERED {
            self.verdicts.clear();
        }
        let (access, verdicts) = (&self.access, &mut self.verdicts);
        items.judge(event, |number, item| {
            *verdicts.entry((number, event.family)).or_insert_with(|| access.allows(item, event.family))
        })
    }

    /// How much may be read after a position without reaching an event that waits for its verdict; `None` when
    /// the next one does.
    pub(crate) fn limit(
        &mut self,
        ring: &Ring,
        items: &Items,
        after: u64,
        budget: ReadBudget,
    ) -> Option<ReadBudget> {
        for (decided, event) in ring.peek_after(after).take(budget.events.max(1)).enumerate() {
            if event.is_some_and(|event| self.judge(event, items) == Verdict::Wait) {
                return (decided > 0).then_some(ReadBudget { events: decided, ..budget });
            }
        }
        Some(budget)
    }
}
