//! The gateway's codec: prost, with buffers that fit streams which are quiet most of the time.

use std::marker::PhantomData;

use prost::Message;
use tonic::Status;
use tonic::codec::{BufferSettings, Codec, EncodeBuf, Encoder};
use tonic_prost::{ProstCodec, ProstDecoder};

/// What a stream holds on to while nothing is sent; the library's default is 8 KiB.
const IDLE_BUFFER_BYTES: usize = 256;
/// Ready messages are sent together up to this size.
const YIELD_THRESHOLD_BYTES: usize = 32 << 10;

/// See the module's documentation.
#[derive(Clone, Copy, Debug)]
pub struct GatewayCodec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for GatewayCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for GatewayCodec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = GatewayEncoder<T>;
    type Decoder = ProstDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        GatewayEncoder(PhantomData)
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstCodec::<T, U>::raw_decoder(BufferSettings::default())
    }
}

/// Encodes into memory of the right size at once.
#[derive(Clone, Copy, Debug)]
pub struct GatewayEncoder<T>(PhantomData<T>);

impl<T: Message> Encoder for GatewayEncoder<T> {
    type Item = T;
    type Error = Status;

    fn encode(&mut self, item: T, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.reserve(item.encoded_len());
        item.encode_raw(buffer);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(IDLE_BUFFER_BYTES, YIELD_THRESHOLD_BYTES)
    }
}
