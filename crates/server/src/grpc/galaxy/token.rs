//! Page tokens: where the next page begins, bound to what was asked and by whom.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};

use mxgateway_contracts::error_code::ErrorCode;
use tonic::Status;

/// Makes tokens, and knows them again. Each has secrets of its own, so that a token of another gateway, whose
/// galaxy may be another, is none.
#[derive(Clone, Debug, Default)]
pub(super) struct Tokens(RandomState);

impl Tokens {
    /// For the page that begins at this object of the selection.
    pub(super) fn token(&self, asked: &impl Hash, begin: usize) -> String {
        format!("{begin:x}.{:016x}", self.0.hash_one((asked, begin)))
    }

    /// Where the page begins. Errors: it is no token for what is asked.
    pub(super) fn begin(&self, asked: &impl Hash, token: &str) -> Result<usize, Status> {
        if token.is_empty() {
            return Ok(0);
        }
        token
            .split_once('.')
            .and_then(|(begin, _)| usize::from_str_radix(begin, 16).ok())
            .filter(|begin| self.token(asked, *begin) == token)
            .ok_or_else(|| {
                let text = "page_token: is not one of this gateway's for this request; begin without one";
                ErrorCode::InvalidPageToken.status(text, &[("field", "page_token")])
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_what_it_was_made_for_alone() {
        let tokens = Tokens::default();
        let token = tokens.token(&("a", 1), 500);
        assert_eq!(tokens.begin(&("a", 1), &token).unwrap(), 500);
        assert_eq!(tokens.begin(&("a", 1), "").unwrap(), 0);
        let other_page = token.replacen("1f4", "1f5", 1);
        let upper = token.to_uppercase();
        for bad in
            [other_page.as_str(), "1f4", "1f4.", ".", "-1.0", "x.y", &format!("0{token}"), &token[..10]]
        {
            let refused = tokens.begin(&("a", 1), bad).unwrap_err();
            assert_eq!(ErrorCode::of(&refused), Some(ErrorCode::InvalidPageToken), "{bad}");
        }
        assert!(upper == token || tokens.begin(&("a", 1), &upper).is_err());
        assert!(tokens.begin(&("a", 2), &token).is_err(), "another request");
        assert!(Tokens::default().begin(&("a", 1), &token).is_err(), "another gateway");
    }
}
