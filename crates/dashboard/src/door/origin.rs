//! Where a request comes from. Pure.

use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderName, Uri, header};

use crate::peer::Peer;

#[cfg(test)]
mod tests;

/// What proxies add. A request with one of them comes from somewhere else than its connection.
const PROXY_HEADERS: [HeaderName; 8] = [
    header::FORWARDED,
    header::VIA,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-real-ip"),
    HeaderName::from_static("true-client-ip"),
    HeaderName::from_static("cf-connecting-ip"),
];

/// Whether somebody on the gateway's own machine asks, by one of its own names. Another name that leads here is one that a
/// page elsewhere could have made up, to read what is for this machine (DNS rebinding).
pub(super) fn is_local(parts: &Parts, peer: Peer) -> bool {
    let is_proxied = PROXY_HEADERS.iter().any(|name| parts.headers.contains_key(name));
    let is_loopback = peer.address.ip().to_canonical().is_loopback();
    is_loopback && !is_proxied && asked_for(parts).is_some_and(|host| is_own_name(host.host()))
}

fn is_own_name(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host == "127.0.0.1" || host == "[::1]"
}

/// Whether a browser says that one of the dashboard's own pages asks, or a program that it does. Browsers always say
/// something.
pub(super) fn is_own_page(parts: &Parts) -> bool {
    let headers = &parts.headers;
    let origin = one(headers, &header::ORIGIN);
    match one(headers, &HeaderName::from_static("sec-fetch-site")) {
        Header::Text("same-origin") => match origin {
            // Some policies have browsers keep it to themselves.
            Header::None | Header::Text("null") => true,
            Header::Text(origin) => is_same(parts, origin),
            Header::Odd => false,
        },
        Header::Text(_) | Header::Odd => false,
        Header::None => match origin {
            Header::Text(origin) => is_same(parts, origin),
            Header::None | Header::Odd => false,
        },
    }
}

fn is_same(parts: &Parts, origin: &str) -> bool {
    let Some(origin) =
        origin.parse::<Uri>().ok().filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")))
    else {
        return false;
    };
    match (origin.authority(), asked_for(parts)) {
        (Some(origin), Some(host)) => origin == &host,
        (Some(_) | None, _) => false,
    }
}

/// The host that is asked for, of HTTP/1.1's header or HTTP/2's address; `None` where they contradict each other.
fn asked_for(parts: &Parts) -> Option<Authority> {
    let header = match one(&parts.headers, &header::HOST) {
        Header::Text(host) => Some(host.parse::<Authority>().ok()?),
        Header::None => None,
        Header::Odd => return None,
    };
    match (header, parts.uri.authority()) {
        (Some(header), Some(address)) => (header == *address).then_some(header),
        (Some(host), None) => Some(host),
        (None, address) => address.cloned(),
    }
    .filter(|host| !host.as_str().contains('@'))
}

enum Header<'a> {
    None,
    Text(&'a str),
    /// There more than once, or no text.
    Odd,
}

fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Header<'a> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Header::None,
        (Some(value), None) => value.to_str().map_or(Header::Odd, Header::Text),
        (Some(_), Some(_)) => Header::Odd,
    }
}
