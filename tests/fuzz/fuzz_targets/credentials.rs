//! What comes from strangers before they are known, and what is matched against it: keys, paths, patterns.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mxgateway_auth::action::{Action, Rpc};
use mxgateway_auth::constraints::{Constraints, Pattern, Patterns, Tag};
use mxgateway_auth::key::ApiKey;
use mxgateway_auth::scope::Scopes;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(key) = ApiKey::from_header(text) {
        let text = text.trim_end_matches(' ');
        // Only one text is a key's, but for the case of what stands before it.
        let id = key.id().as_str();
        assert!(text.len() >= "Bearer mxgw__".len() + id.len() + 43, "{id}");
        // An id may spell the secret, but nothing else that is shown may.
        let shown = format!("{key:?}").replace(&format!("{id:?}"), "");
        assert!(!shown.contains(&text[text.len() - 43..]), "the secret is shown");
    }
    if let Ok(scopes) = text.parse::<Scopes>() {
        assert_eq!(scopes.to_string().parse::<Scopes>().ok(), Some(scopes));
    }
    // Nobody gets in without a key by the way a path is spelled.
    if Action::of_rpc(text) == Rpc::Open {
        assert!(text.starts_with("/grpc.health.v1.Health/"), "{text:?} is open to everybody");
    }
    let Some((pattern, reference)) = text.split_once('\n') else { return };
    let Ok(parsed) = pattern.parse::<Pattern>() else { return };
    let constraints = Constraints {
        read_tag_globs: Patterns::try_from(vec![parsed]).expect("one pattern is not too many"),
        ..Constraints::default()
    };
    let tag = Tag { reference, contained_path: None, classification: None };
    let plain = matches(&letters(pattern), &letters(reference));
    assert_eq!(constraints.read(&tag).is_ok(), plain, "{pattern:?} {reference:?}");
});

fn letters(text: &str) -> Vec<char> {
    text.chars().map(|letter| letter.to_ascii_lowercase()).collect()
}

/// `*` is any run, `?` any character; by filling in a table, which takes no longer for any pattern.
fn matches(pattern: &[char], text: &[char]) -> bool {
    let mut row: Vec<bool> = vec![false; text.len() + 1];
    row[0] = true;
    for letter in pattern {
        let mut next = vec![false; text.len() + 1];
        for at in 0..=text.len() {
            next[at] = match letter {
                '*' => row[at] || (at > 0 && next[at - 1]),
                '?' => at > 0 && row[at - 1],
                letter => at > 0 && row[at - 1] && text[at - 1] == *letter,
            };
        }
        row = next;
    }
    row[text.len()]
}
