//! No write gets to a tag that is out of reach, however it races with items that come and go.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI32, Ordering};

use mxgateway_contracts::error_code::ErrorCode;
use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::mx_command_reply::Payload as ReplyPayload;
use mxgateway_contracts::v1::{EventFamily, SubscribeBulkCommand, UnsubscribeBulkCommand};
use mxgateway_e2e::{Gateway, TestSession, TestStream, until};

use super::assert_refused;
use super::constraints::{read, sessions, texts, write, write_each};

/// Tags of one type and class; the key may write the first and read none.
const OWN: &str = "TestMachine_001.TestInteger";
const FOREIGN: &str = "TestMachine_001.Operate";
const KEY: [&str; 2] = ["--write-tag=TestMachine_001.TestInteger", "--read-tag=None.None"];

/// Written through the constrained key, and by nobody else.
const MARK: i32 = 4242;

/// A session in which items of both tags come and go, and the same through a constrained key.
struct Race {
    _gateway: Gateway,
    session: TestSession,
    constrained: TestSession,
    server_handle: i32,
}

/// The unconstrained view of what happens.
struct Judge {
    stream: TestStream,
    /// Items of the tag that nobody may write.
    foreign: BTreeSet<i32>,
}

impl Judge {
    /// Waits for an event of an item. Completions of a foreign item's writes must not be.
    async fn event_of(&mut self, family: EventFamily, item_handle: i32) {
        loop {
            let event = self.stream.event().await;
            let written = event.family() == EventFamily::OnWriteComplete;
            assert!(
                !written || !self.foreign.contains(&event.item_handle),
                "a write to a foreign tag: {event:?}"
            );
            if event.family() == family && event.item_handle == item_handle {
                return;
            }
        }
    }
}

impl Race {
    async fn begin() -> (Self, Judge) {
        let (gateway, session, constrained) = sessions(&KEY).await;
        let stream = session.stream().await;
        let server_handle = session.register().await;
        let judge = Judge { stream, foreign: BTreeSet::new() };
        (Self { _gateway: gateway, session, constrained, server_handle }, judge)
    }

    async fn subscribe(&self, tags: [&str; 2]) -> [i32; 2] {
        let (server_handle, tag_addresses) = (self.server_handle, texts(&tags));
        let subscribe = SubscribeBulkCommand { server_handle, tag_addresses, supervisory: true };
        let reply = self.session.reply(Payload::SubscribeBulk(subscribe)).await;
        let Some(ReplyPayload::SubscribeBulk(rows)) = reply.payload else { panic!("{reply:?}") };
        [rows.results[0].item_handle, rows.results[1].item_handle]
    }

    async fn remove(&self, item_handles: &[i32]) {
        let (server_handle, item_handles) = (self.server_handle, item_handles.to_vec());
        let remove = UnsubscribeBulkCommand { server_handle, item_handles };
        self.session.reply(Payload::UnsubscribeBulk(remove)).await;
    }

    /// Writes the mark; true when the platform took it, and false when the gateway did not let it through.
    async fn write(&self, item_handle: i32) -> bool {
        match self.constrained.invoke(write(self.server_handle, item_handle, MARK)).await {
            Ok(reply) => reply.reply.unwrap().hresult == 0,
            Err(status) => {
                assert_refused(Err::<(), _>(status), ErrorCode::ConstraintDenied, "a write");
                false
            }
        }
    }

    async fn write_each(&self, handles: &[i32]) {
        self.constrained.reply(write_each(self.server_handle, handles, MARK)).await;
    }

    /// The own tag has the mark, the foreign one has not.
    async fn assert_marked(&self) {
        until("the mark is written", async || {
            (read(&self.session, self.server_handle, &[OWN]).await == [MARK.into()]).then_some(())
        })
        .await;
        assert_eq!(read(&self.session, self.server_handle, &[FOREIGN]).await, [0.into()]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_beside_items_that_come_and_go_reach_no_foreign_tag() {
    let (race, mut judge) = Race::begin().await;
    let newest = AtomicI32::new(0);
    let churn = async {
        for round in 0..200 {
            let own_first = round % 2 == 0;
            let [first, second] =
                race.subscribe(if own_first { [OWN, FOREIGN] } else { [FOREIGN, OWN] }).await;
            let (own, foreign) = if own_first { (first, second) } else { (second, first) };
            judge.foreign.insert(foreign);
            newest.store(second, Ordering::Relaxed);
            // Before its first value, the platform refuses writes to an item by itself.
            judge.event_of(EventFamily::OnDataChange, foreign).await;
            judge.event_of(EventFamily::OnWriteComplete, own).await;
            race.remove(&[first, second]).await;
        }
    };
    let (mut written, mut not_written) = (0, 0);
    let writes = async {
        loop {
            let newest = newest.load(Ordering::Relaxed);
            let guesses = [newest - 1, newest, newest + 1, newest + 2];
            for guess in guesses {
                let counter = if race.write(guess).await { &mut written } else { &mut not_written };
                *counter += 1;
            }
            race.write_each(&guesses).await;
        }
    };
    tokio::select! {
        () = churn => {}
        () = writes => {}
    }
    assert!(written >= 50 && not_written >= 50, "{written} writes went through, {not_written} did not");
    race.assert_marked().await;
}

/// Sent one after the other without waiting: what is written to is decided when the write goes out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipelined_remove_add_and_write_reaches_no_foreign_tag() {
    let (race, mut judge) = Race::begin().await;
    let [mut own, first_foreign] = race.subscribe([OWN, FOREIGN]).await;
    judge.foreign.insert(first_foreign);
    for _ in 0..200 {
        let next = own + 2;
        let (removed, written) = ([own], [own, next - 1, next]);
        let ((), [foreign, new_own], ..) = tokio::join!(
            race.remove(&removed),
            race.subscribe([FOREIGN, OWN]),
            race.write(own),
            race.write(next - 1),
            race.write_each(&written),
        );
        judge.foreign.insert(foreign);
        own = new_own;
        // That of the foreign item came before.
        judge.event_of(EventFamily::OnDataChange, own).await;
        assert!(!race.write(foreign).await, "a write to a foreign tag went through");
        assert!(race.write(own).await);
    }
    race.assert_marked().await;
}
