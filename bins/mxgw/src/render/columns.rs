//! Rows as a table: aligned with a head on a terminal, tabs in a pipe.

use crate::render::Format;

/// The lines of a table. Empty cells become `-`, so that columns can be counted.
pub(crate) fn table(format: &Format, head: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let cell = |text: &String| if text.is_empty() { "-".to_owned() } else { text.clone() };
    if !format.terminal {
        return rows.iter().map(|row| row.iter().map(cell).collect::<Vec<_>>().join("\t")).collect();
    }
    let widths: Vec<usize> = (0..head.len())
        .map(|at| {
            let longest = rows.iter().filter_map(|row| row.get(at)).map(|text| width(text)).max();
            longest.unwrap_or_default().max(width(head[at]))
        })
        .collect();
    let line = |cells: Vec<String>| {
        let padded: Vec<String> = cells.iter().zip(&widths).map(|(text, width)| pad(text, *width)).collect();
        padded.join("  ").trim_end().to_owned()
    };
    let heading = line(head.iter().map(|&text| text.to_owned()).collect());
    std::iter::once(format.palette.head(&heading))
        .chain(rows.iter().map(|row| line(row.iter().map(cell).collect())))
        .collect()
}

/// `text` with spaces up to `width` characters.
pub(crate) fn pad(text: &str, wanted: usize) -> String {
    let mut padded = text.to_owned();
    padded.extend(std::iter::repeat_n(' ', wanted.saturating_sub(width(text))));
    padded
}

/// Characters of a text.
pub(crate) fn width(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::{Palette, test_format};

    #[test]
    fn a_table_is_aligned_for_people_and_tabbed_for_pipes() {
        let rows = vec![vec!["a".to_owned(), String::new()], vec!["längst".to_owned(), "2".to_owned()]];
        let lines = table(&test_format(true, Palette::PLAIN), &["ID", "N"], &rows);
        assert_eq!(lines, ["ID      N", "a       -", "längst  2"]);
        let lines = table(&test_format(false, Palette::PLAIN), &["ID", "N"], &rows);
        assert_eq!(lines, ["a\t-", "längst\t2"]);
    }
}
