//! Named pipes: making one that few may reach, and who is at the other end.

use std::io;
use std::os::windows::io::AsHandle;

use windows::Win32::System::Pipes::{
    GetNamedPipeClientProcessId, GetNamedPipeHandleStateW, GetNamedPipeServerProcessId,
};

use crate::process::raw;
use crate::wide::os_error;

/// The process at the other end of a pipe's listening side.
pub fn client_process_id(pipe: &impl AsHandle) -> io::Result<u32> {
    let mut process_id = 0;
    // SAFETY: the handle is open as long as the borrow is, and the number lives until the call returns.
    unsafe { GetNamedPipeClientProcessId(raw(pipe.as_handle()), &raw mut process_id) }.map_err(os_error)?;
    Ok(process_id)
}

/// The process at the other end of a pipe's connecting side: the one that made the pipe.
pub fn server_process_id(pipe: &impl AsHandle) -> io::Result<u32> {
    let mut process_id = 0;
    // SAFETY: the handle is open as long as the borrow is, and the number lives until the call returns.
    unsafe { GetNamedPipeServerProcessId(raw(pipe.as_handle()), &raw mut process_id) }.map_err(os_error)?;
    Ok(process_id)
}

/// Instances of the pipe that there are, of all processes, this one and those with a connection among them.
pub fn instances(pipe: &impl AsHandle) -> io::Result<u32> {
    let mut instances = 0;
    // SAFETY: the handle is open as long as the borrow is, and the number lives until the call returns.
    unsafe {
        GetNamedPipeHandleStateW(raw(pipe.as_handle()), None, Some(&raw mut instances), None, None, None)
    }
    .ok()
    .map_err(os_error)?;
    Ok(instances)
}

#[cfg(feature = "tokio")]
pub use server::listen;

#[cfg(feature = "tokio")]
mod server {
    use std::io;

    use tokio::net::windows::named_pipe::{NamedPipeServer, ServerOptions};

    use crate::security::Access;

    /// An instance of a pipe that waits for a connection, made with these options and for these accounts alone. Call it
    /// within a tokio runtime. (It is here because what gives tokio a descriptor is unsafe.)
    pub fn listen(options: &ServerOptions, path: &str, access: &Access) -> io::Result<NamedPipeServer> {
        let mut descriptor = access.descriptor()?;
        let attributes = descriptor.attributes();
        // SAFETY: it is a valid SECURITY_ATTRIBUTES, which lives until the call returns and is only read.
        unsafe { options.create_with_security_attributes_raw(path, attributes.as_raw().cast_mut().cast()) }
    }
}
