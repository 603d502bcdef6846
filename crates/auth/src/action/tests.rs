use mxgateway_contracts::v1::FILE_DESCRIPTOR_SET;
use prost::Message as _;
use prost_types::FileDescriptorSet;

use super::*;

/// Paths of every RPC of the contract, as in its descriptors.
fn paths() -> Vec<String> {
    let descriptors = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let mut paths = Vec::new();
    for file in &descriptors.file {
        for service in &file.service {
            for method in &service.method {
                paths.push(format!("/{}.{}/{}", file.package(), service.name(), method.name()));
            }
        }
    }
    paths
}

#[test]
fn every_rpc_of_the_contract_is_mapped_to_the_action_of_its_name() {
    let paths = paths();
    assert!(paths.len() >= 14, "{paths:?}");
    for path in paths {
        let (_, method) = path.rsplit_once('/').unwrap();
        match Action::of_rpc(&path) {
            Rpc::Action(action) => assert_eq!(action.name(), method, "{path}"),
            Rpc::Invoke => assert_eq!(path, "/mxgateway.v1.MxGateway/Invoke"),
            Rpc::Open => panic!("{path} is open to everybody"),
        }
    }
}

#[test]
fn what_is_no_rpc_of_the_contract_is_unmapped() {
    let unmapped = [
        "",
        "/",
        "/mxgateway.v1.MxGateway/",
        "/mxgateway.v1.MxGateway/Shutdown",
        "/mxgateway.v1.MxGateway/OpenSession/",
        "/mxgateway.v1.MxGateway/opensession",
        "//mxgateway.v1.MxGateway/OpenSession",
        "/mxgateway.v2.MxGateway/OpenSession",
        "/grpc.health.v1.Health",
        "/grpc.health.v1.Healthy/Check",
        "/x/grpc.health.v1.Health/Check",
    ];
    for path in unmapped {
        assert_eq!(Action::of_rpc(path), Rpc::Action(Action::Unmapped), "{path}");
    }
    assert_eq!(Action::of_rpc("/grpc.health.v1.Health/Check"), Rpc::Open);
    assert_eq!(Action::of_rpc("/grpc.health.v1.Health/Watch"), Rpc::Open);
    for version in ["v1", "v1alpha"] {
        let path = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
        assert_eq!(Action::of_rpc(&path), Rpc::Action(Action::Reflection));
    }
}
