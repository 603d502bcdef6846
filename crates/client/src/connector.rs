//! Makes connections, and notes why they fail where HTTP/2 would only say that they do.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::transport::{Channel, Endpoint, Uri};
use tower::{BoxError, Service as _};

use crate::tls::{Secure, TlsProblem};

/// First bytes of an alert of TLS, which is how its speakers answer plain HTTP.
const TLS_ALERT: [u8; 2] = [21, 3];

/// What the last connection failed with, of those on which the peer said anything; `None` when it did not fail for
/// TLS. Kept, because the next connection may be under way already when the caller hears of the failure.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trouble(Arc<Mutex<Option<TlsProblem>>>);

impl Trouble {
    pub(crate) fn seen(&self) -> Option<TlsProblem> {
        self.0.lock().clone()
    }
}

/// A channel that connects when it is used. `settings` get the limits; `target` is where it goes.
pub(crate) fn channel(
    target: Uri,
    secure: Option<Secure>,
    settings: impl FnOnce(Endpoint) -> Endpoint,
) -> (Channel, Trouble) {
    let trouble = Trouble::default();
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    // TLS is made here: the library's own hides what fails after its handshake.
    let endpoint = settings(Endpoint::from(plain(&target)).origin(target.clone()));
    let connector = tower::service_fn({
        let trouble = trouble.clone();
        move |_: Uri| {
            let (mut tcp, target) = (tcp.clone(), target.clone());
            let (secure, trouble) = (secure.clone(), trouble.clone());
            async move {
                let stream = tcp.call(target).await?.into_inner();
                let stream: Box<dyn Stream> = match secure {
                    None => Box::new(stream),
                    Some(secure) => match secure.connect(stream).await {
                        Ok(stream) => Box::new(stream),
                        Err(error) => return Err(TlsProblem::of(&error).map_or(error.into(), BoxError::from)),
                    },
                };
                Ok::<_, BoxError>(TokioIo::new(Watched { stream, fresh: true, failed: None, trouble }))
            }
        }
    });
    (endpoint.connect_with_connector_lazy(connector), trouble)
}

/// The URL without TLS.
fn plain(target: &Uri) -> Uri {
    let authority = target.authority().map_or("", |authority| authority.as_str());
    Uri::builder().scheme("http").authority(authority).path_and_query("/").build().unwrap_or_default()
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection, watched until something was read from it: a peer that refuses our TLS, or our lack of it, says
/// so first thing.
struct Watched {
    stream: Box<dyn Stream>,
    fresh: bool,
    /// What sending failed with.
    failed: Option<io::Error>,
    trouble: Trouble,
}

impl Watched {
    fn look(&mut self, read: Result<&[u8], &io::Error>) {
        self.fresh = false;
        let problem = match read {
            Ok([]) => return,
            Ok(first) => first.starts_with(&TLS_ALERT).then_some(TlsProblem::Required),
            Err(error) => match TlsProblem::of(error) {
                None => return,
                problem => problem,
            },
        };
        *self.trouble.0.lock() = problem;
    }

    /// Where sending fails nobody reads any more, so what the peer has said is waited for here. It comes: at
    /// the least, reading fails as well.
    fn poll_written<T>(
        &mut self,
        context: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut dyn Stream>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if self.failed.is_none() {
            match ready!(write(Pin::new(&mut *self.stream), context)) {
                Err(error) if self.fresh => self.failed = Some(error),
                result => return Poll::Ready(result),
            }
        }
        if self.fresh {
            let mut bytes = [0; 64];
            let mut buffer = ReadBuf::new(&mut bytes);
            let read = ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer));
            self.look(read.as_ref().map(|()| buffer.filled()));
        }
        let error = self.failed.take().unwrap_or_else(|| io::ErrorKind::BrokenPipe.into());
        Poll::Ready(Err(error))
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut self.stream).poll_read(context, buffer));
        if !self.fresh {
            return Poll::Ready(read);
        }
        match read {
            Ok(()) => {
                self.look(Ok(&buffer.filled()[before..]));
                Poll::Ready(Ok(()))
            }
            Err(error) => {
                self.look(Err(&error));
                Poll::Ready(Err(error))
            }
        }
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_written(context, |stream, context| stream.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_written(context, |stream, context| stream.poll_write_vectored(context, bytes))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_written(context, |stream, context| stream.poll_flush(context))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
