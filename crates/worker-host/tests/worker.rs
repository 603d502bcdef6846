//! A whole worker within this process, with a scripted gateway at the other end of a memory transport.

// As a test module it gets the lints of tests, its helpers too.
#[cfg(test)]
mod worker {
    mod bulk;
    mod cuts;
    mod failures;
    mod faults;
    mod gateway;
    mod kinds;
    mod orphans;
    mod orphans_commands;
    mod orphans_ends;
    mod repeating;
    mod session;
    mod unruly;
}
