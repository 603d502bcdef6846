//! What others made that is in our programs: its licences, and a bill of materials.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use serde_json::{Value, json};

use super::tree::read;
use crate::process;
use crate::workspace;

/// A package that is in a program.
#[derive(Debug, Clone)]
pub(super) struct Part {
    name: String,
    version: String,
    licence: String,
    folder: PathBuf,
    /// One of ours.
    is_own: bool,
    checksum: Option<String>,
}

/// Everything in these programs, by name and version.
pub(super) fn of(programs: &[&str], target: &str) -> anyhow::Result<Vec<Part>> {
    let mut wanted = BTreeSet::new();
    for program in programs {
        let tree = process::output(&mut process::cargo(&[
            "tree",
            "--locked",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p}",
            "--target",
            target,
            "--package",
            program,
        ]))?;
        for line in tree.lines() {
            let mut words = line.split_whitespace();
            if let (Some(name), Some(version)) = (words.next(), words.next()) {
                wanted.insert((name.to_owned(), version.trim_start_matches('v').to_owned()));
            }
        }
    }
    let text = process::output(&mut process::cargo(&["metadata", "--locked", "--format-version", "1"]))?;
    let metadata: Value = serde_json::from_str(&text).context("cargo metadata is not JSON")?;
    let checksums = checksums()?;
    let mut parts = BTreeMap::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
        let key = (text("name"), text("version"));
        if !wanted.contains(&key) {
            continue;
        }
        let manifest = PathBuf::from(text("manifest_path"));
        let part = Part {
            name: key.0.clone(),
            version: key.1.clone(),
            licence: text("license"),
            folder: manifest.parent().map(PathBuf::from).unwrap_or_default(),
            is_own: package["source"].is_null(),
            checksum: checksums.get(&key).cloned(),
        };
        parts.insert(key, part);
    }
    Ok(parts.into_values().collect())
}

/// From the lock file, by name and version.
fn checksums() -> anyhow::Result<BTreeMap<(String, String), String>> {
    let lock = String::from_utf8(read(&workspace::root().join("Cargo.lock"))?)?;
    let lock: toml::Table = toml::from_str(&lock).context("Cargo.lock is not TOML")?;
    let packages =
        lock.get("package").and_then(toml::Value::as_array).context("Cargo.lock has no packages")?;
    let entry = |package: &toml::Value| {
        let text = |key| Some(package.get(key)?.as_str()?.to_owned());
        Some(((text("name")?, text("version")?), text("checksum")?))
    };
    Ok(packages.iter().filter_map(entry).collect())
}

/// The licences of what others made, each with its text as it comes with the package.
pub(super) fn licences(parts: &[Part]) -> anyhow::Result<String> {
    let mut text = String::from(
        "MxGateway has in it what others made. Each package is listed with its licence and the texts that come with it.\n",
    );
    for part in parts.iter().filter(|part| !part.is_own) {
        let licence = if part.licence.is_empty() { "see below" } else { &part.licence };
        let _ = write!(text, "\n{}\n{} {}: {licence}\n", "=".repeat(100), part.name, part.version);
        for (name, contents) in texts(part)? {
            let _ = write!(text, "\n{} {name}:\n\n{}\n", part.name, contents.trim_end());
        }
    }
    Ok(text)
}

fn texts(part: &Part) -> anyhow::Result<Vec<(String, String)>> {
    let mut texts = Vec::new();
    let folder =
        fs::read_dir(&part.folder).with_context(|| format!("cannot look into {}", part.folder.display()))?;
    for entry in folder {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let upper = name.to_uppercase();
        let is_licence = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE", "COPYRIGHT"]
            .iter()
            .any(|start| upper.starts_with(start));
        if is_licence && entry.file_type()?.is_file() {
            texts.push((name, String::from_utf8_lossy(&read(&entry.path())?).into_owned()));
        }
    }
    texts.sort();
    Ok(texts)
}

/// A CycloneDX 1.5 bill of materials.
pub(super) fn bill_of_materials(parts: &[Part], version: &str) -> anyhow::Result<String> {
    let components: Vec<Value> = parts
        .iter()
        .filter(|part| !part.is_own)
        .map(|part| {
            let mut component = json!({
                "type": "library",
                "bom-ref": format!("pkg:cargo/{}@{}", part.name, part.version),
                "name": part.name,
                "version": part.version,
                "purl": format!("pkg:cargo/{}@{}", part.name, part.version),
            });
            if !part.licence.is_empty() {
                // Before SPDX had a grammar, a slash meant `OR`.
                component["licenses"] = json!([{ "expression": part.licence.replace('/', " OR ") }]);
            }
            if let Some(checksum) = &part.checksum {
                component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
            }
            component
        })
        .collect();
    let bill = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": { "type": "application", "bom-ref": "mxgateway", "name": "mxgateway", "version": version,
                "licenses": [{ "expression": "MIT OR Apache-2.0" }] },
        },
        "components": components,
    });
    Ok(serde_json::to_string_pretty(&bill)? + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_program_have_licences_and_checksums_and_tests_are_none() {
        let parts = of(&["mxgw"], "x86_64-unknown-linux-gnu").unwrap();
        let part = |name: &str| parts.iter().find(|part| part.name == name);
        let tokio = part("tokio").expect("mxgw uses tokio");
        assert_eq!(tokio.licence, "MIT");
        assert!(tokio.checksum.as_ref().is_some_and(|checksum| checksum.len() == 64));
        assert!(part("mxgateway-client").is_some_and(|part| part.is_own));
        assert!(part("tempfile").is_none(), "what only tests use does not ship");
        let bill: Value = serde_json::from_str(&bill_of_materials(&parts, "1.2.3").unwrap()).unwrap();
        let components = bill["components"].as_array().unwrap();
        assert!(components.iter().any(|component| component["name"] == "tokio"));
        assert!(components.iter().all(|component| component["name"] != "mxgateway-client"));
        let licences = licences(&parts).unwrap();
        assert!(licences.contains("\ntokio LICENSE:\n"));
    }
}
