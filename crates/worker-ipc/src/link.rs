//! Envelopes on a connection: both ends number theirs from 1 and name the session, and check that the other
//! does.

use mxgateway_contracts::worker_v1::{Envelope, envelope::Body};
use tokio::io::{AsyncRead, AsyncWrite, ReadHalf, WriteHalf};

use crate::frame::{FrameError, FrameReader, FrameWriter};
use crate::transport::Connection;

/// Characters of a foreign session id that an error repeats.
const SHOWN_ID_CHARS: usize = 64;

/// Why the link is of no use any more. Only a refusal by [`LinkWriter::queue`] leaves it in order.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// No frame could be read or written.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The envelope names another session.
    #[error("envelope is for session {found:?}, not {expected:?}")]
    SessionMismatch {
        /// The session of this link.
        expected: String,
        /// The session in the envelope, cut when it is long.
        found: String,
    },
    /// Envelopes are missing or repeated.
    #[error("envelope has sequence {found} where {expected} follows")]
    OutOfOrder {
        /// The sequence that follows.
        expected: u64,
        /// The sequence in the envelope.
        found: u64,
    },
    /// The envelope has no body, or one newer than this build.
    #[error("envelope {0} has no body that this build knows")]
    NoBody(u64),
}

/// An envelope that passed the checks.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// Joins it to what it answers; 0 when there is nothing.
    pub call_id: u64,
    /// What it says.
    pub body: Body,
}

/// The name of a body in the protocol, for errors and logs.
pub fn body_name(body: &Body) -> &'static str {
    match body {
        Body::GatewayHello(_) => "GatewayHello",
        Body::WorkerHello(_) => "WorkerHello",
        Body::GatewayProof(_) => "GatewayProof",
        Body::WorkerReady(_) => "WorkerReady",
        Body::StartEvents(_) => "StartEvents",
        Body::Command(_) => "Command",
        Body::Cancel(_) => "Cancel",
        Body::Shutdown(_) => "Shutdown",
        Body::OutliveGateway(_) => "OutliveGateway",
        Body::CommandReply(_) => "CommandReply",
        Body::EventBatch(_) => "EventBatch",
        Body::EventLoss(_) => "EventLoss",
        Body::Heartbeat(_) => "Heartbeat",
        Body::Fault(_) => "WorkerFault",
        Body::ShutdownAcknowledgement(_) => "ShutdownAcknowledgement",
    }
}

/// Makes both halves of a link over a connection.
pub fn split(
    connection: Connection,
    session_id: &str,
    max_frame_bytes: u32,
) -> (LinkReader<ReadHalf<Connection>>, LinkWriter<WriteHalf<Connection>>) {
    let (reader, writer) = tokio::io::split(connection);
    (
        LinkReader::new(FrameReader::new(reader, max_frame_bytes), session_id),
        LinkWriter::new(FrameWriter::new(writer, max_frame_bytes), session_id),
    )
}

/// The reading half of a link.
#[derive(Debug)]
pub struct LinkReader<R> {
    frames: FrameReader<R>,
    session_id: String,
    last_sequence: u64,
}

impl<R: AsyncRead + Unpin> LinkReader<R> {
    /// A link of the session, before the first envelope.
    pub fn new(frames: FrameReader<R>, session_id: &str) -> Self {
        Self { frames, session_id: session_id.to_owned(), last_sequence: 0 }
    }

    /// The next envelope, checked; `None` when the peer closed the connection. Cancel-safe.
    pub async fn read(&mut self) -> Result<Option<Received>, LinkError> {
        match self.frames.read().await? {
            Some(envelope) => self.check(envelope).map(Some),
            None => Ok(None),
        }
    }

    /// The session of this link.
    pub fn session_id(&self) -> &str {
        &self.session_id
    }

    /// Changes the limit for the frames not yet taken; returns the one before.
    pub(crate) fn replace_max_frame_bytes(&mut self, max_frame_bytes: u32) -> u32 {
        self.frames.replace_max_frame_bytes(max_frame_bytes)
    }

    fn check(&mut self, envelope: Envelope) -> Result<Received, LinkError> {
        let Envelope { session_id, sequence, call_id, body } = envelope;
        if session_id != self.session_id {
            let found = session_id.chars().take(SHOWN_ID_CHARS).collect();
            return Err(LinkError::SessionMismatch { expected: self.session_id.clone(), found });
        }
        let expected = self.last_sequence.saturating_add(1);
        if sequence != expected {
            return Err(LinkError::OutOfOrder { expected, found: sequence });
        }
        self.last_sequence = sequence;
        Ok(Received { call_id, body: body.ok_or(LinkError::NoBody(sequence))? })
    }
}

/// The writing half of a link.
#[derive(Debug)]
pub struct LinkWriter<W> {
    frames: FrameWriter<W>,
    session_id: String,
    last_sequence: u64,
}

impl<W: AsyncWrite + Unpin> LinkWriter<W> {
    /// A link of the session, before the first envelope.
    pub fn new(frames: FrameWriter<W>, session_id: &str) -> Self {
        Self { frames, session_id: session_id.to_owned(), last_sequence: 0 }
    }

    /// Sends one envelope with the next sequence; `call_id` is 0 when it answers and asks nothing.
    pub async fn send(&mut self, call_id: u64, body: Body) -> Result<(), LinkError> {
        self.queue(call_id, body)?;
        self.flush().await
    }

    /// Encodes an envelope with the next sequence behind those that wait for [`LinkWriter::flush`]. When it
    /// is refused as too large, it took no sequence and the link goes on.
    pub fn queue(&mut self, call_id: u64, body: Body) -> Result<(), LinkError> {
        let sequence = self.last_sequence.saturating_add(1);
        let envelope = Envelope { session_id: self.session_id.clone(), sequence, call_id, body: Some(body) };
        self.frames.queue(&envelope)?;
        self.last_sequence = sequence;
        Ok(())
    }

    /// Bytes that wait for [`LinkWriter::flush`].
    pub fn queued_bytes(&self) -> usize {
        self.frames.queued_bytes()
    }

    /// Sends what is queued. Cancel-safe: what has not been sent stays queued.
    pub async fn flush(&mut self) -> Result<(), LinkError> {
        Ok(self.frames.flush().await?)
    }

    /// Sends what is queued and closes the writing side.
    pub async fn close(self) -> Result<(), LinkError> {
        Ok(self.frames.close().await?)
    }
}

#[cfg(test)]
mod tests {
    use mxgateway_contracts::worker_v1::{Cancel, Command, Shutdown};

    use super::*;

    type Wire = std::io::Cursor<Vec<u8>>;

    fn reader(envelopes: &[Envelope]) -> LinkReader<Wire> {
        use prost::Message;
        let mut bytes = Vec::new();
        for envelope in envelopes {
            let content = envelope.encode_to_vec();
            bytes.extend(u32::try_from(content.len()).unwrap().to_le_bytes());
            bytes.extend(content);
        }
        LinkReader::new(FrameReader::new(Wire::new(bytes), 4096), "session-a")
    }

    fn envelope(session_id: &str, sequence: u64) -> Envelope {
        Envelope {
            session_id: session_id.to_owned(),
            sequence,
            call_id: 7,
            body: Some(Body::Cancel(Cancel {})),
        }
    }

    #[tokio::test]
    async fn what_one_half_sends_the_other_takes() {
        let mut writer = LinkWriter::new(FrameWriter::new(Wire::default(), 4096), "session-a");
        writer.queue(1, Body::Command(Command::default())).unwrap();
        writer.queue(1, Body::Cancel(Cancel {})).unwrap();
        writer.send(0, Body::Shutdown(Shutdown::default())).await.unwrap();
        assert_eq!(writer.queued_bytes(), 0);
        let mut wire = writer.frames.into_inner();
        wire.set_position(0);

        let mut reader = LinkReader::new(FrameReader::new(wire, 4096), "session-a");
        let mut received = Vec::new();
        while let Some(envelope) = reader.read().await.unwrap() {
            received.push((envelope.call_id, envelope.body));
        }
        let expected = vec![
            (1, Body::Command(Command::default())),
            (1, Body::Cancel(Cancel {})),
            (0, Body::Shutdown(Shutdown::default())),
        ];
        assert_eq!(received, expected);
    }

    #[tokio::test]
    async fn a_refused_envelope_takes_no_sequence() {
        let mut writer = LinkWriter::new(FrameWriter::new(Wire::default(), 64), "session-a");
        let large = Command { request_id: "r".repeat(64), ..Command::default() };
        let error = writer.queue(1, Body::Command(large)).unwrap_err();
        assert!(matches!(error, LinkError::Frame(FrameError::TooLarge { limit: 64, .. })), "{error}");
        writer.send(2, Body::Cancel(Cancel {})).await.unwrap();
        let mut wire = writer.frames.into_inner();
        wire.set_position(0);
        let mut reader = LinkReader::new(FrameReader::new(wire, 64), "session-a");
        assert_eq!(reader.read().await.unwrap().map(|received| received.call_id), Some(2));
    }

    #[tokio::test]
    async fn envelopes_that_do_not_belong_here_are_refused() {
        let no_body = Envelope { body: None, ..envelope("session-a", 1) };
        let long = "x".repeat(200);
        let shown = "x".repeat(SHOWN_ID_CHARS);
        let cases = [
            (
                vec![envelope("session-b", 1)],
                "envelope is for session \"session-b\", not \"session-a\"".to_owned(),
            ),
            (vec![envelope(&long, 1)], format!("envelope is for session {shown:?}, not \"session-a\"")),
            (vec![envelope("session-a", 0)], "envelope has sequence 0 where 1 follows".to_owned()),
            (vec![envelope("session-a", 1); 2], "envelope has sequence 1 where 2 follows".to_owned()),
            (
                vec![envelope("session-a", 1), envelope("session-a", 3)],
                "envelope has sequence 3 where 2 follows".to_owned(),
            ),
            (vec![no_body], "envelope 1 has no body that this build knows".to_owned()),
        ];
        for (envelopes, expected) in cases {
            let mut reader = reader(&envelopes);
            for _ in 1..envelopes.len() {
                reader.read().await.unwrap();
            }
            assert_eq!(reader.read().await.unwrap_err().to_string(), expected);
        }
    }
}
