//! A backend that does what it is told to, and what it should not do.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use mxgateway_contracts::v1::{EventFamily, MxEvent, MxStatus, MxValue};
use mxgateway_contracts::worker_v1::Bootstrap;
use mxgateway_worker_host::mxaccess::{CallError, Identity, MxAccess};
use mxgateway_worker_host::{EventSink, Inbox};
use tokio::sync::watch;

use super::gateway::{Gateway, bootstrap};

/// What the backend has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) raised: u64,
    pub(super) ordered: u64,
    pub(super) unregistered: u64,
    /// Taken down in order.
    pub(super) is_dropped: bool,
}

/// A backend whose ArchestrAUserToId does what the user's GUID says and whose Unregister blocks.
struct Unruly {
    events: EventSink,
    release: Receiver<()>,
    progress: watch::Sender<Progress>,
    /// Events come at random; the generator's state.
    flow: Option<u64>,
}

/// A small generator of numbers, which need only look random.
pub(super) fn next_random(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

impl Drop for Unruly {
    fn drop(&mut self) {
        self.progress.send_modify(|progress| progress.is_dropped = true);
    }
}

impl Unruly {
    fn storm(&self, count: usize, text_bytes: usize) {
        let event = MxEvent {
            family: EventFamily::OnWriteComplete.into(),
            statuses: vec![MxStatus { diagnostic_text: "x".repeat(text_bytes), ..MxStatus::default() }],
            ..MxEvent::default()
        };
        self.events.raise(vec![event; count]);
        self.progress.send_modify(|progress| progress.raised += count as u64);
    }
}

impl MxAccess for Unruly {
    fn identity(&self) -> Identity {
        Identity { backend_name: "unruly".to_owned(), ..Identity::default() }
    }

    fn register(&mut self, _client_name: &str) -> Result<i32, CallError> {
        Ok(1)
    }

    /// Blocks until the test lets go of it.
    fn unregister(&mut self, _server: i32) -> Result<(), CallError> {
        assert!(self.release.recv().is_err(), "the test only ever lets go");
        self.progress.send_modify(|progress| progress.unregistered += 1);
        Ok(())
    }

    fn add_item(
        &mut self,
        _server: i32,
        _definition: &str,
        _context: Option<&str>,
    ) -> Result<i32, CallError> {
        Ok(1)
    }

    fn remove_item(&mut self, _server: i32, _item: i32) -> Result<(), CallError> {
        Ok(())
    }

    fn advise(&mut self, _server: i32, _item: i32) -> Result<(), CallError> {
        Ok(())
    }

    fn advise_supervisory(&mut self, _server: i32, _item: i32) -> Result<(), CallError> {
        Ok(())
    }

    fn un_advise(&mut self, _server: i32, _item: i32) -> Result<(), CallError> {
        Ok(())
    }

    fn write(
        &mut self,
        _server: i32,
        _item: i32,
        _value: &MxValue,
        _time: Option<&MxValue>,
        _user_id: i32,
    ) -> Result<(), CallError> {
        Ok(())
    }

    fn add_buffered_item(
        &mut self,
        _server: i32,
        _definition: &str,
        _context: &str,
    ) -> Result<i32, CallError> {
        Ok(1)
    }

    fn set_buffered_update_interval(&mut self, _server: i32, _milliseconds: i32) -> Result<(), CallError> {
        Ok(())
    }

    fn suspend(&mut self, _server: i32, _item: i32) -> Result<MxStatus, CallError> {
        Ok(MxStatus::default())
    }

    fn activate(&mut self, _server: i32, _item: i32) -> Result<MxStatus, CallError> {
        Ok(MxStatus::default())
    }

    fn write_secured(
        &mut self,
        _server: i32,
        _item: i32,
        _current_user_id: i32,
        _verifier_user_id: i32,
        _value: &MxValue,
        _time: Option<&MxValue>,
    ) -> Result<(), CallError> {
        Ok(())
    }

    fn authenticate_user(
        &mut self,
        _server: i32,
        _user_name: &str,
        _password: &str,
    ) -> Result<i32, CallError> {
        Ok(0)
    }

    fn archestra_user_to_id(&mut self, _server: i32, order: &str) -> Result<i32, CallError> {
        match order.split_once(' ') {
            Some(("panic", _)) => panic!("as the test asked"),
            Some(("storm", count)) => self.storm(count.parse().unwrap(), 0),
            Some(("large", bytes)) => self.storm(1, bytes.parse().unwrap()),
            Some(("flow", seed)) => self.flow = Some(seed.parse().unwrap()),
            Some(("quiet", _)) => self.flow = None,
            Some(_) | None => {}
        }
        self.progress.send_modify(|progress| progress.ordered += 1);
        Ok(1)
    }

    fn pump(&mut self, inbox: &Inbox, limit: Instant) {
        let Some(mut random) = self.flow else { return inbox.wait_until(limit) };
        self.storm(usize::try_from(next_random(&mut random) % 40).unwrap(), 0);
        let pause = Duration::from_micros(next_random(&mut random) % 2000);
        self.flow = Some(random);
        inbox.wait_until(limit.min(Instant::now() + pause));
    }
}

/// A worker with the unruly backend; dropping the sender lets go of what blocks.
pub(super) async fn unruly(change: impl FnOnce(&mut Bootstrap)) -> (Gateway, Sender<()>) {
    let (gateway, let_go, _) = watched(change).await;
    (gateway, let_go)
}

/// The same, and what the backend does can be watched.
pub(super) async fn watched(
    change: impl FnOnce(&mut Bootstrap),
) -> (Gateway, Sender<()>, watch::Receiver<Progress>) {
    let (let_go, release) = channel();
    let (progress, watching) = watch::channel(Progress::default());
    let mut bootstrap = bootstrap();
    change(&mut bootstrap);
    let make =
        move |events| Ok(Box::new(Unruly { events, release, progress, flow: None }) as Box<dyn MxAccess>);
    let mut gateway = Gateway::start_with(bootstrap, make).await;
    gateway.ready().await;
    (gateway, let_go, watching)
}
