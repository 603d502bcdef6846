//! Calls that wait for their replies; pure but for the channels that carry the answers.

use std::collections::HashMap;

use mxgateway_session::PortError;
use tokio::sync::oneshot;

use crate::port::WorkerReply;

/// What a call comes to.
pub(crate) type Answer = Result<WorkerReply, PortError>;

/// The calls of one worker. Call ids begin at 1 and are never used again.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    last_call_id: u64,
    calls: HashMap<u64, oneshot::Sender<Answer>>,
    gone: Option<String>,
}

impl Pending {
    /// A new call: its id and where its answer will be.
    pub(crate) fn begin(&mut self) -> Result<(u64, oneshot::Receiver<Answer>), PortError> {
        if let Some(reason) = &self.gone {
            return Err(PortError::Gone(reason.clone()));
        }
        self.last_call_id += 1;
        let (answer, waiting) = oneshot::channel();
        self.calls.insert(self.last_call_id, answer);
        Ok((self.last_call_id, waiting))
    }

    /// Nobody waits any more. False when the call was answered before.
    pub(crate) fn forget(&mut self, call_id: u64) -> bool {
        self.calls.remove(&call_id).is_some()
    }

    /// Answers a call. False when nobody waits for it.
    pub(crate) fn answer(&mut self, call_id: u64, answer: Answer) -> bool {
        self.calls.remove(&call_id).is_some_and(|call| call.send(answer).is_ok())
    }

    /// The worker is gone: what became of the calls nobody knows, and there are no new ones. The first
    /// reason stays.
    pub(crate) fn close(&mut self, reason: &str) {
        let reason = self.gone.get_or_insert_with(|| reason.to_owned());
        for (_, call) in self.calls.drain() {
            // Who does not wait any more needs no answer.
            call.send(Err(PortError::OutcomeUnknown(reason.clone()))).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_gets_its_own_answer_once() {
        let mut pending = Pending::default();
        let (first, mut first_answer) = pending.begin().unwrap();
        let (second, mut second_answer) = pending.begin().unwrap();
        assert_ne!(first, second);
        let busy = PortError::Busy("full".to_owned());
        assert!(pending.answer(second, Err(busy.clone())));
        assert!(!pending.answer(second, Err(busy.clone())));
        assert!(!pending.forget(second));
        assert_eq!(second_answer.try_recv().unwrap(), Err(busy.clone()));
        assert!(first_answer.try_recv().is_err());
        assert!(pending.forget(first));
        assert!(!pending.answer(first, Err(busy)));
    }

    #[test]
    fn when_the_worker_is_gone_no_call_waits() {
        let mut pending = Pending::default();
        let (_, mut answer) = pending.begin().unwrap();
        pending.close("exit code 1");
        pending.close("later");
        let reason = "exit code 1".to_owned();
        assert_eq!(answer.try_recv().unwrap(), Err(PortError::OutcomeUnknown(reason.clone())));
        assert_eq!(pending.begin().unwrap_err(), PortError::Gone(reason));
    }
}
