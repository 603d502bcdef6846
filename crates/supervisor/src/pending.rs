//! Calls that wait for their replies; pure but for the channels that carry the answers.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;

use mxgateway_session::{OnReply, PortError};
use tokio::sync::oneshot;

use crate::port::WorkerReply;

/// Bits of a call id that are free for the calls of one gateway.
const CALL_ID_BITS: u32 = 40;

/// What a call comes to.
pub(crate) type Answer = Result<WorkerReply, PortError>;

/// The calls of one worker. Call ids begin at 1, or higher for a worker that had another gateway before, and are
/// never used again.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    last_call_id: u64,
    calls: HashMap<u64, Call>,
    gone: Option<String>,
}

/// A call without its reply.
struct Call {
    /// `None` when nobody waits any more.
    waiting: Option<oneshot::Sender<Answer>>,
    /// What is to be done with the reply.
    on_reply: Option<OnReply<WorkerReply>>,
}

impl fmt::Debug for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Call").field("waiting", &self.waiting.is_some()).finish_non_exhaustive()
    }
}

impl Pending {
    /// Calls to a worker that may still be at those of gateways before this one, from generation 1.
    pub(crate) fn of_generation(generation: u64) -> Self {
        Self { last_call_id: generation.saturating_sub(1) << CALL_ID_BITS, ..Self::default() }
    }

    /// A new call: its id and where its answer will be.
    pub(crate) fn begin(
        &mut self,
        on_reply: Option<OnReply<WorkerReply>>,
    ) -> Result<(u64, oneshot::Receiver<Answer>), PortError> {
        if let Some(reason) = &self.gone {
            return Err(PortError::Gone(reason.clone()));
        }
        self.last_call_id += 1;
        let (answer, receiver) = oneshot::channel();
        self.calls.insert(self.last_call_id, Call { waiting: Some(answer), on_reply });
        Ok((self.last_call_id, receiver))
    }

    /// Nobody waits any more. False when the call was answered before.
    pub(crate) fn abandon(&mut self, call_id: u64) -> bool {
        let Entry::Occupied(mut call) = self.calls.entry(call_id) else { return false };
        if call.get().on_reply.is_some() {
            call.get_mut().waiting = None;
        } else {
            call.remove();
        }
        true
    }

    /// Takes a call out for its answer, which [`Answered::answer`] gives.
    pub(crate) fn answered(&mut self, call_id: u64) -> Option<Answered> {
        self.calls.remove(&call_id).map(Answered)
    }

    /// The worker is gone: what became of the calls nobody knows, and there are no new ones. The first
    /// reason stays.
    pub(crate) fn close(&mut self, reason: &str) {
        let reason = self.gone.get_or_insert_with(|| reason.to_owned()).clone();
        for (_, call) in self.calls.drain() {
            Answered(call).answer(Err(PortError::OutcomeUnknown(reason.clone())));
        }
    }
}

/// A call whose answer has come.
#[derive(Debug)]
pub(crate) struct Answered(Call);

impl Answered {
    /// Does what is to be done with the reply, and hands it on. False when nobody waits for it.
    pub(crate) fn answer(self, answer: Answer) -> bool {
        let Self(Call { waiting, on_reply }) = self;
        if let (Some(on_reply), Ok(reply)) = (on_reply, &answer) {
            on_reply(reply);
        }
        waiting.is_some_and(|waiting| waiting.send(answer).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use mxgateway_contracts::v1::MxCommandReply;

    use super::*;

    fn answer(pending: &mut Pending, call_id: u64, answer: Answer) -> bool {
        pending.answered(call_id).is_some_and(|call| call.answer(answer))
    }

    fn reply() -> Answer {
        Ok(WorkerReply { reply: MxCommandReply::default(), repeated_request: false, newest_sequence: 0 })
    }

    #[test]
    fn each_call_gets_its_own_answer_once() {
        let mut pending = Pending::default();
        let (first, mut first_answer) = pending.begin(None).unwrap();
        let (second, mut second_answer) = pending.begin(None).unwrap();
        assert_ne!(first, second);
        let busy = PortError::Busy("full".to_owned());
        assert!(answer(&mut pending, second, Err(busy.clone())));
        assert!(!answer(&mut pending, second, Err(busy.clone())));
        assert!(!pending.abandon(second));
        assert_eq!(second_answer.try_recv().unwrap(), Err(busy.clone()));
        assert!(first_answer.try_recv().is_err());
        assert!(pending.abandon(first));
        assert!(!answer(&mut pending, first, Err(busy)));
    }

    #[test]
    fn gateways_that_follow_each_other_use_no_call_id_twice() {
        let first = |generation| Pending::of_generation(generation).begin(None).unwrap().0;
        assert_eq!(first(1), 1);
        assert!(first(2) > u64::from(u32::MAX));
        assert!(first(3) > first(2) + u64::from(u32::MAX));
    }

    #[test]
    fn what_is_to_be_done_with_a_reply_is_done_also_when_nobody_waits() {
        let (sender, done) = std::sync::mpsc::channel();
        let on_reply = || -> Option<OnReply<WorkerReply>> {
            let sender = sender.clone();
            Some(Box::new(move |_| sender.send(()).unwrap()))
        };
        let mut pending = Pending::default();
        let (left, _) = pending.begin(on_reply()).unwrap();
        assert!(pending.abandon(left));
        assert!(!answer(&mut pending, left, reply()));
        done.try_recv().unwrap();
        let (refused, _waiting) = pending.begin(on_reply()).unwrap();
        assert!(answer(&mut pending, refused, Err(PortError::Busy(String::new()))));
        let (_, _waiting) = pending.begin(on_reply()).unwrap();
        pending.close("exit code 1");
        assert!(done.try_recv().is_err(), "there was no reply");
    }

    #[test]
    fn when_the_worker_is_gone_no_call_waits() {
        let mut pending = Pending::default();
        let (_, mut answer) = pending.begin(None).unwrap();
        pending.close("exit code 1");
        pending.close("later");
        let reason = "exit code 1".to_owned();
        assert_eq!(answer.try_recv().unwrap(), Err(PortError::OutcomeUnknown(reason.clone())));
        assert_eq!(pending.begin(None).unwrap_err(), PortError::Gone(reason));
    }
}
