//! StreamEvents: a subscription's elements as stream items.

use std::time::Duration;

use futures_util::Stream;
use mxgateway_contracts::error_code::ErrorCode;
use mxgateway_contracts::stream_item::{EncodedStreamItem, retained};
use mxgateway_contracts::time::wire_duration;
use mxgateway_contracts::v1::stream_item::Control;
use mxgateway_contracts::v1::{self, StreamEndReason, StreamItem};
use mxgateway_session::{SessionId, StreamElement, Subscription};
use mxgateway_session_core::event::{Event, EventTaker, Payload, Position};
use mxgateway_session_core::lifecycle::CloseReason;
use mxgateway_session_core::session::EndReason;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::convert;

/// When a client whose stream ended without its fault may come back.
const COME_BACK: Duration = Duration::from_secs(1);

/// Everything the subscription has to say, and then the gRPC status.
pub(super) fn items(
    mut subscription: Subscription,
    session_id: SessionId,
    key_ended: CancellationToken,
) -> impl Stream<Item = Result<EncodedStreamItem, Status>> + Send + 'static {
    async_stream::stream! {
        loop {
            let element = tokio::select! {
                biased;
                () = key_ended.cancelled() => Err(subscription.position()),
                element = subscription.next_as::<Pieces>() => Ok(element),
            };
            let element = match element {
                Ok(Some(element)) => element,
                Ok(None) => break,
                Err(last) => {
                    tracing::info!(%session_id, last_sequence = last.sequence, "Event stream ended with its key");
                    let (end, status) = key_end(last);
                    yield Ok(control(Control::End(end)));
                    yield Err(status);
                    break;
                }
            };
            match element {
                StreamElement::Retained(pieces) | StreamElement::Events(pieces) => yield Ok(pieces.into()),
                StreamElement::Start(start) => yield Ok(control(Control::Start(convert::start(start)))),
                StreamElement::Gap(gap) => yield Ok(control(Control::Gap(convert::gap(gap)))),
                StreamElement::Bookmark(position) => yield Ok(control(Control::Bookmark(v1::Bookmark {
                    position: Some(convert::position(position)),
                }))),
                StreamElement::End { reason, last } => {
                    tracing::info!(%session_id, last_sequence = last.sequence, ?reason, "Event stream ended");
                    let (end, status) = end(&reason, last, session_id);
                    yield Ok(control(Control::End(end)));
                    if let Some(status) = status {
                        yield Err(status);
                    }
                }
            }
        }
    }
}

/// Records of events, with neighbours in memory joined: most runs are one or two pieces.
#[derive(Debug, Default)]
struct Pieces(Vec<Payload>);

impl EventTaker for Pieces {
    fn event(&mut self, event: &Event) {
        let joined = self.0.last_mut().is_some_and(|last| last.append(&event.payload));
        if !joined {
            self.0.push(event.payload.clone());
        }
    }

    fn retained(&mut self, event: &Event) {
        self.0.push(retained(&event.payload).into());
    }
}

impl From<Pieces> for EncodedStreamItem {
    fn from(Pieces(pieces): Pieces) -> Self {
        Self::Events(pieces.into_iter().map(Payload::into_bytes).collect())
    }
}

fn control(control: Control) -> EncodedStreamItem {
    StreamItem { events: Vec::new(), control: Some(control) }.into()
}

/// The last item of a stream whose key is good no more, and the status.
fn key_end(last: Position) -> (v1::StreamEnd, Status) {
    let status =
        ErrorCode::Unauthenticated.status("the API key was revoked, rotated or deleted, or has expired", &[]);
    let end = v1::StreamEnd {
        reason: StreamEndReason::KeyRevoked.into(),
        last_position: Some(convert::position(last)),
        retry_after: None,
        message: status.message().to_owned(),
    };
    (end, status)
}

/// The last item, and the status unless the stream ended as it should.
fn end(reason: &EndReason, last: Position, session_id: SessionId) -> (v1::StreamEnd, Option<Status>) {
    let id = session_id.to_string();
    let sequence = last.sequence.to_string();
    let subject = [("session_id", id.as_str()), ("last_sequence", sequence.as_str())];
    let (wire, retry_after, status) = match reason {
        EndReason::SlowReader => (
            StreamEndReason::SlowReader,
            Some(Duration::ZERO),
            Some(ErrorCode::SlowSubscriber.status(
                format!("the subscriber did not keep up and was cut after event {sequence} (events.queue_capacity)"),
                &subject,
            )),
        ),
        EndReason::Faulted(fault) => (
            StreamEndReason::SessionFaulted,
            None,
            Some(ErrorCode::SessionFaulted.status(format!("session {id} is faulted: {fault}"), &subject)),
        ),
        EndReason::Closed(CloseReason::GatewayShutdown) => (
            StreamEndReason::GatewayShutdown,
            Some(COME_BACK),
            Some(ErrorCode::GatewayStopping.retryable_status("the gateway is stopping", &subject, COME_BACK)),
        ),
        EndReason::Closed(CloseReason::LeaseExpired | CloseReason::DetachGraceExpired) => {
            (StreamEndReason::LeaseExpired, None, None)
        }
        EndReason::Closed(CloseReason::ClientClose | CloseReason::Administrator) => {
            (StreamEndReason::SessionClosed, None, None)
        }
    };
    let message = status.as_ref().map_or_else(String::new, |status| status.message().to_owned());
    let end = v1::StreamEnd {
        reason: wire.into(),
        last_position: Some(convert::position(last)),
        retry_after: retry_after.map(wire_duration),
        message,
    };
    (end, status)
}
