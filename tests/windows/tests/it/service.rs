//! The gateway as a service under Wine's service manager.

use mxgateway_e2e::until;

use crate::prefix::Prefix;

const TAG: &str = "Fast_001.Count";

#[tokio::test]
async fn a_service_is_installed_serves_stops_without_leaving_anything_and_is_removed() {
    let prefix = Prefix::new("backend = \"lmxproxy\"").await;
    prefix.register_standin().await;
    assert!(!prefix.mxgateway(&["service", "status"]).await.status.success(), "there is no service yet");
    assert_eq!(prefix.done(&["service", "install"]).await, "installed");
    assert_eq!(prefix.done(&["service", "status"]).await, "stopped");
    assert_eq!(prefix.done(&["service", "start"]).await, "running");
    let status = prefix.done(&["service", "status"]).await;
    assert!(status.starts_with("running (process "), "{status}");

    let session = prefix.session().await;
    assert_eq!(session.opened.backend_name, "lmxproxy");
    let mut stream = session.stream().await;
    session.advise_tags(&[TAG]).await;
    stream.events(20).await;
    assert_eq!(prefix.processes("mxgateway-worker").len(), 1, "{:?}", prefix.processes("mxgateway"));

    let (stopped, (_, end, _)) = tokio::join!(prefix.done(&["service", "stop"]), stream.end());
    assert_eq!(stopped, "stopped");
    assert!(end.is_some(), "the stream has an end item");
    until("nothing is left running", async || prefix.processes("mxgateway").is_empty().then_some(())).await;
    assert_eq!(prefix.done(&["service", "status"]).await, "stopped");
    let logs = prefix.logs();
    assert!(logs.contains("Gateway stopped"), "{logs}");
    assert!(!logs.contains("Event log took no event"), "{logs}");

    assert_eq!(prefix.done(&["service", "uninstall"]).await, "removed");
    assert!(!prefix.mxgateway(&["service", "status"]).await.status.success(), "the service is gone");
}

#[tokio::test]
async fn a_service_with_a_bad_configuration_does_not_start_and_says_so() {
    let prefix = Prefix::new("no_such_key = 1").await;
    prefix.done(&["service", "install"]).await;
    let started = prefix.mxgateway(&["service", "start"]).await;
    let said = String::from_utf8_lossy(&started.stderr).into_owned();
    assert_eq!(started.status.code(), Some(1), "{said}");
    assert!(said.contains("did not start: ServiceSpecific(2)"), "{said}");
    assert_eq!(prefix.done(&["service", "status"]).await, "stopped");
}
