use crate::key::ApiKey;

use super::*;

/// Two peppers have no `==`.
fn same(one: &Pepper, other: &Pepper) -> bool {
    let key = ApiKey::generate("a".parse().unwrap()).unwrap();
    one.verify(&key, &other.hash(&key))
}

#[test]
fn it_is_made_once_for_this_user_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new").join("pepper");
    let made = read_or_make(&path, false).unwrap();
    assert!(same(&made, &read_or_make(&path, false).unwrap()));
    assert!(same(&made, &read_or_make(&path, true).unwrap()));
    let names: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
    assert_eq!(names.len(), 1, "{names:?}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn those_who_make_it_at_the_same_time_get_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pepper");
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let path = path.clone();
            std::thread::spawn(move || read_or_make(&path, false).unwrap())
        })
        .collect();
    let peppers: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(peppers.iter().all(|pepper| same(pepper, &peppers[0])));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn spaces_around_do_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o440)).unwrap();
        }
        read_or_make(&path, true)
    };
    let text = "x".repeat(40);
    let plain = write("plain", &text).unwrap();
    assert!(same(&plain, &write("line", &format!("{text}\r\n")).unwrap()));
    let error = write("short", &format!("{}\n", "x".repeat(31))).unwrap_err();
    assert!(matches!(&error, PepperFileError::Content { source, .. } if source.length == 31), "{error}");
}

#[test]
fn no_new_one_is_made_while_there_are_keys() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pepper");
    let error = read_or_make(&path, true).unwrap_err();
    assert!(matches!(error, PepperFileError::Missing { .. }), "{error}");
    assert!(!path.exists());
}

#[cfg(unix)]
#[test]
fn one_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pepper");
    read_or_make(&path, false).unwrap();
    for mode in [0o604, 0o620, 0o602] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = read_or_make(&path, true).unwrap_err();
        assert!(matches!(error, PepperFileError::Open { .. }), "{error}");
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
}
