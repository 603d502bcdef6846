//! What a package has in it, and how that becomes one file: the same bytes whenever the same goes in.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;
use std::time::SystemTime;

use anyhow::Context;
use flate2::{Compression, GzBuilder};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// Everybody reads, the owner writes.
pub(super) const PLAIN: u32 = 0o644;
/// A program.
pub(super) const PROGRAM: u32 = 0o755;

/// Files by path; a path has `/` between its parts and none at its beginning.
#[derive(Debug, Default)]
pub(super) struct Tree(BTreeMap<String, File>);

#[derive(Clone, Debug)]
struct File {
    bytes: Vec<u8>,
    mode: u32,
}

impl Tree {
    pub(super) fn add(&mut self, path: impl Into<String>, bytes: impl Into<Vec<u8>>, mode: u32) {
        self.0.insert(path.into(), File { bytes: bytes.into(), mode });
    }

    pub(super) fn add_file(&mut self, path: impl Into<String>, from: &Path, mode: u32) -> anyhow::Result<()> {
        self.add(path, read(from)?, mode);
        Ok(())
    }

    /// Adds everything of `other`, with `prefix` before each path.
    pub(super) fn add_tree(&mut self, prefix: &str, other: &Self) {
        self.0.extend(other.0.iter().map(|(path, file)| (format!("{prefix}{path}"), file.clone())));
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.values().map(|file| file.bytes.len()).sum()
    }

    /// Writes everything into a folder, as plain files of this time.
    pub(super) fn unpack(&self, folder: &Path, time: SystemTime) -> anyhow::Result<()> {
        for (path, file) in &self.0 {
            let path = folder.join(path);
            let write = || {
                fs::create_dir_all(path.parent().unwrap_or(folder))?;
                let mut written = fs::File::create(&path)?;
                written.write_all(&file.bytes)?;
                written.set_modified(time)
            };
            write().with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    /// A compressed tar archive with `root` before each path; every file has this time, in seconds since 1970.
    pub(super) fn tar_gz(&self, root: &str, time: u32) -> anyhow::Result<Vec<u8>> {
        let compressed = GzBuilder::new().mtime(time).write(Vec::new(), Compression::best());
        let mut archive = tar::Builder::new(compressed);
        for folder in self.folders() {
            let mut header = header(PROGRAM, time);
            header.set_entry_type(tar::EntryType::Directory);
            archive.append_data(&mut header, format!("{root}{folder}/"), std::io::empty())?;
        }
        for (path, file) in &self.0 {
            let mut header = header(file.mode, time);
            header.set_size(file.bytes.len() as u64);
            archive.append_data(&mut header, format!("{root}{path}"), file.bytes.as_slice())?;
        }
        Ok(archive.into_inner()?.finish()?)
    }

    /// A zip archive with `root` before each path; every file has this time.
    pub(super) fn zip(&self, root: &str, time: DateTime) -> anyhow::Result<Vec<u8>> {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        for (path, file) in &self.0 {
            let options = SimpleFileOptions::default()
                .compression_method(CompressionMethod::Deflated)
                .last_modified_time(time)
                .unix_permissions(file.mode);
            archive.start_file(format!("{root}{path}"), options)?;
            archive.write_all(&file.bytes)?;
        }
        Ok(archive.finish()?.into_inner())
    }

    /// Every folder, each before what is in it.
    fn folders(&self) -> Vec<String> {
        let mut folders: Vec<String> = self
            .0
            .keys()
            .flat_map(|path| path.match_indices('/').map(|(at, _)| path[..at].to_owned()))
            .collect();
        folders.sort();
        folders.dedup();
        folders
    }
}

fn header(mode: u32, time: u32) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_mode(mode);
    header.set_mtime(time.into());
    header.set_uid(0);
    header.set_gid(0);
    // Names that fit; the numbers count where they are unknown.
    let _: std::io::Result<()> = header.set_username("root");
    let _: std::io::Result<()> = header.set_groupname("root");
    header.set_size(0);
    header
}

pub(super) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    const TIME: u32 = 1_700_000_000;

    fn tree() -> Tree {
        let mut tree = Tree::default();
        tree.add("z.txt", "last", PLAIN);
        tree.add("usr/bin/program", "first", PROGRAM);
        tree
    }

    #[test]
    fn a_tar_archive_has_everything_with_its_mode_in_order_and_nothing_of_the_machine() {
        let packed = tree().tar_gz("", TIME).unwrap();
        assert_eq!(packed, tree().tar_gz("", TIME).unwrap());
        let mut seen = Vec::new();
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(packed.as_slice()));
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            let header = entry.header();
            assert_eq!((header.mtime().unwrap(), header.uid().unwrap()), (u64::from(TIME), 0));
            seen.push((entry.path().unwrap().display().to_string(), header.mode().unwrap(), text));
        }
        let expected = [
            ("usr/", PROGRAM, ""),
            ("usr/bin/", PROGRAM, ""),
            ("usr/bin/program", PROGRAM, "first"),
            ("z.txt", PLAIN, "last"),
        ];
        assert_eq!(seen, expected.map(|(path, mode, text)| (path.to_owned(), mode, text.to_owned())));
    }

    #[test]
    fn a_zip_archive_has_everything_and_is_the_same_again() {
        let packed = tree().zip("root/", DateTime::default()).unwrap();
        assert_eq!(packed, tree().zip("root/", DateTime::default()).unwrap());
        let mut archive = zip::ZipArchive::new(Cursor::new(packed)).unwrap();
        let mut text = String::new();
        archive.by_name("root/usr/bin/program").unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "first");
        assert_eq!(archive.len(), 2);
    }
}
