//! Who waits for an answer. The gateway numbers its calls anew on each connection; within the worker each call has a
//! ticket that is never used again, so that an answer that comes late is not taken for that of another connection's
//! call with the same number.

use std::collections::{BTreeMap, HashMap};

/// Names a call within the worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ticket(u64);

impl Ticket {
    #[cfg(test)]
    pub(crate) fn of(number: u64) -> Self {
        Self(number)
    }
}

/// Gives tickets out, each once.
#[derive(Debug, Default)]
pub(crate) struct Tickets {
    last: u64,
}

impl Tickets {
    pub(crate) fn next(&mut self) -> Ticket {
        self.last += 1;
        Ticket(self.last)
    }
}

/// The calls of one connection that have no answer yet.
#[derive(Debug, Default)]
pub(crate) struct OpenCalls {
    tickets: HashMap<u64, Ticket>,
    call_ids: BTreeMap<Ticket, u64>,
}

impl OpenCalls {
    /// False when the call id is in use; then nothing changes.
    pub(crate) fn open(&mut self, call_id: u64, ticket: Ticket) -> bool {
        if self.tickets.contains_key(&call_id) {
            return false;
        }
        self.tickets.insert(call_id, ticket);
        self.call_ids.insert(ticket, call_id);
        true
    }

    /// Ends a call and gives its id; `None` for a call of another connection, or one that has its answer.
    pub(crate) fn close(&mut self, ticket: Ticket) -> Option<u64> {
        let call_id = self.call_ids.remove(&ticket)?;
        self.tickets.remove(&call_id);
        Some(call_id)
    }

    pub(crate) fn ticket(&self, call_id: u64) -> Option<Ticket> {
        self.tickets.get(&call_id).copied()
    }

    pub(crate) fn call_id(&self, ticket: Ticket) -> Option<u64> {
        self.call_ids.get(&ticket).copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.call_ids.len()
    }

    /// The oldest call.
    pub(crate) fn first(&self) -> Option<Ticket> {
        self.call_ids.first_key_value().map(|(ticket, _)| *ticket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_number_on_another_connection_is_another_call() {
        let mut tickets = Tickets::default();
        let mut old = OpenCalls::default();
        let before = tickets.next();
        assert!(old.open(1, before));
        assert!(!old.open(1, tickets.next()));
        assert_eq!((old.ticket(1), old.call_id(before), old.len()), (Some(before), Some(1), 1));

        let mut new = OpenCalls::default();
        let after = tickets.next();
        assert!(new.open(1, after));
        assert_eq!(new.close(before), None);
        assert_eq!(new.first(), Some(after));
        assert_eq!(new.close(after), Some(1));
        assert_eq!(new.close(after), None);
        assert!(new.open(1, tickets.next()), "a number is free after its answer");
    }
}
