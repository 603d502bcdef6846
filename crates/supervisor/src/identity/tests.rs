#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::*;

/// A process that is not ours to end but by the test's own handle.
struct Decoy(Child);

impl Decoy {
    fn start() -> Self {
        let mut command = if cfg!(windows) { Command::new("cmd") } else { Command::new("sleep") };
        // Both wait: for a time, or for a key that never comes.
        command.args(if cfg!(windows) { ["/c", "pause"].as_slice() } else { &["600"] });
        Self(command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap())
    }

    fn identity(&self) -> ProcessIdentity {
        ProcessIdentity::of(self.0.id()).unwrap()
    }

    fn lives(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Decoy {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn a_process_is_told_by_number_creation_and_program() {
    let (one, other) = (Decoy::start(), Decoy::start());
    let identity = one.identity();
    assert_eq!(identity, one.identity());
    assert!(identity.is_alive_and_same());
    assert!(std::path::Path::new(&identity.image).is_absolute(), "{identity:?}");
    assert_ne!(identity, other.identity());
    for not_it in [
        ProcessIdentity { created: format!("{}0", identity.created), ..identity.clone() },
        ProcessIdentity { image: "/bin/other".to_owned(), ..identity.clone() },
    ] {
        assert!(!not_it.is_alive_and_same(), "{not_it:?}");
    }
    let own = ProcessIdentity::of(std::process::id()).unwrap();
    assert_eq!(own.image, std::env::current_exe().unwrap().to_string_lossy());
}

#[tokio::test]
async fn only_the_very_process_is_ended() {
    let mut decoy = Decoy::start();
    let identity = decoy.identity();
    // The number was given out again: the same number, another creation; or the same tick and another program.
    let earlier = ProcessIdentity { created: "another-boot/1".to_owned(), ..identity.clone() };
    let program = ProcessIdentity { image: "/usr/bin/mxgateway-worker".to_owned(), ..identity.clone() };
    for not_it in [earlier, program] {
        assert!(!not_it.end().await.unwrap());
    }
    assert!(decoy.lives());
    let ended = tokio::time::timeout(Duration::from_secs(30), identity.end()).await;
    assert!(ended.expect("it ends at once").unwrap());
    decoy.0.wait().unwrap();
    assert!(!identity.end().await.unwrap(), "it is gone");
    assert_eq!(ProcessIdentity::of(identity.process_id).unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[tokio::test]
async fn a_process_that_ended_and_waits_for_its_parent_is_gone() {
    let (program, arguments) =
        if cfg!(windows) { ("cmd", ["/c", "exit"].as_slice()) } else { ("true", [].as_slice()) };
    let mut child = Command::new(program).args(arguments).spawn().unwrap();
    let identity = ProcessIdentity::of(child.id());
    if let Ok(identity) = identity
        && let Ok(Some(process)) = IdentifiedProcess::open(&identity)
    {
        tokio::time::timeout(Duration::from_secs(30), process.ended()).await.expect("it ends");
        assert!(!identity.is_alive_and_same(), "a zombie");
        assert!(!identity.end().await.unwrap());
    }
    child.wait().unwrap();
}

#[tokio::test]
async fn numbers_that_are_none_mean_nobody() {
    for process_id in [0, u32::MAX] {
        let nobody = ProcessIdentity { process_id, created: String::new(), image: String::new() };
        assert!(!nobody.is_alive_and_same());
        assert!(!nobody.end().await.unwrap());
    }
}
