//! What the configuration takes from the process: variables, folders, the user.

use std::env;
use std::path::PathBuf;

use super::load::DEFAULT_FILE;

/// Prefix of the variables: `MXGATEWAY_SECTION__KEY`.
pub const ENVIRONMENT_PREFIX: &str = "MXGATEWAY_";

/// What the configuration takes from the process. Passed in, so that tests need not change the real one.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Variables that begin with [`ENVIRONMENT_PREFIX`].
    pub variables: Vec<(String, String)>,
    /// Folder of the gateway's own program.
    pub program_directory: PathBuf,
    /// `$XDG_RUNTIME_DIR`, when it is set and absolute.
    pub user_runtime_directory: Option<PathBuf>,
    /// Folder that is the gateway's own and stays: what the service manager or this user's settings name.
    pub state_directory: Option<PathBuf>,
    /// Folder for temporary files.
    pub temporary_directory: PathBuf,
    /// Tells this user's folder in the temporary one from those of others.
    pub user: String,
}

impl Surroundings {
    /// Those of this process.
    pub fn of_process() -> Self {
        let program = env::current_exe().unwrap_or_default();
        Self {
            variables: env::vars_os()
                .map(|(name, value)| {
                    (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
                })
                .filter(|(name, _)| name.starts_with(ENVIRONMENT_PREFIX))
                .collect(),
            program_directory: program.parent().map(PathBuf::from).unwrap_or_default(),
            user_runtime_directory: env::var_os("XDG_RUNTIME_DIR")
                .map(PathBuf::from)
                .filter(|path| path.is_absolute()),
            state_directory: state_directory(),
            temporary_directory: env::temp_dir(),
            user: user(),
        }
    }

    /// Where a configuration file may be that nobody names; the first one that exists counts.
    pub(super) fn default_files(&self) -> Vec<PathBuf> {
        let here = PathBuf::from(DEFAULT_FILE);
        // Elsewhere the service manager names the service's file.
        let of_service = self.state_directory.as_ref().filter(|_| cfg!(windows));
        [here].into_iter().chain(of_service.map(|folder| folder.join(DEFAULT_FILE))).collect()
    }

    pub(super) fn worker_beside_gateway(&self) -> PathBuf {
        self.program_directory.join(format!("mxgateway-worker{}", env::consts::EXE_SUFFIX))
    }

    pub(super) fn data_directory(&self) -> PathBuf {
        self.state_directory.clone().unwrap_or_else(|| PathBuf::from("/var/lib/mxgateway"))
    }

    pub(super) fn runtime_directory(&self) -> PathBuf {
        match &self.user_runtime_directory {
            Some(directory) => directory.join("mxgateway"),
            None => self.temporary_directory.join(format!("mxgateway-{}", self.user)),
        }
    }
}

/// `$STATE_DIRECTORY` is systemd's; the others are where a user's programs keep what stays.
#[cfg(unix)]
fn state_directory() -> Option<PathBuf> {
    let folder =
        |name: &str| env::var_os(name).map(PathBuf::from).filter(|path: &PathBuf| path.is_absolute());
    folder("STATE_DIRECTORY")
        .or_else(|| folder("XDG_STATE_HOME").map(|path| path.join("mxgateway")))
        .or_else(|| folder("HOME").map(|path| path.join(".local/state/mxgateway")))
}

#[cfg(windows)]
fn state_directory() -> Option<PathBuf> {
    let folder = mxgateway_win::folders::program_data().unwrap_or_else(|_| PathBuf::from(r"C:\ProgramData"));
    Some(folder.join("MxGateway"))
}

#[cfg(not(any(unix, windows)))]
fn state_directory() -> Option<PathBuf> {
    None
}

#[cfg(unix)]
fn user() -> String {
    rustix::process::getuid().as_raw().to_string()
}

#[cfg(not(unix))]
fn user() -> String {
    env::var("USERNAME").unwrap_or_default()
}
