//! A Debian package: an `ar` archive of a version, the control files and the files.

use std::path::Path;

use anyhow::Context;

use super::tree::{PLAIN, PROGRAM, Tree, read};

/// Debian's name for the architecture this was built for.
pub(super) fn architecture() -> anyhow::Result<&'static str> {
    match std::env::consts::ARCH {
        "x86_64" => Ok("amd64"),
        "aarch64" => Ok("arm64"),
        other => anyhow::bail!("no Debian package for {other}"),
    }
}

/// Packs `files`, which are the system's from its root on; `scripts` is the folder of the control files.
pub(super) fn pack(
    files: &Tree,
    scripts: &Path,
    version: &str,
    glibc: &str,
    time: u32,
) -> anyhow::Result<Vec<u8>> {
    let template = String::from_utf8(read(&scripts.join("control"))?).context("control is not text")?;
    let text = template
        .replace("@VERSION@", version)
        .replace("@ARCHITECTURE@", architecture()?)
        .replace("@GLIBC@", glibc)
        .replace("@INSTALLED_KIB@", &files.bytes().div_ceil(1024).to_string());
    let mut control = Tree::default();
    control.add("control", text, PLAIN);
    control.add_file("conffiles", &scripts.join("conffiles"), PLAIN)?;
    for script in ["postinst", "prerm", "postrm"] {
        control.add_file(script, &scripts.join(script), PROGRAM)?;
    }
    let mut archive = ar::Builder::new(Vec::new());
    for (name, bytes) in [
        ("debian-binary", b"2.0\n".to_vec()),
        ("control.tar.gz", control.tar_gz("", time)?),
        ("data.tar.gz", files.tar_gz("", time)?),
    ] {
        let mut header = ar::Header::new(name.as_bytes().to_vec(), bytes.len() as u64);
        header.set_mode(0o100_644);
        header.set_mtime(time.into());
        archive.append(&header, bytes.as_slice())?;
    }
    Ok(archive.into_inner()?)
}

/// The newest version of the C library that a program asks for, such as `2.34`, from the names in the program.
pub(super) fn needed_glibc(programs: &[&[u8]]) -> String {
    let newest = programs.iter().flat_map(|program| versions(program)).max();
    newest.map_or_else(|| "2.2.5".to_owned(), |(major, minor)| format!("{major}.{minor}"))
}

fn versions(program: &[u8]) -> Vec<(u32, u32)> {
    const MARK: &[u8] = b"GLIBC_";
    let starts = program.windows(MARK.len()).enumerate().filter(|(_, window)| *window == MARK);
    starts
        .filter_map(|(at, _)| {
            let rest = &program[at + MARK.len()..];
            let end = rest.iter().position(|byte| !byte.is_ascii_digit() && *byte != b'.')?;
            let mut numbers = std::str::from_utf8(&rest[..end]).ok()?.split('.');
            Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_of_the_c_library_counts() {
        let program: &[u8] = b"\0GLIBC_2.4\0GLIBC_2.34\0GLIBC_2.2.5\0GLIBC_PRIVATE\0";
        assert_eq!(needed_glibc(&[program, b"GLIBC_2.9\0"]), "2.34");
        assert_eq!(needed_glibc(&[b"nothing"]), "2.2.5");
    }
}
