use super::*;

#[test]
fn identifiers_are_told_from_other_text() {
    for text in ["S-1-5-18", "S-1-5-32-544", "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"]
    {
        assert_eq!(text.parse::<Sid>().unwrap().to_string(), text);
    }
    // What would change the meaning of a definition is among them.
    for text in
        ["", "S-1-", "S-1-5", "S-1-5-", "S-1-5-x", "WD", "S-1-5-18)(A;;FA;;;WD", "S-2-5-18", " S-1-5-18"]
    {
        assert!(text.parse::<Sid>().is_err(), "{text:?}");
    }
    assert_eq!(Sid::local_system().to_string().parse(), Ok(Sid::local_system()));
}

#[test]
fn a_descriptor_lets_nobody_in_but_the_accounts_named() {
    let user = current_user().unwrap();
    let alone = Access::current_user().unwrap();
    // Protected: nothing comes from what it lies in. One entry: the account itself, with full access to files.
    let allowed = |sid: &str| format!("(A;;FA;;;{sid})");
    let definition = alone.descriptor().unwrap().definition().unwrap();
    let (owner, list) = definition.split_once("D:P").expect(&definition);
    assert!(owner.starts_with("O:"), "{definition}");
    assert_eq!(list.matches('(').count(), 1, "{definition}");
    assert_eq!(numeric(list), allowed(&user.to_string()), "{definition}");

    let access = alone.clone().and(Sid::administrators()).and(user.clone()).and(Sid::administrators());
    let definition = access.descriptor().unwrap().definition().unwrap();
    let list = definition.split_once("D:P").expect(&definition).1;
    let expected = allowed(&user.to_string()) + &allowed(&Sid::administrators().to_string());
    assert_eq!(numeric(list), expected, "{definition}");

    let definition = alone.folder_descriptor().unwrap().definition().unwrap();
    assert!(definition.contains("(A;OICI;FA;;;"), "{definition}");
}

/// A folder of this process's own that is not there yet.
fn own_folder(name: &str) -> std::path::PathBuf {
    std::env::temp_dir().join(format!("mxgateway-win-{name}-{}", std::process::id()))
}

/// The operating system writes well-known accounts and rights as letters.
fn numeric(list: &str) -> String {
    list.replace("0x1f01ff", "FA")
        .replace(";BA)", ";S-1-5-32-544)")
        .replace(";SY)", ";S-1-5-18)")
        .replace(";LS)", ";S-1-5-19)")
        .replace(";NS)", ";S-1-5-20)")
}

#[test]
fn folders_and_files_are_made_for_this_account() {
    let folder = own_folder("made");
    let access = Access::current_user().unwrap();
    let inner = folder.join("a").join("b");
    access.create_folder(&inner).unwrap();
    access.create_folder(&inner).unwrap();

    let path = inner.join("file");
    let mut file = access.create_file(&path).unwrap();
    io::Write::write_all(&mut file, b"content").unwrap();
    assert_eq!(access.create_file(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    drop(access.open_or_create_file(&path).unwrap());
    assert_eq!(std::fs::read(&path).unwrap(), b"content");
    drop(access.open_or_create_file(&inner.join("other")).unwrap());
    assert!(access.create_folder(&path.join("below a file")).is_err());
    for made in [&inner, &path] {
        let definition = SecurityDescriptor::of_path(made).unwrap().definition().unwrap();
        for everybody in [";WD)", ";AU)", ";BU)", ";AN)"] {
            assert!(!definition.contains(everybody), "{}: {definition}", made.display());
        }
    }
    drop(file);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_folder_that_is_there_is_claimed() {
    let folder = own_folder("claimed");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("file"), "content").unwrap();
    Access::current_user().unwrap().claim_folder(&folder).unwrap();
    let definition = SecurityDescriptor::of_path(&folder).unwrap().definition().unwrap();
    for everybody in [";WD)", ";AU)", ";BU)", ";AN)"] {
        assert!(!definition.contains(everybody), "{definition}");
    }
    assert_eq!(std::fs::read(folder.join("file")).unwrap(), b"content");
    std::fs::remove_dir_all(&folder).unwrap();
    Access::current_user().unwrap().claim_folder(&folder).unwrap();
    assert!(folder.is_dir(), "one that is not there is made");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn names_with_a_zero_in_them_are_refused() {
    let access = Access::current_user().unwrap();
    let error = access.create_file(Path::new("a\0b")).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{error}");
}
