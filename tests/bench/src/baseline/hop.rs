//! What a command round trip cannot do without: a bare tonic unary echo, alone and with one hop over a Unix
//! socket to another process and back.

use std::convert::Infallible;
use std::io::{Read as _, Write as _};
use std::marker::PhantomData;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use anyhow::Context;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::uri::PathAndQuery;
use mxgateway_contracts::v1::{PingCommand, PingReply};
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::Mutex;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tonic::{Request, Response, Status};

use super::tonic::{LISTENING, Running};
use crate::codec::{BytesCodec, ReadCodec};
use crate::process::Process;

const SOCKET: &str = "hop.sock";
/// Answered by the server itself.
pub(crate) const ECHO: &str = "/bench.Hop/Echo";
/// Answered by the process behind the socket.
pub(crate) const HOP: &str = "/bench.Hop/Hop";

/// Both methods.
#[derive(Clone)]
struct Service(Arc<Mutex<UnixStream>>);

impl NamedService for Service {
    const NAME: &'static str = "bench.Hop";
}

impl tower::Service<http::Request<tonic::body::Body>> for Service {
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        let worker = (request.uri().path() == HOP).then(|| Arc::clone(&self.0));
        Box::pin(async move { Ok(Grpc::new(BytesCodec::default()).unary(Method(worker), request).await) })
    }
}

struct Method(Option<Arc<Mutex<UnixStream>>>);

impl UnaryService<PingCommand> for Method {
    type Response = Bytes;
    type Future = BoxFuture<'static, Result<Response<Bytes>, Status>>;

    fn call(&mut self, request: Request<PingCommand>) -> Self::Future {
        let worker = self.0.take();
        Box::pin(async move {
            let message = request.into_inner().encode_to_vec();
            let answer = match worker {
                None => message,
                Some(worker) => through(&mut *worker.lock().await, &message)
                    .await
                    .map_err(|error| Status::internal(error.to_string()))?,
            };
            // A PingCommand and a PingReply are the same on the wire.
            Ok(Response::new(answer.into()))
        })
    }
}

/// Frames as the gateway has them: a length and bytes.
async fn through(worker: &mut UnixStream, message: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut frame = u32::try_from(message.len())?.to_le_bytes().to_vec();
    frame.extend(message);
    worker.write_all(&frame).await?;
    let length = usize::try_from(worker.read_u32_le().await?)?;
    let mut answer = vec![0; length];
    worker.read_exact(&mut answer).await?;
    Ok(answer)
}

/// The server's process.
#[expect(clippy::print_stdout, reason = "the parent waits for it")]
pub(crate) async fn run_server() -> anyhow::Result<()> {
    let workers = UnixListener::bind(SOCKET)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{LISTENING}{}", listener.local_addr()?);
    let (worker, _) = workers.accept().await?;
    Server::builder()
        .add_service(Service(Arc::new(Mutex::new(worker))))
        .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)))
        .await?;
    Ok(())
}

/// The process behind the socket: sends back what comes.
pub(crate) fn run_worker() -> anyhow::Result<()> {
    let mut server = std::os::unix::net::UnixStream::connect(SOCKET).context("no server")?;
    let mut frame = Vec::new();
    loop {
        let mut length = [0; 4];
        if server.read_exact(&mut length).is_err() {
            // The server's process is gone; this is how it ends.
            return Ok(());
        }
        frame.clear();
        frame.extend(length);
        frame.resize(4 + usize::try_from(u32::from_le_bytes(length))?, 0);
        server.read_exact(&mut frame[4..])?;
        server.write_all(&frame)?;
    }
}

/// Starts both processes.
pub(crate) async fn start(folder: &Path) -> anyhow::Result<Running> {
    let program = std::env::current_exe()?;
    let mut server = Process::start(&program, ["hop-server"], folder)?;
    let address = server.says(LISTENING, folder).await?;
    let worker = Process::start(&program, ["hop-worker"], folder)?;
    Ok(Running { processes: vec![server, worker], address })
}

/// Calls a method; gives the message that came back.
pub(crate) async fn call(channel: &Channel, path: &'static str, message: &str) -> anyhow::Result<String> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await?;
    let codec = ReadCodec { read: read_reply, request: PhantomData };
    let request = Request::new(PingCommand { message: message.to_owned() });
    let reply = client.unary(request, PathAndQuery::from_static(path), codec).await?;
    Ok(reply.into_inner().message)
}

fn read_reply(bytes: &[u8]) -> anyhow::Result<PingReply> {
    Ok(PingReply::decode(bytes)?)
}
