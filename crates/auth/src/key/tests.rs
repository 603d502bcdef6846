use secrecy::ExposeSecret as _;

use super::*;

fn id(text: &str) -> KeyId {
    text.parse().unwrap()
}

#[test]
fn a_generated_key_is_read_back_from_its_text() {
    let key = ApiKey::generate(id("line-1")).unwrap();
    let token = key.token();
    let token = token.expose_secret();
    assert!(token.starts_with("mxgw_line-1_"), "{token}");
    assert_eq!(token.len(), "mxgw_line-1_".len() + SECRET_CHARACTERS);
    let again = ApiKey::parse(token).unwrap();
    assert_eq!(again.id(), key.id());
    assert_eq!(again.token().expose_secret(), token);
    let other = ApiKey::generate(id("line-1")).unwrap();
    assert_ne!(other.token().expose_secret(), token);
}
