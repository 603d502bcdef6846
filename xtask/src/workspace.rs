//! Where things are in the repository, and what its packages are.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::Value;

use crate::process;

/// The repository's root folder.
pub(crate) fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

/// What cargo says about the members of the workspace.
pub(crate) fn metadata() -> anyhow::Result<Value> {
    let text = process::output(&mut process::cargo(&["metadata", "--no-deps", "--format-version", "1"]))?;
    serde_json::from_str(&text).context("cargo metadata is not JSON")
}

/// Cargo's target folder.
pub(crate) fn target() -> anyhow::Result<PathBuf> {
    let metadata = metadata()?;
    let folder = metadata["target_directory"].as_str().context("cargo metadata names no target folder")?;
    Ok(PathBuf::from(folder))
}

/// A member of the workspace.
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) manifest: PathBuf,
    /// Root files of its libraries and programs.
    pub(crate) roots: Vec<PathBuf>,
}

impl Member {
    pub(crate) fn folder(&self) -> &Path {
        self.manifest.parent().unwrap_or(&self.manifest)
    }
}

/// Every member of the workspace.
pub(crate) fn members() -> anyhow::Result<Vec<Member>> {
    let metadata = metadata()?;
    let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    packages
        .iter()
        .map(|package| {
            let text =
                |value: &Value| value.as_str().map(str::to_owned).context("cargo metadata is incomplete");
            let roots = package["targets"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|target| {
                    let kinds = target["kind"].as_array();
                    kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind == "lib" || kind == "bin"))
                })
                .map(|target| text(&target["src_path"]).map(PathBuf::from))
                .collect::<anyhow::Result<_>>()?;
            Ok(Member {
                name: text(&package["name"])?,
                manifest: PathBuf::from(text(&package["manifest_path"])?),
                roots,
            })
        })
        .collect()
}
