//! What is asked for, and the scope that it needs.

use mxgateway_contracts::command;
use mxgateway_contracts::v1::CommandKind;

use crate::scope::Scope;

#[cfg(test)]
mod tests;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Open a session.
    OpenSession,
    /// Close a session.
    CloseSession,
    /// Look at a session.
    GetSession,
    /// List sessions. Each session of the list is asked for by itself, as `GetSession`.
    ListSessions,
    /// Run a command in a session.
    Invoke(CommandKind),
    /// Receive a session's events.
    StreamEvents,
    /// Receive alarms.
    StreamAlarms,
    /// List active alarms.
    QueryActiveAlarms,
    /// Acknowledge an alarm.
    AcknowledgeAlarm,
    /// Ask whether the Galaxy repository answers.
    TestConnection,
    /// Ask when the Galaxy was deployed.
    GetLastDeployTime,
    /// List objects of the Galaxy.
    DiscoverHierarchy,
    /// List what is below an object of the Galaxy.
    BrowseChildren,
    /// Be told of deployments.
    WatchDeployEvents,
    /// Ask for the gRPC descriptors.
    Reflection,
    /// Read the gateway's metrics.
    Metrics,
    /// Any RPC that is not known here.
    Unmapped,
}

/// What an RPC asks for, as far as its path tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rpc {
    /// Open to everybody, without a key.
    Open,
    /// This action.
    Action(Action),
    /// A command: [`Action::Invoke`] once the request is decoded. The key can be verified before.
    Invoke,
}

impl Action {
    /// What the RPC of a path such as `/mxgateway.v1.MxGateway/OpenSession` asks for.
    pub fn of_rpc(path: &str) -> Rpc {
        Rpc::Action(match path {
            "/mxgateway.v1.MxGateway/OpenSession" => Self::OpenSession,
            "/mxgateway.v1.MxGateway/CloseSession" => Self::CloseSession,
            "/mxgateway.v1.MxGateway/GetSession" => Self::GetSession,
            "/mxgateway.v1.MxGateway/ListSessions" => Self::ListSessions,
            "/mxgateway.v1.MxGateway/Invoke" => return Rpc::Invoke,
            "/mxgateway.v1.MxGateway/StreamEvents" => Self::StreamEvents,
            "/mxgateway.v1.MxGateway/StreamAlarms" => Self::StreamAlarms,
            "/mxgateway.v1.MxGateway/QueryActiveAlarms" => Self::QueryActiveAlarms,
            "/mxgateway.v1.MxGateway/AcknowledgeAlarm" => Self::AcknowledgeAlarm,
            "/mxgateway.v1.GalaxyRepository/TestConnection" => Self::TestConnection,
            "/mxgateway.v1.GalaxyRepository/GetLastDeployTime" => Self::GetLastDeployTime,
            "/mxgateway.v1.GalaxyRepository/DiscoverHierarchy" => Self::DiscoverHierarchy,
            "/mxgateway.v1.GalaxyRepository/BrowseChildren" => Self::BrowseChildren,
            "/mxgateway.v1.GalaxyRepository/WatchDeployEvents" => Self::WatchDeployEvents,
            _ if path.starts_with("/grpc.health.v1.Health/") => return Rpc::Open,
            _ if path.starts_with("/grpc.reflection.") => Self::Reflection,
            _ => Self::Unmapped,
        })
    }

    /// The scope that a key needs; `None` for what every key may do with sessions of its own.
    pub fn required_scope(self) -> Option<Scope> {
        match self {
            Self::GetSession | Self::ListSessions => None,
            Self::OpenSession => Some(Scope::SessionOpen),
            Self::CloseSession => Some(Scope::SessionClose),
            Self::Invoke(kind) => Some(scope_of(kind)),
            Self::StreamEvents | Self::StreamAlarms | Self::QueryActiveAlarms => Some(Scope::EventsRead),
            Self::AcknowledgeAlarm => Some(Scope::InvokeWrite),
            Self::TestConnection
            | Self::GetLastDeployTime
            | Self::DiscoverHierarchy
            | Self::BrowseChildren
            | Self::WatchDeployEvents
            | Self::Reflection
            | Self::Metrics => Some(Scope::MetadataRead),
            Self::Unmapped => Some(Scope::Admin),
        }
    }

    /// Its name in logs and the audit trail: the RPC's or the command's, such as `OpenSession` or `Write`.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenSession => "OpenSession",
            Self::CloseSession => "CloseSession",
            Self::GetSession => "GetSession",
            Self::ListSessions => "ListSessions",
            Self::Invoke(kind) => command::name(kind),
            Self::StreamEvents => "StreamEvents",
            Self::StreamAlarms => "StreamAlarms",
            Self::QueryActiveAlarms => "QueryActiveAlarms",
            Self::AcknowledgeAlarm => "AcknowledgeAlarm",
            Self::TestConnection => "TestConnection",
            Self::GetLastDeployTime => "GetLastDeployTime",
            Self::DiscoverHierarchy => "DiscoverHierarchy",
            Self::BrowseChildren => "BrowseChildren",
            Self::WatchDeployEvents => "WatchDeployEvents",
            Self::Reflection => "Reflection",
            Self::Metrics => "Metrics",
            Self::Unmapped => "Unmapped",
        }
    }
}

/// Without a wildcard: a new command does not build before somebody says what it needs.
fn scope_of(kind: CommandKind) -> Scope {
    match kind {
        CommandKind::Register
        | CommandKind::Unregister
        | CommandKind::AddItem
        | CommandKind::AddItem2
        | CommandKind::RemoveItem
        | CommandKind::AddBufferedItem
        | CommandKind::SetBufferedUpdateInterval
        | CommandKind::Advise
        | CommandKind::UnAdvise
        | CommandKind::AdviseSupervisory
        | CommandKind::Suspend
        | CommandKind::Activate
        | CommandKind::AddItemBulk
        | CommandKind::AdviseItemBulk
        | CommandKind::RemoveItemBulk
        | CommandKind::UnAdviseItemBulk
        | CommandKind::SubscribeBulk
        | CommandKind::UnsubscribeBulk
        | CommandKind::ReadBulk
        | CommandKind::Ping
        | CommandKind::GetSessionState
        | CommandKind::GetWorkerInfo => Scope::InvokeRead,
        CommandKind::Write
        | CommandKind::Write2
        | CommandKind::WriteBulk
        | CommandKind::Write2Bulk
        | CommandKind::ArchestraUserToId => Scope::InvokeWrite,
        CommandKind::WriteSecured
        | CommandKind::WriteSecured2
        | CommandKind::WriteSecuredBulk
        | CommandKind::WriteSecured2Bulk
        | CommandKind::AuthenticateUser => Scope::InvokeSecure,
        CommandKind::DrainEvents => Scope::EventsRead,
        CommandKind::ShutdownWorker => Scope::SessionClose,
        CommandKind::InjectFault | CommandKind::Unspecified => Scope::Admin,
    }
}
