//! The job object that a worker is in, with everything that it starts.

use std::io;

use mxgateway_win::job::{AtClose, Job};
use mxgateway_win::process::Process;
use tracing::warn;

/// What a process that is ended reports; any but zero.
const ENDED: u32 = 1;

/// Ends with this process, and the worker with it, unless the worker is to stay.
#[derive(Debug)]
pub(super) struct WorkerJob {
    process_id: u32,
    /// `None` when it could not be made. The worker then ends by itself when its gateway is gone.
    job: Option<Job>,
}

impl WorkerJob {
    /// Around a child of this process that has not been waited for. Everything that it starts from here on is in it;
    /// before it got its bootstrap a worker starts nothing.
    pub(super) fn around(process_id: u32) -> Self {
        let made = || -> io::Result<Job> {
            let job = Job::new(AtClose::End)?;
            job.assign(&Process::open(process_id)?)?;
            Ok(job)
        };
        let job = made().map_err(|error| {
            warn!(worker_process_id = process_id, %error, "Worker could not be put into a job");
        });
        Self { process_id, job: job.ok() }
    }

    /// From now on the worker does not end with this process.
    pub(super) fn let_stay(&self) {
        if let Some(job) = &self.job
            && let Err(error) = job.set_at_close(AtClose::Leave)
        {
            warn!(worker_process_id = self.process_id, %error, "Worker will end with this gateway");
        }
    }

    /// Ends the worker and what it started.
    pub(super) fn end(&self) {
        if let Some(job) = &self.job
            && let Err(error) = job.terminate(ENDED)
        {
            warn!(worker_process_id = self.process_id, %error, "Worker's job could not be ended");
        }
    }
}
