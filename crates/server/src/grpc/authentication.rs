//! The front door: no request gets past it without a key that is good for its RPC, but those that ask for health.

use std::net::IpAddr;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use http::{HeaderMap, Request, Response, header};
use mxgateway_auth::action::{Action, Rpc};
use mxgateway_auth::authorize::Resource;
use mxgateway_auth::verifier::{RefusalAnswer, Verifier};
use mxgateway_contracts::error_code::ErrorCode;
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use super::door::{Door, Subject, Visitor};
use super::validate;
use crate::listener::ConnectionInfo;

/// Names the request in the audit trail, when the request itself has no such field.
const CORRELATION_HEADER: &str = "x-correlation-id";

/// See the module's documentation.
#[derive(Clone, Debug)]
pub(crate) struct AuthenticationLayer {
    verifier: Verifier,
    door: Door,
}

impl AuthenticationLayer {
    pub(crate) fn new(verifier: Verifier, door: Door) -> Self {
        Self { verifier, door }
    }

    /// Lets a request in, or says why not.
    pub(crate) async fn enter(
        &self,
        path: &str,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
    ) -> Result<Option<Visitor>, Status> {
        match Action::of_rpc(path) {
            Rpc::Open => Ok(None),
            Rpc::Action(action) => self.enter_as(action, path, headers, peer).await.map(Some),
            Rpc::Invoke => self.identify(path, headers, peer).await.map(Some),
        }
    }

    /// Lets in a request that is for this action, or says why not; `path` is for the audit trail.
    pub(crate) async fn enter_as(
        &self,
        action: Action,
        path: &str,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
    ) -> Result<Visitor, Status> {
        let visitor = self.identify(path, headers, peer).await?;
        // An RPC that nobody has mapped is not for everybody. What its request is about is looked at later.
        self.door.check(&visitor, action, &Resource::Gateway, Subject::default())?;
        Ok(visitor)
    }

    async fn identify(
        &self,
        path: &str,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
    ) -> Result<Visitor, Status> {
        let authorization =
            headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or_default());
        let caller = self.verifier.verify(authorization, peer).await.map_err(|refusal| {
            self.door.refused(&refusal, path, peer);
            refused(refusal.answer())
        })?;
        Ok(Visitor::new(caller, peer, correlation_id(headers)))
    }
}

fn refused(answer: RefusalAnswer) -> Status {
    match answer {
        RefusalAnswer::Unauthenticated => unauthenticated(),
        RefusalAnswer::ResourceExhausted { retry_after } => ErrorCode::TooManyAttempts.retryable_status(
            "too many failed attempts from this address",
            &[],
            retry_after,
        ),
        RefusalAnswer::Unavailable => ErrorCode::KeyStoreUnavailable.retryable_status(
            "the key store does not answer, so that the key cannot be verified",
            &[],
            super::errors::SOON,
        ),
    }
}

/// The same words whatever is wrong with the key: which it is would help somebody who tries keys.
fn unauthenticated() -> Status {
    ErrorCode::Unauthenticated
        .status("a valid API key is needed: authorization: Bearer mxgw_<key id>_<secret>", &[])
}

fn correlation_id(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(CORRELATION_HEADER)?.to_str().ok()?;
    validate::name(CORRELATION_HEADER, text.to_owned()).ok().filter(|id| !id.is_empty())
}

impl<S> Layer<S> for AuthenticationLayer {
    type Service = AuthenticationService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AuthenticationService { inner, layer: self.clone() }
    }
}

/// Made by [`AuthenticationLayer`].
#[derive(Clone, Debug)]
pub(crate) struct AuthenticationService<S> {
    inner: S,
    layer: AuthenticationLayer,
}

impl<S, B> Service<Request<B>> for AuthenticationService<S>
where
    S: Service<Request<B>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The one that is ready is used, and its clone stays for the next request.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        let layer = self.layer.clone();
        Box::pin(async move {
            let counted = layer.door.metrics().request(request.uri().path());
            let peer = request.extensions().get::<ConnectionInfo>().map(|connection| connection.peer.ip());
            let answer = match layer.enter(request.uri().path(), request.headers(), peer).await {
                Ok(visitor) => {
                    // From here on nobody has a use for the key, and nobody can log it.
                    request.headers_mut().remove(header::AUTHORIZATION);
                    if let Some(visitor) = visitor {
                        request.extensions_mut().insert(visitor);
                    }
                    inner.call(request).await
                }
                Err(status) => Ok(status.into_http()),
            };
            if let Ok(response) = &answer {
                counted.answered(response);
            }
            answer
        })
    }
}
