//! How long something is waited for, counted in time in which this process runs.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, timeout};

/// What a wait takes at most of the patience for each time that it is looked at. When this process stood still (it was
/// stopped, or its machine), no more than this is lost, and the answers that lie in the pipe meanwhile still count.
const STEP: Duration = Duration::from_millis(100);

/// See the module's documentation. Several waits, one after the other, may share it.
#[derive(Debug)]
pub(crate) struct Patience {
    left: Duration,
}

impl Patience {
    /// Of so long.
    pub(crate) fn new(limit: Duration) -> Self {
        Self { left: limit }
    }

    /// What `work` comes to; `None` when it takes longer than what is left.
    pub(crate) async fn within<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        loop {
            let step = self.left.min(STEP);
            let begun = Instant::now();
            let done = timeout(step, &mut work).await;
            self.left -= begun.elapsed().min(step);
            match done {
                Ok(done) => return Some(done),
                Err(_) if self.left.is_zero() => return None,
                Err(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;
    use tokio::time::{advance, sleep};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(5);

    #[tokio::test(start_paused = true)]
    async fn waits_share_what_there_is() {
        let mut patience = Patience::new(LIMIT);
        assert_eq!(patience.within(async { 1 }).await, Some(1));
        assert_eq!(patience.within(sleep(LIMIT - Duration::from_secs(1))).await, Some(()));
        let begun = Instant::now();
        assert_eq!(patience.within(std::future::pending::<()>()).await, None);
        assert!(begun.elapsed().abs_diff(Duration::from_secs(1)) < STEP, "{:?}", begun.elapsed());
        assert_eq!(patience.within(std::future::pending::<()>()).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn time_in_which_this_process_stands_still_does_not_count() {
        let mut patience = Patience::new(LIMIT);
        let (answer, answered) = oneshot::channel();
        let waiting = tokio::spawn(async move { patience.within(answered).await });
        tokio::task::yield_now().await;
        advance(Duration::from_secs(3600)).await;
        // The answer comes a moment after this process goes on.
        sleep(STEP).await;
        answer.send(7).unwrap();
        assert_eq!(waiting.await.unwrap(), Some(Ok(7)));
    }
}
