//! Servers and the browser that tests start for themselves: whether they are installed, and installing them where that
//! can be done without asking.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::getuid;

use crate::process;

/// Where Debian has the programs of its versions of PostgreSQL.
const DEBIAN_FOLDER: &str = "/usr/lib/postgresql";
/// Where slapd is, which is in nobody's PATH but root's.
const SLAPD: [&str; 2] = ["/usr/sbin/slapd", "/usr/libexec/slapd"];

/// What a browser is driven by. Debian's package brings the browser of the same version.
const CHROMEDRIVER: &str = "chromedriver";
const BROWSER: &[&str] = &["chromium", "chromium-driver", "fonts-dejavu-core"];
/// Somebody else may be installing something.
const WAIT_FOR_OTHERS: &str = "DPkg::Lock::Timeout=600";

/// A server for tests, or the browser.
struct Server {
    /// What is tested with it.
    tests: &'static str,
    /// Debian's packages.
    packages: &'static [&'static str],
    /// Answer to a question of a package, for `debconf-set-selections`.
    answer: Option<&'static str>,
    is_installed: fn() -> bool,
}

const SERVERS: [Server; 3] = [
    Server {
        tests: "the key store's tests on PostgreSQL",
        packages: &["postgresql"],
        answer: None,
        is_installed: has_postgresql,
    },
    Server {
        tests: "the tests of signing in by LDAP",
        packages: &["slapd", "ldap-utils"],
        // Otherwise the package makes a directory of its own and serves it on every address.
        answer: Some("slapd slapd/no_configuration boolean true"),
        is_installed: has_slapd,
    },
    Server {
        tests: "the dashboard's tests in a browser",
        packages: BROWSER,
        answer: None,
        is_installed: has_browser,
    },
];

/// What is missing, for people; empty when everything is there. As root on Debian it is installed.
pub(crate) fn ensure() -> Vec<String> {
    let missing = || SERVERS.iter().filter(|server| !(server.is_installed)());
    if missing().next().is_some() && getuid().is_root() && process::is_installed("apt-get") {
        for server in missing() {
            println!("installing {} for {}", server.packages.join(", "), server.tests);
            if let Err(error) = install(server) {
                eprintln!("warning: {error:#}");
            }
        }
    }
    missing()
        .map(|server| format!("{} (Debian: apt install {})", server.tests, server.packages.join(" ")))
        .collect()
}

/// What to do about it where no browser can be driven.
pub(crate) fn missing_browser() -> Option<String> {
    (!has_browser())
        .then(|| format!("there is no {CHROMEDRIVER} in PATH (Debian: apt install {})", BROWSER.join(" ")))
}

fn install(server: &Server) -> anyhow::Result<()> {
    if let Some(answer) = server.answer {
        let script = r#"printf '%s\n' "$1" | debconf-set-selections"#;
        process::run(Command::new("/bin/sh").args(["-c", script, "sh", answer]))?;
    }
    apt_get(&["update", "-qq"])?;
    apt_get(&[&["install", "-y", "-qq", "--no-install-recommends"], server.packages].concat())
}

fn apt_get(arguments: &[&str]) -> anyhow::Result<()> {
    process::run(
        Command::new("apt-get")
            .args(["-o", WAIT_FOR_OTHERS])
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )
}

fn has_postgresql() -> bool {
    let versions = fs::read_dir(DEBIAN_FOLDER).into_iter().flatten().filter_map(Result::ok);
    process::is_installed("initdb")
        || versions.map(|version| initdb(&version.path())).any(|program| program.exists())
}

fn initdb(version: &Path) -> PathBuf {
    version.join("bin/initdb")
}

fn has_slapd() -> bool {
    process::is_installed("ldapadd") && SLAPD.iter().any(|program| Path::new(program).exists())
}

fn has_browser() -> bool {
    process::is_installed(CHROMEDRIVER)
}
