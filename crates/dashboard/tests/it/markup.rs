//! Whether a page is well-formed, and free of what the policy of its headers forbids. Knows as much of HTML as pages use.

/// Elements that have no content and no end.
const VOID: [&str; 6] = ["br", "hr", "img", "input", "link", "meta"];

/// An element's start as it is in the page.
#[derive(Debug)]
pub(crate) struct Element<'a> {
    pub(crate) name: &'a str,
    /// What is after the name.
    pub(crate) rest: &'a str,
    /// What is between it and the next tag.
    pub(crate) text: &'a str,
}

impl Element<'_> {
    /// Whether it has this attribute.
    pub(crate) fn has(&self, attribute: &str) -> bool {
        self.rest.contains(&format!(" {attribute}="))
    }
}

/// The elements of a page; panics where starts and ends do not match, or an attribute has no quotes.
pub(crate) fn elements(page: &str) -> Vec<Element<'_>> {
    let page = page.strip_prefix("<!DOCTYPE html>").expect("a document type");
    let mut open = Vec::new();
    let mut elements = Vec::new();
    let mut ids = Vec::new();
    for piece in page.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').unwrap_or_else(|| panic!("a tag has no end: {piece}"));
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "an end without its start");
            continue;
        }
        let (name, _) = tag.split_once(' ').unwrap_or((tag, ""));
        let rest = &tag[name.len()..];
        assert!(name.chars().all(|letter| letter.is_ascii_alphanumeric()), "an odd name: {name}");
        assert_eq!(rest.matches('"').count() % 2, 0, "a quote is missing: {tag}");
        if let Some((_, id)) = rest.split_once(" id=\"") {
            let id = id.split('"').next().unwrap_or_default();
            assert!(!ids.contains(&id), "the id {id} is there twice");
            ids.push(id);
        }
        if !VOID.contains(&name) {
            open.push(name);
        }
        elements.push(Element { name, rest, text });
    }
    assert!(open.is_empty(), "without an end: {open:?}");
    elements
}

/// Panics where something would need more than the policy allows.
pub(crate) fn check(path: &str, page: &str) {
    for element in elements(page) {
        let Element { name, rest, text } = &element;
        assert!(!element.has("style"), "{path}: a style is written into {name}{rest}");
        assert_ne!(*name, "style", "{path}: styles are written into the page");
        assert!(!rest.contains(" on"), "{path}: a script is written into {name}{rest}");
        if *name == "script" {
            assert!(element.has("src") && text.is_empty(), "{path}: a script is written into the page");
        }
        for place in ["src", "href", "action"] {
            let start = format!(" {place}=\"");
            let Some((_, address)) = rest.split_once(&start) else { continue };
            assert!(
                address.starts_with('/') || address.starts_with('#'),
                "{path}: {place} leads elsewhere: {rest}"
            );
            assert!(!address.starts_with("//"), "{path}: {place} leads elsewhere: {rest}");
        }
        if *name == "input" && !rest.contains("type=\"hidden\"") {
            let is_named = element.has("aria-label") || page.contains("<label");
            assert!(is_named, "{path}: a field has no name: {rest}");
        }
    }
}
