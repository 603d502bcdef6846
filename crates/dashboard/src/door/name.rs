//! Distinguished names (RFC 4514), as far as it takes to tell whether two are the same. Pure.

/// A name of a group: a distinguished name, or one without any structure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// The whole text in lower case.
    whole: String,
    /// Each part of it with its attributes and values, in lower case and without escapes; empty for what is no
    /// distinguished name. A part has more than one attribute where they are joined by `+`; they are in order.
    parts: Vec<Vec<(String, Value)>>,
}

/// A value, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Text(String),
    /// BER in hexadecimal, with its `#`. It is no text, whatever it stands for.
    Encoded(String),
}

impl Name {
    pub(super) fn new(text: &str) -> Self {
        let text = text.trim();
        Self { whole: text.to_lowercase(), parts: parts(text).unwrap_or_default() }
    }

    /// Whether `key`, out of the settings, stands for this group: the same name, or just the value of its first part.
    pub(super) fn is_called(&self, key: &Self) -> bool {
        if key.whole.is_empty() {
            return false;
        }
        if !self.parts.is_empty() && self.parts == key.parts || self.whole == key.whole {
            return true;
        }
        match self.parts.first().map(Vec::as_slice) {
            Some([(_, Value::Text(value))]) => *value == key.whole,
            Some(_) | None => false,
        }
    }
}

/// `None` for what is no distinguished name.
fn parts(text: &str) -> Option<Vec<Vec<(String, Value)>>> {
    split(text, ',')?
        .into_iter()
        .map(|part| {
            let mut pairs = split(part, '+')?.into_iter().map(pair).collect::<Option<Vec<_>>>()?;
            pairs.sort();
            Some(pairs)
        })
        .collect()
}

/// The pieces between separators that are not escaped.
fn split(text: &str, separator: char) -> Option<Vec<&str>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut characters = text.char_indices();
    while let Some((index, character)) = characters.next() {
        if character == '\\' {
            characters.next()?;
        } else if character == separator {
            pieces.push(text.get(start..index)?);
            start = index + separator.len_utf8();
        }
    }
    pieces.push(text.get(start..)?);
    Some(pieces)
}

fn pair(text: &str) -> Option<(String, Value)> {
    let (attribute, value) = text.split_once('=')?;
    let attribute = attribute.trim();
    let is_attribute = !attribute.is_empty()
        && attribute.chars().all(|next| next.is_ascii_alphanumeric() || matches!(next, '-' | '.'));
    if !is_attribute {
        return None;
    }
    let value = value.trim_start_matches(' ');
    let value = if value.starts_with('#') {
        Value::Encoded(value.trim_end().to_lowercase())
    } else {
        Value::Text(unescaped(value)?.to_lowercase())
    };
    Some((attribute.to_ascii_lowercase(), value))
}

/// Without escapes, and without spaces at the end that are not escaped.
fn unescaped(value: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len());
    // What is kept whatever follows.
    let mut kept = 0;
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            let mut buffer = [0; 4];
            bytes.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
            if character != ' ' {
                kept = bytes.len();
            }
            continue;
        }
        let first = characters.next()?;
        if let Some(high) = first.to_digit(16) {
            let low = characters.next()?.to_digit(16)?;
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            let mut buffer = [0; 4];
            bytes.extend_from_slice(first.encode_utf8(&mut buffer).as_bytes());
        }
        kept = bytes.len();
    }
    bytes.truncate(kept);
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_called(group: &str, key: &str) -> bool {
        Name::new(group).is_called(&Name::new(key))
    }

    #[test]
    fn a_group_is_called_by_its_whole_name_or_the_first_value() {
        let group = "CN=Line Operators,OU=Groups,DC=plant,DC=example";
        for key in [
            group,
            "cn=line operators,ou=groups,dc=plant,dc=example",
            "CN = Line Operators, OU=Groups , DC=plant,DC=example",
            "Line Operators",
            " LINE OPERATORS ",
            "CN=Line\\20Operators,OU=Groups,DC=plant,DC=example",
        ] {
            assert!(is_called(group, key), "{key}");
        }
        for key in [
            "",
            " ",
            "Line",
            "Operators",
            "Line  Operators",
            "Groups",
            "cn=Line Operators",
            "ou=Line Operators,ou=Groups,dc=plant,dc=example",
            "cn=Line Operators,ou=Groups,dc=plant",
            "cn=Line Operators,ou=Groups,dc=plant,dc=example,dc=com",
            "cn=Line Operators,ou=Others,dc=plant,dc=example",
        ] {
            assert!(!is_called(group, key), "{key}");
        }
    }

    #[test]
    fn what_is_escaped_separates_nothing() {
        for group in ["cn=Smith\\, Line 3,ou=groups,dc=example", "cn=Smith\\2C Line 3,ou=groups,dc=example"] {
            for key in [
                "Smith, Line 3",
                "cn=smith\\, line 3,ou=groups,dc=example",
                "cn=Smith\\2c Line 3,ou=groups,dc=example",
            ] {
                assert!(is_called(group, key), "{group} {key}");
            }
            for key in ["Smith", "Smith\\", "Line 3", "cn=Smith", "cn=Smith,ou=groups,dc=example"] {
                assert!(!is_called(group, key), "{group} {key}");
            }
        }
        // A name cannot pretend to be another's whole name.
        assert!(!is_called("cn=x\\,cn=GwAdmin,dc=example", "cn=GwAdmin,dc=example"));
        assert!(!is_called("cn=cn\\=GwAdmin\\,dc\\=example,dc=other", "cn=GwAdmin"));
        assert!(is_called("cn=Z\\C3\\BCrich,dc=example", "zÜrich"));
        assert!(is_called("cn=trailing\\ ,dc=example", "cn=trailing\\20,dc=example"));
        assert!(!is_called("cn=trailing\\ ,dc=example", "trailing"));
    }

    #[test]
    fn names_of_several_values_are_called_by_the_whole_only() {
        let group = "cn=GwAdmin+ou=Plant,dc=example";
        assert!(is_called(group, "OU=plant+CN=gwadmin,DC=example"));
        assert!(!is_called(group, "GwAdmin"));
        assert!(!is_called(group, "Plant"));
        assert!(!is_called("cn=#04024869,dc=example", "#04024869"));
    }

    #[test]
    fn what_is_no_distinguished_name_is_called_by_itself() {
        assert!(is_called("GwAdmin", "gwadmin"));
        assert!(!is_called("GwAdmin", "cn=GwAdmin,dc=example"));
        for odd in ["cn=x\\", "cn=x\\4", "cn=x\\zz,", "=x", "cn", "c n=x", "cn=\\ff,dc=example", "", ","] {
            let name = Name::new(odd);
            assert_eq!(name.parts, Vec::<Vec<(String, Value)>>::new(), "{odd}");
            assert_eq!(is_called(odd, odd), !odd.is_empty(), "{odd}");
            assert!(!is_called(odd, "x"), "{odd}");
        }
    }
}
