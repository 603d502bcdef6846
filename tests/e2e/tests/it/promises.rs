//! Every promise of the event stream, over what real clients recorded.

mod bookmarks;
mod isolation;
mod memory;
mod overflow;
mod policies;
mod reconnecting;
mod snapshots;

use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::mx_command_reply::Payload as ReplyPayload;
use mxgateway_contracts::v1::{GetWorkerInfoCommand, GetWorkerInfoReply, UnAdviseCommand};
use mxgateway_e2e::recording::Recording;
use mxgateway_e2e::{Gateway, TestSession, TestStream, until, within};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A reader that keeps up, on a task of its own.
#[derive(Debug)]
struct Reader {
    until: watch::Sender<u64>,
    task: JoinHandle<Recording>,
}

impl Reader {
    fn of(mut stream: TestStream) -> Self {
        let (until, mut wanted) = watch::channel(u64::MAX);
        let task = tokio::spawn(async move {
            while stream.position().sequence < *wanted.borrow_and_update() {
                tokio::select! {
                    item = stream.next() => assert!(item.is_some(), "the stream goes on"),
                    changed = wanted.changed() => changed.unwrap(),
                }
            }
            stream.leave()
        });
        Self { until, task }
    }

    /// Its log, which goes at least this far.
    async fn stop_at(self, sequence: u64) -> Recording {
        self.until.send_replace(sequence);
        within("a reader gets there", self.task).await.unwrap()
    }
}

/// A gateway whose object Big_001 changes its texts of a kilobyte, Text0 to Text3, a thousand times a
/// second, so that windows and buffers are soon full; Quiet and Text change when they are written.
async fn big_gateway(config: &str) -> (TempDir, Gateway) {
    let folder = tempfile::tempdir().unwrap();
    let text = |letter: &str| format!("{:?}", letter.repeat(1000));
    let mut galaxy = "[galaxy]\nname = \"Big\"\n[[area]]\nname = \"All\"\n[[object]]\nname = \"Big_001\"\narea = \"All\"\n\
                      scan_ms = 1\n[object.attributes]\n"
        .to_owned();
    for number in 0..4 {
        galaxy += &format!(
            "Text{number} = {{ type = \"string\", source = {{ kind = \"text_cycle\", texts = [{}, {}, {}], \
             step_ms = 1 }} }}\n",
            text("a"),
            text("b"),
            text("c")
        );
    }
    galaxy += "Quiet = { type = \"integer\", value = 0 }\nText = { type = \"string\", value = \"\" }\n";
    let path = folder.path().join("big.toml");
    std::fs::write(&path, galaxy).unwrap();
    let gateway = Gateway::start_as(&format!("{config}\n[simulator]\ngalaxy_path = {path:?}\n")).await;
    (folder, gateway)
}

const BIG_TAGS: [&str; 4] = ["Big_001.Text0", "Big_001.Text1", "Big_001.Text2", "Big_001.Text3"];

/// Ends the events of these items; gives the worker's account when the gateway has all of them.
async fn stop_source(session: &TestSession, server_handle: i32, items: &[i32]) -> GetWorkerInfoReply {
    for &item_handle in items {
        let unadvise = UnAdviseCommand { server_handle, item_handle };
        assert_eq!(session.reply(Payload::UnAdvise(unadvise)).await.hresult, 0);
    }
    until("the gateway has everything", async || {
        let info = worker_info(session).await;
        (newest(session).await == info.newest_sequence).then_some(info)
    })
    .await
}

/// The worker's own account.
async fn worker_info(session: &TestSession) -> GetWorkerInfoReply {
    let reply = session.reply(Payload::GetWorkerInfo(GetWorkerInfoCommand {})).await;
    match reply.payload {
        Some(ReplyPayload::GetWorkerInfo(info)) => info,
        _ => panic!("{reply:?}"),
    }
}

async fn newest(session: &TestSession) -> u64 {
    session.status().await.events.unwrap_or_default().newest_sequence
}
