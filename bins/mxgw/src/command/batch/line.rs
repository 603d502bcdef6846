//! One line of a batch: its words, with what earlier lines gave put in.

use crate::command::last::Last;
use crate::exit::Failure;

/// What a line has.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Nothing, or a comment.
    Nothing,
    Words(Vec<String>),
}

/// Splits a line as a shell would, and replaces `$session`, `$server` and `$item` where they are words.
pub(crate) fn words(text: &str, last: &Last) -> Result<Line, Failure> {
    // A line from Windows ends with a carriage return, which to a shell is a letter like others.
    let words = shlex::split(text.trim_end_matches(['\r', '\n']))
        .ok_or_else(|| Failure::Usage("a quote or a backslash at the end is not closed".to_owned()))?;
    if words.is_empty() {
        return Ok(Line::Nothing);
    }
    words.into_iter().map(|word| put_in(word, last)).collect::<Result<_, _>>().map(Line::Words)
}

fn put_in(word: String, last: &Last) -> Result<String, Failure> {
    let (given, how) = match word.as_str() {
        "$session" => (last.session.clone(), "open"),
        "$server" => (last.server_handle.map(|handle| handle.to_string()), "call register"),
        "$item" => {
            let item = last.item.map(|item| format!("{}:{}", item.server_handle, item.item_handle));
            (item, "call add-item")
        }
        _ => return Ok(word),
    };
    given.ok_or_else(|| Failure::Usage(format!("no earlier line gave a {word}; `{how}` does")))
}

#[cfg(test)]
mod tests {
    use mxgateway_client::contracts::v1::ItemReference;

    use super::*;

    fn split(text: &str) -> Vec<String> {
        let last = Last {
            session: Some("session-1".into()),
            server_handle: Some(2),
            item: Some(ItemReference { server_handle: 2, item_handle: 7 }),
        };
        match words(text, &last).unwrap() {
            Line::Words(words) => words,
            Line::Nothing => panic!("{text:?} has words"),
        }
    }

    #[test]
    fn words_are_split_as_in_a_shell() {
        assert_eq!(split("write A 'x y' \"z #\" # and so on"), ["write", "A", "x y", "z #"]);
        assert_eq!(
            split("invoke s Ping '{\"message\": \"a\"}'\r\n"),
            ["invoke", "s", "Ping", "{\"message\": \"a\"}"]
        );
        for nothing in ["", "  \t", "# all of it", "\r\n", "   # this"] {
            assert_eq!(words(nothing, &Last::default()).unwrap(), Line::Nothing, "{nothing:?}");
        }
        assert!(matches!(words("read 'A", &Last::default()), Err(Failure::Usage(_))));
    }

    #[test]
    fn what_earlier_lines_gave_is_put_in_where_it_is_a_word() {
        assert_eq!(split("call advise $session $item"), ["call", "advise", "session-1", "2:7"]);
        assert_eq!(
            split("call add-item $session $server $sessions.x"),
            ["call", "add-item", "session-1", "2", "$sessions.x"]
        );
        let missing = words("close $session", &Last::default()).unwrap_err();
        assert!(missing.to_string().contains("`open`"), "{missing}");
    }
}
