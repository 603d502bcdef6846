//! `cargo xtask dist`: the files that people install, with checksums. The same commit and tools give the same files.

mod contents;
mod debian;
#[cfg(unix)]
mod installer;
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
use crate::reproducible;
use crate::workspace;
use contents::Program;
use tree::read;

const PROGRAMS: [&str; 3] = ["mxgateway", "mxgateway-worker", "mxgw"];

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask dist                    everything this machine can build\n  \
                        cargo xtask dist --only linux       the tar.gz and the Debian package\n  \
                        cargo xtask dist --only windows     the zip and, where wixl is installed, the installer\n\n\
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
        let missing = crate::windows::release::missing();
        if missing.is_empty() || arguments.only.is_some() {
            made.extend(windows(&release, &folder)?);
        } else {
            println!("nothing for Windows, as this is not there: {}", missing.join(", "));
            println!("as root on Debian, `cargo xtask windows setup` installs it");
        }
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
    let programs = PROGRAMS
        .into_iter()
        .map(|program| Ok((program, read(&built.join(program))?)))
        .collect::<anyhow::Result<Vec<Program>>>()?;
    let documents = contents::documents(&release.version, &parts::of(&PROGRAMS, &target)?)?;

    let name = format!("mxgateway-{}-linux-{}", release.version, std::env::consts::ARCH);
    let tar = folder.join(format!("{name}.tar.gz"));
    let archive = contents::linux(&programs, &documents)?;
    write(&tar, &archive.tar_gz(&format!("{name}/"), release.time)?)?;

    let completions = process::output(Command::new(built.join("mxgw")).args(["completions", "bash"]))?;
    let files = contents::debian(&programs, &documents, completions)?;
    let programs: Vec<&[u8]> = programs.iter().map(|(_, bytes)| bytes.as_slice()).collect();
    let glibc = debian::needed_glibc(&programs);
    let package =
        debian::pack(&files, &contents::deploy("linux/debian"), &release.version, &glibc, release.time)?;
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
    reproducible::set_up(&mut command, &[])?;
    progress::run(&mut command, "building")?;
    Ok(workspace::target()?.join("dist"))
}

#[cfg(unix)]
fn windows(release: &Release, folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let programs = crate::windows::release::programs()?
        .into_iter()
        .map(|(name, path)| Ok((name, read(&path)?)))
        .collect::<anyhow::Result<Vec<Program>>>()?;
    let parts = parts::of(&PROGRAMS, "x86_64-pc-windows-gnu")?;
    let documents = contents::documents(&release.version, &parts)?;

    let name = format!("mxgateway-{}-windows", release.version);
    let zip = folder.join(format!("{name}.zip"));
    let archive = contents::windows(&programs, &documents)?;
    write(&zip, &archive.zip(&format!("{name}/"), zip_time(release.time)?)?)?;
    let mut made = vec![zip];

    if installer::is_possible() {
        let files = contents::windows_installer(&programs, &documents)?;
        let template = String::from_utf8(read(&contents::deploy("windows/mxgateway.wxs"))?)
            .context("the installer's source is not text")?;
        let work = folder.join("installer");
        let installer = installer::pack(&files, &template, &release.version, release.time, &work)?;
        fs::remove_dir_all(&work).with_context(|| format!("cannot remove {}", work.display()))?;
        let msi = folder.join(format!("{name}.msi"));
        write(&msi, &installer)?;
        made.push(msi);
    } else {
        println!("no installer (msi) without wixl; on Debian, as root: apt-get install wixl");
    }
    Ok(made)
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

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
