//! The user that a server runs as. PostgreSQL refuses to run as root.

use std::path::Path;
use std::process::Command;

/// Another user than the one who runs the tests.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account {
    #[cfg(unix)]
    user: u32,
    #[cfg(unix)]
    group: u32,
}

#[cfg(unix)]
impl Account {
    /// The user `postgres` when root runs the tests, whose folder this is; `None` otherwise.
    pub(super) fn for_servers(folder: &Path) -> Result<Option<Self>, String> {
        use std::os::unix::fs::MetadataExt;

        let folder = std::fs::metadata(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        if folder.uid() != 0 {
            return Ok(None);
        }
        let users =
            std::fs::read_to_string("/etc/passwd").map_err(|error| format!("/etc/passwd: {error}"))?;
        let postgres = users.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let [name, _, user, group, ..] = fields.as_slice() else { return None };
            (*name == "postgres").then_some(Self { user: user.parse().ok()?, group: group.parse().ok()? })
        });
        postgres.map(Some).ok_or_else(|| "there is no user postgres, and root cannot run a server".to_owned())
    }

    /// Makes it the owner of a file or folder.
    pub(super) fn give(self, path: &Path) -> Result<(), String> {
        std::os::unix::fs::chown(path, Some(self.user), Some(self.group))
            .map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Makes the command run as it.
    pub(super) fn run(self, command: &mut Command) {
        use std::os::unix::process::CommandExt;

        command.uid(self.user).gid(self.group);
    }
}

#[cfg(not(unix))]
impl Account {
    pub(super) fn for_servers(_folder: &Path) -> Result<Option<Self>, String> {
        Err("servers for tests are started on Unix only".to_owned())
    }

    pub(super) fn give(self, _path: &Path) -> Result<(), String> {
        Ok(())
    }

    pub(super) fn run(self, _command: &mut Command) {}
}
