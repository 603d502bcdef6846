//! A line of `mxgw watch` in a pipe: time, tag, quality, value and perhaps more, with tabs between.

/// Room for `uncertain`.
const QUALITY_WIDTH: usize = 9;

/// One event.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) tag: String,
    pub(super) is_good: bool,
    pub(super) value: String,
}

/// The event of a line; `None` when it has none.
pub(super) fn event(line: &str) -> Option<Event> {
    let line = without_colours(line);
    let mut columns = line.split('\t').skip(1);
    let tag = columns.next()?.to_owned();
    let is_good = columns.next()?.starts_with("good");
    Some(Event { tag, is_good, value: columns.next()?.to_owned() })
}

/// The line with its columns aligned, for a terminal.
pub(super) fn aligned(line: &str, tag_width: usize) -> String {
    let columns: Vec<&str> = line.split('\t').collect();
    let mut text = String::new();
    for (at, column) in columns.iter().enumerate() {
        text.push_str(column);
        if at + 1 < columns.len() {
            let width = match at {
                1 => tag_width,
                2 => QUALITY_WIDTH,
                _ => 0,
            };
            let padding = width.saturating_sub(without_colours(column).chars().count());
            text.extend(std::iter::repeat_n(' ', padding + 2));
        }
    }
    text
}

/// The text without terminal sequences (ESC [ ... letter).
fn without_colours(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        text.push_str(before);
        rest = after.split_once(|c: char| c.is_ascii_alphabetic()).map_or("", |(_, rest)| rest);
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLOURED: &str = "\u{1b}[2m12:00:02.000\u{1b}[0m\tHost.Cpu.Load\t\u{1b}[32mgood\u{1b}[0m\t3.6";

    #[test]
    fn columns_are_found_with_and_without_colours() {
        let found =
            || Some(Event { tag: "Host.Cpu.Load".to_owned(), is_good: true, value: "3.6".to_owned() });
        assert_eq!(event(COLOURED), found());
        assert_eq!(event("12:00:02.000\tHost.Cpu.Load\tgood\t3.6"), found());
        assert_eq!(event("12:00:02.000\tHost.Cpu.Load\tbad 32\t3.6").map(|event| event.is_good), Some(false));
        assert_eq!(event("something else"), None);
    }

    #[test]
    fn columns_are_aligned_by_what_is_seen() {
        assert_eq!(
            aligned(COLOURED, 15),
            "\u{1b}[2m12:00:02.000\u{1b}[0m  Host.Cpu.Load    \u{1b}[32mgood\u{1b}[0m       3.6"
        );
        assert_eq!(aligned("something else", 15), "something else");
    }
}
