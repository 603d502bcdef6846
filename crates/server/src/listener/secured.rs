//! From an accepted connection to one that requests come over.

use std::net::SocketAddr;

use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;

use crate::tls::Tls;

/// The connection that a request came over; in the extensions of each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ConnectionInfo {
    /// Address of the other end.
    pub(crate) peer: SocketAddr,
    /// The connection has TLS.
    pub(crate) encrypted: bool,
    /// The peer has shown a certificate that is trusted.
    pub(crate) client_certificate: bool,
}

/// Makes a connection secure, when it has to be. `None` when there is nothing to be served: it ended, did not speak TLS,
/// or `stop` came.
pub(crate) async fn secured(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<&Tls>,
    stop: &CancellationToken,
) -> Option<(Either<TcpStream, TlsStream<TcpStream>>, ConnectionInfo)> {
    // What is live is small and must not wait for more.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "Connection ended at once");
        return None;
    }
    let Some(tls) = tls else {
        let info = ConnectionInfo { peer, encrypted: false, client_certificate: false };
        return Some((Either::Left(stream), info));
    };
    match stop.run_until_cancelled(Box::pin(tls.accept(stream))).await? {
        Ok(stream) => {
            let client_certificate = stream.get_ref().1.peer_certificates().is_some();
            Some((Either::Right(stream), ConnectionInfo { peer, encrypted: true, client_certificate }))
        }
        // Mistaken clients and port scanners end here; nothing is wrong with the gateway.
        Err(error) => {
            tracing::debug!(%peer, %error, "Connection ended in the TLS handshake");
            None
        }
    }
}
