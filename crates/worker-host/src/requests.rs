//! Request ids: a retry gets the first call's reply instead of being carried out again. Pure; lives as long
//! as the worker, so it does not matter over which connection a retry comes, or when the first call finishes.

use std::collections::{HashMap, VecDeque};

use mxgateway_contracts::v1::{MxCommand, MxCommandReply};
use prost::Message;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::commands::Answer;
use crate::tickets::Ticket;

/// Request ids that are remembered with their replies.
const REMEMBERED: usize = 1024;
/// Bytes of all remembered replies; beyond it the oldest are forgotten early.
const REMEMBERED_BYTES: usize = 64 * 1024 * 1024;

/// Stands for a command, so that the command (which may hold a password) need not be kept.
pub(crate) type Fingerprint = [u8; 32];

/// What becomes of a call with a request id.
#[derive(Debug, PartialEq)]
pub(crate) enum Begin {
    /// Carry it out, and call [`Requests::finish`].
    Fresh,
    /// Here is the first reply.
    Repeated(Box<MxCommandReply>),
    /// The first call is at work; its answer goes to this one too.
    InProgress,
    /// Another command has this id.
    Reused,
}

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Requests {
    /// Makes fingerprints of no use outside this process.
    salt: [u8; 32],
    entries: HashMap<String, Entry>,
    /// Ids at work by the call that carries them out.
    owners: HashMap<Ticket, String>,
    /// Ids that wait for another call, by their own call.
    followers: HashMap<Ticket, String>,
    /// Finished ids with the size of their replies, oldest first.
    finished: VecDeque<(String, usize)>,
    finished_bytes: usize,
}

#[derive(Debug)]
struct Entry {
    fingerprint: Fingerprint,
    state: State,
}

#[derive(Debug)]
enum State {
    /// With the calls that wait for it.
    Running(Vec<Ticket>),
    Done(Box<MxCommandReply>),
}

impl Requests {
    pub(crate) fn new(salt: [u8; 32]) -> Self {
        Self {
            salt,
            entries: HashMap::new(),
            owners: HashMap::new(),
            followers: HashMap::new(),
            finished: VecDeque::new(),
            finished_bytes: 0,
        }
    }

    /// Equal for equal commands of this worker.
    pub(crate) fn fingerprint(&self, command: &MxCommand) -> Fingerprint {
        let encoded = Zeroizing::new(command.encode_to_vec());
        Sha256::new().chain_update(self.salt).chain_update(encoded.as_slice()).finalize().into()
    }

    /// Asks what to do with a call.
    pub(crate) fn begin(&mut self, id: &str, fingerprint: Fingerprint, ticket: Ticket) -> Begin {
        match self.entries.get_mut(id) {
            None => {
                let entry = Entry { fingerprint, state: State::Running(Vec::new()) };
                self.entries.insert(id.to_owned(), entry);
                self.owners.insert(ticket, id.to_owned());
                Begin::Fresh
            }
            Some(entry) if entry.fingerprint != fingerprint => Begin::Reused,
            Some(Entry { state: State::Done(reply), .. }) => Begin::Repeated(reply.clone()),
            Some(Entry { state: State::Running(waiting), .. }) => {
                waiting.push(ticket);
                self.followers.insert(ticket, id.to_owned());
                Begin::InProgress
            }
        }
    }

    /// True when other calls wait for this one's answer.
    pub(crate) fn is_followed(&self, ticket: Ticket) -> bool {
        let entry = self.owners.get(&ticket).and_then(|id| self.entries.get(id));
        entry.is_some_and(|entry| matches!(&entry.state, State::Running(waiting) if !waiting.is_empty()))
    }

    /// Ends a call's waiting for another one; false when it does not.
    pub(crate) fn unfollow(&mut self, ticket: Ticket) -> bool {
        let Some(id) = self.followers.remove(&ticket) else { return false };
        if let Some(Entry { state: State::Running(waiting), .. }) = self.entries.get_mut(&id) {
            waiting.retain(|waiting| *waiting != ticket);
        }
        true
    }

    /// Takes a call's answer over; gives the calls that wait for it. A refusal is not remembered: the
    /// command was not carried out, and a retry may be.
    pub(crate) fn finish(&mut self, ticket: Ticket, answer: &Answer) -> Vec<Ticket> {
        let Some(id) = self.owners.remove(&ticket) else { return Vec::new() };
        let Some(entry) = self.entries.get_mut(&id) else { return Vec::new() };
        let waiting = match answer {
            Ok(reply) => {
                let state = std::mem::replace(&mut entry.state, State::Done(Box::new(reply.clone())));
                let bytes = reply.encoded_len();
                self.finished.push_back((id, bytes));
                self.finished_bytes += bytes;
                self.forget_oldest();
                state
            }
            Err(_) => match self.entries.remove(&id) {
                Some(entry) => entry.state,
                None => return Vec::new(),
            },
        };
        let State::Running(waiting) = waiting else { return Vec::new() };
        for follower in &waiting {
            self.followers.remove(follower);
        }
        waiting
    }

    /// The apartment is gone: what was at work will never be finished.
    pub(crate) fn give_up(&mut self) {
        self.entries.retain(|_, entry| matches!(entry.state, State::Done(_)));
        self.owners.clear();
        self.followers.clear();
    }

    fn forget_oldest(&mut self) {
        while self.finished.len() > REMEMBERED
            || (self.finished_bytes > REMEMBERED_BYTES && self.finished.len() > 1)
        {
            let Some((id, bytes)) = self.finished.pop_front() else { return };
            self.finished_bytes -= bytes;
            self.entries.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use mxgateway_contracts::v1::{PingCommand, mx_command::Payload};
    use mxgateway_contracts::worker_v1::CommandRefusal;

    use super::*;

    fn ping(message: &str) -> MxCommand {
        Payload::Ping(PingCommand { message: message.to_owned() }).into()
    }

    fn reply(text: &str) -> MxCommandReply {
        MxCommandReply { diagnostic_text: text.to_owned(), ..MxCommandReply::default() }
    }

    fn begin(requests: &mut Requests, id: &str, command: &MxCommand, ticket: u64) -> Begin {
        let fingerprint = requests.fingerprint(command);
        requests.begin(id, fingerprint, Ticket::of(ticket))
    }

    #[test]
    fn a_repeat_gets_the_first_reply_and_another_command_is_refused() {
        let mut requests = Requests::new([1; 32]);
        assert_eq!(begin(&mut requests, "a", &ping("x"), 1), Begin::Fresh);
        assert_eq!(begin(&mut requests, "a", &ping("x"), 2), Begin::InProgress);
        assert_eq!(begin(&mut requests, "a", &ping("x"), 3), Begin::InProgress);
        assert_eq!(begin(&mut requests, "a", &ping("y"), 4), Begin::Reused);
        assert!(requests.is_followed(Ticket::of(1)));
        assert!(requests.unfollow(Ticket::of(2)));
        assert!(!requests.unfollow(Ticket::of(2)));
        assert_eq!(requests.finish(Ticket::of(1), &Ok(reply("first"))), [Ticket::of(3)]);
        assert_eq!(begin(&mut requests, "a", &ping("x"), 5), Begin::Repeated(Box::new(reply("first"))));
        assert_eq!(begin(&mut requests, "a", &ping("y"), 6), Begin::Reused);
        assert!(!requests.unfollow(Ticket::of(3)), "it has its answer");
    }

    #[test]
    fn a_refused_command_may_be_tried_again() {
        let mut requests = Requests::new([1; 32]);
        assert_eq!(begin(&mut requests, "a", &ping("x"), 1), Begin::Fresh);
        assert_eq!(begin(&mut requests, "a", &ping("x"), 2), Begin::InProgress);
        assert_eq!(requests.finish(Ticket::of(1), &Err(CommandRefusal::default())), [Ticket::of(2)]);
        assert_eq!(begin(&mut requests, "a", &ping("y"), 3), Begin::Fresh);
    }

    #[test]
    fn what_will_never_be_finished_is_forgotten() {
        let mut requests = Requests::new([1; 32]);
        assert_eq!(begin(&mut requests, "done", &ping("x"), 1), Begin::Fresh);
        requests.finish(Ticket::of(1), &Ok(reply("first")));
        assert_eq!(begin(&mut requests, "a", &ping("x"), 2), Begin::Fresh);
        assert_eq!(begin(&mut requests, "a", &ping("x"), 3), Begin::InProgress);
        requests.give_up();
        assert!(!requests.unfollow(Ticket::of(3)));
        assert!(requests.finish(Ticket::of(2), &Ok(reply("late"))).is_empty());
        assert_eq!(begin(&mut requests, "a", &ping("x"), 4), Begin::Fresh);
        assert!(matches!(begin(&mut requests, "done", &ping("x"), 5), Begin::Repeated(_)));
    }

    #[test]
    fn the_oldest_are_forgotten_by_count_and_by_bytes() {
        let mut requests = Requests::new([1; 32]);
        for call in 0..=1024 {
            assert_eq!(begin(&mut requests, &call.to_string(), &ping("x"), call), Begin::Fresh);
            requests.finish(Ticket::of(call), &Ok(reply("")));
        }
        assert_eq!(begin(&mut requests, "1", &ping("x"), 9999), Begin::Repeated(Box::new(reply(""))));
        assert_eq!(begin(&mut requests, "0", &ping("x"), 9999), Begin::Fresh);

        let mut requests = Requests::new([1; 32]);
        let large = reply(&"x".repeat(40 * 1024 * 1024));
        for (call, id) in [(1, "a"), (2, "b")] {
            assert_eq!(begin(&mut requests, id, &ping("x"), call), Begin::Fresh);
            requests.finish(Ticket::of(call), &Ok(large.clone()));
        }
        assert_eq!(begin(&mut requests, "a", &ping("x"), 3), Begin::Fresh);
        assert!(matches!(begin(&mut requests, "b", &ping("x"), 4), Begin::Repeated(_)));
    }
}
