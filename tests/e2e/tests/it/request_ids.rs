//! Commands that are sent again over connections that break.

use mxgateway_client::{Client, InvokeOptions, OpenOptions, SessionClient};
use mxgateway_contracts::v1::MxValue;
use mxgateway_e2e::{Gateway, Random, client_options, until};

const WRITES: usize = 1000;
/// An attempt to write may be cut off before, within or after its reply.
const FUSE_BYTES: u64 = 400;

/// Writes that the simulator carried out.
async fn executed(session: &SessionClient) -> u64 {
    session.inject_fault(None).await.unwrap().executed_write_count
}

#[tokio::test]
async fn a_write_that_is_repeated_with_its_request_id_is_executed_once() {
    let mut random = Random::from_environment();
    let gateway = Gateway::start_as("[simulator]\nallow_fault_injection = true\n").await;
    let proxy = gateway.proxy().await;
    let connect = |endpoint| Client::connect(client_options(endpoint)).unwrap();
    let direct = connect(gateway.endpoint()).open_session(OpenOptions::default()).await.unwrap();
    let server = direct.register("retries").await.unwrap();
    let item = direct.add_item(server, "TestMachine_001.TestInteger").await.unwrap();
    direct.advise(item).await.unwrap();
    until("the item can be written", async || direct.write(item, MxValue::from(0), 0).await.ok()).await;
    until("the first write is done", async || (executed(&direct).await > 0).then_some(())).await;
    let before = executed(&direct).await;

    let shaky = connect(proxy.endpoint()).session(direct.id());
    let mut failed_attempts = 0;
    for number in 0..WRITES {
        let value = MxValue::from(i32::try_from(number).unwrap());
        let options = InvokeOptions { request_id: format!("write-{number}"), ..InvokeOptions::default() };
        let session = shaky.with(options);
        proxy.cut_after(random.below(FUSE_BYTES));
        until("an attempt that is answered", async || match session.write(item, value.clone(), 0).await {
            Ok(()) => Some(()),
            Err(error) => {
                assert_eq!(error.code(), None, "not a broken connection: {error}");
                failed_attempts += 1;
                None
            }
        })
        .await;
        // The answer may have come before the cut did: once more over another connection.
        proxy.cut_no_more();
        proxy.cut(random.below(2) == 0);
        until("the remembered answer", async || session.write(item, value.clone(), 0).await.ok()).await;
    }
    println!("{failed_attempts} attempts were cut off");
    assert!(failed_attempts > WRITES / 10, "hardly an attempt was cut off: {failed_attempts}");

    let wanted = before + WRITES as u64;
    until("all writes are done", async || (executed(&direct).await >= wanted).then_some(())).await;
    // A write that was done twice would be queued before this one.
    direct.write(item, MxValue::from(-1), 0).await.unwrap();
    until("the last write is done", async || (executed(&direct).await > wanted).then_some(())).await;
    assert_eq!(executed(&direct).await, wanted + 1);
}
