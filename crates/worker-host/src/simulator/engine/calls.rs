//! MXAccess's calls on the engine.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mxgateway_contracts::hresult;
use mxgateway_contracts::v1::{MxValue, mx_value::Kind};
use mxgateway_galaxy::{Source, Target};

use super::buffered::BufferedUpdates;
use super::security::Writer;
use super::{
    Advise, Engine, FIRST_EVENT_DELAY, FirstEvent, Item, Now, QueuedWrite, Registration, Scan, WRITE_DELAY,
};
use crate::mxaccess::CallError;
use crate::simulator::host::Group;
use crate::simulator::status::Detail;
use crate::simulator::value;

/// Items a registration may have.
const MAX_ITEMS: usize = 100_000;
/// Writes that may wait for their completion.
const MAX_WRITES: usize = 10_000;
/// Bytes that a client name, a reference or a context may have.
const MAX_TEXT_BYTES: usize = 4096;

impl Engine {
    pub(crate) fn register(&mut self, client_name: &str) -> Result<i32, CallError> {
        within_limit("client name", client_name)?;
        self.last_server_handle =
            self.last_server_handle.checked_add(1).ok_or_else(|| exhausted("server"))?;
        let server = self.last_server_handle;
        self.registration =
            Some(Registration { server, last_item: 0, items: BTreeMap::new(), users: Vec::new() });
        Ok(server)
    }

    /// Ends the registration with all its items; writes that wait are still carried out.
    pub(crate) fn unregister(&mut self, server: i32) -> Result<(), CallError> {
        self.registration(server)?;
        self.registration = None;
        self.scans.clear();
        self.first_events.clear();
        self.operations.clear();
        self.buffered = BufferedUpdates::default();
        self.host.advised.clear();
        Ok(())
    }

    /// Succeeds also for a reference that does not resolve: that is told by the first OnDataChange.
    pub(crate) fn add_item(
        &mut self,
        server: i32,
        definition: &str,
        context: &str,
    ) -> Result<i32, CallError> {
        within_limit("item definition", definition)?;
        within_limit("item context", context)?;
        let target = self.galaxy.resolve(definition, context).map_err(Detail::from);
        let registration = self.registration(server)?;
        if registration.items.len() >= MAX_ITEMS {
            return Err(CallError {
                hresult: hresult::E_FAIL,
                text: format!("the registration has {MAX_ITEMS} items already; remove some first"),
            });
        }
        registration.last_item = registration.last_item.checked_add(1).ok_or_else(|| exhausted("item"))?;
        let handle = registration.last_item;
        let item = Item {
            target,
            advise: None,
            type_known: false,
            buffer: None,
            to_be_suspended: false,
            is_suspended: false,
        };
        registration.items.insert(handle, item);
        Ok(handle)
    }

    pub(crate) fn remove_item(&mut self, server: i32, handle: i32) -> Result<(), CallError> {
        if self.checked_item(server, handle)?.advise.is_some() {
            self.un_advise(server, handle)?;
        }
        self.registration(server)?.items.remove(&handle);
        Ok(())
    }

    /// Advise, or AdviseSupervisory. Data changes of an item that is advised already go on as they are.
    pub(crate) fn advise(
        &mut self,
        server: i32,
        handle: i32,
        supervisory: bool,
        now: Now,
    ) -> Result<(), CallError> {
        let number = self.last_advise + 1;
        let item = self.checked_item(server, handle)?;
        if let Some(advise) = &mut item.advise {
            advise.supervisory = supervisory;
            return Ok(());
        }
        item.advise = Some(Advise { number, supervisory, shown: None });
        let is_buffered = item.buffer.is_some();
        let target = item.target;
        let due = now.monotonic + FIRST_EVENT_DELAY;
        self.last_advise = number;
        self.first_events.push_back(FirstEvent { due, item: handle, advise: number });
        if is_buffered {
            self.buffered.advised(handle, now);
        }
        let Ok(target) = target else { return Ok(()) };
        if let Some(object) = self.galaxy.object(target.attribute) {
            let scan = self.scans.entry(object.scan);
            let scan =
                scan.or_insert_with(|| Scan { next: now.monotonic + object.scan, items: BTreeSet::new() });
            scan.items.insert(handle);
        }
        if let Some(group) = self.host_group(handle) {
            let count = self.host.advised.entry(group).or_default();
            *count += 1;
            if *count == 1 {
                self.host.due = Some(now.monotonic);
            }
        }
        Ok(())
    }

    pub(crate) fn un_advise(&mut self, server: i32, handle: i32) -> Result<(), CallError> {
        let item = self.checked_item(server, handle)?;
        if item.advise.take().is_none() {
            return Err(CallError::invalid(format!("item handle {handle} is not advised")));
        }
        (item.to_be_suspended, item.is_suspended) = (false, false);
        if let Some(buffer) = &mut item.buffer {
            buffer.clear();
        }
        self.buffered.un_advised(handle);
        self.scans.retain(|_, scan| {
            scan.items.remove(&handle);
            !scan.items.is_empty()
        });
        if let Some(group) = self.host_group(handle)
            && let Some(count) = self.host.advised.get_mut(&group)
        {
            *count -= 1;
            if *count == 0 {
                self.host.advised.remove(&group);
            }
        }
        Ok(())
    }

    pub(crate) fn write(
        &mut self,
        server: i32,
        handle: i32,
        value: &MxValue,
        time: Option<&MxValue>,
        writer: Writer,
        now: Now,
    ) -> Result<(), CallError> {
        let item = self.checked_item(server, handle)?;
        let Some(advise) = &item.advise else {
            return Err(CallError::invalid(format!(
                "item handle {handle} is not advised; advise it before writing"
            )));
        };
        let supervisory = advise.supervisory;
        let target = item.target.map_err(|detail| {
            CallError::invalid(format!("item handle {handle} does not resolve: {}", detail.text()))
        })?;
        if !item.type_known {
            return Err(CallError::invalid(format!(
                "the type of item handle {handle} is not known yet; write after its first OnDataChange"
            )));
        }
        if matches!(value.kind, Some(Kind::SparseArrayValue(_))) {
            return Err(CallError::invalid(
                "a sparse array must be expanded to the whole array before the write",
            ));
        }
        let time = match time {
            None => None,
            Some(time) => Some(value::write_time(time).ok_or_else(|| {
                CallError::invalid("the time stamp must be a time, or text such as 2026-01-31T12:00:00Z")
            })?),
        };
        if self.writes.len() >= MAX_WRITES {
            return Err(CallError {
                hresult: hresult::E_FAIL,
                text: format!("{MAX_WRITES} writes wait for their completion already"),
            });
        }
        // A storm's goal is taken at once, as it paces the storm.
        let delay = if self.is_storm(target) { Duration::ZERO } else { WRITE_DELAY };
        let due = now.monotonic + delay;
        // User ids end with the registration, so this is asked now.
        let denied = self.may_write(target.attribute, writer, supervisory).err();
        self.writes.push_back(QueuedWrite {
            due,
            server,
            item: handle,
            target,
            value: value.clone(),
            time,
            denied,
        });
        Ok(())
    }

    pub(super) fn registration(&mut self, server: i32) -> Result<&mut Registration, CallError> {
        self.registration
            .as_mut()
            .filter(|registration| registration.server == server)
            .ok_or_else(|| CallError::invalid(format!("there is no server handle {server}")))
    }

    pub(super) fn checked_item(&mut self, server: i32, handle: i32) -> Result<&mut Item, CallError> {
        self.registration(server)?
            .items
            .get_mut(&handle)
            .ok_or_else(|| CallError::invalid(format!("server handle {server} has no item handle {handle}")))
    }

    fn is_storm(&self, target: Target) -> bool {
        self.galaxy
            .attribute(target.attribute)
            .is_some_and(|attribute| matches!(attribute.source, Source::Storm))
    }

    fn host_group(&self, handle: i32) -> Option<Group> {
        let (_, item) = self.item(handle)?;
        match self.galaxy.attribute(item.target.ok()?.attribute)?.source {
            Source::Host(sensor) => Some(Group::of(sensor)),
            Source::Stored
            | Source::Storm
            | Source::Generated(_)
            | Source::Replayed(_)
            | Source::ScanState => None,
        }
    }
}

pub(super) fn within_limit(what: &str, text: &str) -> Result<(), CallError> {
    if text.len() <= MAX_TEXT_BYTES {
        return Ok(());
    }
    Err(CallError::invalid(format!("the {what} has {} bytes; the limit is {MAX_TEXT_BYTES}", text.len())))
}

fn exhausted(what: &str) -> CallError {
    CallError { hresult: hresult::E_FAIL, text: format!("all {what} handles were given out") }
}
