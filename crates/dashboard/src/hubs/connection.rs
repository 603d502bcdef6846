//! One hub connection, from its beginning to its end.

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use bytes::Bytes;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_util::sync::CancellationToken;

use super::{HubLimits, Source};
use crate::door::Entered;

/// Why a hub ends, as the browser is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goodbye {
    /// There is no more.
    Done,
    /// The gateway stops.
    Stopping,
    /// Something was sent to the hub, which takes nothing.
    TakesNothing,
    /// Signed out, or signed in for too long.
    SignedOut,
}

impl Goodbye {
    fn frame(self) -> CloseFrame {
        let (code, reason) = match self {
            Self::Done => (1000, "done"),
            Self::Stopping => (1001, "gateway stopping"),
            Self::TakesNothing => (1008, "hubs take nothing"),
            Self::SignedOut => (4401, "signed out"),
        };
        CloseFrame { code, reason: reason.into() }
    }
}

/// Sends until there is no more, the visitor may not be here any more, the browser is gone or does not read, or `stop`.
pub(super) async fn run<S: Source>(
    mut socket: WebSocket,
    mut source: S,
    entered: &Entered,
    limits: HubLimits,
    stop: &CancellationToken,
) {
    let left = entered.left();
    tokio::pin!(left);
    let mut pings = interval_at(Instant::now() + limits.ping, limits.ping);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut awaits_pong = false;
    let goodbye = loop {
        let message = tokio::select! {
            biased;
            () = stop.cancelled() => break Goodbye::Stopping,
            () = &mut left => break Goodbye::SignedOut,
            received = socket.recv() => match received {
                Some(Ok(Message::Pong(_) | Message::Ping(_))) => {
                    awaits_pong = false;
                    continue;
                }
                Some(Ok(Message::Text(_) | Message::Binary(_))) => break Goodbye::TakesNothing,
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
            },
            _ = pings.tick() => {
                if awaits_pong {
                    return;
                }
                awaits_pong = true;
                Message::Ping(Bytes::new())
            }
            next = source.next() => match next {
                Some(text) => Message::Text(text),
                None => break Goodbye::Done,
            },
        };
        // Signing out and stopping end a hub at once, also one whose browser does not read.
        let sent = tokio::select! {
            sent = timeout(limits.write, socket.send(message)) => sent,
            () = stop.cancelled() => return,
            () = &mut left => return,
        };
        match sent {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return,
            Err(_) => {
                tracing::debug!(visitor = entered.visitor.name, "Hub ended: the browser does not read");
                return;
            }
        }
    };
    // Whoever does not take the goodbye does without.
    let _ = timeout(limits.write, socket.send(Message::Close(Some(goodbye.frame())))).await;
}
