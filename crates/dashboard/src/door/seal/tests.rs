use super::*;

const MINUTE: Duration = Duration::from_mins(1);

fn pass(visit: Option<u8>) -> HubPass {
    HubPass { visit: visit.map(|byte| VisitId([byte; 32])), until: MINUTE * 30 }
}

#[test]
fn a_hub_token_says_what_it_was_made_of_until_it_ends() {
    let seal = Seal::new();
    for pass in [pass(Some(7)), pass(None), pass(Some(0))] {
        let token = seal.hub_token(pass);
        assert_eq!(seal.hub_pass(&token, MINUTE), Some(pass));
        assert_eq!(seal.hub_pass(&token, pass.until - Duration::from_millis(1)), Some(pass));
        assert_eq!(seal.hub_pass(&token, pass.until), None);
    }
}

#[test]
fn no_byte_of_a_hub_token_can_be_changed() {
    let seal = Seal::new();
    let token = seal.hub_token(pass(Some(7)));
    for index in 0..token.len() {
        let digit = if token.as_bytes()[index] == b'0' { "1" } else { "0" };
        let mut changed = token.clone();
        changed.replace_range(index..=index, digit);
        assert_eq!(seal.hub_pass(&changed, MINUTE), None, "{index}");
        assert_eq!(seal.hub_pass(&token[..index], MINUTE), None, "{index}");
    }
    assert_eq!(seal.hub_pass(&format!("{token}00"), MINUTE), None);
    assert_eq!(Seal::new().hub_pass(&token, MINUTE), None, "another gateway's");
    assert_eq!(seal.hub_pass("ü".repeat(100).as_str(), MINUTE), None);
}

#[test]
fn a_proof_is_for_one_purpose_and_one_thing() {
    let seal = Seal::new();
    let all = [Purpose::Form, Purpose::SignIn, Purpose::Hub];
    for purpose in all {
        let proof = seal.proof(purpose, b"thing");
        assert!(seal.is_proof(purpose, b"thing", &proof));
        assert!(!seal.is_proof(purpose, b"other", &proof));
        for other in all.into_iter().filter(|other| *other != purpose) {
            assert!(!seal.is_proof(other, b"thing", &proof), "{purpose:?} {other:?}");
        }
    }
    for wrong in ["", "0", &"0".repeat(64)] {
        assert!(!seal.is_proof(Purpose::Form, b"thing", wrong));
    }
}
