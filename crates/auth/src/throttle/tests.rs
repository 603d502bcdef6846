use super::*;

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// A throttle whose peer failed so often at `now`.
fn after_failures(count: u32, now: Instant) -> Throttle {
    let mut throttle = Throttle::new();
    for _ in 0..count {
        throttle.failed(PEER, now);
    }
    throttle
}

#[test]
fn the_first_failures_cost_nothing() {
    let now = Instant::now();
    let mut throttle = Throttle::new();
    for _ in 0..FREE_FAILURES {
        assert_eq!(throttle.admit(PEER, now), Admission::Now);
        throttle.failed(PEER, now);
    }
    assert_eq!(throttle.admit(PEER, now), Admission::After(FIRST_DELAY));
    assert_eq!(throttle.admit("192.0.2.2".parse().unwrap(), now), Admission::Now, "others are not held up");
}

#[test]
fn the_distance_doubles_up_to_its_maximum() {
    let mut now = Instant::now();
    let mut throttle = after_failures(FREE_FAILURES, now);
    for expected in [100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000] {
        assert_eq!(throttle.admit(PEER, now), Admission::After(ms(expected)));
        now += ms(expected);
        throttle.failed(PEER, now);
    }
}

#[test]
fn attempts_of_a_peer_stand_in_one_line_that_has_an_end() {
    let now = Instant::now();
    let mut throttle = after_failures(FREE_FAILURES, now);
    for expected in [100, 300, 700, 1500, 3100, 6300] {
        assert_eq!(throttle.admit(PEER, now), Admission::After(ms(expected)));
    }
    let refused = Admission::Refused { retry_after: ms(11_300) };
    assert_eq!(throttle.admit(PEER, now), refused);
    assert_eq!(throttle.admit(PEER, now), refused, "who is refused takes no place");
    // As the line moves on there is room again.
    assert_eq!(throttle.admit(PEER, now + ms(1300)), Admission::After(MAX_WAIT));
    assert_eq!(throttle.admit(PEER, now + ms(1300)), Admission::Refused { retry_after: ms(15_000) });
}

#[test]
fn who_is_told_to_come_later_need_not_wait_then() {
    let now = Instant::now();
    let mut throttle = after_failures(1000, now);
    assert_eq!(throttle.admit(PEER, now), Admission::After(ms(5000)));
    assert_eq!(throttle.admit(PEER, now), Admission::After(ms(10_000)));
    let Admission::Refused { retry_after } = throttle.admit(PEER, now) else { panic!("the line has no end") };
    assert_eq!(throttle.admit(PEER, now + retry_after), Admission::Now);
    assert_eq!(throttle.admit(PEER, now + retry_after), Admission::After(ms(5000)));
}

#[test]
fn clients_that_start_at_once_are_let_in_and_counted_when_they_fail() {
    let now = Instant::now();
    let mut throttle = Throttle::new();
    for _ in 0..100 {
        assert_eq!(throttle.admit(PEER, now), Admission::Now);
    }
    for _ in 0..100 {
        throttle.failed(PEER, now);
    }
    assert_eq!(throttle.admit(PEER, now), Admission::After(MAX_DELAY));
}

#[test]
fn an_attempt_in_line_that_is_given_up_counts_as_a_failure() {
    let now = Instant::now();
    let mut throttle = after_failures(FREE_FAILURES, now);
    assert_eq!(throttle.admit(PEER, now), Admission::After(ms(100)));
    assert_eq!(throttle.admit(PEER, now + ms(100)), Admission::After(ms(200)));
    // When it is judged after all it counts once.
    throttle.failed(PEER, now + ms(100));
    assert_eq!(throttle.admit(PEER, now + ms(300)), Admission::After(ms(400)));
}

#[test]
fn a_good_key_shortens_the_line_but_gives_no_failures_back() {
    let now = Instant::now();
    let mut throttle = after_failures(1000, now);
    assert_eq!(throttle.admit(PEER, now), Admission::After(ms(5000)));
    let now = now + ms(5000);
    throttle.succeeded(PEER, now);
    assert_eq!(throttle.admit(PEER, now), Admission::After(ms(100)));
    throttle.failed(PEER, now + ms(100));
    assert_eq!(throttle.admit(PEER, now + ms(100)), Admission::After(ms(200)));
    throttle.succeeded("192.0.2.2".parse().unwrap(), now);
    assert_eq!(throttle.remembered(), 1, "good peers are not remembered");
}

#[test]
fn a_peer_that_was_quiet_for_a_minute_is_forgotten() {
    let now = Instant::now();
    let mut throttle = after_failures(1000, now);
    let almost = now + FORGOTTEN_AFTER - ms(1);
    assert_eq!(throttle.admit(PEER, almost), Admission::Now);
    assert_eq!(throttle.admit(PEER, almost), Admission::After(MAX_DELAY), "it is still known");
    // The last of the line begins later than now, and counts from there.
    let later = almost + MAX_DELAY + FORGOTTEN_AFTER - ms(1);
    throttle.admit("192.0.2.2".parse().unwrap(), later);
    assert_eq!(throttle.remembered(), 1);
    assert_eq!(throttle.admit("192.0.2.2".parse().unwrap(), later + ms(1)), Admission::Now);
    assert_eq!(throttle.remembered(), 0);
    assert!(throttle.by_seen.is_empty());
}

#[test]
fn times_that_come_out_of_order_do_no_harm() {
    let now = Instant::now() + ms(60_000);
    let mut throttle = after_failures(FREE_FAILURES, now);
    throttle.failed(PEER, now - ms(30_000));
    assert_eq!(throttle.admit(PEER, now - ms(1000)), Admission::After(ms(1200)));
    assert_eq!(throttle.remembered(), 1);
    assert_eq!(throttle.by_seen.len(), 1);
}

#[test]
fn peers_count_by_address_or_network() {
    let same = [("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"), ("::ffff:192.0.2.1", "192.0.2.1")];
    let other = [
        ("2001:db8:1:2::1", "2001:db8:1:3::1"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2"),
        ("192.0.2.1", "192.0.2.2"),
    ];
    let now = Instant::now();
    let held_up = |failing: &str, asking: &str| {
        let mut throttle = Throttle::new();
        for _ in 0..=FREE_FAILURES {
            throttle.failed(failing.parse().unwrap(), now);
        }
        throttle.admit(asking.parse().unwrap(), now) != Admission::Now
    };
    for (failing, asking) in same {
        assert!(held_up(failing, asking) && held_up(asking, failing), "{failing} {asking}");
    }
    for (failing, asking) in other {
        assert!(!held_up(failing, asking), "{failing} {asking}");
    }
}

#[test]
fn no_more_peers_are_remembered_than_there_is_room_for() {
    let now = Instant::now();
    let peer = |number: u32| IpAddr::V4(std::net::Ipv4Addr::from_bits(number));
    let mut throttle = Throttle::new();
    let count = u32::try_from(MAX_PEERS).unwrap() + 100;
    for number in 0..count {
        for _ in 0..FREE_FAILURES {
            throttle.failed(peer(number), now + Duration::from_micros(number.into()));
        }
        // The first of all stays, because it goes on failing.
        throttle.failed(peer(0), now + Duration::from_micros(number.into()));
    }
    assert_eq!(throttle.remembered(), MAX_PEERS);
    assert_eq!(throttle.by_seen.len(), MAX_PEERS);
    let now = now + Duration::from_micros(count.into());
    assert_ne!(throttle.admit(peer(0), now), Admission::Now);
    assert_ne!(throttle.admit(peer(count - 1), now), Admission::Now);
    for forgotten in 1..=100 {
        assert_eq!(throttle.admit(peer(forgotten), now), Admission::Now, "{forgotten}");
    }
    assert_ne!(throttle.admit(peer(101), now), Admission::Now);
    // Asking alone takes no room.
    for number in 0..count {
        throttle.admit(peer(1_000_000 + number), now);
    }
    assert_eq!(throttle.remembered(), MAX_PEERS);
}
