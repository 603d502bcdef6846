//! The cookies: one for a sign-in, one that belongs to the form to sign in with.

use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use http::HeaderMap;

const VISIT: [&str; 2] = ["MxGatewayDashboard", "__Host-MxGatewayDashboard"];
const FORM: [&str; 2] = ["MxGatewayDashboardSignIn", "__Host-MxGatewayDashboardSignIn"];

/// The token of a sign-in.
pub(super) fn visit(headers: &HeaderMap, is_secure: bool) -> Option<String> {
    value(headers, VISIT[usize::from(is_secure)])
}

/// What belongs to the form to sign in with.
pub(super) fn form(headers: &HeaderMap, is_secure: bool) -> Option<String> {
    value(headers, FORM[usize::from(is_secure)])
}

/// Keeps the token of a sign-in until the browser is closed; the gateway says for how long it is good. `Lax`, so that links
/// from elsewhere lead into the dashboard; nothing is changed by following one.
pub(super) fn keep_visit(token: &str, is_secure: bool) -> Cookie<'static> {
    cookie(VISIT[usize::from(is_secure)], token, is_secure, SameSite::Lax)
}

/// Keeps what belongs to the form to sign in with.
pub(super) fn keep_form(value: &str, is_secure: bool) -> Cookie<'static> {
    cookie(FORM[usize::from(is_secure)], value, is_secure, SameSite::Strict)
}

/// Has the browser forget the sign-in.
pub(super) fn forget_visit(is_secure: bool) -> Cookie<'static> {
    forget(keep_visit("", is_secure))
}

/// Has the browser forget what belonged to the form.
pub(super) fn forget_form(is_secure: bool) -> Cookie<'static> {
    forget(keep_form("", is_secure))
}

fn forget(mut cookie: Cookie<'static>) -> Cookie<'static> {
    cookie.make_removal();
    cookie
}

fn cookie(name: &'static str, value: &str, is_secure: bool, same_site: SameSite) -> Cookie<'static> {
    Cookie::build((name, value.to_owned()))
        .path("/")
        .http_only(true)
        .secure(is_secure)
        .same_site(same_site)
        .build()
}

fn value(headers: &HeaderMap, name: &str) -> Option<String> {
    CookieJar::from_headers(headers).get(name).map(|cookie| cookie.value().to_owned())
}
