//! Each key can do what its scopes say and nothing else, over every RPC and every command.

use mxgateway_contracts::error_code::ErrorCode;
use mxgateway_contracts::v1::CommandKind;
use mxgateway_e2e::{ALL_SCOPES, Gateway};

use super::{OTHER_RPCS, assert_allowed, assert_refused, bearer, call, commands, contract};

/// What each RPC of the contract needs; `None` for what every key may do, if only with sessions of its own.
const RPCS: [(&str, Option<&str>); 14] = [
    ("/mxgateway.v1.MxGateway/OpenSession", Some("session:open")),
    ("/mxgateway.v1.MxGateway/CloseSession", Some("session:close")),
    ("/mxgateway.v1.MxGateway/GetSession", None),
    ("/mxgateway.v1.MxGateway/ListSessions", None),
    // That depends on the command.
    ("/mxgateway.v1.MxGateway/Invoke", None),
    ("/mxgateway.v1.MxGateway/StreamEvents", Some("events:read")),
    ("/mxgateway.v1.MxGateway/StreamAlarms", Some("events:read")),
    ("/mxgateway.v1.MxGateway/QueryActiveAlarms", Some("events:read")),
    ("/mxgateway.v1.MxGateway/AcknowledgeAlarm", Some("invoke:write")),
    ("/mxgateway.v1.GalaxyRepository/TestConnection", Some("metadata:read")),
    ("/mxgateway.v1.GalaxyRepository/GetLastDeployTime", Some("metadata:read")),
    ("/mxgateway.v1.GalaxyRepository/DiscoverHierarchy", Some("metadata:read")),
    ("/mxgateway.v1.GalaxyRepository/BrowseChildren", Some("metadata:read")),
    ("/mxgateway.v1.GalaxyRepository/WatchDeployEvents", Some("metadata:read")),
];

/// What an RPC needs; one that is on no list is the administrator's.
fn rpc_needs(path: &str) -> Option<&'static str> {
    if path.starts_with("/grpc.reflection.") {
        return Some("metadata:read");
    }
    RPCS.iter().find(|(rpc, _)| *rpc == path).map_or(Some("admin"), |(_, scope)| *scope)
}

/// What a command needs.
fn command_needs(kind: CommandKind) -> &'static str {
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
        | CommandKind::GetWorkerInfo => "invoke:read",
        CommandKind::Write
        | CommandKind::Write2
        | CommandKind::WriteBulk
        | CommandKind::Write2Bulk
        | CommandKind::ArchestraUserToId => "invoke:write",
        CommandKind::WriteSecured
        | CommandKind::WriteSecured2
        | CommandKind::WriteSecuredBulk
        | CommandKind::WriteSecured2Bulk
        | CommandKind::AuthenticateUser => "invoke:secure",
        CommandKind::DrainEvents => "events:read",
        CommandKind::ShutdownWorker => "session:close",
        CommandKind::InjectFault | CommandKind::Unspecified => "admin",
    }
}

fn key_for(gateway: &Gateway, scopes: &str) -> String {
    gateway.create_key(&["--name", scopes, "--scopes", scopes])
}

#[test]
fn the_table_has_every_rpc() {
    for rpc in contract() {
        assert!(RPCS.iter().any(|(path, _)| *path == rpc.path), "{} is not in the table", rpc.path);
    }
}

#[tokio::test]
async fn every_rpc_asks_for_its_scope_and_for_no_other() {
    let gateway = Gateway::start().await;
    let channel = gateway.channel().await;
    let contract: Vec<String> = contract().into_iter().map(|rpc| rpc.path).collect();
    for scope in ALL_SCOPES.split(',') {
        let authorization = bearer(&key_for(&gateway, scope));
        let paths = contract.iter().map(String::as_str).chain(RPCS.map(|(path, _)| path)).chain(OTHER_RPCS);
        for path in paths {
            let what = format!("{path} with {scope}");
            let result = call(&channel, path, Some(&authorization), ()).await;
            match rpc_needs(path).filter(|needed| *needed != scope) {
                None => assert_allowed(&result, &what),
                Some(needed) => {
                    let status = assert_refused(result, ErrorCode::ScopeMissing, &what);
                    assert!(status.message().contains(needed), "{what}: {}", status.message());
                }
            }
        }
    }
}

#[tokio::test]
async fn every_command_asks_for_its_scope_and_for_no_other() {
    let gateway = Gateway::start().await;
    for scope in ALL_SCOPES.split(',') {
        // Opened by another key; one command closes it.
        let session = gateway.session().await;
        let only = session.through(gateway.client_with(&key_for(&gateway, scope)).await);
        let everywhere = format!("{scope},session:all");
        let everywhere = session.through(gateway.client_with(&key_for(&gateway, &everywhere)).await);
        for (kind, payload) in commands() {
            let what = format!("{kind:?} with {scope}");
            let (needed, result) = (command_needs(kind), only.invoke(payload.clone()).await);
            if needed == scope {
                assert_refused(result, ErrorCode::NotSessionOwner, &what);
                assert_allowed(&everywhere.invoke(payload).await, &what);
            } else {
                let status = assert_refused(result, ErrorCode::ScopeMissing, &what);
                assert!(status.message().contains(needed), "{what}: {}", status.message());
                assert_refused(everywhere.invoke(payload).await, ErrorCode::ScopeMissing, &what);
            }
        }
    }
}
