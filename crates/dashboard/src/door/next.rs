//! Where one goes after signing in. Pure.

use std::fmt::Write as _;

use http::{Method, Uri};

const MAX_BYTES: usize = 2_048;
/// Where one does not go: to where one just was.
const NOT: [&str; 3] = ["/sign-in", "/sign-out", "/denied"];

/// Where somebody was who is asked to sign in; `None` for what cannot just be asked for again.
pub(super) fn of(method: &Method, uri: &Uri) -> Option<String> {
    let text = uri.path_and_query()?.as_str();
    (*method == Method::GET && text != "/" && local(text) == text).then(|| text.to_owned())
}

/// The path to sign in, from which one goes on to `next`.
pub(super) fn sign_in(next: Option<&str>) -> String {
    let mut path = "/sign-in".to_owned();
    if let Some(next) = next {
        path.push_str("?next=");
        for byte in next.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
                path.push(char::from(byte));
            } else {
                let _ = write!(path, "%{byte:02X}");
            }
        }
    }
    path
}

/// `next` if it is a page of the dashboard, and `/` for everything else: nobody is sent elsewhere by a link to sign in.
pub(super) fn local(next: &str) -> &str {
    let is_path = next.starts_with('/')
        && !next.starts_with("//")
        && next.len() <= MAX_BYTES
        && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
        && next.parse::<Uri>().is_ok_and(|uri| uri.authority().is_none());
    let path = next.split(['?', '#']).next().unwrap_or_default();
    if is_path && !NOT.contains(&path) { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_the_dashboard_are_gone_to() {
        for good in ["/", "/sessions", "/sessions/session-1?x=1&y=%2F", "/events?session=a", "/a//b"] {
            assert_eq!(local(good), good);
        }
        let long = format!("/{}", "a".repeat(MAX_BYTES));
        for bad in [
            "",
            "sessions",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/a\\b",
            "https://evil.example/",
            "https:evil.example",
            "javascript:alert(1)",
            "/\t/evil.example",
            "\t//evil.example",
            " /sessions",
            "/sessions\r\nset-cookie: a=b",
            "/sessions\0",
            "/ü",
            "/sign-in",
            "/sign-in?next=/",
            "/sign-out",
            "/denied",
            &long,
        ] {
            assert_eq!(local(bad), "/", "{bad:?}");
        }
    }

    #[test]
    fn where_one_was_comes_back() {
        let of = |method, uri: &str| of(&method, &uri.parse().unwrap());
        assert_eq!(of(Method::GET, "/sessions?a=b&c=%20"), Some("/sessions?a=b&c=%20".to_owned()));
        assert_eq!(of(Method::GET, "/"), None);
        assert_eq!(of(Method::GET, "//evil.example"), None);
        assert_eq!(of(Method::POST, "/keys/new"), None);
        assert_eq!(sign_in(None), "/sign-in");
        assert_eq!(sign_in(Some("/sessions?a=b&c=%20")), "/sign-in?next=/sessions%3Fa%3Db%26c%3D%2520");
    }
}
