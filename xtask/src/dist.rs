//! `cargo xtask dist`: the files that people install, with checksums. The same sources give the same files.

mod debian;
mod parts;
mod tree;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::Context;
use clap::ValueEnum;
use sha2::{Digest, Sha256};

use crate::process;
use crate::progress;
use crate::workspace;
use tree::{PLAIN, PROGRAM, Tree, read};

const PROGRAMS: [&str; 3] = ["mxgateway", "mxgateway-worker", "mxgw"];
/// What every package has besides its programs, as paths in the repository.
const DOCUMENTS: [&str; 4] = ["README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT"];

/// Before the licences in the Debian package.
const COPYRIGHT: &str = "MxGateway is licensed under MIT or Apache-2.0, at your choice. THIRD-PARTY-LICENCES.txt \
                         beside this file has the licences of what others made.\n\n";

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask dist                    everything this machine can build\n  \
                        cargo xtask dist --only linux       the tar.gz and the Debian package\n\n\
                        The files are in target/packages, with SHA256SUMS beside them."
)]
pub(crate) struct Arguments {
    /// Only the packages for this system
    #[arg(long, value_name = "SYSTEM")]
    only: Option<System>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum System {
    Linux,
    Windows,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let started = Instant::now();
    let folder = workspace::target()?.join("packages");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let release = Release::of_sources()?;
    let wanted = |system| arguments.only.is_none_or(|only| only == system);
    let mut made = Vec::new();
    if wanted(System::Linux) {
        made.extend(linux(&release, &folder)?);
    }
    #[cfg(unix)]
    if wanted(System::Windows) {
        made.push(windows(&release, &folder)?);
    }
    made.sort();
    let mut sums = String::new();
    println!("packed in {} s:", started.elapsed().as_secs());
    for path in &made {
        let bytes = read(path)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        println!("  {:>6} KiB  {}", bytes.len().div_ceil(1024), path.display());
        let sum: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        sums += &format!("{sum}  {name}\n");
    }
    write(&folder.join("SHA256SUMS"), sums.as_bytes())
}

/// What is packed.
struct Release {
    version: String,
    /// Seconds since 1970 that every file has: `SOURCE_DATE_EPOCH`, else when the newest commit was made.
    time: u32,
}

impl Release {
    fn of_sources() -> anyhow::Result<Self> {
        let metadata = workspace::metadata()?;
        let packages = metadata["packages"].as_array().context("cargo metadata has no packages")?;
        let version = packages
            .iter()
            .find(|package| package["name"] == "mxgateway")
            .and_then(|package| package["version"].as_str())
            .context("cargo metadata has no mxgateway")?
            .to_owned();
        let time = match std::env::var("SOURCE_DATE_EPOCH") {
            Ok(time) => time,
            Err(_) => {
                let mut git = Command::new("git");
                git.args(["log", "-1", "--format=%ct"]).current_dir(workspace::root());
                process::output(&mut git).context("SOURCE_DATE_EPOCH is not set, and git does not tell")?
            }
        };
        let time = time.trim().parse().with_context(|| format!("{time:?} is no time in seconds"))?;
        Ok(Self { version, time })
    }
}

fn linux(release: &Release, folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let built = build_for_linux()?;
    let programs: Vec<(&str, Vec<u8>)> = PROGRAMS
        .into_iter()
        .map(|program| Ok((program, read(&built.join(program))?)))
        .collect::<anyhow::Result<_>>()?;
    let parts = parts::of(&PROGRAMS, &target)?;
    let deploy = workspace::root().join("deploy");

    let mut archive = Tree::default();
    for (name, bytes) in &programs {
        archive.add(format!("bin/{name}"), bytes.clone(), PROGRAM);
    }
    documents(&mut archive, "", release, &parts)?;
    archive.add_file("mxgateway.toml", &deploy.join("linux/mxgateway.toml"), PLAIN)?;
    archive.add_file("systemd/mxgateway.service", &deploy.join("linux/mxgateway.service"), PLAIN)?;
    let name = format!("mxgateway-{}-linux-{}", release.version, std::env::consts::ARCH);
    let tar = folder.join(format!("{name}.tar.gz"));
    write(&tar, &archive.tar_gz(&format!("{name}/"), release.time)?)?;

    let mut files = Tree::default();
    for (name, bytes) in &programs {
        files.add(format!("usr/bin/{name}"), bytes.clone(), PROGRAM);
    }
    documents(&mut files, "usr/share/doc/mxgateway/", release, &parts)?;
    let licences =
        [read(&workspace::root().join("LICENSE-MIT"))?, read(&workspace::root().join("LICENSE-APACHE"))?];
    let copyright = [COPYRIGHT.as_bytes(), &licences[0], b"\n", &licences[1]].concat();
    files.add("usr/share/doc/mxgateway/copyright", copyright, PLAIN);
    files.add_file("etc/mxgateway/mxgateway.toml", &deploy.join("linux/mxgateway.toml"), PLAIN)?;
    let unit = "usr/lib/systemd/system/mxgateway.service";
    files.add_file(unit, &deploy.join("linux/mxgateway.service"), PLAIN)?;
    let completions = process::output(Command::new(built.join("mxgw")).args(["completions", "bash"]))?;
    files.add("usr/share/bash-completion/completions/mxgw", completions, PLAIN);
    let programs: Vec<&[u8]> = programs.iter().map(|(_, bytes)| bytes.as_slice()).collect();
    let glibc = debian::needed_glibc(&programs);
    let package = debian::pack(&files, &deploy.join("linux/debian"), &release.version, &glibc, release.time)?;
    let deb = folder.join(format!("mxgateway_{}_{}.deb", release.version, debian::architecture()?));
    write(&deb, &package)?;
    Ok(vec![tar, deb])
}

/// Builds with the names of this machine's folders taken out; gives the folder of the programs.
fn build_for_linux() -> anyhow::Result<PathBuf> {
    eprintln!("building for Linux (takes some minutes)");
    let mut command = process::cargo(&["build", "--locked", "--profile", "dist"]);
    for program in PROGRAMS {
        command.args(["--package", program]);
    }
    let remapped: Vec<String> =
        remapped().into_iter().map(|(from, to)| format!("--remap-path-prefix={from}={to}")).collect();
    command.env("CARGO_ENCODED_RUSTFLAGS", remapped.join("\x1f")).env_remove("RUSTFLAGS");
    progress::run(&mut command, "building")?;
    Ok(workspace::target()?.join("dist"))
}

/// Folders of this machine, and what stands for them in the programs.
fn remapped() -> Vec<(String, &'static str)> {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    let mut remapped = vec![(workspace::root().display().to_string(), "/mxgateway")];
    if let Some(home) = home {
        remapped.push((home.display().to_string(), "/cargo"));
    }
    remapped
}

#[cfg(unix)]
fn windows(release: &Release, folder: &Path) -> anyhow::Result<PathBuf> {
    let built = crate::windows::release_programs()?;
    let parts = parts::of(&PROGRAMS, "x86_64-pc-windows-gnu")?;
    let deploy = workspace::root().join("deploy");
    let mut archive = Tree::default();
    for (name, path) in built {
        archive.add_file(name, &path, PROGRAM)?;
    }
    documents(&mut archive, "", release, &parts)?;
    for script in ["install.ps1", "uninstall.ps1", "mxgateway.toml"] {
        archive.add_file(script, &deploy.join("windows").join(script), PLAIN)?;
    }
    let name = format!("mxgateway-{}-windows", release.version);
    let path = folder.join(format!("{name}.zip"));
    let time = zip_time(release.time)?;
    write(&path, &archive.zip(&format!("{name}/"), time)?)?;
    Ok(path)
}

/// The zip format's clock has no time zone; this is UTC.
#[cfg(unix)]
fn zip_time(seconds: u32) -> anyhow::Result<zip::DateTime> {
    let time = jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::from_second(seconds.into())?);
    let part = |part: i8| u8::try_from(part).context("no time that zip can hold");
    let year = u16::try_from(time.year()).context("no time that zip can hold")?;
    let (month, day) = (part(time.month())?, part(time.day())?);
    let (hour, minute, second) = (part(time.hour())?, part(time.minute())?, part(time.second())?);
    zip::DateTime::from_date_and_time(year, month, day, hour, minute, second)
        .context("no time that zip can hold")
}

fn documents(tree: &mut Tree, prefix: &str, release: &Release, parts: &[parts::Part]) -> anyhow::Result<()> {
    let root = workspace::root();
    for document in DOCUMENTS {
        tree.add_file(format!("{prefix}{document}"), &root.join(document), PLAIN)?;
    }
    let docs = root.join("docs");
    for entry in fs::read_dir(&docs).with_context(|| format!("cannot look into {}", docs.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "md") {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            tree.add_file(format!("{prefix}docs/{name}"), &path, PLAIN)?;
        }
    }
    let sample = root.join("deploy/config/mxgateway.toml");
    tree.add_file(format!("{prefix}mxgateway.sample.toml"), &sample, PLAIN)?;
    tree.add(format!("{prefix}THIRD-PARTY-LICENCES.txt"), parts::licences(parts)?, PLAIN);
    let bill = parts::bill_of_materials(parts, &release.version)?;
    tree.add(format!("{prefix}sbom.cdx.json"), bill, PLAIN);
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
