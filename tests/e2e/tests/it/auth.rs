//! Authorization, with the real programs: who gets in, who may do what, and what is noted of it.

mod audit;
mod constrained_streams;
mod constraints;
mod keys;
mod logs;
mod owners;
mod postgres;
mod racing_writes;
mod revocation;
mod scopes;
mod throttle;
mod tls;

use mxgateway_contracts::command;
use mxgateway_contracts::error_code::ErrorCode;
use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::{CommandKind, FILE_DESCRIPTOR_SET, MxCommand};
use mxgateway_e2e::within;
use prost::Message;
use prost::encoding::{WireType, encode_key};
use prost_types::FileDescriptorSet;
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

/// Every scope but the one for sessions of others.
const ALL_BUT_SESSION_ALL: &str = "session:open,session:close,invoke:read,invoke:write,invoke:secure,\
                                   events:read,metadata:read,admin";

/// RPCs beside the contract that ask for a key, and some that there are not.
const OTHER_RPCS: [&str; 4] = [
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    "/mxgateway.v1.MxGateway/NoSuchCall",
    "/no.such.Service/Call",
];

/// An RPC of the contract.
struct Rpc {
    path: String,
    /// Number of the request's field `session_id`.
    session_id: Option<i32>,
}

/// Every RPC of the contract, as its descriptors have it.
fn contract() -> Vec<Rpc> {
    let files = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap().file;
    let session_id = |message: &str| {
        let mut messages =
            files.iter().flat_map(|file| file.message_type.iter().map(move |it| (file.package(), it)));
        let (_, found) =
            messages.find(|(package, it)| format!(".{package}.{}", it.name()) == message).unwrap();
        found.field.iter().find(|field| field.name() == "session_id").map(|field| field.number())
    };
    let mut rpcs = Vec::new();
    for file in &files {
        for service in &file.service {
            for method in &service.method {
                rpcs.push(Rpc {
                    path: format!("/{}.{}/{}", file.package(), service.name(), method.name()),
                    session_id: session_id(method.input_type()),
                });
            }
        }
    }
    assert!(rpcs.len() >= 9, "the descriptors have the contract's services");
    rpcs
}

/// Every command with an empty payload: the number of a kind is the number of its payload's field.
fn commands() -> Vec<(CommandKind, Payload)> {
    let kinds = (1..1000).filter_map(|number| CommandKind::try_from(number).ok());
    let empty = |kind: CommandKind| {
        let mut bytes = Vec::new();
        encode_key(u32::try_from(i32::from(kind)).unwrap(), WireType::LengthDelimited, &mut bytes);
        bytes.push(0);
        let decoded = MxCommand::decode(&*bytes).unwrap();
        assert_eq!(command::kind(&decoded), Some(kind));
        (kind, decoded.payload.unwrap())
    };
    kinds.map(empty).collect()
}

/// Calls an RPC by its path and reads the first answer.
async fn call<M: Message + Default + 'static>(
    channel: &Channel,
    path: &str,
    authorization: Option<&str>,
    message: M,
) -> Result<(), Status> {
    let mut grpc = Grpc::new(channel.clone());
    within("the connection is ready", grpc.ready()).await.unwrap();
    let mut request = Request::new(message);
    if let Some(authorization) = authorization {
        request.metadata_mut().insert("authorization", authorization.parse().unwrap());
    }
    let answers = grpc.server_streaming(request, path.parse().unwrap(), ProstCodec::<M, ()>::default());
    let mut answers = within(path, answers).await?.into_inner();
    within(path, answers.message()).await.map(drop)
}

/// The `authorization` of a key.
fn bearer(key: &str) -> String {
    format!("Bearer {key}")
}

/// Panics unless it was refused for this reason.
#[track_caller]
fn assert_refused<T>(result: Result<T, Status>, code: ErrorCode, what: &str) -> Status {
    let Err(status) = result else { panic!("{what} is allowed") };
    assert_eq!(ErrorCode::of(&status), Some(code), "{what}: {status:?}");
    assert_eq!(status.code(), code.grpc(), "{what}: {status:?}");
    status
}

/// Panics when it was the key that stood in the way; whatever else was wrong is not asked here.
#[track_caller]
fn assert_allowed<T>(result: &Result<T, Status>, what: &str) {
    if let Err(status) = result {
        let by_the_key = matches!(status.code(), Code::Unauthenticated | Code::PermissionDenied);
        assert!(!by_the_key, "{what}: {status:?}");
    }
}
