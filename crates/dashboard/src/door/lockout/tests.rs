use std::net::Ipv4Addr;

use super::*;

fn address(number: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(number))
}

fn try_and_fail(lockout: &mut Lockout, name: &str, from: IpAddr, now: Instant) -> Result<bool, Duration> {
    lockout.admit(name, from, now)?;
    Ok(lockout.failed(name, from, now))
}

const MINUTE: Duration = Duration::from_mins(1);

#[test]
fn five_failures_of_a_name_lock_it_until_the_first_is_old() {
    let start = Instant::now();
    let mut lockout = Lockout::default();
    for number in 0..4 {
        let now = start + MINUTE * number;
        assert_eq!(try_and_fail(&mut lockout, "ann", address(number), now), Ok(false));
    }
    let now = start + MINUTE * 4;
    assert_eq!(try_and_fail(&mut lockout, "ann", address(9), now), Ok(true), "it is told when it begins");
    for spelling in ["ann", "ANN", " Ann "] {
        assert_eq!(lockout.admit(spelling, address(99), now), Err(MINUTE), "{spelling}");
    }
    assert_eq!(lockout.admit("ben", address(99), now), Ok(()), "others are not held up");
    let now = start + WINDOW;
    assert_eq!(try_and_fail(&mut lockout, "ann", address(99), now), Ok(true), "one for each that grew old");
    assert_eq!(lockout.admit("ann", address(99), now), Err(MINUTE));
}

#[test]
fn five_failures_from_an_address_lock_it_for_every_name() {
    let now = Instant::now();
    let mut lockout = Lockout::default();
    for number in 0..5 {
        let is_last = try_and_fail(&mut lockout, &format!("name{number}"), address(1), now).unwrap();
        assert_eq!(is_last, number == 4);
    }
    assert_eq!(lockout.admit("ann", address(1), now), Err(WINDOW));
    assert_eq!(lockout.admit("ann", address(2), now), Ok(()));
    assert_eq!(lockout.admit("ann", address(1), now + WINDOW), Ok(()));
}

#[test]
fn attempts_at_once_are_no_more_than_attempts_one_by_one() {
    let now = Instant::now();
    let mut lockout = Lockout::default();
    let admitted = (0..100).filter(|number| lockout.admit("ann", address(*number), now).is_ok()).count();
    assert_eq!(admitted, FREE_FAILURES);
    lockout.let_go("ann", address(0), now);
    assert_eq!(lockout.admit("ann", address(50), now), Ok(()), "one that did not fail makes room");
}

#[test]
fn success_gives_no_failures_back() {
    let now = Instant::now();
    let mut lockout = Lockout::default();
    for number in 0..4 {
        try_and_fail(&mut lockout, &format!("name{number}"), address(1), now).unwrap();
    }
    for _ in 0..10 {
        lockout.admit("mallory", address(1), now).unwrap();
        lockout.let_go("mallory", address(1), now);
    }
    assert_eq!(try_and_fail(&mut lockout, "ann", address(1), now), Ok(true));
    lockout.admit("mallory", address(1), now).unwrap_err();
}

#[test]
fn who_never_failed_is_not_remembered() {
    let now = Instant::now();
    let mut lockout = Lockout::default();
    lockout.admit("ann", address(1), now).unwrap();
    lockout.let_go("ann", address(1), now);
    assert_eq!((lockout.subjects.len(), lockout.by_seen.len()), (0, 0));
    lockout.let_go("ben", address(2), now);
    assert_eq!((lockout.subjects.len(), lockout.by_seen.len()), (0, 0));
    try_and_fail(&mut lockout, "ann", address(1), now).unwrap();
    lockout.admit("ben", address(2), now + WINDOW).unwrap();
    assert_eq!(lockout.subjects.len(), 2, "the old ones are gone");
}

#[test]
fn ipv6_counts_by_network_and_mapped_addresses_as_what_they_are() {
    let now = Instant::now();
    let held_up = |failing: &str, asking: &str| {
        let mut lockout = Lockout::default();
        for number in 0..5 {
            try_and_fail(&mut lockout, &format!("name{number}"), failing.parse().unwrap(), now).unwrap();
        }
        lockout.admit("ann", asking.parse().unwrap(), now).is_err()
    };
    assert!(held_up("2001:db8:1:2::1", "2001:db8:1:2:ffff::2"));
    assert!(!held_up("2001:db8:1:2::1", "2001:db8:1:3::1"));
    assert!(held_up("::ffff:192.0.2.1", "192.0.2.1"));
    assert!(!held_up("::ffff:192.0.2.1", "::ffff:192.0.2.2"));
}

#[test]
fn no_more_is_remembered_than_there_is_room_for() {
    let start = Instant::now();
    let mut lockout = Lockout::default();
    let count = u32::try_from(MAX_REMEMBERED).unwrap();
    for number in 0..count {
        let now = start + Duration::from_micros(number.into());
        try_and_fail(&mut lockout, &format!("name{number}"), address(number), now).unwrap();
    }
    assert_eq!(lockout.subjects.len(), MAX_REMEMBERED);
    assert_eq!(lockout.by_seen.len(), MAX_REMEMBERED);
}
