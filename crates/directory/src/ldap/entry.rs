//! An entry of the directory.

use ldap3::SearchEntry;

/// An entry, with the attributes that were asked for.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) dn: String,
    attributes: Vec<(String, Vec<String>)>,
}

impl From<SearchEntry> for Entry {
    fn from(entry: SearchEntry) -> Self {
        Self { dn: entry.dn, attributes: entry.attrs.into_iter().collect() }
    }
}

impl Entry {
    /// Every value of an attribute, which the server may name in another case and with options, such as `range=0-1499`.
    pub(super) fn values<'a>(&'a self, attribute: &'a str) -> impl Iterator<Item = &'a str> {
        let is_it =
            move |key: &str| key.split(';').next().is_some_and(|name| name.eq_ignore_ascii_case(attribute));
        self.attributes
            .iter()
            .filter(move |(key, _)| is_it(key))
            .flat_map(|(_, values)| values.iter().map(String::as_str))
    }

    /// One value of an attribute.
    pub(super) fn first<'a>(&'a self, attribute: &'a str) -> Option<&'a str> {
        self.values(attribute).find(|value| !value.is_empty())
    }

    /// The value of an attribute that `text` stands for: that which differs by case only, otherwise the first.
    pub(super) fn like<'a>(&'a self, attribute: &'a str, text: &'a str) -> &'a str {
        let text_in_lower_case = text.to_lowercase();
        self.values(attribute)
            .find(|value| value.to_lowercase() == text_in_lower_case)
            .or_else(|| self.first(attribute))
            .unwrap_or(text)
    }
}
