use secrecy::ExposeSecret as _;

use super::*;

/// A key whose secret is the bytes 100 to 131.
const TOKEN: &str = "mxgw_line-1_ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1-f4CBgoM";
/// Its HMAC-SHA256 over `line-1` and the secret, keyed by the bytes 0 to 31; calculated elsewhere.
const HASH: [u8; 32] = [
    0x66, 0xad, 0xce, 0xa1, 0xc6, 0x05, 0x64, 0xac, 0x2b, 0x90, 0x22, 0xbc, 0xd3, 0xbd, 0x96, 0xea, 0xf3,
    0xab, 0x62, 0x65, 0x6e, 0xde, 0x9c, 0xd0, 0x83, 0xc2, 0x67, 0x89, 0x63, 0xa1, 0x8a, 0x13,
];

fn id(text: &str) -> KeyId {
    text.parse().unwrap()
}

fn pepper() -> Pepper {
    Pepper::from_bytes(&(0..32).collect::<Vec<u8>>()).unwrap()
}

#[test]
fn key_ids_are_short_and_plain() {
    for good in ["a", "0", "line-1", "a-", &"x".repeat(64)] {
        assert_eq!(id(good).to_string(), good);
    }
    let bad = [
        ("", KeyIdError::Length),
        (&"x".repeat(65), KeyIdError::Length),
        ("a_b", KeyIdError::Character),
        ("A", KeyIdError::Character),
        ("ü", KeyIdError::Character),
        ("a b", KeyIdError::Character),
        ("a\n", KeyIdError::Character),
        ("-a", KeyIdError::Character),
        ("anonymous", KeyIdError::Reserved),
    ];
    for (text, error) in bad {
        assert_eq!(text.parse::<KeyId>(), Err(error), "{text:?}");
        assert!(serde_json::from_value::<KeyId>(text.into()).is_err(), "{text:?}");
    }
    let random = KeyId::random().unwrap();
    assert_eq!(random, id(random.as_str()));
    assert_ne!(random, KeyId::random().unwrap());
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

#[test]
fn a_secret_may_have_underscores_and_hyphens() {
    let token = "mxgw_a_-__7__v_-__7__v_-__7__v_-__7__v_-__7__v_-_8";
    assert_eq!(ApiKey::parse(token).unwrap().token().expose_secret(), token);
}

#[test]
fn scheme_and_prefix_are_read_in_any_case_the_rest_exactly() {
    for scheme in ["Bearer ", "bearer ", "BEARER   "] {
        for token in [TOKEN.to_owned(), TOKEN.replace("mxgw_", "MxGw_"), format!("{TOKEN} ")] {
            let key = ApiKey::from_header(&format!("{scheme}{token}")).unwrap();
            assert_eq!(key.token().expose_secret(), TOKEN);
        }
    }
    let other_case = ApiKey::parse(&TOKEN.replace("ZGVm", "zgvm")).unwrap();
    assert!(!pepper().verify(&other_case, &SecretHash::from_bytes(HASH)));
}

#[test]
fn what_is_no_key_is_refused_without_being_repeated() {
    let secret = TOKEN.strip_prefix("mxgw_line-1_").unwrap();
    let bad = [
        (String::new(), MalformedKey::Form),
        ("mxg".into(), MalformedKey::Form),
        ("mxgw_".into(), MalformedKey::Form),
        ("mxgw_line-1".into(), MalformedKey::Form),
        (format!("line-1_{secret}"), MalformedKey::Form),
        (format!("mxgw__{secret}"), MalformedKey::Id(KeyIdError::Length)),
        (format!("mxgw_Line_{secret}"), MalformedKey::Id(KeyIdError::Character)),
        ("mxgw_line-1_".into(), MalformedKey::Secret),
        (format!("{TOKEN}M"), MalformedKey::Secret),
        (TOKEN[..TOKEN.len() - 1].to_owned(), MalformedKey::Secret),
        (format!("mxgw_line-1_{}=", &secret[..42]), MalformedKey::Secret),
        (format!("mxgw_line-1_{}+", &secret[..42]), MalformedKey::Secret),
        (format!("mxgw_line-1_ {}", &secret[..42]), MalformedKey::Secret),
        // The last character has two bits too many; one secret has one text only.
        (format!("mxgw_line-1_{}N", &secret[..42]), MalformedKey::Secret),
    ];
    for (text, error) in bad {
        assert_eq!(ApiKey::parse(&text).map(|key| key.id), Err(error), "{text:?}");
        assert!(!error.to_string().contains(secret), "{error}");
    }
    for header in ["", "Bearer", "Basic abc", TOKEN, "Bearerü", &format!(" Bearer {TOKEN}")] {
        assert_eq!(ApiKey::from_header(header).map(|key| key.id), Err(MalformedKey::Scheme), "{header:?}");
    }
}

#[test]
fn no_text_makes_the_parser_panic() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let whole: Vec<char> = format!("Bearer {TOKEN}").chars().collect();
    for _ in 0..20_000 {
        let mut text = whole.clone();
        for _ in 0..random.usize(1..4) {
            let at = random.usize(..text.len());
            match random.u8(..3) {
                0 => text[at] = random.char(..),
                1 => text.insert(at, random.char(..)),
                _ => text.truncate(at.max(1)),
            }
        }
        let text: String = text.into_iter().collect();
        if let Ok(key) = ApiKey::from_header(&text) {
            let token = key.token();
            let (_, given) = text.split_once(' ').unwrap();
            assert!(given.trim().eq_ignore_ascii_case(token.expose_secret()), "{text:?}, seed {seed}");
        }
    }
}

#[test]
fn hashes_stay_what_they_were() {
    let key = ApiKey::parse(TOKEN).unwrap();
    let hash = pepper().hash(&key);
    assert_eq!(hash.as_bytes(), &HASH, "no stored key would verify any more");
    assert!(pepper().verify(&key, &SecretHash::from_bytes(HASH)));
}

#[test]
fn a_hash_is_good_for_one_key_under_one_pepper() {
    let hash = SecretHash::from_bytes(HASH);
    let key = ApiKey::parse(TOKEN).unwrap();
    assert!(!pepper().verify(&ApiKey::generate(id("line-1")).unwrap(), &hash), "another secret");
    let renamed = ApiKey::parse(&TOKEN.replace("line-1", "line-2")).unwrap();
    assert!(!pepper().verify(&renamed, &hash), "another id");
    assert!(!Pepper::random().unwrap().verify(&key, &hash), "another pepper");
    for bit in 0..256 {
        let mut bytes = HASH;
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(!pepper().verify(&key, &SecretHash::from_bytes(bytes)), "bit {bit}");
    }
}

#[test]
fn peppers_have_enough_bytes() {
    for length in [0, 31, 1025] {
        assert_eq!(Pepper::from_bytes(&vec![7; length]).err(), Some(PepperError { length }));
    }
    for length in [32, 1024] {
        assert_eq!(Pepper::from_bytes(&vec![7; length]).unwrap().expose_bytes(), vec![7; length]);
    }
    assert_ne!(Pepper::random().unwrap().expose_bytes(), Pepper::random().unwrap().expose_bytes());
}

#[test]
fn debug_texts_have_no_secret_in_them() {
    let key = ApiKey::parse(TOKEN).unwrap();
    assert_eq!(format!("{key:?}"), "ApiKey { id: \"line-1\", .. }");
    assert_eq!(format!("{:?}", pepper()), "Pepper { .. }");
    assert_eq!(format!("{:?}", SecretHash::from_bytes(HASH)), "SecretHash(..)");
    assert!(!format!("{:?}", key.token()).contains("ZGVm"));
}
