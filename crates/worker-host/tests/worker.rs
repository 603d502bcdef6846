//! A whole worker within this process, with a scripted gateway at the other end of a memory transport.

// As a test module it gets the lints of tests, its helpers too.
#[cfg(test)]
mod worker {
    mod bulk;
    mod failures;
    mod faults;
    mod gateway;
    mod kinds;
    mod repeating;
    mod session;
}
