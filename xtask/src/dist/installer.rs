//! The installer: wixl makes it of `deploy/windows/mxgateway.wxs`, and what wixl cannot say is put in afterwards.
//!
//! The database is written anew as well, with every row in order and without the random numbers and the time of day that
//! wixl gives it, so that the same files give the same installer.

use std::fs;
use std::io::{self, Cursor, Read, Seek, Write};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};
use msi::{Category, CodePage, Column, Insert, Package, PackageType, Select, Value};
use uuid::Uuid;

use super::tree::Tree;
use crate::process;

/// Says which versions replace each other: it never changes.
const UPGRADE_CODE: Uuid = Uuid::from_u128(0xdad5f06dd690440687a29cd246ff6dcc);
/// What the source of the installer names itself.
const NAMED: [&str; 4] = ["mxgateway.exe", "mxgateway-worker.exe", "mxgw.exe", "mxgateway.toml"];
const DOCS: &str = "docs/";
/// Windows Installer 5.0, in its own way of counting.
const INSTALLER_VERSION: i32 = 500;
/// Long file names, compressed.
const SOURCE_KIND: i32 = 2;
/// Opened read-only where that is asked for.
const SECURITY: i32 = 2;

/// Of a component: it stays when everything else is removed, and replaces nothing that is there.
const PERMANENT: i32 = 0x10;
const NEVER_OVERWRITE: i32 = 0x80;
/// Of an action that is done later: it is done when the installation fails.
const ROLLBACK: i32 = 0x100;

/// Whether the program that makes installers is there.
pub(super) fn is_possible() -> bool {
    process::is_installed("wixl")
}

/// Packs `files`; `template` is the source, `folder` is to be made, for wixl to work in.
pub(super) fn pack(
    files: &Tree,
    template: &str,
    version: &str,
    time: u32,
    folder: &Path,
) -> anyhow::Result<Vec<u8>> {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(time.into());
    files.unpack(folder, time)?;
    let paths: Vec<&str> = files.paths().collect();
    fs::write(folder.join("mxgateway.wxs"), source(template, version, &paths)?)?;
    let mut wixl = Command::new("wixl");
    // The times of files in a cabinet are in the time of the place.
    wixl.args(["--arch", "x64", "--output", "mxgateway.msi", "mxgateway.wxs"])
        .current_dir(folder)
        .env("TZ", "UTC");
    process::run(&mut wixl)?;
    let made = fs::File::open(folder.join("mxgateway.msi")).context("wixl made no installer")?;
    complete(made, time).context("cannot complete what wixl made")
}

/// The source for wixl.
fn source(template: &str, version: &str, paths: &[&str]) -> anyhow::Result<String> {
    // Windows compares three numbers, and knows nothing else.
    let numbers = version.split(['-', '+']).next().unwrap_or(version);
    // To Windows, each version is another product.
    let product = Uuid::new_v5(&UPGRADE_CODE, numbers.as_bytes());
    let (docs, documents): (Vec<&str>, Vec<&str>) =
        paths.iter().filter(|path| !NAMED.contains(path)).partition(|path| path.starts_with(DOCS));
    let mut components: String = documents.iter().map(|path| component(path, path)).collect();
    components += "<Directory Id=\"DOCSDIR\" Name=\"docs\">\n";
    components.extend(docs.iter().map(|path| component(path, path.trim_start_matches(DOCS))));
    components += "</Directory>\n";
    let references: String = documents
        .iter()
        .chain(&docs)
        .map(|path| format!("<ComponentRef Id=\"{}\"/>\n", identifier(path)))
        .collect();
    let mut source = template.to_owned();
    for (name, value) in [
        ("@PRODUCT_CODE@", braced(product)),
        ("@UPGRADE_CODE@", braced(UPGRADE_CODE)),
        ("@VERSION@", numbers.to_owned()),
        ("@DOCUMENTS@", components),
        ("@REFERENCES@", references),
    ] {
        if !source.contains(name) {
            bail!("the installer's source has no {name}");
        }
        source = source.replace(name, &value);
    }
    Ok(source)
}

fn component(path: &str, name: &str) -> String {
    let identifier = identifier(path);
    format!(
        "<Component Id=\"{identifier}\" Guid=\"*\" Win64=\"yes\">\
         <File Id=\"{identifier}\" Name=\"{name}\" Source=\"{path}\" KeyPath=\"yes\"/></Component>\n"
    )
}

fn identifier(path: &str) -> String {
    path.chars()
        .map(|letter| if letter.is_ascii_alphanumeric() || letter == '.' { letter } else { '_' })
        .collect()
}

fn braced(uuid: Uuid) -> String {
    uuid.braced().encode_upper(&mut Uuid::encode_buffer()).to_owned()
}

/// Writes what wixl made anew.
fn complete(made: impl Read + Seek, time: SystemTime) -> io::Result<Vec<u8>> {
    let mut made = Package::open(made)?;
    let mut package = Package::create(PackageType::Installer, Cursor::new(Vec::new()))?;
    package.set_database_codepage(CodePage::Windows1252);
    let tables: Vec<(String, Vec<Column>)> = made
        .tables()
        // Those that say what tables there are come by themselves.
        .filter(|table| !table.name().starts_with('_'))
        .map(|table| (table.name().to_owned(), table.columns().to_vec()))
        .collect();
    for (name, columns) in tables {
        let selected = made.select_rows(Select::table(&name))?;
        let mut rows: Vec<Vec<Value>> =
            selected.map(|row| (0..row.len()).map(|column| row[column].clone()).collect()).collect();
        // Their order in what wixl made is that of chance.
        rows.sort();
        package.create_table(&name, columns)?;
        package.insert_rows(Insert::into(&name).rows(rows))?;
    }
    let streams: Vec<String> = made.streams().collect();
    for name in streams {
        io::copy(&mut made.read_stream(&name)?, &mut package.write_stream(&name)?)?;
    }
    say_more(&mut package)?;

    let summary = package.summary_info_mut();
    summary.set_codepage(CodePage::Windows1252);
    summary.set_title("Installation Database");
    summary.set_subject("MxGateway");
    summary.set_author("The MxGateway developers");
    summary.set_keywords(&["Installer".to_owned()]);
    summary.set_comments("Live data of AVEVA System Platform over gRPC");
    summary.set_arch("x64");
    summary.set_languages(&[msi::LanguageId::from_tag("en-US")]);
    summary.set_creating_application("cargo xtask dist, with wixl");
    summary.set_creation_time(time);
    summary.set_last_save_time(time);
    summary.set_page_count(INSTALLER_VERSION);
    summary.set_word_count(SOURCE_KIND);
    summary.set_doc_security(SECURITY);
    summary.set_uuid(Uuid::nil());
    let bytes = package.into_inner()?.into_inner();

    // Two installers have the same code only when they are the same.
    let code = Uuid::new_v5(&UPGRADE_CODE, &bytes);
    let mut package = Package::open(Cursor::new(bytes))?;
    package.summary_info_mut().set_uuid(code);
    Ok(package.into_inner()?.into_inner())
}

/// What the source for wixl cannot say.
fn say_more(package: &mut Package<impl Read + Write + Seek>) -> io::Result<()> {
    let identifier = |name| Column::build(name).category(Category::Identifier);
    package.create_table(
        "Environment",
        vec![
            identifier("Environment").primary_key().string(72),
            Column::build("Name").localizable().text_string(255),
            Column::build("Value").localizable().nullable().formatted_string(255),
            identifier("Component_").foreign_key("Component", 1).string(72),
        ],
    )?;
    // To be there at all, and to be gone at the end; among the machine's; what is there, and then ours.
    let path = ["Path", "=-*PATH", "[~];[INSTALLDIR]", "Gateway"];
    let path = path.into_iter().map(|text| Value::Str(text.to_owned())).collect();
    package.insert_rows(Insert::into("Environment").row(path))?;
    change(package, "Component", "Configuration", "Attributes", |attributes| {
        Value::Int(attributes.as_int().unwrap_or_default() | PERMANENT | NEVER_OVERWRITE)
    })?;
    change(package, "CustomAction", "UndoInstallService", "Type", |kind| {
        Value::Int(kind.as_int().unwrap_or_default() | ROLLBACK)
    })?;
    // Looked for with the rights of who installs, used with those of the system.
    change(package, "Property", "SecureCustomProperties", "Value", |properties| {
        Value::Str(format!("{};INSTALLDIR;INSTALLEDDIR", properties.as_str().unwrap_or_default()))
    })
}

/// Changes the `column` of the row that begins with `key`.
fn change(
    package: &mut Package<impl Read + Write + Seek>,
    table: &str,
    key: &str,
    column: &str,
    new: impl FnOnce(&Value) -> Value,
) -> io::Result<()> {
    let missing = || io::Error::new(io::ErrorKind::NotFound, format!("there is no {key} in {table}"));
    let first = package.get_table(table).ok_or_else(missing)?.columns()[0].name().to_owned();
    let is_wanted = || msi::Expr::col(&first).eq(msi::Expr::string(key));
    let rows = package.select_rows(Select::table(table).columns(&[column]).with(is_wanted()))?;
    let old = rows.map(|row| row[0].clone()).next().ok_or_else(missing)?;
    package.update_rows(msi::Update::table(table).set(column, new(&old)).with(is_wanted()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = include_str!("../../../deploy/windows/mxgateway.wxs");
    const TIME: u32 = 1_700_000_000;

    #[test]
    fn the_source_has_every_file_and_a_product_for_each_version() {
        let paths = ["README.md", "docs/how-to.md", "mxgateway.exe", "mxgateway.toml"];
        let source = |version| source(TEMPLATE, version, &paths).unwrap();
        let text = source("1.2.3-rc.1");
        assert!(text.contains("Version=\"1.2.3\""), "{text}");
        for (path, name) in [("README.md", "README.md"), ("docs/how-to.md", "how-to.md")] {
            assert!(text.contains(&format!("Name=\"{name}\" Source=\"{path}\"")), "{path}: {text}");
        }
        for identifier in ["README.md", "docs_how_to.md"] {
            assert_eq!(text.matches(&format!("Id=\"{identifier}\"")).count(), 3, "{identifier}: {text}");
        }
        assert_eq!(text.matches("mxgateway.exe\"").count(), 2, "once, by name and source: {text}");
        assert!(!text.contains('@'), "{text}");
        assert_eq!(text, source("1.2.3"));
        assert_ne!(text, source("1.2.4"));
    }

    /// The parts of what wixl makes that are looked at.
    fn made(configuration: &str, time: u64, code: u128) -> Cursor<Vec<u8>> {
        let mut package = Package::create(PackageType::Installer, Cursor::new(Vec::new())).unwrap();
        let row = |key: &str, value: i32| vec![Value::Str(key.to_owned()), Value::Int(value)];
        let number = |name| Column::build(name).int16();
        let text = vec![Value::Str("SecureCustomProperties".to_owned()), Value::Str("OTHER".to_owned())];
        for (table, column, rows) in [
            ("Component", number("Attributes"), vec![row("Gateway", 256), row(configuration, 256)]),
            (
                "CustomAction",
                number("Type"),
                vec![row("InstallService", 3154), row("UndoInstallService", 3154)],
            ),
            ("Property", Column::build("Value").text_string(0), vec![text]),
        ] {
            let key = Column::build("Key").primary_key().id_string(72);
            package.create_table(table, vec![key, column]).unwrap();
            package.insert_rows(Insert::into(table).rows(rows)).unwrap();
        }
        package.write_stream("mxgateway.cab").unwrap().write_all(b"files").unwrap();
        package.summary_info_mut().set_creation_time(SystemTime::UNIX_EPOCH + Duration::from_secs(time));
        package.summary_info_mut().set_uuid(Uuid::from_u128(code));
        package.into_inner().unwrap()
    }

    #[test]
    fn the_installer_has_what_wixl_cannot_say_and_nothing_of_the_moment() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(TIME.into());
        let bytes = complete(made("Configuration", 1_800_000_000, 1), time).unwrap();
        assert!(bytes == complete(made("Configuration", 1_900_000_000, 2), time).unwrap());

        let mut package = Package::open(Cursor::new(bytes)).unwrap();
        assert_eq!(package.summary_info().creation_time(), Some(time));
        let code = |bytes| Package::open(Cursor::new(bytes)).unwrap().summary_info().uuid();
        let other = complete(made("Configuration", 0, 1), time + Duration::from_secs(2)).unwrap();
        assert_ne!(package.summary_info().uuid(), code(other), "another installer, another code");
        let mut rows = |table| {
            let rows = package.select_rows(Select::table(table)).unwrap();
            rows.map(|row| (0..row.len()).map(|column| row[column].to_string()).collect::<Vec<_>>().join(" "))
                .collect::<Vec<_>>()
        };
        assert_eq!(rows("Component"), [r#""Configuration" 400"#, r#""Gateway" 256"#]);
        assert_eq!(rows("CustomAction"), [r#""InstallService" 3154"#, r#""UndoInstallService" 3410"#]);
        assert_eq!(rows("Property"), [r#""SecureCustomProperties" "OTHER;INSTALLDIR;INSTALLEDDIR""#]);
        assert_eq!(rows("Environment"), [r#""Path" "=-*PATH" "[~];[INSTALLDIR]" "Gateway""#]);
        let mut files = String::new();
        package.read_stream("mxgateway.cab").unwrap().read_to_string(&mut files).unwrap();
        assert_eq!(files, "files");

        let error = complete(made("Something", 0, 1), time).unwrap_err();
        assert_eq!(error.to_string(), "there is no Configuration in Component");
    }
}
