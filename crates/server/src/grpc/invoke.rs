//! Invoke: one command, from the request to the reply.

use std::time::Instant;

use mxgateway_auth::action::Action;
use mxgateway_auth::audit::Outcome;
use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::mx_command_reply::Payload as ReplyPayload;
use mxgateway_contracts::{command, hresult, v1, worker_v1};
use mxgateway_session::{Changes, Changing, InvokeError, ItemCommand};
use mxgateway_session_core::event::ItemKey;
use mxgateway_session_core::lifecycle::{CloseReason, SessionState};
use mxgateway_session_core::session::NotUsable;
use mxgateway_supervisor::WorkerReply;
use serde_json::{Map, Value};
use tonic::{Code, Request, Status};

use super::door::{Subject, Visitor};
use super::service::GatewayService;
use super::tag_access::{self, Restricted, TagDenial, TagRights};
use super::{Session, convert, errors, item_changes, preparation, validate};
use crate::config::RecordWrites;

/// Why a command that has to do with items did not get its reply.
enum Failure {
    Denied(TagDenial),
    Invoke(InvokeError),
}

impl From<InvokeError> for Failure {
    fn from(error: InvokeError) -> Self {
        Self::Invoke(error)
    }
}

impl GatewayService {
    /// Carries one command out.
    pub(super) async fn carry_out(
        &self,
        request: Request<v1::InvokeRequest>,
    ) -> Result<v1::InvokeReply, Status> {
        let visitor = Visitor::of(&request)?;
        let request = request.into_inner();
        let mx_command = request.command.unwrap_or_default();
        let kind = command::kind(&mx_command)
            .ok_or_else(|| errors::invalid("command", "has no payload, or one this gateway does not know"))?;
        let action = Action::Invoke(kind);
        let session = self.session(&visitor, action, &request.session_id)?;
        let request_id = validate::name("request_id", request.request_id)?;
        let correlation_id = match validate::name("correlation_id", request.correlation_id)? {
            empty if empty.is_empty() => convert::correlation_id(&session),
            given => given,
        };
        let limit = validate::limit("timeout", request.timeout.as_ref(), session.options().command_timeout)?;
        if kind == v1::CommandKind::InjectFault && !self.settings.allow_fault_injection {
            return Err(errors::fault_injection_not_allowed());
        }

        let subject = Subject { target: &request.session_id, correlation_id: &correlation_id };
        let note = self.note(&mx_command, &session);
        let answer = if kind == v1::CommandKind::ShutdownWorker {
            shut_down(&session).await
        } else {
            let sent = worker_v1::Command {
                command: Some(mx_command),
                request_id,
                correlation_id: correlation_id.clone(),
            };
            let began = Instant::now();
            let answer = self.send(&visitor, action, &session, sent, limit, subject).await;
            let was_late = answer.as_ref().is_err_and(|status| status.code() == Code::DeadlineExceeded);
            if answer.is_ok() || was_late {
                let now = Instant::now();
                self.latencies.record(session.id(), now - began, now);
            }
            answer
        };
        if let Some(mut details) = note {
            let outcome = match &answer {
                Ok(answer) => {
                    details
                        .insert("hresult".to_owned(), Value::from(hresult::describe(answer.reply.hresult)));
                    Outcome::Allowed
                }
                Err(status) => {
                    details.insert("error".to_owned(), Value::from(status.message()));
                    Outcome::Failed
                }
            };
            self.door.done(&visitor, action, outcome, subject, details);
        }
        let WorkerReply { mut reply, repeated_request, newest_sequence: _ } = answer?;
        if let Some(ReplyPayload::GetSessionState(payload)) = &mut reply.payload {
            // Only the gateway knows it.
            payload.state = convert::state(session.state()).into();
            self.hide_items(&visitor, payload);
        }
        Ok(v1::InvokeReply {
            session_id: session.id().to_string(),
            correlation_id,
            reply: Some(reply),
            repeated_request,
        })
    }

    async fn send(
        &self,
        visitor: &Visitor,
        action: Action,
        session: &Session,
        mut sent: worker_v1::Command,
        limit: std::time::Duration,
        subject: Subject<'_>,
    ) -> Result<WorkerReply, Status> {
        let rights = TagRights { principal: visitor.principal(), galaxy: &self.settings.galaxy };
        let payload = sent.command.as_mut().and_then(|command| command.payload.as_mut());
        let amendments = match payload {
            Some(payload) => preparation::prepare(payload, &self.settings.galaxy)?,
            None => preparation::Amendments::default(),
        };
        let invoke = |error: &InvokeError| errors::invoke(error, session.id(), action.name());
        let changes_items = sent.command.as_ref().is_some_and(item_changes::may_change);
        if rights.are_unlimited() && !changes_items {
            let mut answer = session.invoke(sent, limit).await.map_err(|error| invoke(&error))?;
            amendments.settle(&mut answer.reply);
            return Ok(answer);
        }
        let mut restricted = Restricted::default();
        let prepare = || {
            let payload = sent.command.as_mut().and_then(|command| command.payload.as_mut());
            if let Some(payload) = payload {
                let items = |keys: &[ItemKey]| session.items(keys);
                restricted = tag_access::restrict(payload, action, rights, items).map_err(Failure::Denied)?;
            }
            let newest = session.newest().sequence;
            let intent = sent.command.as_ref().and_then(|command| item_changes::intent(command, newest));
            let changing = intent.map(|intent| Changing {
                pending: intent.pending(),
                changes: Box::new(move |answer: &WorkerReply| {
                    let intent = if answer.repeated_request { intent.repeated() } else { intent };
                    let changes = item_changes::changes(intent, &answer.reply);
                    Changes { changes, newest: answer.newest_sequence }
                }),
            });
            Ok(ItemCommand { command: sent, changing })
        };
        let answer = session.invoke_on_items(limit, prepare).await;
        let Restricted { rows, first } = restricted;
        if let Some(first) = first {
            self.door.note_tags(visitor, action, &first, subject, rows.len());
        }
        match answer {
            Ok(mut answer) => {
                rows.settle(&mut answer.reply);
                amendments.settle(&mut answer.reply);
                Ok(answer)
            }
            Err(Failure::Denied(denial)) => Err(self.door.deny_tag(visitor, action, &denial, subject)),
            Err(Failure::Invoke(error)) => Err(invoke(&error)),
        }
    }

    /// What the audit trail is to have of a command that is let through; `None` when nothing.
    fn note(&self, command: &v1::MxCommand, session: &Session) -> Option<Map<String, Value>> {
        let payload = command.payload.as_ref()?;
        let item = |server_handle, item_handle| {
            let found = session.items(&[ItemKey { server_handle, item_handle }]).pop().flatten();
            let name = found.map_or_else(|| format!("item handle {item_handle}"), |item| item.definition);
            Map::from_iter([("item".to_owned(), Value::from(name))])
        };
        let rows = |count: usize| Map::from_iter([("rows".to_owned(), Value::from(count))]);
        let writes = |secured: bool| match self.settings.record_writes {
            RecordWrites::None => false,
            RecordWrites::Secured => secured,
            RecordWrites::All => true,
        };
        #[expect(clippy::wildcard_enum_match_arm, reason = "the other commands leave nothing behind")]
        Some(match payload {
            Payload::Write(write) if writes(false) => item(write.server_handle, write.item_handle),
            Payload::Write2(write) if writes(false) => item(write.server_handle, write.item_handle),
            Payload::WriteSecured(write) if writes(true) => item(write.server_handle, write.item_handle),
            Payload::WriteSecured2(write) if writes(true) => item(write.server_handle, write.item_handle),
            Payload::WriteBulk(write) if writes(false) => rows(write.entries.len()),
            Payload::Write2Bulk(write) if writes(false) => rows(write.entries.len()),
            Payload::WriteSecuredBulk(write) if writes(true) => rows(write.entries.len()),
            Payload::WriteSecured2Bulk(write) if writes(true) => rows(write.entries.len()),
            Payload::AuthenticateUser(user) => {
                Map::from_iter([("user".to_owned(), Value::from(user.user_name.as_str()))])
            }
            Payload::ShutdownWorker(_) | Payload::InjectFault(_) => Map::new(),
            _ => return None,
        })
    }

    /// Takes out of a session's state what somebody with constraints has no business with.
    fn hide_items(&self, visitor: &Visitor, state: &mut v1::GetSessionStateReply) {
        let rights = TagRights { principal: visitor.principal(), galaxy: &self.settings.galaxy };
        if rights.are_unlimited() {
            return;
        }
        for registration in &mut state.registrations {
            registration.items.retain(|item| rights.may_use(&item.item_definition, &item.item_context));
        }
    }
}

/// ShutdownWorker: the session ends with its worker.
async fn shut_down(session: &Session) -> Result<WorkerReply, Status> {
    match session.state() {
        SessionState::Ready => {}
        state @ (SessionState::Creating
        | SessionState::Starting
        | SessionState::Handshaking
        | SessionState::Recovering
        | SessionState::Closing
        | SessionState::Closed
        | SessionState::Faulted) => {
            let error = NotUsable::State(state);
            return Err(errors::not_usable(&error, session.id()));
        }
    }
    session.close(CloseReason::ClientClose).await;
    let kind = v1::CommandKind::ShutdownWorker.into();
    let reply = v1::MxCommandReply { kind, ..v1::MxCommandReply::default() };
    Ok(WorkerReply { reply, repeated_request: false, newest_sequence: 0 })
}
