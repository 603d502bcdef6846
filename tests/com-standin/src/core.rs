//! The object's state, and its events.

#![expect(
    clippy::missing_const_for_thread_local,
    reason = "they are const, which clippy does not see for this target"
)]

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::{Rc, Weak};

use windows::Win32::Foundation::{E_INVALIDARG, HWND, S_OK};
use windows::Win32::System::Com::IDispatch;
use windows::Win32::System::Variant::{
    VAR_CHANGE_FLAGS, VARIANT, VT_ARRAY, VT_BSTR, VT_EMPTY, VT_I4, VT_NULL, VariantChangeType,
};
use windows::Win32::UI::WindowsAndMessaging::{KillTimer, SetTimer};
use windows_core::HRESULT;

use crate::class::Alive;
use crate::galaxy::{
    INCORRECT_DATA_TYPE, Kind, NOT_WRITEABLE, SECURED_WRITE, Tag, UNCONVERTIBLE_TEXT, VERIFIED_WRITE,
    resolve, tags,
};
use crate::interfaces::StatusRecord;
use crate::sources;
use crate::values::Times;

/// As quick as a timer gets.
const TICK_MILLISECONDS: u32 = 10;

/// Characters that a reference may have.
const MAX_NAME: usize = 4096;
const CATEGORY_CONFIGURATION_ERROR: i32 = 4;
const CATEGORY_SECURITY_ERROR: i32 = 6;

thread_local! {
    /// The objects of this apartment, for the timer.
    static OBJECTS: RefCell<Vec<Weak<Core>>> = const { RefCell::new(Vec::new()) };
}

#[derive(Default)]
pub(crate) struct Sinks {
    pub(crate) default: Option<IDispatch>,
    pub(crate) buffered: Option<IDispatch>,
}

pub(crate) struct Item {
    server: i32,
    /// The tag, or why there is none.
    target: Result<usize, i16>,
    is_advised: bool,
    is_buffered: bool,
    is_suspended: bool,
    /// Version of the tag's value that was told last; 0 before the first event.
    told: u64,
}

/// What a tick has to do.
enum Due {
    WriteComplete { server: i32, item: i32, detail: i16 },
    OperationComplete { server: i32, item: i32 },
}

pub(crate) struct Core {
    pub(crate) sinks: RefCell<Sinks>,
    pub(crate) times: Times,
    pub(crate) interface: u32,
    tags: RefCell<Vec<Tag>>,
    servers: RefCell<Vec<i32>>,
    items: RefCell<BTreeMap<i32, Item>>,
    due: RefCell<VecDeque<Due>>,
    last_server: Cell<i32>,
    last_item: Cell<i32>,
    users: Cell<i32>,
    timer: usize,
    _alive: Alive,
}

impl Drop for Core {
    fn drop(&mut self) {
        // SAFETY: the timer of this thread that was made with this object.
        drop(unsafe { KillTimer(None::<HWND>, self.timer) });
    }
}

unsafe extern "system" fn on_timer(_window: HWND, _message: u32, _timer: usize, _time: u32) {
    let objects: Vec<_> = OBJECTS.with_borrow(|objects| objects.iter().filter_map(Weak::upgrade).collect());
    for object in objects {
        object.tick();
    }
}

impl Core {
    pub(crate) fn new() -> Rc<Self> {
        let interface = std::env::var("MXGW_STANDIN_INTERFACE").ok().and_then(|text| text.parse().ok());
        let times = match std::env::var("MXGW_STANDIN_TIMES").as_deref() {
            Ok("text") => Times::Text,
            Ok("filetime") => Times::Filetime,
            Ok(_) | Err(_) => Times::Date,
        };
        // SAFETY: a timer of this thread, whose function lives as long as the DLL.
        let timer = unsafe { SetTimer(None::<HWND>, 0, TICK_MILLISECONDS, Some(on_timer)) };
        let core = Rc::new(Self {
            sinks: RefCell::default(),
            times,
            interface: interface.unwrap_or(5),
            tags: RefCell::new(tags()),
            servers: RefCell::default(),
            items: RefCell::default(),
            due: RefCell::default(),
            last_server: Cell::new(0),
            last_item: Cell::new(0),
            users: Cell::new(0),
            timer,
            _alive: Alive::new(),
        });
        OBJECTS.with_borrow_mut(|objects| {
            objects.retain(|object| object.strong_count() > 0);
            objects.push(Rc::downgrade(&core));
        });
        core
    }

    fn is_server(&self, server: i32) -> bool {
        self.servers.borrow().contains(&server)
    }

    /// Calls with an item of a server.
    fn with_item(&self, server: i32, item: i32, then: impl FnOnce(&mut Item) -> HRESULT) -> HRESULT {
        match self.items.borrow_mut().get_mut(&item) {
            Some(found) if found.server == server => then(found),
            Some(_) | None => E_INVALIDARG,
        }
    }

    pub(crate) fn register(&self, name: &str) -> Result<i32, HRESULT> {
        if name.is_empty() {
            return Err(E_INVALIDARG);
        }
        self.last_server.set(self.last_server.get() + 1);
        self.servers.borrow_mut().push(self.last_server.get());
        Ok(self.last_server.get())
    }

    pub(crate) fn unregister(&self, server: i32) -> HRESULT {
        if !self.is_server(server) {
            return E_INVALIDARG;
        }
        self.servers.borrow_mut().retain(|other| *other != server);
        self.items.borrow_mut().retain(|_, item| item.server != server);
        S_OK
    }

    pub(crate) fn add(
        &self,
        server: i32,
        name: &str,
        context: &str,
        is_buffered: bool,
    ) -> Result<i32, HRESULT> {
        if !self.is_server(server) || name.is_empty() || name.len() > MAX_NAME {
            return Err(E_INVALIDARG);
        }
        let reference = match name.strip_prefix("me.") {
            Some(rest) => format!("{context}.{rest}"),
            None => name.to_owned(),
        };
        let target = resolve(&self.tags.borrow(), &reference);
        self.last_item.set(self.last_item.get() + 1);
        let item = Item { server, target, is_advised: false, is_buffered, is_suspended: false, told: 0 };
        self.items.borrow_mut().insert(self.last_item.get(), item);
        Ok(self.last_item.get())
    }

    pub(crate) fn remove(&self, server: i32, item: i32) -> HRESULT {
        let result = self.with_item(server, item, |_| S_OK);
        if result.is_ok() {
            self.items.borrow_mut().remove(&item);
        }
        result
    }

    pub(crate) fn advise(&self, server: i32, item: i32) -> HRESULT {
        self.with_item(server, item, |item| {
            item.is_advised = true;
            item.told = 0;
            S_OK
        })
    }

    pub(crate) fn un_advise(&self, server: i32, item: i32) -> HRESULT {
        self.with_item(
            server,
            item,
            |item| {
                if std::mem::take(&mut item.is_advised) { S_OK } else { E_INVALIDARG }
            },
        )
    }

    pub(crate) fn set_interval(&self, server: i32, milliseconds: i32) -> HRESULT {
        if self.is_server(server) && milliseconds > 0 { S_OK } else { E_INVALIDARG }
    }

    /// Suspend or Activate.
    pub(crate) fn suspend(&self, server: i32, item: i32, suspend: bool) -> Result<StatusRecord, HRESULT> {
        let mut is_change = false;
        self.with_item(server, item, |item| {
            if suspend && !item.is_advised {
                return E_INVALIDARG;
            }
            is_change = item.is_suspended != suspend;
            item.is_suspended = suspend;
            S_OK
        })
        .ok()
        .map_err(|error| error.code())?;
        if is_change {
            self.due.borrow_mut().push_back(Due::OperationComplete { server, item });
        }
        let category = i32::from(is_change);
        Ok(StatusRecord { success: -1, category, detected_by: 0, detail: 0 })
    }

    pub(crate) fn authenticate(&self, server: i32, name: &str, password: &str) -> Result<i32, HRESULT> {
        if !self.is_server(server) {
            return Err(E_INVALIDARG);
        }
        if name.is_empty() || password == "wrong" {
            return Ok(0);
        }
        self.users.set(self.users.get() + 1);
        Ok(self.users.get())
    }

    pub(crate) fn user_to_id(&self, server: i32, guid: &str) -> Result<i32, HRESULT> {
        if guid.len() == 38 { self.authenticate(server, guid, "") } else { Err(E_INVALIDARG) }
    }

    /// Any of the writes. `secured` are both users of a secured one.
    pub(crate) fn write(
        &self,
        server: i32,
        item: i32,
        value: &VARIANT,
        secured: Option<(i32, i32)>,
    ) -> HRESULT {
        let mut target = None;
        let result = self.with_item(server, item, |item| {
            // Only when it is advised and its first event has told its type.
            match item.target {
                Ok(tag) if item.is_advised && item.told > 0 => {
                    target = Some(tag);
                    S_OK
                }
                Ok(_) | Err(_) => E_INVALIDARG,
            }
        });
        let Some(tag) = target else { return result };
        let detail = self.store(tag, value, secured).err().unwrap_or(0);
        self.due.borrow_mut().push_back(Due::WriteComplete { server, item, detail });
        S_OK
    }

    fn store(&self, tag: usize, value: &VARIANT, secured: Option<(i32, i32)>) -> Result<(), i16> {
        let mut tags = self.tags.borrow_mut();
        let tag = &mut tags[tag];
        let users = self.users.get();
        let is_user = |id: i32| id > 0 && id <= users;
        match (tag.kind, secured) {
            (Kind::ViewOnly | Kind::Counter, _) => return Err(NOT_WRITEABLE),
            (Kind::Secured, Some((user, verifier))) if is_user(user) && is_user(verifier) => {}
            (Kind::Secured, _) => return Err(SECURED_WRITE),
            (Kind::Verified, Some((user, verifier)))
                if is_user(user) && is_user(verifier) && user != verifier => {}
            (Kind::Verified, _) => return Err(VERIFIED_WRITE),
            (Kind::Plain | Kind::Any | Kind::Storm | Kind::Unruly, _) => {}
        }
        let wanted = tag.value.vt();
        tag.value = if tag.kind == Kind::Any || value.vt() == wanted {
            value.clone()
        } else if wanted.0 & VT_ARRAY.0 != 0 || matches!(value.vt(), VT_EMPTY | VT_NULL) {
            return Err(INCORRECT_DATA_TYPE);
        } else {
            let mut changed = VARIANT::default();
            // SAFETY: both are VARIANTs.
            unsafe { VariantChangeType(&raw mut changed, value, VAR_CHANGE_FLAGS(0), wanted) }
                .map_err(|_| if value.vt() == VT_BSTR { UNCONVERTIBLE_TEXT } else { INCORRECT_DATA_TYPE })?;
            changed
        };
        tag.version += 1;
        Ok(())
    }

    fn tick(&self) {
        loop {
            let next = self.due.borrow_mut().pop_front();
            match next {
                None => break,
                Some(Due::WriteComplete { server, item, detail }) => {
                    sources::completed(self, 2, server, item, status(detail));
                }
                Some(Due::OperationComplete { server, item }) => {
                    sources::completed(self, 3, server, item, status(0));
                }
            }
        }
        for tag in self.tags.borrow_mut().iter_mut().filter(|tag| tag.kind == Kind::Counter) {
            tag.version += 1;
            tag.value = VARIANT::from(i32::try_from(tag.version).unwrap_or(0));
        }
        let handles: Vec<_> = self.items.borrow().keys().copied().collect();
        for handle in handles {
            self.tell(handle);
        }
    }

    /// Raises what an item has to tell, if it has.
    fn tell(&self, handle: i32) {
        let mut items = self.items.borrow_mut();
        let Some(item) = items.get_mut(&handle).filter(|item| item.is_advised && !item.is_suspended) else {
            return;
        };
        let server = item.server;
        let tag = match item.target {
            Ok(tag) => tag,
            Err(detail) => {
                let is_told = std::mem::replace(&mut item.told, 1) > 0;
                drop(items);
                if !is_told {
                    sources::data_change(self, server, handle, &VARIANT::default(), 4, status(detail));
                }
                return;
            }
        };
        let (value, version, kind) = {
            let tags = self.tags.borrow();
            (tags[tag].value.clone(), tags[tag].version, tags[tag].kind)
        };
        let before = std::mem::replace(&mut item.told, version);
        let is_buffered = item.is_buffered;
        drop(items);
        if before == version {
            return;
        }
        if is_buffered {
            return sources::buffered_data_change(self, server, handle, &value);
        }
        if kind == Kind::Unruly && before == 0 {
            sources::misbehave(self, server, handle);
        }
        if kind == Kind::Storm && before > 0 && value.vt() == VT_I4 {
            // SAFETY: every VARIANT has this part.
            let content = unsafe { &value.Anonymous.Anonymous };
            // SAFETY: the type says that it is a number.
            let goal = unsafe { content.Anonymous.lVal };
            for count in 1..=goal {
                sources::data_change(self, server, handle, &VARIANT::from(count), 192, status(0));
            }
            return;
        }
        sources::data_change(self, server, handle, &value, 192, status(0));
    }
}

/// The status with a detail.
fn status(detail: i16) -> StatusRecord {
    let category = match detail {
        0 => return StatusRecord { success: -1, category: 0, detected_by: 1, detail },
        SECURED_WRITE | VERIFIED_WRITE => CATEGORY_SECURITY_ERROR,
        _ => CATEGORY_CONFIGURATION_ERROR,
    };
    StatusRecord { success: 0, category, detected_by: 5, detail }
}
