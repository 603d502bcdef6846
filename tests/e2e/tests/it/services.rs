//! What stands beside the contract: health and reflection.

use mxgateway_contracts::error_code::ErrorCode;
use mxgateway_contracts::v1::AcknowledgeAlarmRequest;
use mxgateway_e2e::{Bearer, Gateway, api_key};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

#[tokio::test]
async fn health_says_serving() {
    let gateway = Gateway::start().await;
    let mut health = HealthClient::new(gateway.channel().await);
    for service in ["", "mxgateway.v1.MxGateway", "mxgateway.v1.GalaxyRepository"] {
        let answer =
            health.check(HealthCheckRequest { service: service.to_owned() }).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "{service:?}");
    }
}

#[tokio::test]
async fn reflection_lists_what_is_served() {
    let gateway = Gateway::start().await;
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut answers =
        ServerReflectionClient::with_interceptor(gateway.channel().await, Bearer::new(api_key()))
            .server_reflection_info(futures_util::stream::iter([request]))
            .await
            .unwrap()
            .into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response;
    let Some(MessageResponse::ListServicesResponse(list)) = answer else { panic!("{answer:?}") };
    let services: Vec<String> = list.service.into_iter().map(|service| service.name).collect();
    assert!(services.contains(&"mxgateway.v1.MxGateway".to_owned()), "{services:?}");
    assert!(services.contains(&"mxgateway.v1.GalaxyRepository".to_owned()), "{services:?}");
    assert!(services.contains(&"grpc.health.v1.Health".to_owned()), "{services:?}");
}

#[tokio::test]
async fn what_this_gateway_does_not_do_says_so() {
    let gateway = Gateway::start().await;
    let refused =
        gateway.client().await.acknowledge_alarm(AcknowledgeAlarmRequest::default()).await.unwrap_err();
    assert_eq!(ErrorCode::of(&refused), Some(ErrorCode::NotSupported));
}
