//! Accepting connections.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};

/// The next connection, which no worker gets to see.
#[cfg(not(windows))]
pub(crate) async fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    listener.accept().await
}

/// The next connection, which no worker gets to see.
#[cfg(windows)]
pub(crate) async fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    use std::task::Poll;

    use mxgateway_win::inheritance;

    std::future::poll_fn(|context| {
        let (accepted, marked) = inheritance::accepted(
            || listener.poll_accept(context),
            |accepted| match accepted {
                Poll::Ready(Ok((stream, _))) => Some(stream),
                Poll::Ready(Err(_)) | Poll::Pending => None,
            },
        );
        accepted.map(|accepted| marked.and(accepted))
    })
    .await
}
