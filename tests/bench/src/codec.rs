//! gRPC codecs: requests are protobuf, messages are read by a function, and sent as the bytes they are.

use std::marker::PhantomData;

use bytes::{Buf, BufMut, Bytes};
use prost::Message;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

/// Reads one message.
pub(crate) type Read<T> = fn(&[u8]) -> anyhow::Result<T>;

/// A client's codec.
pub(crate) struct ReadCodec<Q, T> {
    pub(crate) read: Read<T>,
    pub(crate) request: PhantomData<fn() -> Q>,
}

impl<Q, T> Codec for ReadCodec<Q, T>
where
    Q: Message + Send + 'static,
    T: Send + 'static,
{
    type Encode = Q;
    type Decode = T;
    type Encoder = EncodeMessage<Q>;
    type Decoder = ReadMessage<T>;

    fn encoder(&mut self) -> Self::Encoder {
        EncodeMessage(self.request)
    }

    fn decoder(&mut self) -> Self::Decoder {
        ReadMessage(self.read)
    }
}

pub(crate) struct EncodeMessage<Q>(PhantomData<fn() -> Q>);

impl<Q: Message> Encoder for EncodeMessage<Q> {
    type Item = Q;
    type Error = Status;

    fn encode(&mut self, item: Q, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        item.encode(buffer).map_err(|error| Status::internal(error.to_string()))
    }
}

pub(crate) struct ReadMessage<T>(Read<T>);

impl<T> Decoder for ReadMessage<T> {
    type Item = T;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<T>, Status> {
        let length = buffer.remaining();
        let read = if buffer.chunk().len() == length {
            (self.0)(buffer.chunk())
        } else {
            (self.0)(&buffer.copy_to_bytes(length))
        };
        buffer.advance(buffer.remaining());
        read.map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}

/// A baseline server's codec.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BytesCodec<Q>(PhantomData<fn() -> Q>);

impl<Q: Message + Default + Send + 'static> Codec for BytesCodec<Q> {
    type Encode = Bytes;
    type Decode = Q;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self(PhantomData)
    }

    fn decoder(&mut self) -> Self {
        Self(PhantomData)
    }
}

impl<Q> Encoder for BytesCodec<Q> {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl<Q: Message + Default> Decoder for BytesCodec<Q> {
    type Item = Q;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Q>, Status> {
        Q::decode(buffer).map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}
