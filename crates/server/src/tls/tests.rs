use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::ExtendedKeyUsagePurpose;
use tempfile::TempDir;

use super::testing::{Authority, put};
use super::*;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn self_signed(extra_names: &[&str]) -> TlsConfig {
    let extra_names = extra_names.iter().map(|name| (*name).to_owned()).collect();
    TlsConfig { mode: TlsMode::SelfSigned { extra_names, validity: 10 * DAY }, client_ca_path: None }
}

fn kept(data: &Path) -> (PathBuf, PathBuf) {
    (data.join("tls/certificate.pem"), data.join("tls/private-key.pem"))
}

/// Loads and returns what is on disk afterwards.
fn made(config: &TlsConfig, data: &Path, now: SystemTime) -> Identity {
    assert!(load(config, data, now).unwrap().is_some());
    let (certificate, private_key) = kept(data);
    Identity::read(&certificate, &private_key).unwrap()
}

fn fingerprint(config: &TlsConfig, data: &Path, now: SystemTime) -> String {
    made(config, data, now).certificate.fingerprint().to_owned()
}

fn refused(config: &TlsConfig, now: SystemTime) -> TlsError {
    load(config, Path::new("nowhere"), now).unwrap_err()
}

#[test]
fn off_is_nothing_and_leaves_nothing() {
    let data = TempDir::new().unwrap();
    let off = TlsConfig { mode: TlsMode::Off, client_ca_path: None };
    assert!(load(&off, data.path(), SystemTime::now()).unwrap().is_none());
    assert_eq!(fs::read_dir(data.path()).unwrap().count(), 0);
}

#[test]
fn a_self_signed_certificate_has_its_names_and_times() {
    let (data, now) = (TempDir::new().unwrap(), SystemTime::now());
    let identity = made(&self_signed(&["Plant.Example", "10.1.2.3", "FE80::1"]), data.path(), now);
    let certificate = &identity.certificate;
    for name in ["localhost", "127.0.0.1", "::1", "plant.example", "10.1.2.3", "fe80::1"] {
        assert!(certificate.is_for(name), "{name} is not in {}", certificate.names());
    }
    assert!(!certificate.is_not_yet_valid(now - DAY + Duration::from_secs(5)));
    assert!(certificate.is_not_yet_valid(now - DAY - Duration::from_secs(5)));
    assert!(!certificate.is_expired(now + 10 * DAY - Duration::from_secs(5)));
    assert!(certificate.is_expired(now + 10 * DAY + Duration::from_secs(5)));
    let fingerprint = certificate.fingerprint();
    assert_eq!(fingerprint.split(':').count(), 32, "{fingerprint}");
    assert!(certificate.expires().ends_with('Z'), "{}", certificate.expires());
}

#[test]
fn a_self_signed_certificate_stays_over_starts() {
    let (data, now) = (TempDir::new().unwrap(), SystemTime::now());
    let first = fingerprint(&self_signed(&["plant.example"]), data.path(), now);
    assert_eq!(fingerprint(&self_signed(&["PLANT.example"]), data.path(), now + DAY), first);
    // Fewer names are covered, too.
    assert_eq!(fingerprint(&self_signed(&[]), data.path(), now + 9 * DAY), first);
}

#[test]
fn what_is_expired_corrupt_or_lacks_a_name_is_made_anew() {
    type Spoil = fn(&Path);
    let now = SystemTime::now();
    let cases: [(&str, &[&str], SystemTime, Spoil); 7] = [
        ("expired", &[], now + 11 * DAY, |_| {}),
        ("lacks a name", &["plant.example"], now, |_| {}),
        ("no certificate", &[], now, |data| fs::remove_file(kept(data).0).unwrap()),
        ("no key", &[], now, |data| fs::remove_file(kept(data).1).unwrap()),
        ("certificate cut", &[], now, |data| {
            let text = fs::read_to_string(kept(data).0).unwrap();
            fs::write(kept(data).0, &text[..text.len() / 2]).unwrap();
        }),
        ("certificate empty", &[], now, |data| fs::write(kept(data).0, "").unwrap()),
        ("key of another", &[], now, |data| {
            fs::write(kept(data).1, Authority::new("other").server("localhost").private_key).unwrap();
        }),
    ];
    for (what, names, later, spoil) in cases {
        let data = TempDir::new().unwrap();
        let first = fingerprint(&self_signed(&[]), data.path(), now);
        spoil(data.path());
        let second = fingerprint(&self_signed(names), data.path(), later);
        assert_ne!(first, second, "{what}");
        assert_eq!(fingerprint(&self_signed(names), data.path(), later), second, "{what}");
        assert_eq!(fs::read_dir(data.path().join("tls")).unwrap().count(), 2, "{what}");
    }
}

#[test]
fn a_certificate_that_cannot_be_kept_stops_the_start() {
    let data = TempDir::new().unwrap();
    // A file where the folder should be.
    let path = put(data.path(), "tls", "");
    let error = load(&self_signed(&[]), data.path(), SystemTime::now()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&path.display().to_string()), "{text}");

    let data = TempDir::new().unwrap();
    // A folder where the certificate should be.
    fs::create_dir_all(kept(data.path()).0.join("full")).unwrap();
    load(&self_signed(&[]), data.path(), SystemTime::now()).unwrap_err();
}

#[cfg(unix)]
#[test]
fn nobody_else_reads_the_private_key() {
    use std::os::unix::fs::PermissionsExt;

    let data = TempDir::new().unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let first = fingerprint(&self_signed(&[]), data.path(), SystemTime::now());
    let private_key = kept(data.path()).1;
    assert_eq!(mode(&private_key), 0o600);
    assert_eq!(mode(&data.path().join("tls")), 0o700);

    fs::set_permissions(&private_key, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(fingerprint(&self_signed(&[]), data.path(), SystemTime::now()), first);
    assert_eq!(mode(&private_key), 0o600);
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let (folder, now) = (TempDir::new().unwrap(), SystemTime::now());
    let authority = Authority::new("authority");
    let good = authority.server("localhost");
    let config = good.config(folder.path(), Some(&authority));
    let TlsMode::Files { certificate, private_key } = &config.mode else { panic!("{config:?}") };
    let client_ca = config.client_ca_path.as_ref().unwrap();
    assert!(load(&config, folder.path(), now).unwrap().is_some());

    let other_key = authority.server("localhost").private_key;
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n";
    for (path, text, words) in [
        (certificate, None, "cannot read"),
        (certificate, Some(""), "no certificate in it"),
        (certificate, Some(good.private_key.as_str()), "no certificate in it"),
        (certificate, Some(garbage), "cannot be used"),
        (certificate, Some(broken), "not a PEM file"),
        (private_key, None, "cannot read"),
        (private_key, Some(good.certificate.as_str()), "no private key in it"),
        (private_key, Some(encrypted), "pass phrase"),
        (private_key, Some(other_key.as_str()), "does not match"),
        (client_ca, None, "cannot read"),
        (client_ca, Some(good.private_key.as_str()), "no certificate in it"),
        (client_ca, Some(garbage), "cannot be used"),
    ] {
        let before = fs::read(path).unwrap();
        match text {
            Some(text) => fs::write(path, text).unwrap(),
            None => fs::remove_file(path).unwrap(),
        }
        let error = refused(&config, now).to_string();
        assert!(error.contains(words), "{text:?}: {error}");
        assert!(error.contains(&path.display().to_string()), "{text:?}: {error}");
        fs::write(path, before).unwrap();
    }
    assert!(load(&config, folder.path(), now).unwrap().is_some());
}

#[test]
fn an_expired_certificate_stops_the_start_and_one_that_is_not_valid_yet_does_not() {
    let (folder, now) = (TempDir::new().unwrap(), SystemTime::now());
    let issued =
        Authority::new("authority").issue("localhost", ExtendedKeyUsagePurpose::ServerAuth, |certificate| {
            certificate.not_before = (now + DAY).into();
            certificate.not_after = (now + 2 * DAY).into();
        });
    let config = issued.config(folder.path(), None);
    assert!(load(&config, folder.path(), now).unwrap().is_some());
    let error = refused(&config, now + 3 * DAY);
    assert!(matches!(error, TlsError::Expired { .. }), "{error:?}");
    assert!(error.to_string().contains("server.pem"), "{error}");
}
