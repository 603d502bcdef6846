//! The apartment's thread: COM on it, its message loop, and the way to wake it.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mxgateway_worker_host::Inbox;
use windows::Win32::Foundation::{CloseHandle, HANDLE, HWND};
use windows::Win32::System::Com::{
    COINIT_APARTMENTTHREADED, COINIT_DISABLE_OLE1DDE, CoInitializeEx, CoUninitialize,
};
use windows::Win32::System::Threading::{CreateEventW, SetEvent};
use windows::Win32::UI::WindowsAndMessaging::{
    DispatchMessageW, MSG, MWMO_INPUTAVAILABLE, MsgWaitForMultipleObjectsEx, PM_NOREMOVE, PM_REMOVE,
    PeekMessageW, QS_ALLINPUT, TranslateMessage,
};
use windows_core::{Error, PCWSTR};

/// Messages dispatched before commands get their turn.
const MESSAGES_PER_TURN: usize = 512;

/// COM on this thread; ends when dropped.
#[derive(Debug)]
pub(crate) struct Apartment {
    wake: Arc<Wake>,
    /// Ends on the thread on which it began.
    _on_this_thread: PhantomData<*const ()>,
}

impl Apartment {
    /// Begins. Errors: COM is there already in another form, or Windows gives no event object.
    pub(crate) fn enter() -> Result<Self, Error> {
        let wake = Arc::new(Wake::new()?);
        // SAFETY: called on the thread that the apartment is for; the drop below ends it on the same one.
        unsafe { CoInitializeEx(None, COINIT_APARTMENTTHREADED | COINIT_DISABLE_OLE1DDE) }.ok()?;
        // Makes the thread's message queue, so that other threads' messages find one.
        peek(PM_NOREMOVE);
        Ok(Self { wake, _on_this_thread: PhantomData })
    }

    /// Dispatches messages until there is something in the inbox, or `limit`.
    pub(crate) fn pump(&self, inbox: &Inbox, limit: Instant) {
        let wake = Arc::clone(&self.wake);
        inbox.set_wake(move || wake.set());
        loop {
            let was_drained = dispatch_waiting();
            let now = Instant::now();
            if inbox.is_ready() || now >= limit {
                return;
            }
            if was_drained {
                self.wait(limit - now);
            }
        }
    }

    fn wait(&self, limit: Duration) {
        // Rounded up, so as not to spin through the last millisecond.
        let milliseconds = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX - 2).saturating_add(1);
        let handles = [self.wake.0];
        // SAFETY: the handle is open as long as `self.wake` is.
        unsafe {
            MsgWaitForMultipleObjectsEx(Some(&handles), milliseconds, QS_ALLINPUT, MWMO_INPUTAVAILABLE)
        };
    }
}

impl Drop for Apartment {
    fn drop(&mut self) {
        // SAFETY: balances the CoInitializeEx of `enter`, on the same thread as the type is not Send.
        unsafe { CoUninitialize() };
    }
}

/// Dispatches what waits; false when there may be more.
fn dispatch_waiting() -> bool {
    for _ in 0..MESSAGES_PER_TURN {
        let Some(message) = peek(PM_REMOVE) else { return true };
        // SAFETY: the message came from this thread's queue.
        let _translated = unsafe { TranslateMessage(&raw const message) };
        // SAFETY: as above.
        unsafe { DispatchMessageW(&raw const message) };
    }
    false
}

fn peek(how: windows::Win32::UI::WindowsAndMessaging::PEEK_MESSAGE_REMOVE_TYPE) -> Option<MSG> {
    let mut message = MSG::default();
    // SAFETY: the message is ours to be filled.
    let is_there = unsafe { PeekMessageW(&raw mut message, None::<HWND>, 0, 0, how) };
    is_there.as_bool().then_some(message)
}

/// An event object that any thread may set.
#[derive(Debug)]
struct Wake(HANDLE);

// SAFETY: a handle is a number of the process, and setting an event object is for any thread.
unsafe impl Send for Wake {}
// SAFETY: as above.
unsafe impl Sync for Wake {}

impl Wake {
    fn new() -> Result<Self, Error> {
        // SAFETY: no security attributes and no name.
        unsafe { CreateEventW(None, false, false, PCWSTR::null()) }.map(Self)
    }

    fn set(&self) {
        // SAFETY: the handle is open until the drop.
        if let Err(error) = unsafe { SetEvent(self.0) } {
            tracing::error!(%error, "Apartment cannot be woken");
        }
    }
}

impl Drop for Wake {
    fn drop(&mut self) {
        // SAFETY: the handle is ours and open; nobody has it after this.
        if let Err(error) = unsafe { CloseHandle(self.0) } {
            tracing::error!(%error, "Event object cannot be closed");
        }
    }
}
