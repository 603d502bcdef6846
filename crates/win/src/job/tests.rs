use std::time::Duration;

use super::*;
use crate::process::tests::Decoy;

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn processes_end_with_their_job() {
    let (decoy, bystander) = (Decoy::start(), Decoy::start());
    let job = Job::new(AtClose::End).unwrap();
    job.assign(&decoy.process()).unwrap();
    drop(job);
    assert!(decoy.process().wait(LIMIT).unwrap(), "it still runs");
    assert!(!bystander.process().has_ended().unwrap());
}

#[test]
fn processes_stay_when_their_job_lets_them() {
    let decoy = Decoy::start();
    let job = Job::new(AtClose::End).unwrap();
    job.assign(&decoy.process()).unwrap();
    job.set_at_close(AtClose::Leave).unwrap();
    drop(job);
    assert!(!decoy.process().wait(Duration::from_millis(200)).unwrap(), "it ended");
}

#[test]
fn a_job_ends_its_processes() {
    let mut decoy = Decoy::start();
    let job = Job::new(AtClose::Leave).unwrap();
    job.assign(&decoy.process()).unwrap();
    job.terminate(7).unwrap();
    assert!(decoy.process().wait(LIMIT).unwrap());
    assert_eq!(decoy.0.wait().unwrap().code(), Some(7));
}
