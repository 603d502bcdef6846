//! Files that one can read in a sitting.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::workspace::{self, Member};

const WARN_LINES: usize = 400;
const MAX_LINES: usize = 600;

/// Warns about large files and reports those that are too large.
pub(crate) fn check(members: &[Member], problems: &mut Vec<String>) -> anyhow::Result<()> {
    let mut files = Vec::new();
    for member in members {
        for folder in ["src", "tests", "examples", "benches"] {
            collect(&member.folder().join(folder), &mut files)?;
        }
    }
    let root = workspace::root();
    for path in files {
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let lines = text.lines().count();
        let name = path.strip_prefix(&root).unwrap_or(&path).display();
        if lines > MAX_LINES {
            problems.push(format!("{name} has {lines} lines; {MAX_LINES} is the limit"));
        } else if lines > WARN_LINES {
            eprintln!("warning: {name} has {lines} lines; split it before it has {MAX_LINES}");
        }
    }
    Ok(())
}

/// Rust files below a folder, generated ones left out.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "generated") {
                collect(&path, files)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(())
}
