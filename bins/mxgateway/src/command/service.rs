//! `mxgateway service`.

#[cfg(windows)]
mod events;
#[cfg(any(windows, test))]
mod failures;
#[cfg(windows)]
mod windows;

#[cfg(windows)]
pub(crate) use windows::run;

/// There is such a service on Windows only.
#[cfg(not(windows))]
pub(crate) fn run(_arguments: &crate::arguments::service::ServiceArguments) -> anyhow::Result<()> {
    anyhow::bail!("`mxgateway service` is for Windows; elsewhere systemd or the like runs `mxgateway run`")
}
