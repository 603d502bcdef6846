//! Rows as a table: aligned with a head on a terminal, tabs in a pipe.

use std::io::{self, IsTerminal};

/// The table for standard output. Empty cells become `-`, so that columns can be counted.
pub(super) fn for_stdout(head: &[&str], rows: &[Vec<String>]) -> String {
    table(io::stdout().is_terminal(), head, rows)
}

fn table(terminal: bool, head: &[&str], rows: &[Vec<String>]) -> String {
    let mut lines: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|text| printable(text)).collect()).collect();
    if !terminal {
        return lines.iter().map(|cells| cells.join("\t") + "\n").collect();
    }
    lines.insert(0, head.iter().map(|&text| text.to_owned()).collect());
    let width = |cell: &String| cell.chars().count();
    let widths: Vec<usize> = (0..head.len())
        .map(|at| lines.iter().filter_map(|cells| cells.get(at)).map(width).max().unwrap_or_default())
        .collect();
    lines
        .iter()
        .map(|cells| {
            let padded: Vec<_> =
                cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            padded.join("  ").trim_end().to_owned() + "\n"
        })
        .collect()
}

/// Some texts come from clients, who shall not command the terminal.
fn printable(text: &str) -> String {
    if text.is_empty() {
        return "-".to_owned();
    }
    text.chars().fold(String::with_capacity(text.len()), |mut cell, character| {
        if character.is_control() {
            cell.extend(character.escape_default());
        } else {
            cell.push(character);
        }
        cell
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_aligned_for_people_and_tabbed_for_pipes() {
        let rows =
            [vec!["a".to_owned(), String::new()], vec!["längst".to_owned(), "2\u{1b}[1m\t".to_owned()]];
        assert_eq!(table(true, &["ID", "N"], &rows), "ID      N\na       -\nlängst  2\\u{1b}[1m\\t\n");
        assert_eq!(table(false, &["ID", "N"], &rows), "a\t-\nlängst\t2\\u{1b}[1m\\t\n");
    }
}
