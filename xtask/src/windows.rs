//! `cargo xtask windows`: the Windows programs, built and tested on Debian, without Windows.
//!
//! Debian's own Rust packages build the standard library for targets that it does not ship; Wine runs what comes of
//! it. 32-bit Wine lives in an i386 chroot of its own outside of the repository.

mod build;
mod chroot;
pub(crate) mod release;
mod test;
mod tools;
mod wine;

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::bail;

pub(crate) use test::in_ci;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(clap::Subcommand)]
enum Task {
    /// Install what is missing: compilers, Wine, and an i386 chroot with 32-bit Wine (as root on Debian)
    Setup,
    /// Build the gateway and mxgw (64-bit), the worker (64- and 32-bit) and what their tests need
    Build {
        /// Build with optimisation
        #[arg(long)]
        release: bool,
    },
    /// Have clippy look at the code that only Windows compiles
    Clippy,
    /// Set up, build, and run the Windows tests under Wine, 64- and 32-bit
    Test {
        /// Only test programs with this in their name
        #[arg(long, value_name = "NAME")]
        only: Option<String>,
    },
    /// Run a Windows program under Wine, as the tests do
    Run {
        /// By 32-bit Wine
        #[arg(long = "32")]
        narrow: bool,
        /// The program, which lies below the target folder; or the bare name of one of Windows' own
        program: PathBuf,
        /// Its arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    match &arguments.task {
        Task::Setup => setup(),
        Task::Build { release } => build::programs(*release),
        Task::Clippy => {
            set_up_where_possible()?;
            Width::ALL.into_iter().try_for_each(build::lint)
        }
        Task::Test { only } => test::run(only.as_deref()),
        Task::Run { narrow, program, arguments } => {
            ready()?;
            let width = if *narrow { Width::Narrow } else { Width::Wide };
            let status = wine::command(width, program)?.args(arguments).status()?;
            // The program's own exit code, as far as a process of this system can tell it.
            std::process::exit(status.code().unwrap_or(1));
        }
    }
}

/// The two kinds of Windows programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Width {
    /// 64-bit.
    Wide,
    /// 32-bit, as MXAccess is.
    Narrow,
}

impl Width {
    const ALL: [Self; 2] = [Self::Wide, Self::Narrow];

    fn bits(self) -> u32 {
        match self {
            Self::Wide => 64,
            Self::Narrow => 32,
        }
    }

    fn target(self) -> &'static str {
        match self {
            Self::Wide => "x86_64-win7-windows-gnu",
            Self::Narrow => "i686-win7-windows-gnu",
        }
    }

    /// How the names of the C compiler and its kin begin.
    fn tools(self) -> &'static str {
        match self {
            Self::Wide => "x86_64-w64-mingw32",
            Self::Narrow => "i686-w64-mingw32",
        }
    }
}

/// Sets up what can be without asking; an error says what is missing then.
fn set_up_where_possible() -> anyhow::Result<()> {
    if !missing()?.is_empty() && tools::may_install() {
        setup()?;
    }
    ready()
}

/// Installs what is missing.
fn setup() -> anyhow::Result<()> {
    tools::install()?;
    tools::make_startup_objects()?;
    chroot::make()?;
    println!("everything for the Windows side is there: cargo xtask windows test");
    Ok(())
}

/// Everything that is missing, for people.
fn missing() -> anyhow::Result<Vec<String>> {
    let mut missing = tools::missing_to_build();
    missing.extend(chroot::missing()?);
    Ok(missing)
}

/// Fails when something is missing, and says what to do.
fn ready() -> anyhow::Result<()> {
    let missing = missing()?;
    if !missing.is_empty() {
        bail!("not there: {}; run `cargo xtask windows setup` as root on Debian", missing.join(", "));
    }
    Ok(())
}
