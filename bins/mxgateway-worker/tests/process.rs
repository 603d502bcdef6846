//! The worker as a process of its own.

// As a test module it gets the lints of tests, its helpers too.
#[cfg(test)]
#[cfg(unix)]
mod process {
    mod orphan;
    mod worker;
}
