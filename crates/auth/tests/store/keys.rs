//! Keys: what changes them, and what does not.

use mxgateway_auth::audit::AuditQuery;
use mxgateway_auth::key::ApiKey;
use mxgateway_auth::store::{KeyState, NewKey, StoreError};
use serde_json::json;

use crate::stores::{TestStore, at, key_id, new_key, seconds};

on_both_stores!(
    a_key_is_stored_whole,
    an_id_is_taken_until_its_key_is_deleted,
    a_new_secret_takes_the_place_of_the_old_one,
    a_key_that_ended_stays_ended,
    only_keys_that_ended_are_deleted,
    every_change_counts_and_is_in_the_audit_trail,
    a_refused_change_leaves_nothing_behind,
    use_is_noted_and_is_no_change,
    changes_at_the_same_time_go_one_after_the_other,
    a_row_that_no_gateway_wrote_is_told,
);

async fn a_key_is_stored_whole(test: TestStore) {
    let constraints = serde_json::from_value(json!({
        "read_subtrees": ["Plant.Line_00?", "Ü*"],
        "max_write_classification": 1,
    }));
    let new = NewKey {
        name: "Leitstand ✓ 'x' \"y\"".to_owned(),
        constraints: constraints.unwrap(),
        expires: Some(seconds(2_000)),
        ..new_key("a")
    };
    let key = ApiKey::generate(new.id.clone()).unwrap();
    test.store.create(&new, &test.pepper.hash(&key), at(1_000)).await.unwrap();
    let stored = test.store.get(&new.id).await.unwrap().unwrap();
    assert_eq!((&stored.name, &stored.constraints), (&new.name, &new.constraints));
    assert_eq!((stored.scopes, stored.expires), (new.scopes, new.expires));
    assert_eq!((stored.created, stored.revoked, stored.last_used), (seconds(1_000), None, None));
    assert!(test.pepper.verify(&key, &stored.hash));
    assert_eq!(stored.state(seconds(1_999)), KeyState::InForce);
    assert_eq!(stored.state(seconds(2_000)), KeyState::Expired);
    assert!(test.store.get(&key_id("b")).await.unwrap().is_none());
}

async fn an_id_is_taken_until_its_key_is_deleted(test: TestStore) {
    let key = test.create("a").await;
    let hash = test.pepper.hash(&key);
    for step in 0..2 {
        let error = test.store.create(&new_key("a"), &hash, at(1)).await.unwrap_err();
        assert!(matches!(error, StoreError::KeyExists(_)), "step {step}: {error}");
        test.store.revoke(key.id(), at(1)).await.unwrap();
    }
    test.store.delete(key.id(), at(2)).await.unwrap();
    test.create("a").await;
}

async fn a_new_secret_takes_the_place_of_the_old_one(test: TestStore) {
    let old = test.create("a").await;
    let new = ApiKey::generate(key_id("a")).unwrap();
    let before = test.store.get(old.id()).await.unwrap().unwrap();
    let rotated = test.store.rotate(old.id(), &test.pepper.hash(&new), at(5)).await.unwrap();
    let stored = test.store.get(old.id()).await.unwrap().unwrap();
    assert!(test.pepper.verify(&new, &stored.hash));
    assert!(!test.pepper.verify(&old, &stored.hash));
    assert_eq!(rotated.revision, stored.revision);
    assert!(stored.revision > before.revision);
    assert_eq!((stored.created, stored.scopes), (before.created, before.scopes));
}

async fn a_key_that_ended_stays_ended(test: TestStore) {
    let revoked = test.create("revoked").await;
    let first = test.store.revoke(revoked.id(), at(10)).await.unwrap();
    assert_eq!(first.revoked, Some(seconds(10)));
    let again = test.store.revoke(revoked.id(), at(20)).await.unwrap();
    assert_eq!((again.revoked, again.revision), (first.revoked, first.revision));
    let expired = test.create_with(NewKey { expires: Some(seconds(10)), ..new_key("expired") }).await;
    for (key, state) in [(&revoked, KeyState::Revoked), (&expired, KeyState::Expired)] {
        let error = test.store.rotate(key.id(), &test.pepper.hash(key), at(30)).await.unwrap_err();
        let expected = match state {
            KeyState::Revoked => matches!(error, StoreError::KeyRevoked(_)),
            KeyState::Expired => matches!(error, StoreError::KeyExpired(_)),
            KeyState::InForce => false,
        };
        assert!(expected, "{error}");
        assert_eq!(test.store.get(key.id()).await.unwrap().unwrap().state(seconds(30)), state);
    }
}

async fn only_keys_that_ended_are_deleted(test: TestStore) {
    let in_force = test.create("in-force").await;
    let expired = test.create_with(NewKey { expires: Some(seconds(10)), ..new_key("expired") }).await;
    let error = test.store.delete(in_force.id(), at(1)).await.unwrap_err();
    assert!(matches!(error, StoreError::KeyInForce(_)), "{error}");
    let error = test.store.delete(expired.id(), at(9)).await.unwrap_err();
    assert!(matches!(error, StoreError::KeyInForce(_)), "{error}");
    test.store.delete(expired.id(), at(10)).await.unwrap();
    let error = test.store.delete(expired.id(), at(10)).await.unwrap_err();
    assert!(matches!(error, StoreError::KeyNotFound(_)), "{error}");
    let ids: Vec<_> = test.store.list().await.unwrap().into_iter().map(|key| key.id).collect();
    assert_eq!(ids, [key_id("in-force")]);
}

async fn every_change_counts_and_is_in_the_audit_trail(test: TestStore) {
    assert_eq!(test.store.revision().await.unwrap(), 0);
    let key = test.create("a").await;
    let hash = test.pepper.hash(&key);
    test.store.rotate(key.id(), &hash, at(1)).await.unwrap();
    test.store.revoke(key.id(), at(2)).await.unwrap();
    test.store.delete(key.id(), at(3)).await.unwrap();
    assert_eq!(test.store.revision().await.unwrap(), 4);
    let entries = test.store.audit(&AuditQuery::default()).await.unwrap();
    let mut told: Vec<_> = entries
        .iter()
        .map(|entry| (entry.action.as_ref(), entry.actor.as_str(), entry.target.as_deref()))
        .collect();
    // It was created now, and the other times are long ago.
    told.rotate_right(1);
    let of = |action| (action, "operator:test", Some("a"));
    assert_eq!(told, [of("create-key"), of("rotate-key"), of("revoke-key"), of("delete-key")]);
    let created = entries.last().unwrap();
    assert_eq!(created.details["scopes"], json!(["invoke:write", "events:read"]));
    assert!(!format!("{entries:?}").contains("hash"));
}

async fn a_refused_change_leaves_nothing_behind(test: TestStore) {
    let key = test.create("a").await;
    test.store.revoke(key.id(), at(1)).await.unwrap();
    let hash = test.pepper.hash(&key);
    test.store.rotate(key.id(), &hash, at(2)).await.unwrap_err();
    test.store.create(&new_key("a"), &hash, at(2)).await.unwrap_err();
    test.store.revoke(&key_id("none"), at(2)).await.unwrap_err();
    test.store.revoke(key.id(), at(2)).await.unwrap();
    assert_eq!(test.store.revision().await.unwrap(), 2);
    assert_eq!(test.store.audit(&AuditQuery::default()).await.unwrap().len(), 2);
}

async fn use_is_noted_and_is_no_change(test: TestStore) {
    let (a, b) = (test.create("a").await, test.create("b").await);
    let revision = test.store.revision().await.unwrap();
    let used = [(b.id().clone(), seconds(5)), (key_id("gone"), seconds(5)), (a.id().clone(), seconds(7))];
    test.store.touch_last_used(&used).await.unwrap();
    // Another gateway is late.
    test.store.touch_last_used(&[(a.id().clone(), seconds(6))]).await.unwrap();
    let used: Vec<_> = test.store.list().await.unwrap().into_iter().map(|key| key.last_used).collect();
    assert_eq!(used, [Some(seconds(7)), Some(seconds(5))]);
    assert_eq!(test.store.revision().await.unwrap(), revision);
}

async fn changes_at_the_same_time_go_one_after_the_other(test: TestStore) {
    let key = test.create("a").await;
    let hash = test.pepper.hash(&key);
    let others = [test.other_process().await, test.other_process().await];
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..20 {
        let (store, id) = (others[number % 2].clone(), key.id().clone());
        tasks.spawn(async move { store.rotate(&id, &hash, at(1)).await.unwrap().revision });
    }
    let mut revisions = tasks.join_all().await;
    revisions.sort_unstable();
    assert_eq!(revisions, (2..22).collect::<Vec<_>>());
}

async fn a_row_that_no_gateway_wrote_is_told(test: TestStore) {
    test.create("a").await;
    test.sql("UPDATE api_keys SET scopes = '[\"fly\"]'").await;
    let error = test.store.get(&key_id("a")).await.unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("the key \"a\"") && text.contains("no scope \"fly\""), "{text}");
}
