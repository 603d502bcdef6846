use std::collections::HashSet;

use super::*;
use crate::access::{Role, Sight};

const LIFETIME: Duration = Duration::from_hours(8);
const HOUR: Duration = Duration::from_hours(1);

fn visitor(name: &str) -> Visitor {
    Visitor { name: name.to_owned(), role: Role::Viewer, sight: Sight::All, is_anonymous: false }
}

#[test]
fn a_token_is_good_while_it_is_used_and_for_a_day_at_most() {
    let start = Instant::now();
    let visits = Visits::default();
    let token = visits.open(visitor("ann"), LIFETIME, start);
    assert_eq!(visits.enter(&token, start).unwrap().visitor.name, "ann");
    for hours in [7, 14, 21] {
        visits.enter(&token, start + HOUR * hours).unwrap();
    }
    let almost = start + MAX_LIFETIME - Duration::from_millis(1);
    let visit = visits.enter(&token, almost).unwrap();
    assert_eq!(visit.good_until(), start + MAX_LIFETIME);
    assert!(visits.enter(&token, start + MAX_LIFETIME).is_none());
    assert!(visits.enter(&token, start).is_none(), "it does not come back");

    let token = visits.open(visitor("ann"), LIFETIME, start);
    assert!(visits.enter(&token, start + LIFETIME).is_none(), "it was not used");
}

#[test]
fn looking_a_visit_up_by_its_name_does_not_lengthen_it() {
    let start = Instant::now();
    let visits = Visits::default();
    let token = visits.open(visitor("ann"), LIFETIME, start);
    let id = visits.enter(&token, start).unwrap().id;
    visits.with_id(id, start + HOUR * 7).unwrap();
    assert!(visits.with_id(id, start + LIFETIME).is_none());
}

#[test]
fn who_signs_out_is_out_at_once() {
    let now = Instant::now();
    let visits = Visits::default();
    let [first, second] = [(); 2].map(|()| visits.open(visitor("ann"), LIFETIME, now));
    let visit = visits.enter(&first, now).unwrap();
    visits.end(visit.id);
    assert!(visit.ended.is_cancelled() && !visit.is_good(now));
    assert!(visits.enter(&first, now).is_none() && visits.with_id(visit.id, now).is_none());
    visits.enter(&second, now).unwrap();
}

#[test]
fn tokens_are_guessed_by_nobody() {
    let now = Instant::now();
    let visits = Visits::default();
    let tokens: HashSet<String> =
        (0..100).map(|n| visits.open(visitor(&format!("name{n}")), LIFETIME, now).to_string()).collect();
    assert_eq!(tokens.len(), 100);
    assert!(tokens.iter().all(|token| token.len() == 64));
    for wrong in ["", "0", &"0".repeat(64), &"f".repeat(64)] {
        assert!(visits.enter(wrong, now).is_none());
    }
    let token = tokens.iter().next().unwrap();
    assert!(visits.enter(&token.to_uppercase(), now).is_none());
    let id = visits.enter(token, now).unwrap().id;
    assert!(visits.enter(&hex(&id.0), now).is_none(), "the hash is no token");
}

#[test]
fn there_is_room_for_so_many_and_the_quietest_goes() {
    let start = Instant::now();
    let visits = Visits::default();
    let seconds = |number: usize| start + Duration::from_secs(number.try_into().unwrap());
    let tokens: Vec<_> =
        (0..MAX_OF_ONE).map(|number| visits.open(visitor("ann"), LIFETIME, seconds(number))).collect();
    let other = visits.open(visitor("ben"), LIFETIME, start);
    // The first is used again, and so the second is the quietest.
    visits.enter(&tokens[0], seconds(100)).unwrap();
    let second = visits.enter(&tokens[1], seconds(1)).unwrap();
    visits.open(visitor("ann"), LIFETIME, seconds(101));
    assert!(second.ended.is_cancelled());
    for token in tokens.iter().skip(2).chain([&tokens[0], &other]) {
        visits.enter(token, seconds(102)).unwrap();
    }
    for number in 0..MAX_OF_ALL {
        visits.open(visitor(&format!("name{number}")), LIFETIME, seconds(200 + number));
    }
    assert_eq!(visits.0.lock().len(), MAX_OF_ALL);
    assert!(visits.enter(&other, seconds(6000)).is_none());
    // What is old makes room by itself.
    visits.open(visitor("ann"), LIFETIME, seconds(6000) + MAX_LIFETIME);
    assert_eq!(visits.0.lock().len(), 1);
}

#[test]
fn hexadecimal_comes_back() {
    let bytes = [0, 1, 0x7f, 0x80, 0xff];
    assert_eq!(hex(&bytes), "00017f80ff");
    assert_eq!(from_hex("00017F80ff"), Some(bytes));
    for wrong in ["", "00017f80f", "00017f80ff0", "00017f80fg", "+0017f80ff", "00017f80ü"] {
        assert_eq!(from_hex::<5>(wrong), None, "{wrong}");
    }
}
