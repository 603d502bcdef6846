//! Groups of a directory with what they are good for: a table in the file, the same as text elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use figment::value::Value as Raw;

const ROLES: [&str; 2] = ["administrator", "viewer"];

/// Groups with one or more words each. As text it is a TOML inline table; empty when there are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Groups {
    pub(crate) words: BTreeMap<String, BTreeSet<String>>,
    /// One word without brackets.
    single: bool,
}

impl fmt::Display for Groups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |text: &str| toml::Value::from(text).to_string();
        let entries: Vec<String> = self
            .words
            .iter()
            .map(|(group, words)| {
                let words: Vec<String> = words.iter().map(|word| text(word)).collect();
                let words = words.join(", ");
                let words = if self.single { words } else { format!("[{words}]") };
                format!("{} = {words}", text(group))
            })
            .collect();
        if entries.is_empty() { Ok(()) } else { write!(f, "{{ {} }}", entries.join(", ")) }
    }
}

/// Each group has a role.
pub(super) fn roles(raw: &Raw) -> Result<Groups, String> {
    let words = entries(raw, |group, value| {
        let role = value.as_str().filter(|role| ROLES.contains(role));
        let role = role.ok_or_else(|| format!("{group:?} has {value}, which is no role"))?;
        Ok(BTreeSet::from([role.to_owned()]))
    })?;
    Ok(Groups { words, single: true })
}

/// Each group has some tags.
pub(super) fn tags(raw: &Raw) -> Result<Groups, String> {
    let words = entries(raw, |group, value| {
        let tags = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        tags.iter()
            .map(|tag| {
                let text = tag.as_str().filter(|text| !text.is_empty());
                text.map(str::to_owned).ok_or_else(|| format!("{group:?} has {tag}, which is no tag"))
            })
            .collect()
    })?;
    Ok(Groups { words, single: false })
}

fn entries(
    raw: &Raw,
    words: impl Fn(&str, &toml::Value) -> Result<BTreeSet<String>, String>,
) -> Result<BTreeMap<String, BTreeSet<String>>, String> {
    let table = table(raw).ok_or_else(|| "is not a table of groups".to_owned())?;
    let entries = table.iter().map(|(group, value)| {
        if group.trim().is_empty() {
            return Err("has a group without a name".to_owned());
        }
        Ok((group.clone(), words(group, value)?))
    });
    entries.collect()
}

fn table(raw: &Raw) -> Option<toml::Table> {
    let Some(text) = raw.as_str() else { return toml::Table::try_from(raw).ok() };
    if text.trim().is_empty() {
        return Some(toml::Table::new());
    }
    let document: toml::Table = toml::from_str(&format!("groups = {}", text.trim())).ok()?;
    // Whatever else came in behind a line end is not meant.
    if document.len() > 1 {
        return None;
    }
    document.get("groups")?.as_table().cloned()
}
