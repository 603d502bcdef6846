use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use super::*;

const LIMIT: Duration = Duration::from_secs(60);
const NAME: &str = "process::tests::decoy";
/// Makes that test wait instead of doing nothing.
const DECOY: &str = "MXGATEWAY_WIN_DECOY";

/// Another process, which runs until its standard input ends; ended when dropped.
pub(crate) struct Decoy(pub(crate) Child);

impl Decoy {
    pub(crate) fn start() -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", NAME, "--nocapture"]).env(DECOY, "1");
        // Where panics abort, the harness runs tests in processes of their own; this is such a one.
        command.env("__RUST_TEST_INVOKE", NAME);
        Self(command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap())
    }

    pub(crate) fn process(&self) -> Process {
        Process::open(self.0.id()).unwrap()
    }

    fn let_end(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

impl Drop for Decoy {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().unwrap();
    }
}

/// No test, but what the other process does.
#[test]
fn decoy() {
    if std::env::var_os(DECOY).is_some() {
        io::copy(&mut io::stdin(), &mut io::sink()).unwrap();
    }
}

#[test]
fn a_process_is_told_by_number_creation_and_program() {
    let own = Process::open(std::process::id()).unwrap();
    assert_eq!(own.id(), std::process::id());
    assert_eq!(own.created().unwrap(), Process::open(own.id()).unwrap().created().unwrap());
    // After 2020 and before 2100.
    assert!((132_000_000_000_000_000..157_800_000_000_000_000).contains(&own.created().unwrap()));
    let file = |path: PathBuf| path.file_name().unwrap().to_owned();
    assert_eq!(file(own.image().unwrap()), file(std::env::current_exe().unwrap()));
    assert_eq!(own.user().unwrap(), current_user().unwrap());
    assert!(own.user().unwrap().to_string().starts_with("S-1-"));

    let decoy = Decoy::start();
    let other = decoy.process();
    assert_ne!(other.created().unwrap(), own.created().unwrap());
    assert!(!other.has_ended().unwrap());
    for nobody in [0, u32::MAX, other.id() + 1] {
        assert_eq!(Process::open(nobody).unwrap_err().kind(), io::ErrorKind::NotFound, "{nobody}");
    }
}

#[test]
fn an_end_is_waited_for_and_told_once() {
    let mut decoy = Decoy::start();
    let process = decoy.process();
    let (sender, ended) = mpsc::channel();
    let unheard = sender.clone();
    drop(process.on_end(move || unheard.send("not watched any more").unwrap()).unwrap());
    let watch = process.on_end(move || sender.send("ended").unwrap()).unwrap();
    assert!(!process.wait(Duration::from_millis(1)).unwrap());
    decoy.let_end();
    assert!(process.wait(LIMIT).unwrap());
    assert!(process.has_ended().unwrap());
    assert_eq!(ended.recv_timeout(LIMIT).unwrap(), "ended");
    drop(watch);
    assert!(ended.recv().is_err(), "told again");
    // One that has ended is told of at once.
    let (sender, ended) = mpsc::channel();
    let _watch = process.on_end(move || sender.send(()).unwrap()).unwrap();
    ended.recv_timeout(LIMIT).unwrap();
}

#[test]
fn a_process_is_ended_with_an_exit_code() {
    let mut decoy = Decoy::start();
    let process = decoy.process();
    process.terminate(17).unwrap();
    assert!(process.wait(LIMIT).unwrap());
    assert_eq!(decoy.0.wait().unwrap().code(), Some(17));
    process.terminate(18).unwrap();
    assert_eq!(decoy.0.wait().unwrap().code(), Some(17));
}
