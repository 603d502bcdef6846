use http::Request;

use super::*;

fn parts(uri: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn local_from(address: &str, uri: &str, headers: &[(&str, &str)]) -> bool {
    let peer = Peer { address: address.parse().unwrap(), is_encrypted: false };
    is_local(&parts(uri, headers), peer)
}

const LOOPBACK: &str = "127.0.0.1:50000";

#[test]
fn this_machine_is_known_by_its_address_and_its_names() {
    for address in [LOOPBACK, "127.0.0.9:1", "[::1]:50000", "[::ffff:127.0.0.1]:50000"] {
        for host in ["localhost", "LOCALHOST:5121", "127.0.0.1:5121", "[::1]:5121", "[::1]"] {
            assert!(local_from(address, "/", &[("host", host)]), "{address} {host}");
        }
    }
    for address in
        ["192.0.2.1:50000", "[2001:db8::1]:50000", "[::ffff:192.0.2.1]:50000", "0.0.0.0:1", "10.0.0.1:1"]
    {
        assert!(!local_from(address, "/", &[("host", "localhost")]), "{address}");
    }
    for host in [
        "",
        "evil.example",
        "localhost.evil.example",
        "evil.localhost",
        "127.0.0.1.evil.example",
        "127.0.0.2",
        "0.0.0.0",
        "[::]",
        "::1",
        "2130706433",
        "localhost@evil.example",
        "evil.example@localhost",
        "localhost.",
        "localhost evil.example",
    ] {
        assert!(!local_from(LOOPBACK, "/", &[("host", host)]), "{host}");
    }
    assert!(!local_from(LOOPBACK, "/", &[]), "no host at all");
    assert!(!local_from(LOOPBACK, "/", &[("host", "localhost"), ("host", "evil.example")]));
    // HTTP/2 has it in the address.
    assert!(local_from(LOOPBACK, "http://localhost:5121/", &[]));
    assert!(!local_from(LOOPBACK, "http://evil.example/", &[]));
    assert!(!local_from(LOOPBACK, "http://evil.example/", &[("host", "localhost")]));
    assert!(!local_from(LOOPBACK, "http://localhost/", &[("host", "evil.example")]));
}

#[test]
fn what_a_proxy_brings_is_not_from_this_machine() {
    for name in PROXY_HEADERS {
        for value in ["for=192.0.2.1", "127.0.0.1", ""] {
            let headers = [("host", "localhost"), (name.as_str(), value)];
            assert!(!local_from(LOOPBACK, "/", &headers), "{name}: {value}");
        }
    }
}

fn own(headers: &[(&str, &str)]) -> bool {
    let mut all = vec![("host", "gateway.example:5121")];
    all.extend_from_slice(headers);
    is_own_page(&parts("/keys/new", &all))
}

#[test]
fn a_page_of_the_dashboard_is_known_by_what_browsers_say() {
    let site = "sec-fetch-site";
    for headers in [
        &[("origin", "https://gateway.example:5121")][..],
        &[("origin", "http://Gateway.Example:5121")],
        &[("origin", "https://gateway.example:5121"), (site, "same-origin")],
        &[("origin", "null"), (site, "same-origin")],
        &[(site, "same-origin")],
    ] {
        assert!(own(headers), "{headers:?}");
    }
    for headers in [
        &[][..],
        &[("origin", "null")],
        &[("origin", "")],
        &[("origin", "https://evil.example")],
        &[("origin", "https://gateway.example")],
        &[("origin", "https://gateway.example:5122")],
        &[("origin", "https://gateway.example:5121.evil.example")],
        &[("origin", "https://evil.example?https://gateway.example:5121")],
        &[("origin", "https://gateway.example:5121@evil.example")],
        &[("origin", "https://gateway.example:5121"), ("origin", "https://evil.example")],
        &[("origin", "file://gateway.example:5121")],
        &[("origin", "gateway.example:5121")],
        &[("origin", "https://evil.example"), (site, "same-origin")],
        &[("origin", "https://gateway.example:5121"), (site, "cross-site")],
        &[("origin", "https://gateway.example:5121"), (site, "same-site")],
        &[("origin", "https://gateway.example:5121"), (site, "none")],
        &[(site, "same-site")],
        &[(site, "none")],
    ] {
        assert!(!own(headers), "{headers:?}");
    }
    assert!(!is_own_page(&parts("/keys/new", &[("origin", "https://gateway.example")])), "no host");
    let http2 = parts("https://gateway.example/keys/new", &[("origin", "https://gateway.example")]);
    assert!(is_own_page(&http2));
}
