use crate::constraints::Constraints;

use super::*;

const CACHE: Duration = Duration::from_secs(60);

fn stored(id: &str, revision: i64, expires: Option<SystemTime>) -> StoredKey {
    StoredKey {
        id: id.parse().unwrap(),
        name: String::new(),
        hash: SecretHash::from_bytes([0; SecretHash::BYTES]),
        scopes: "admin".parse().unwrap(),
        constraints: Constraints::default(),
        created: UNIX_EPOCH,
        expires,
        last_used: None,
        revoked: None,
        revision,
    }
}

fn revisions(keys: &[(&str, i64)]) -> HashMap<String, i64> {
    keys.iter().map(|(id, revision)| ((*id).to_owned(), *revision)).collect()
}

fn is_good(remembered: &Remembered, id: &str, now: Instant) -> bool {
    matches!(remembered.find(&id.parse().unwrap(), now), Found::Good(_))
}

#[test]
fn a_key_is_good_until_the_store_has_not_answered_for_too_long() {
    let start = Instant::now();
    let mut remembered = Remembered::new(1, CACHE, start);
    let entry = remembered.remember(&stored("a", 1, None), 1).unwrap();
    assert!(is_good(&remembered, "a", start + CACHE));
    let late = start + CACHE + Duration::from_millis(1);
    assert!(matches!(remembered.find(&entry.grant.id, late), Found::TooOld(_)));
    assert!(!entry.ended.is_cancelled());
    remembered.unchanged(late);
    assert!(is_good(&remembered, "a", late + CACHE));
    assert!(!is_good(&remembered, "b", late));
}

#[test]
fn keys_that_changed_or_are_gone_end_and_others_do_not() {
    let now = Instant::now();
    let mut remembered = Remembered::new(3, CACHE, now);
    let [same, changed, gone] =
        ["same", "changed", "gone"].map(|id| remembered.remember(&stored(id, 1, None), 3).unwrap());
    assert_eq!(remembered.changed(5, &revisions(&[("same", 1), ("changed", 4)]), now), 2);
    assert_eq!(remembered.revision(), 5);
    let ended = [&same, &changed, &gone].map(|entry| entry.ended.is_cancelled());
    assert_eq!(ended, [false, true, true]);
    assert!(is_good(&remembered, "same", now));
    assert!(!is_good(&remembered, "changed", now));
}

#[test]
fn what_was_looked_up_before_a_change_is_not_remembered_after_it() {
    let now = Instant::now();
    let mut remembered = Remembered::new(3, CACHE, now);
    // Read at revision 3; then another process revoked it, and that was noticed before this came.
    remembered.changed(4, &revisions(&[("a", 4)]), now);
    assert!(remembered.remember(&stored("a", 1, None), 3).is_none());
    assert!(!is_good(&remembered, "a", now));
}

#[test]
fn what_was_looked_up_after_a_change_outlives_news_from_before_it() {
    let now = Instant::now();
    let mut remembered = Remembered::new(3, CACHE, now);
    // The list of revision 4 is on its way while a key of revision 5 is created and used.
    let new = remembered.remember(&stored("new", 5, None), 5).unwrap();
    assert_eq!(remembered.changed(4, &revisions(&[]), now), 0);
    assert!(!new.ended.is_cancelled());
    assert_eq!(remembered.changed(5, &revisions(&[("new", 5)]), now), 0);
}

#[test]
fn of_two_look_ups_the_newer_one_counts() {
    let mut remembered = Remembered::new(3, CACHE, Instant::now());
    let old = remembered.remember(&stored("a", 1, None), 3).unwrap();
    let rotated = remembered.remember(&stored("a", 4, None), 4).unwrap();
    assert!(old.ended.is_cancelled());
    assert!(remembered.remember(&stored("a", 1, None), 3).is_none());
    assert!(!rotated.ended.is_cancelled());
    let again = remembered.remember(&stored("a", 4, None), 5).unwrap();
    assert!(Arc::ptr_eq(&again, &rotated));
}

#[test]
fn an_older_copy_of_the_store_ends_all() {
    let now = Instant::now();
    let mut remembered = Remembered::new(9, CACHE, now);
    let entry = remembered.remember(&stored("a", 1, None), 9).unwrap();
    assert_eq!(remembered.changed(5, &revisions(&[("a", 1)]), now), 1);
    assert!(entry.ended.is_cancelled());
    assert!(remembered.remember(&stored("a", 1, None), 5).is_some());
}

#[test]
fn keys_end_when_their_time_is_over() {
    let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    let mut remembered = Remembered::new(1, CACHE, Instant::now());
    let [early, late, never] = [("early", Some(10)), ("late", Some(20)), ("never", None)]
        .map(|(id, expires)| remembered.remember(&stored(id, 1, expires.map(at)), 1).unwrap());
    assert_eq!(remembered.next_expiry(), Some(at(10)));
    assert_eq!(remembered.expire(at(9)), 0);
    assert!(!early.is_expired(at(9)) && early.is_expired(at(10)) && !never.is_expired(at(99)));
    assert_eq!(remembered.expire(at(10)), 1);
    assert_eq!((early.ended.is_cancelled(), late.ended.is_cancelled()), (true, false));
    assert_eq!(remembered.next_expiry(), Some(at(20)));
}

#[test]
fn use_is_told_once_unless_it_could_not_be_noted() {
    let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    let mut remembered = Remembered::new(1, CACHE, Instant::now());
    let entry = remembered.remember(&stored("a", 1, None), 1).unwrap();
    assert_eq!(remembered.take_used(), []);
    entry.used(at(5));
    let used = remembered.take_used();
    assert_eq!(used, [("a".parse().unwrap(), at(5))]);
    assert_eq!(remembered.take_used(), []);
    entry.used(at(7));
    remembered.put_back_used(&used);
    assert_eq!(remembered.take_used(), [("a".parse().unwrap(), at(7))]);
}

/// Look-ups and looks for changes come back in any order after the store went on; whatever the order, once it
/// stands still no key is remembered that is not the store's.
#[test]
fn in_any_order_nothing_stays_that_the_store_does_not_have() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    for _ in 0..2_000 {
        let now = Instant::now();
        let mut remembered = Remembered::new(0, CACHE, now);
        let (mut revision, mut store) = (0, HashMap::<String, i64>::new());
        let (mut looked_up, mut list, mut entries) = (Vec::new(), None, Vec::new());
        for _ in 0..random.usize(1..40) {
            let id = ["a", "b"][random.usize(..2)];
            match random.u8(..6) {
                0 => {
                    revision += 1;
                    store.insert(id.to_owned(), revision);
                }
                1 => {
                    if store.remove(id).is_some() {
                        revision += 1;
                    }
                }
                2 => looked_up.extend(store.get(id).map(|own| (stored(id, *own, None), revision))),
                3 if !looked_up.is_empty() => {
                    let (key, at) = looked_up.swap_remove(random.usize(..looked_up.len()));
                    entries.extend(remembered.remember(&key, at));
                }
                4 if list.is_none() => list = Some((revision, store.clone())),
                _ => {
                    if let Some((at, revisions)) = list.take() {
                        remembered.changed(at, &revisions, now);
                    }
                }
            }
        }
        // The look that is under way, then those look-ups, and then one look more.
        if let Some((at, revisions)) = list.take() {
            remembered.changed(at, &revisions, now);
        }
        for (key, at) in looked_up {
            entries.extend(remembered.remember(&key, at));
        }
        // Nobody asks for the keys of a revision that is known.
        if remembered.revision() != revision {
            remembered.changed(revision, &store, now);
        }
        for entry in entries {
            let current = store.get(entry.grant.id.as_str()) == Some(&entry.revision);
            assert_eq!(entry.ended.is_cancelled(), !current, "seed {seed}: {entry:?} in {store:?}");
        }
    }
}
