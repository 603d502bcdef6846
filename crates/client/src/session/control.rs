//! Control of the session's worker.

use mxgateway_contracts::v1::inject_fault_command::Fault;
use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::{
    DrainEventsCommand, GetSessionStateCommand, GetSessionStateReply, GetWorkerInfoCommand,
    GetWorkerInfoReply, InjectFaultCommand, InjectFaultReply, MxEvent, PingCommand, ShutdownWorkerCommand,
};

use super::{SessionClient, only};
use crate::error::ClientError;

/// # Control commands
impl SessionClient {
    /// Through the apartment and back, which shows that MXAccess's thread answers; gives the message back.
    pub async fn ping(&self, message: &str) -> Result<String, ClientError> {
        self.ask(Payload::Ping(PingCommand { message: message.to_owned() }), only!(Ping))
            .await
            .map(|reply| reply.message)
    }

    /// The registrations and items of the session, as the worker has them.
    pub async fn session_state(&self) -> Result<GetSessionStateReply, ClientError> {
        self.ask(Payload::GetSessionState(GetSessionStateCommand {}), only!(GetSessionState)).await
    }

    /// Who the worker is and how its journal stands.
    pub async fn worker_info(&self) -> Result<GetWorkerInfoReply, ClientError> {
        self.ask(Payload::GetWorkerInfo(GetWorkerInfoCommand {}), only!(GetWorkerInfo)).await
    }

    /// A look at the events in the worker's journal, oldest first, for diagnosis. Takes nothing from the
    /// event stream. `max_events` 0 is all of them.
    pub async fn drain_events(&self, max_events: u32) -> Result<Vec<MxEvent>, ClientError> {
        self.ask(Payload::DrainEvents(DrainEventsCommand { max_events }), only!(DrainEvents))
            .await
            .map(|reply| reply.events)
    }

    /// Ends the worker in order; the session closes. [`SessionClient::close`] does it from the gateway's end.
    pub async fn shutdown_worker(&self) -> Result<(), ClientError> {
        self.done(Payload::ShutdownWorker(ShutdownWorkerCommand {})).await
    }

    /// Makes the simulator misbehave, for tests of clients; `None` only asks. Gives how many writes were
    /// carried out since the worker started. Any other backend refuses it.
    pub async fn inject_fault(&self, fault: Option<Fault>) -> Result<InjectFaultReply, ClientError> {
        self.ask(Payload::InjectFault(InjectFaultCommand { fault }), only!(InjectFault)).await
    }
}
