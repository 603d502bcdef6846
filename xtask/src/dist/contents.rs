//! What is in each package, by path.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;

use super::parts::{self, Part};
use super::tree::{PLAIN, PROGRAM, Tree, read};
use crate::workspace;

/// What every package has besides its programs, as paths in the repository.
const DOCUMENTS: [&str; 4] = ["README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT"];
/// Besides, for those who install by hand on Windows.
const WINDOWS_SCRIPTS: [&str; 2] = ["install.ps1", "uninstall.ps1"];

/// Before the licences in the Debian package.
const COPYRIGHT: &str = "MxGateway is licensed under MIT or Apache-2.0, at your choice. THIRD-PARTY-LICENCES.txt \
                         beside this file has the licences of what others made.\n\n";

/// Name and contents.
pub(super) type Program = (&'static str, Vec<u8>);

/// What every package has besides its programs.
pub(super) fn documents(version: &str, parts: &[Part]) -> anyhow::Result<Tree> {
    let root = workspace::root();
    let mut tree = Tree::default();
    for document in DOCUMENTS {
        tree.add_file(document, &root.join(document), PLAIN)?;
    }
    let docs = root.join("docs");
    for entry in fs::read_dir(&docs).with_context(|| format!("cannot look into {}", docs.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "md") {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            tree.add_file(format!("docs/{name}"), &path, PLAIN)?;
        }
    }
    tree.add_file("mxgateway.sample.toml", &deploy("config/mxgateway.toml"), PLAIN)?;
    tree.add("THIRD-PARTY-LICENCES.txt", parts::licences(parts)?, PLAIN);
    tree.add("sbom.cdx.json", parts::bill_of_materials(parts, version)?, PLAIN);
    Ok(tree)
}

/// The archive for any Linux.
pub(super) fn linux(programs: &[Program], documents: &Tree) -> anyhow::Result<Tree> {
    let mut tree = Tree::default();
    for (name, bytes) in programs {
        tree.add(format!("bin/{name}"), bytes.clone(), PROGRAM);
    }
    tree.add_tree("", documents);
    tree.add_file("mxgateway.toml", &deploy("linux/mxgateway.toml"), PLAIN)?;
    tree.add_file("systemd/mxgateway.service", &deploy("linux/mxgateway.service"), PLAIN)?;
    Ok(tree)
}

/// The Debian package's files.
pub(super) fn debian(programs: &[Program], documents: &Tree, completions: String) -> anyhow::Result<Tree> {
    let mut tree = Tree::default();
    for (name, bytes) in programs {
        tree.add(format!("usr/bin/{name}"), bytes.clone(), PROGRAM);
    }
    tree.add_tree("usr/share/doc/mxgateway/", documents);
    let root = workspace::root();
    let licences = [read(&root.join("LICENSE-MIT"))?, read(&root.join("LICENSE-APACHE"))?];
    let copyright = [COPYRIGHT.as_bytes(), &licences[0], b"\n", &licences[1]].concat();
    tree.add("usr/share/doc/mxgateway/copyright", copyright, PLAIN);
    tree.add_file("etc/mxgateway/mxgateway.toml", &deploy("linux/mxgateway.toml"), PLAIN)?;
    tree.add_file("usr/lib/systemd/system/mxgateway.service", &deploy("linux/mxgateway.service"), PLAIN)?;
    tree.add("usr/share/bash-completion/completions/mxgw", completions, PLAIN);
    Ok(tree)
}

/// What the installer for Windows installs.
pub(super) fn windows_installer(programs: &[Program], documents: &Tree) -> anyhow::Result<Tree> {
    let mut tree = Tree::default();
    for (name, bytes) in programs {
        tree.add(*name, bytes.clone(), PROGRAM);
    }
    tree.add_tree("", documents);
    tree.add_file("mxgateway.toml", &deploy("windows/mxgateway.toml"), PLAIN)?;
    Ok(tree)
}

/// The archive for Windows.
pub(super) fn windows(programs: &[Program], documents: &Tree) -> anyhow::Result<Tree> {
    let mut tree = windows_installer(programs, documents)?;
    for script in WINDOWS_SCRIPTS {
        tree.add_file(script, &deploy("windows").join(script), PLAIN)?;
    }
    Ok(tree)
}

/// What is in the repository only to be packed.
pub(super) fn deploy(path: &str) -> PathBuf {
    workspace::root().join("deploy").join(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRAMS: [&str; 3] = ["mxgateway", "mxgateway-worker", "mxgw"];

    /// Everything in a tree, but the documentation, of which there is some.
    fn listed(tree: &Tree, docs: &str) -> Vec<String> {
        let (docs, others): (Vec<&str>, Vec<&str>) = tree.paths().partition(|path| path.starts_with(docs));
        assert!(docs.len() > 5 && docs.iter().any(|path| path.ends_with("/operations.md")), "{docs:?}");
        others.into_iter().map(str::to_owned).collect()
    }

    fn programs(ending: &str) -> Vec<Program> {
        let named = PROGRAMS.map(|name| format!("{name}{ending}"));
        named.map(|name| (&*name.leak(), b"program".to_vec())).to_vec()
    }

    #[test]
    fn the_archive_for_linux_has_programs_unit_configuration_licences_and_the_bill_of_materials() {
        let tree = linux(&programs(""), &documents("1.2.3", &[]).unwrap()).unwrap();
        let expected = [
            "CHANGELOG.md",
            "LICENSE-APACHE",
            "LICENSE-MIT",
            "README.md",
            "THIRD-PARTY-LICENCES.txt",
            "bin/mxgateway",
            "bin/mxgateway-worker",
            "bin/mxgw",
            "mxgateway.sample.toml",
            "mxgateway.toml",
            "sbom.cdx.json",
            "systemd/mxgateway.service",
        ];
        assert_eq!(listed(&tree, "docs/"), expected);
    }

    #[test]
    fn the_debian_package_has_everything_where_debian_looks_for_it() {
        let tree = debian(&programs(""), &documents("1.2.3", &[]).unwrap(), "complete".to_owned()).unwrap();
        let expected = [
            "etc/mxgateway/mxgateway.toml",
            "usr/bin/mxgateway",
            "usr/bin/mxgateway-worker",
            "usr/bin/mxgw",
            "usr/lib/systemd/system/mxgateway.service",
            "usr/share/bash-completion/completions/mxgw",
            "usr/share/doc/mxgateway/CHANGELOG.md",
            "usr/share/doc/mxgateway/LICENSE-APACHE",
            "usr/share/doc/mxgateway/LICENSE-MIT",
            "usr/share/doc/mxgateway/README.md",
            "usr/share/doc/mxgateway/THIRD-PARTY-LICENCES.txt",
            "usr/share/doc/mxgateway/copyright",
            "usr/share/doc/mxgateway/mxgateway.sample.toml",
            "usr/share/doc/mxgateway/sbom.cdx.json",
        ];
        assert_eq!(listed(&tree, "usr/share/doc/mxgateway/docs/"), expected);
    }

    #[test]
    fn the_archive_for_windows_has_the_scripts_and_the_installer_does_their_work() {
        let documents = documents("1.2.3", &[]).unwrap();
        let installed = [
            "CHANGELOG.md",
            "LICENSE-APACHE",
            "LICENSE-MIT",
            "README.md",
            "THIRD-PARTY-LICENCES.txt",
            "mxgateway-worker.exe",
            "mxgateway.exe",
            "mxgateway.sample.toml",
            "mxgateway.toml",
            "mxgw.exe",
            "sbom.cdx.json",
        ];
        let installer = windows_installer(&programs(".exe"), &documents).unwrap();
        assert_eq!(listed(&installer, "docs/"), installed);
        let mut packed = installed.to_vec();
        packed.extend(["install.ps1", "uninstall.ps1"]);
        packed.sort_unstable();
        assert_eq!(listed(&windows(&programs(".exe"), &documents).unwrap(), "docs/"), packed);
    }
}
