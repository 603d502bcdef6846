//! `mxgateway.v1.MxGateway`.

use std::pin::Pin;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use futures_util::Stream;
use mxgateway_auth::action::Action;
use mxgateway_auth::audit::Outcome;
use mxgateway_auth::authorize::{Resource, authorize};
use mxgateway_contracts::error_code::ErrorCode;
use mxgateway_contracts::stream_item::EncodedStreamItem;
use mxgateway_contracts::time::wire_duration;
use mxgateway_contracts::v1_server::mx_gateway_server::MxGateway;
use mxgateway_contracts::{GATEWAY_PROTOCOL_VERSION, v1};
use mxgateway_session::{CloseOutcome, OpenOptions, SessionId};
use mxgateway_session_core::distributor::{SubscribeOptions, SubscriberKind};
use mxgateway_session_core::event::Position;
use mxgateway_session_core::lifecycle::CloseReason;
use serde_json::{Map, Value};
use tonic::{Request, Response, Status};

use super::door::{Door, Subject, Visitor};
use super::settings::ServiceSettings;
use super::{Session, Sessions, convert, errors, stream, stream_access, validate};
use crate::dashboard::Latencies;

const DEFAULT_PAGE: usize = 100;
const LARGEST_PAGE: usize = 1000;

type Reply<T> = Result<Response<T>, Status>;
type Items<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Translates between the contract and the sessions.
#[derive(Clone, Debug)]
pub(crate) struct GatewayService {
    sessions: Arc<Sessions>,
    pub(super) settings: Arc<ServiceSettings>,
    pub(super) door: Door,
    pub(super) latencies: Latencies,
}

impl GatewayService {
    pub(crate) fn new(
        sessions: Arc<Sessions>,
        settings: ServiceSettings,
        door: Door,
        latencies: Latencies,
    ) -> Self {
        Self { sessions, settings: Arc::new(settings), door, latencies }
    }

    /// The session, if the visitor may do that with it.
    pub(super) fn session(&self, visitor: &Visitor, action: Action, id: &str) -> Result<Session, Status> {
        let session_id: SessionId = validate::session_id(id)?;
        let session = self.sessions.get(session_id).ok_or_else(|| errors::session_not_found(id))?;
        self.door.check(visitor, action, &owned(&session), Subject::of(id))?;
        Ok(session)
    }
}

fn owned(session: &Session) -> Resource<'_> {
    Resource::Session { owner: session.options().owner.as_deref() }
}

#[tonic::async_trait]
impl MxGateway for GatewayService {
    async fn open_session(&self, request: Request<v1::OpenSessionRequest>) -> Reply<v1::OpenSessionReply> {
        let visitor = Visitor::of(&request)?;
        let request = request.into_inner();
        let client_correlation_id = validate::name("client_correlation_id", request.client_correlation_id)?;
        let options = OpenOptions {
            backend: validate::name("requested_backend", request.requested_backend)?,
            client_name: validate::name("client_session_name", request.client_session_name)?,
            tag: validate::name("session_tag", request.session_tag)?,
            owner: visitor.principal().owner().map(str::to_owned),
            command_timeout: validate::limit(
                "command_timeout",
                request.command_timeout.as_ref(),
                self.settings.default_command_timeout,
            )?,
        };
        let opened = self.sessions.open(options).await;
        let session = opened.map_err(|error| {
            let subject = Subject { target: "", correlation_id: &client_correlation_id };
            let details = Map::from_iter([("error".to_owned(), Value::from(error.to_string()))]);
            self.door.done(&visitor, Action::OpenSession, Outcome::Failed, subject, details);
            errors::open(&error)
        })?;
        let session_id = session.id().to_string();
        let subject = Subject { target: &session_id, correlation_id: &client_correlation_id };
        let details = Map::from_iter([
            ("client_name".to_owned(), Value::from(session.options().client_name.as_str())),
            ("tag".to_owned(), Value::from(session.options().tag.as_str())),
        ]);
        self.door.done(&visitor, Action::OpenSession, Outcome::Allowed, subject, details);
        tracing::debug!(session_id = %session.id(), client_correlation_id, "Session opened for a client");
        let worker = session
            .worker()
            .cloned()
            .ok_or_else(|| ErrorCode::Internal.status("the session is ready and has no worker", &[]))?;
        Ok(Response::new(v1::OpenSessionReply {
            session_id: session.id().to_string(),
            backend_name: worker.backend_name,
            gateway_protocol_version: GATEWAY_PROTOCOL_VERSION,
            worker_protocol_version: worker.protocol_version,
            worker_process_id: worker.process_id,
            capabilities: self.settings.capabilities(),
            epoch: worker.epoch,
            correlation_id: convert::correlation_id(&session),
            command_timeout: Some(wire_duration(session.options().command_timeout)),
        }))
    }

    async fn close_session(&self, request: Request<v1::CloseSessionRequest>) -> Reply<v1::CloseSessionReply> {
        let visitor = Visitor::of(&request)?;
        let session = self.session(&visitor, Action::CloseSession, &request.into_inner().session_id)?;
        let outcome = session.close(CloseReason::ClientClose).await;
        let session_id = session.id().to_string();
        let subject = Subject::of(&session_id);
        self.door.done(&visitor, Action::CloseSession, Outcome::Allowed, subject, Map::new());
        Ok(Response::new(v1::CloseSessionReply {
            session_id: session.id().to_string(),
            final_state: convert::state(session.state()).into(),
            already_closed: outcome == CloseOutcome::AlreadyClosed,
        }))
    }

    async fn get_session(&self, request: Request<v1::GetSessionRequest>) -> Reply<v1::GetSessionReply> {
        let visitor = Visitor::of(&request)?;
        let session = self.session(&visitor, Action::GetSession, &request.into_inner().session_id)?;
        Ok(Response::new(v1::GetSessionReply { session: Some(convert::session(&session)) }))
    }

    async fn list_sessions(&self, request: Request<v1::ListSessionsRequest>) -> Reply<v1::ListSessionsReply> {
        let visitor = Visitor::of(&request)?;
        let request = request.into_inner();
        let after = page_start(&request.page_token)?;
        let size = match usize::try_from(request.page_size).unwrap_or(LARGEST_PAGE) {
            0 => DEFAULT_PAGE,
            size => size.min(LARGEST_PAGE),
        };
        let mut sessions = self.sessions.list();
        sessions.extend(self.sessions.faulted());
        // Sessions of others are not listed, which is no denial that anybody wants to read of.
        sessions
            .retain(|session| authorize(visitor.principal(), Action::GetSession, &owned(session)).is_ok());
        let mut sessions: Vec<(PageKey, Session)> =
            sessions.into_iter().map(|session| (page_key(&session), session)).collect();
        sessions.sort_by_key(|(key, _)| *key);
        sessions.dedup_by_key(|(key, _)| *key);
        sessions.retain(|(key, _)| after.is_none_or(|after| *key > after));
        let next =
            sessions.get(size).and(sessions.get(size - 1)).map(|((nanos, id), _)| format!("{nanos:x}.{id}"));
        sessions.truncate(size);
        Ok(Response::new(v1::ListSessionsReply {
            sessions: sessions.iter().map(|(_, session)| convert::session(session)).collect(),
            next_page_token: next.unwrap_or_default(),
        }))
    }

    async fn invoke(&self, request: Request<v1::InvokeRequest>) -> Reply<v1::InvokeReply> {
        self.carry_out(request).await.map(Response::new)
    }

    type StreamEventsStream = Items<EncodedStreamItem>;

    async fn stream_events(
        &self,
        request: Request<v1::StreamEventsRequest>,
    ) -> Reply<Self::StreamEventsStream> {
        let visitor = Visitor::of(&request)?;
        let request = request.into_inner();
        let session = self.session(&visitor, Action::StreamEvents, &request.session_id)?;
        let options = SubscribeOptions {
            kind: SubscriberKind::External,
            resume: request.resume.map(|resume| Position { epoch: resume.epoch, sequence: resume.sequence }),
            snapshot: convert::snapshot(request.snapshot)?,
            slow_reader: convert::slow_reader(request.slow_reader_policy)?,
            filter: convert::filter(request.filter)?,
            access: stream_access::of(&visitor, &self.settings.galaxy),
        };
        let subscription =
            session.subscribe(options).map_err(|error| errors::attach(&error, session.id()))?;
        tracing::info!(
            session_id = %session.id(),
            subscriber_id = subscription.id().0,
            resume_sequence = request.resume.map(|resume| resume.sequence),
            "Event stream began"
        );
        Ok(Response::new(Box::pin(stream::items(subscription, session.id(), visitor.ended()))))
    }

    type StreamAlarmsStream = Items<v1::AlarmFeedMessage>;

    async fn stream_alarms(
        &self,
        _request: Request<v1::StreamAlarmsRequest>,
    ) -> Reply<Self::StreamAlarmsStream> {
        Err(errors::alarms_not_supported())
    }

    type QueryActiveAlarmsStream = Items<v1::ActiveAlarm>;

    async fn query_active_alarms(
        &self,
        _request: Request<v1::QueryActiveAlarmsRequest>,
    ) -> Reply<Self::QueryActiveAlarmsStream> {
        Err(errors::alarms_not_supported())
    }

    async fn acknowledge_alarm(
        &self,
        _request: Request<v1::AcknowledgeAlarmRequest>,
    ) -> Reply<v1::AcknowledgeAlarmReply> {
        Err(errors::alarms_not_supported())
    }
}

/// Sessions are listed oldest first; the id decides between equals.
type PageKey = (u128, SessionId);

fn page_key(session: &Session) -> PageKey {
    let nanos = session.opened_at().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    (nanos, session.id())
}

/// Where a page begins; `None` for the first.
fn page_start(token: &str) -> Result<Option<PageKey>, Status> {
    if token.is_empty() {
        return Ok(None);
    }
    let parse = || {
        let (nanos, id) = token.split_once('.')?;
        Some((u128::from_str_radix(nanos, 16).ok()?, id.parse().ok()?))
    };
    parse()
        .map(Some)
        .ok_or_else(|| ErrorCode::InvalidPageToken.status("page_token: is not one of this gateway's", &[]))
}
