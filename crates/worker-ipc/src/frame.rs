//! Frames: a little-endian u32 length and a protobuf message of that many bytes.
//!
//! A length of zero or above the limit is refused as soon as it is read, before anything is allocated for
//! it; what is allocated grows with what has arrived, not with what was announced.

use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use mxgateway_contracts::worker_v1::Envelope;
use prost::Message;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Bytes of the length in front of each message.
pub const PREFIX_BYTES: usize = 4;
/// Limit for a message when nothing else is configured: 16 MiB.
pub const DEFAULT_MAX_FRAME_BYTES: u32 = 16 * 1024 * 1024;

/// Room made for one read, in bytes.
const READ_BYTES: usize = 64 * 1024;
/// With less room than this between frames, a new buffer is begun.
const LEAST_READ_BYTES: usize = 2 * 1024;
/// A write buffer that grew beyond this for one large message is given back.
const KEPT_WRITE_BYTES: usize = 1024 * 1024;

/// Why a frame could not be read or written. After a failed read the connection is of no use any more.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// A frame always has content.
    #[error("frame has a length of zero")]
    Empty,
    /// The message is longer than both ends agreed on.
    #[error("frame of {length} bytes is over the limit of {limit} bytes")]
    TooLarge {
        /// Bytes of the message.
        length: u64,
        /// Bytes allowed.
        limit: u32,
    },
    /// The content is not the message expected here.
    #[error("frame content is malformed")]
    Malformed(#[source] prost::DecodeError),
    /// The peer went away in the middle of a frame.
    #[error("connection ended inside a frame, after {0} bytes of it")]
    Truncated(usize),
    /// The connection failed.
    #[error("connection failed")]
    Io(#[from] io::Error),
}

/// Cuts a stream of bytes into the contents of frames; no I/O.
#[derive(Debug)]
pub struct FrameDecoder {
    buffer: BytesMut,
    max_frame_bytes: u32,
}

impl FrameDecoder {
    /// A decoder that refuses contents of more than `max_frame_bytes`.
    pub fn new(max_frame_bytes: u32) -> Self {
        Self { buffer: BytesMut::new(), max_frame_bytes }
    }

    /// Takes the next bytes of the stream, cut anywhere.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Content of the next complete frame, a slice of the bytes read; `None` until there is one. After an
    /// error, the same error comes again.
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, FrameError> {
        let Some(length) = self.announced()? else { return Ok(None) };
        if self.buffer.len() - PREFIX_BYTES < length {
            return Ok(None);
        }
        self.buffer.advance(PREFIX_BYTES);
        Ok(Some(self.buffer.split_to(length).freeze()))
    }

    /// Bytes of a frame that is not complete yet.
    pub fn pending(&self) -> usize {
        self.buffer.len()
    }

    /// Length of the frame that begins here; `None` when the prefix is not complete.
    fn announced(&self) -> Result<Option<usize>, FrameError> {
        let Some(prefix) = self.buffer.first_chunk::<PREFIX_BYTES>() else { return Ok(None) };
        let length = u32::from_le_bytes(*prefix);
        if length == 0 {
            return Err(FrameError::Empty);
        }
        let too_large = FrameError::TooLarge { length: length.into(), limit: self.max_frame_bytes };
        match usize::try_from(length) {
            Ok(bytes) if length <= self.max_frame_bytes => Ok(Some(bytes)),
            Ok(_) | Err(_) => Err(too_large),
        }
    }

    /// Makes room for the next read. A large frame's buffer doubles as its bytes arrive, so announcing much
    /// and sending nothing costs the peer as much as us.
    fn make_room(&mut self) -> Result<(), FrameError> {
        let have = self.buffer.len();
        let missing = self.announced()?.map_or(LEAST_READ_BYTES, |length| PREFIX_BYTES + length - have);
        if self.buffer.capacity() - have < missing {
            self.buffer.reserve(if have < PREFIX_BYTES {
                READ_BYTES
            } else {
                missing.min(have.max(READ_BYTES))
            });
        }
        Ok(())
    }
}

/// Reads frames from a connection.
#[derive(Debug)]
pub struct FrameReader<R> {
    reader: R,
    decoder: FrameDecoder,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// A reader that refuses contents of more than `max_frame_bytes`.
    pub fn new(reader: R, max_frame_bytes: u32) -> Self {
        Self { reader, decoder: FrameDecoder::new(max_frame_bytes) }
    }

    /// The next envelope; `None` when the peer closed the connection between two frames. Bytes fields are
    /// slices of the read buffer, not copies. Cancel-safe: what has been read is kept for the next call.
    pub async fn read(&mut self) -> Result<Option<Envelope>, FrameError> {
        self.read_message().await
    }

    /// The next frame as another message; as [`FrameReader::read`] otherwise.
    pub async fn read_message<M: Message + Default>(&mut self) -> Result<Option<M>, FrameError> {
        loop {
            if let Some(frame) = self.decoder.next_frame()? {
                return M::decode(frame).map(Some).map_err(FrameError::Malformed);
            }
            self.decoder.make_room()?;
            if self.reader.read_buf(&mut self.decoder.buffer).await? == 0 {
                let pending = self.decoder.pending();
                return if pending == 0 { Ok(None) } else { Err(FrameError::Truncated(pending)) };
            }
        }
    }

    /// Changes the limit for the frames not yet taken; returns the one before.
    pub(crate) fn replace_max_frame_bytes(&mut self, max_frame_bytes: u32) -> u32 {
        std::mem::replace(&mut self.decoder.max_frame_bytes, max_frame_bytes)
    }
}

/// Writes frames to a connection: [`FrameWriter::queue`] any number of them, then [`FrameWriter::flush`].
#[derive(Debug)]
pub struct FrameWriter<W> {
    writer: W,
    buffer: BytesMut,
    max_frame_bytes: u32,
}

impl<W: AsyncWrite + Unpin> FrameWriter<W> {
    /// A writer that refuses messages of more than `max_frame_bytes`.
    pub fn new(writer: W, max_frame_bytes: u32) -> Self {
        Self { writer, buffer: BytesMut::new(), max_frame_bytes }
    }

    /// Sends one message.
    pub async fn write(&mut self, message: &impl Message) -> Result<(), FrameError> {
        self.queue(message)?;
        self.flush().await
    }

    /// Encodes a message behind those that wait for [`FrameWriter::flush`]. When it is refused as empty or
    /// too large, nothing was added and the writer goes on.
    pub fn queue(&mut self, message: &impl Message) -> Result<(), FrameError> {
        let length = message.encoded_len();
        if length == 0 {
            return Err(FrameError::Empty);
        }
        let limit = self.max_frame_bytes;
        let prefix = u32::try_from(length).ok().filter(|length| *length <= limit);
        let Some(prefix) = prefix else {
            return Err(FrameError::TooLarge { length: length as u64, limit });
        };
        self.buffer.reserve(PREFIX_BYTES + length);
        self.buffer.put_u32_le(prefix);
        message.encode_raw(&mut self.buffer);
        Ok(())
    }

    /// Bytes that wait for [`FrameWriter::flush`].
    pub fn queued_bytes(&self) -> usize {
        self.buffer.len()
    }

    /// Sends what is queued. Cancel-safe: what has not been sent stays queued.
    pub async fn flush(&mut self) -> Result<(), FrameError> {
        while self.buffer.has_remaining() {
            if self.writer.write_buf(&mut self.buffer).await? == 0 {
                return Err(FrameError::Io(io::ErrorKind::WriteZero.into()));
            }
        }
        if self.buffer.capacity() > KEPT_WRITE_BYTES {
            self.buffer = BytesMut::new();
        }
        Ok(self.writer.flush().await?)
    }

    /// Sends what is queued and closes the writing side, so that the peer reads a clean end.
    pub async fn close(mut self) -> Result<(), FrameError> {
        self.flush().await?;
        Ok(self.writer.shutdown().await?)
    }

    #[cfg(test)]
    pub(crate) fn into_inner(self) -> W {
        self.writer
    }
}

#[cfg(test)]
mod tests;
