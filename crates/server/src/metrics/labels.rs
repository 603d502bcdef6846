//! The values of labels: closed sets, so that no client can make new time series.

use mxgateway_auth::action::{Action, Rpc};
use mxgateway_auth::authorize::Denial;
use mxgateway_auth::constraints::ConstraintHit;
use mxgateway_auth::scope::Scope;
use mxgateway_auth::verifier::RefusalCause;
use mxgateway_session_core::lifecycle::SessionState;
use prometheus_client::encoding::{EncodeLabelValue, LabelValueEncoder};

macro_rules! label_values {
    ($($(#[doc = $doc:literal])+ $name:ident { $($variant:ident => $text:literal,)+ })+) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum $name { $($variant,)+ }

        impl $name {
            /// Every value.
            pub(super) const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Every value as it is written.
            pub(super) const NAMES: &'static [&'static str] = &[$($text,)+];

            /// As it is written.
            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl EncodeLabelValue for $name {
            fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
                EncodeLabelValue::encode(&self.name(), encoder)
            }
        }
    )+};
}

label_values! {
    /// Which RPC a request was for.
    RpcName {
        OpenSession => "OpenSession",
        CloseSession => "CloseSession",
        GetSession => "GetSession",
        ListSessions => "ListSessions",
        Invoke => "Invoke",
        StreamEvents => "StreamEvents",
        StreamAlarms => "StreamAlarms",
        QueryActiveAlarms => "QueryActiveAlarms",
        AcknowledgeAlarm => "AcknowledgeAlarm",
        TestConnection => "TestConnection",
        GetLastDeployTime => "GetLastDeployTime",
        DiscoverHierarchy => "DiscoverHierarchy",
        BrowseChildren => "BrowseChildren",
        WatchDeployEvents => "WatchDeployEvents",
        Health => "Health",
        Reflection => "Reflection",
        Unknown => "unknown",
    }

    /// How a request went.
    Outcome {
        Ok => "ok",
        Denied => "denied",
        Unauthenticated => "unauthenticated",
        Failed => "failed",
    }

    /// Why a request counts as nobody's; the names are those of the audit trail.
    Cause {
        Missing => "missing",
        Malformed => "malformed",
        Unknown => "unknown",
        WrongSecret => "wrong-secret",
        Revoked => "revoked",
        Expired => "expired",
        TooManyAttempts => "too-many-attempts",
        StoreUnavailable => "store-unavailable",
    }

    /// What was missing to allow something; the names are those of the audit trail.
    Missing {
        SessionOpen => "session:open",
        SessionClose => "session:close",
        SessionAll => "session:all",
        InvokeRead => "invoke:read",
        InvokeWrite => "invoke:write",
        InvokeSecure => "invoke:secure",
        EventsRead => "events:read",
        MetadataRead => "metadata:read",
        Admin => "admin",
        Owner => "owner",
        ReadSubtrees => "read_subtrees",
        ReadTagGlobs => "read_tag_globs",
        ReadLists => "read_subtrees, read_tag_globs",
        WriteSubtrees => "write_subtrees",
        WriteTagGlobs => "write_tag_globs",
        WriteLists => "write_subtrees, write_tag_globs",
        BrowseSubtrees => "browse_subtrees",
        MaxWriteClassification => "max_write_classification",
        IdentifiedTag => "unidentified tag",
        KnownItem => "unknown item",
        UnconstrainedKey => "unconstrained key",
    }

    /// Where a session is.
    State {
        Creating => "creating",
        Starting => "starting",
        Handshaking => "handshaking",
        Ready => "ready",
        Recovering => "recovering",
        Closing => "closing",
        Closed => "closed",
        Faulted => "faulted",
    }
}

impl RpcName {
    /// The RPC of a path such as `/mxgateway.v1.MxGateway/OpenSession`.
    pub(super) fn of_path(path: &str) -> Self {
        match Action::of_rpc(path) {
            Rpc::Open => Self::Health,
            Rpc::Invoke | Rpc::Action(Action::Invoke(_)) => Self::Invoke,
            Rpc::Action(Action::OpenSession) => Self::OpenSession,
            Rpc::Action(Action::CloseSession) => Self::CloseSession,
            Rpc::Action(Action::GetSession) => Self::GetSession,
            Rpc::Action(Action::ListSessions) => Self::ListSessions,
            Rpc::Action(Action::StreamEvents) => Self::StreamEvents,
            Rpc::Action(Action::StreamAlarms) => Self::StreamAlarms,
            Rpc::Action(Action::QueryActiveAlarms) => Self::QueryActiveAlarms,
            Rpc::Action(Action::AcknowledgeAlarm) => Self::AcknowledgeAlarm,
            Rpc::Action(Action::TestConnection) => Self::TestConnection,
            Rpc::Action(Action::GetLastDeployTime) => Self::GetLastDeployTime,
            Rpc::Action(Action::DiscoverHierarchy) => Self::DiscoverHierarchy,
            Rpc::Action(Action::BrowseChildren) => Self::BrowseChildren,
            Rpc::Action(Action::WatchDeployEvents) => Self::WatchDeployEvents,
            Rpc::Action(Action::Reflection) => Self::Reflection,
            // Metrics are read over HTTP and are no RPC.
            Rpc::Action(Action::Metrics | Action::Unmapped) => Self::Unknown,
        }
    }
}

impl From<RefusalCause> for Cause {
    fn from(cause: RefusalCause) -> Self {
        match cause {
            RefusalCause::Missing => Self::Missing,
            RefusalCause::Malformed(_) => Self::Malformed,
            RefusalCause::Unknown => Self::Unknown,
            RefusalCause::WrongSecret => Self::WrongSecret,
            RefusalCause::Revoked => Self::Revoked,
            RefusalCause::Expired => Self::Expired,
            RefusalCause::TooManyAttempts { .. } => Self::TooManyAttempts,
            RefusalCause::StoreUnavailable => Self::StoreUnavailable,
        }
    }
}

impl From<Denial> for Missing {
    fn from(denial: Denial) -> Self {
        match denial {
            Denial::NotOwner => Self::Owner,
            Denial::ScopeMissing(scope) => match scope {
                Scope::SessionOpen => Self::SessionOpen,
                Scope::SessionClose => Self::SessionClose,
                Scope::SessionAll => Self::SessionAll,
                Scope::InvokeRead => Self::InvokeRead,
                Scope::InvokeWrite => Self::InvokeWrite,
                Scope::InvokeSecure => Self::InvokeSecure,
                Scope::EventsRead => Self::EventsRead,
                Scope::MetadataRead => Self::MetadataRead,
                Scope::Admin => Self::Admin,
            },
            Denial::Constraint(hit) => match hit {
                ConstraintHit::ReadSubtrees => Self::ReadSubtrees,
                ConstraintHit::ReadTagGlobs => Self::ReadTagGlobs,
                ConstraintHit::ReadLists => Self::ReadLists,
                ConstraintHit::WriteSubtrees => Self::WriteSubtrees,
                ConstraintHit::WriteTagGlobs => Self::WriteTagGlobs,
                ConstraintHit::WriteLists => Self::WriteLists,
                ConstraintHit::BrowseSubtrees => Self::BrowseSubtrees,
                ConstraintHit::MaxWriteClassification { .. } => Self::MaxWriteClassification,
            },
        }
    }
}

impl From<SessionState> for State {
    fn from(state: SessionState) -> Self {
        match state {
            SessionState::Creating => Self::Creating,
            SessionState::Starting => Self::Starting,
            SessionState::Handshaking => Self::Handshaking,
            SessionState::Ready => Self::Ready,
            SessionState::Recovering => Self::Recovering,
            SessionState::Closing => Self::Closing,
            SessionState::Closed => Self::Closed,
            SessionState::Faulted => Self::Faulted,
        }
    }
}
