//! What the product takes from tokio, parking_lot and tracing, on loom's primitives.

use std::task::{Context, Waker};

pub(crate) use loom::sync::MutexGuard;

/// Like `parking_lot::Mutex`.
pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        match self.0.lock() {
            Ok(guard) => guard,
            Err(_) => panic!("a thread panicked with the lock"),
        }
    }
}

/// Tasks that wait. Those of a failed case are left alone: loom is no more when they would be let go.
#[derive(Default)]
struct Waiters(Vec<Waker>);

impl Waiters {
    fn add(&mut self, context: &Context<'_>) {
        self.0.push(context.waker().clone());
    }

    fn take(&mut self) -> Self {
        Self(std::mem::take(&mut self.0))
    }

    fn wake(mut self) {
        self.0.drain(..).for_each(Waker::wake);
    }
}

impl Drop for Waiters {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::mem::forget(std::mem::take(&mut self.0));
        }
    }
}

/// Like a `tracing` macro that nobody listens to.
macro_rules! nothing {
    (target: $target:expr, $($field:ident = $(%)? $value:expr,)* $text:literal) => {
        let _ = (&$target, $(&$value,)*);
    };
    ($($field:ident = $(%)? $value:expr,)* $(%$short:ident,)? $text:literal) => {
        let _ = ($(&$value,)* $(&$short,)?);
    };
}
pub(crate) use nothing;

/// Like `tokio::pin!`.
macro_rules! pin_here {
    ($future:ident) => {
        let mut $future = std::pin::pin!($future);
    };
}
pub(crate) use pin_here;

/// Like `tokio::sync` and `tokio_util::sync`.
pub(crate) mod sync {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use super::{Mutex, Waiters};

    #[derive(Default)]
    struct Waiting {
        notified: u64,
        waiters: Waiters,
    }

    pub(crate) struct Notify(Mutex<Waiting>);

    impl Notify {
        pub(crate) fn new() -> Self {
            Self(Mutex::new(Waiting::default()))
        }

        /// Is woken by every `notify_waiters` from now on.
        pub(crate) fn notified(&self) -> Notified<'_> {
            Notified { notify: self, since: self.0.lock().notified }
        }

        pub(crate) fn notify_waiters(&self) {
            let mut waiting = self.0.lock();
            waiting.notified += 1;
            let waiters = waiting.waiters.take();
            drop(waiting);
            waiters.wake();
        }
    }

    pub(crate) struct Notified<'a> {
        notify: &'a Notify,
        since: u64,
    }

    impl Notified<'_> {
        /// tokio's puts the future into the list of waiters, which only `notify_one` makes a difference to.
        pub(crate) fn enable(self: Pin<&mut Self>) -> bool {
            self.notify.0.lock().notified != self.since
        }
    }

    impl Future for Notified<'_> {
        type Output = ();

        fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
            let mut waiting = self.notify.0.lock();
            if waiting.notified != self.since {
                return Poll::Ready(());
            }
            waiting.waiters.add(context);
            Poll::Pending
        }
    }

    /// Nobody waits for it here.
    pub(crate) struct CancellationToken(loom::sync::atomic::AtomicBool);

    impl CancellationToken {
        pub(crate) fn new() -> Self {
            Self(loom::sync::atomic::AtomicBool::new(false))
        }

        pub(crate) fn cancel(&self) {
            self.0.store(true, loom::sync::atomic::Ordering::SeqCst);
        }

        pub(crate) fn is_cancelled(&self) -> bool {
            self.0.load(loom::sync::atomic::Ordering::SeqCst)
        }
    }
}

/// Like `tokio::time`, with a clock that a test moves.
pub(crate) mod time {
    use std::ops::Add;
    use std::pin::pin;
    use std::task::Poll;
    use std::time::Duration;

    use super::{Mutex, Waiters};

    #[derive(Default)]
    struct Clock {
        now: Duration,
        waiters: Waiters,
    }

    loom::lazy_static! {
        static ref CLOCK: Mutex<Clock> = Mutex::new(Clock::default());
    }

    /// Moves the clock on and wakes who waits for it.
    pub(crate) fn advance(by: Duration) {
        let mut clock = CLOCK.lock();
        clock.now += by;
        let waiters = clock.waiters.take();
        drop(clock);
        waiters.wake();
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub(crate) struct Instant(Duration);

    impl Instant {
        pub(crate) fn now() -> Self {
            Self(CLOCK.lock().now)
        }
    }

    impl Add<Duration> for Instant {
        type Output = Self;

        fn add(self, by: Duration) -> Self {
            Self(self.0 + by)
        }
    }

    #[derive(Debug)]
    pub(crate) struct Elapsed;

    pub(crate) async fn timeout_at<F: Future>(deadline: Instant, future: F) -> Result<F::Output, Elapsed> {
        let mut future = pin!(future);
        std::future::poll_fn(|context| {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(Ok(output));
            }
            let mut clock = CLOCK.lock();
            if clock.now >= deadline.0 {
                return Poll::Ready(Err(Elapsed));
            }
            clock.waiters.add(context);
            Poll::Pending
        })
        .await
    }
}
