//! Bare tonic: a server that streams bytes it has already, one event a message. What gRPC itself can do.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::path::Path;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Instant;

use anyhow::Context;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tonic::server::{Grpc, NamedService, ServerStreamingService};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use crate::codec::BytesCodec;
use crate::gateway::{connect, stream as call};
use crate::process::Process;
use crate::progress::{finish, rate};
use crate::wire;

const PATH: &str = "/bench.Baseline/Stream";
/// What a baseline says when it can be connected to.
pub(crate) const LISTENING: &str = "listening on ";
/// Events that are made before they are sent.
const READY_MADE: u64 = 1024;

/// Asks for a number of events.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct Order {
    #[prost(uint64, tag = "1")]
    pub(crate) events: u64,
}

/// Where a baseline server's events come from.
pub(crate) trait Source: Send + Sync + 'static {
    fn stream(self: Arc<Self>, events: u64) -> BoxStream<'static, Result<Bytes, Status>>;
}

/// One method, without generated code.
struct Baseline<S>(Arc<S>);

impl<S> Clone for Baseline<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S> NamedService for Baseline<S> {
    const NAME: &'static str = "bench.Baseline";
}

impl<S: Source> tower::Service<http::Request<tonic::body::Body>> for Baseline<S> {
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        let method = self.clone();
        Box::pin(async move { Ok(Grpc::new(BytesCodec::default()).server_streaming(method, request).await) })
    }
}

impl<S: Source> ServerStreamingService<Order> for Baseline<S> {
    type Response = Bytes;
    type ResponseStream = BoxStream<'static, Result<Bytes, Status>>;
    type Future = Ready<Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<Order>) -> Self::Future {
        let events = Arc::clone(&self.0).stream(request.into_inner().events);
        ready(Ok(Response::new(events)))
    }
}

/// Serves until the process ends.
#[expect(clippy::print_stdout, reason = "the parent waits for it")]
pub(crate) async fn serve(source: impl Source) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{LISTENING}{}", listener.local_addr()?);
    Server::builder()
        .initial_stream_window_size(4 << 20)
        .initial_connection_window_size(8 << 20)
        .add_service(Baseline(Arc::new(source)))
        .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)))
        .await?;
    Ok(())
}

struct ReadyMade(Vec<Bytes>);

impl Source for ReadyMade {
    fn stream(self: Arc<Self>, events: u64) -> BoxStream<'static, Result<Bytes, Status>> {
        let events = (0..events).map(move |number| {
            let index = usize::try_from(number % READY_MADE).unwrap_or_default();
            Ok(self.0[index].clone())
        });
        stream::iter(events).boxed()
    }
}

/// The server process.
pub(crate) async fn run(event: Vec<u8>) -> anyhow::Result<()> {
    serve(ReadyMade((0..READY_MADE).map(|_| Bytes::from(event.clone())).collect())).await
}

/// A started baseline server.
pub(crate) struct Running {
    pub(crate) processes: Vec<Process>,
    pub(crate) address: String,
}

/// Starts the server process.
pub(crate) async fn start(event: &str, folder: &Path) -> anyhow::Result<Running> {
    let program = std::env::current_exe()?;
    let mut process = Process::start(&program, ["bare-server", "--event", event], folder)?;
    let address = process.says(LISTENING, folder).await?;
    Ok(Running { processes: vec![process], address })
}

impl Running {
    /// Deliveries per second to `subscribers`, each on a connection of its own.
    pub(crate) async fn measure(&self, subscribers: usize, events: u64) -> anyhow::Result<f64> {
        let mut channels = Vec::new();
        for _ in 0..subscribers {
            channels.push(connect(&self.address).await?);
        }
        let began = Instant::now();
        let mut readers = JoinSet::new();
        for channel in channels {
            readers.spawn(async move {
                let mut items = call(channel, PATH, Order { events }, wire::count_one).await?;
                let mut count = 0;
                while count < events {
                    count += items.message().await?.context("a stream ended")?.events;
                }
                Ok(())
            });
        }
        let time = finish(readers).await?.duration_since(began);
        Ok(rate(events * subscribers as u64, time))
    }
}
