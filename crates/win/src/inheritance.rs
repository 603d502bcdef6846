//! What a child process gets of this one's handles.
//!
//! A process that is started with a standard input of its own gets every inheritable handle there is at that moment,
//! and Windows makes the sockets of accepted connections inheritable. A worker with a client's connection in it would
//! keep that connection open after its gateway has ended.

use std::io;
use std::os::windows::io::{AsRawSocket, RawSocket};

use parking_lot::{RwLock, RwLockWriteGuard};
use windows::Win32::Foundation::{HANDLE, HANDLE_FLAG_INHERIT, HANDLE_FLAGS, SetHandleInformation};

use crate::wide::os_error;

/// Written while a process is started, read while a connection is accepted.
static STARTING: RwLock<()> = RwLock::new(());

/// While this is held, no connection is between its acceptance and its mark. Hold it for the call that starts a
/// process, and no longer.
#[derive(Debug)]
#[must_use = "it is the holding that matters"]
pub struct Starting {
    _guard: RwLockWriteGuard<'static, ()>,
}

/// Waits until nobody is accepting a connection.
pub fn starting() -> Starting {
    Starting { _guard: STARTING.write() }
}

/// Accepts by `accept`, which does not wait, and marks what it gives so that no child gets it. `socket` tells what that
/// is, if there is any.
pub fn accepted<T, S: AsRawSocket>(
    accept: impl FnOnce() -> T,
    socket: impl FnOnce(&T) -> Option<&S>,
) -> (T, io::Result<()>) {
    let guard = STARTING.read();
    let accepted = accept();
    let marked = socket(&accepted).map_or(Ok(()), |socket| mark(socket.as_raw_socket()));
    drop(guard);
    (accepted, marked)
}

fn mark(socket: RawSocket) -> io::Result<()> {
    let handle = HANDLE(std::ptr::without_provenance_mut(usize::try_from(socket).map_err(io::Error::other)?));
    // SAFETY: the socket is open, as somebody has it; the call touches nothing but the flag.
    unsafe { SetHandleInformation(handle, HANDLE_FLAG_INHERIT.0, HANDLE_FLAGS(0)) }.map_err(os_error)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use windows::Win32::Foundation::GetHandleInformation;

    use super::*;

    fn is_inheritable(stream: &TcpStream) -> bool {
        let handle =
            HANDLE(std::ptr::without_provenance_mut(usize::try_from(stream.as_raw_socket()).unwrap()));
        let mut flags = 0;
        // SAFETY: the socket is open; the flags live until the call returns.
        unsafe { GetHandleInformation(handle, &raw mut flags) }.unwrap();
        flags & HANDLE_FLAG_INHERIT.0 != 0
    }

    #[test]
    fn no_child_gets_an_accepted_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert!(!is_inheritable(&client), "the standard library marks sockets that it makes");
        let (accepted, marked) =
            accepted(|| listener.accept(), |accepted| accepted.as_ref().ok().map(|(stream, _)| stream));
        marked.unwrap();
        assert!(!is_inheritable(&accepted.unwrap().0));
        drop(starting());
    }
}
