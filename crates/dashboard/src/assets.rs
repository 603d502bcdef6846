//! Styles, scripts and the icon, as part of the program.
//!
//! They are served below a folder that is named by what is in them, so that browsers may keep them for ever and the
//! modules' imports of each other stay relative.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};

struct Asset {
    name: &'static str,
    media_type: &'static str,
    text: &'static str,
}

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! asset {
    ($name:literal, $media_type:expr) => {
        Asset { name: $name, media_type: $media_type, text: include_str!(concat!("../assets/", $name)) }
    };
}

const ASSETS: &[Asset] = &[
    asset!("base.css", CSS),
    asset!("parts.css", CSS),
    asset!("charts.css", CSS),
    asset!("controls.css", CSS),
    asset!("theme.js", SCRIPT),
    asset!("main.js", SCRIPT),
    asset!("bind.js", SCRIPT),
    asset!("chart.js", SCRIPT),
    asset!("charts.js", SCRIPT),
    asset!("controls.js", SCRIPT),
    asset!("figures.js", SCRIPT),
    asset!("format.js", SCRIPT),
    asset!("history.js", SCRIPT),
    asset!("hub.js", SCRIPT),
    asset!("live.js", SCRIPT),
    asset!("stream.js", SCRIPT),
    asset!("icon.svg", "image/svg+xml"),
];

/// Digits of the digest that name a version.
const VERSION_DIGITS: usize = 16;

static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut digest = Sha256::new();
    for asset in ASSETS {
        digest.update(asset.name);
        digest.update([0]);
        digest.update(asset.text);
        digest.update([0]);
    }
    let mut version: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    version.truncate(VERSION_DIGITS);
    version
});

/// Where an asset is.
pub(crate) fn url(name: &str) -> String {
    format!("/assets/{}/{name}", *VERSION)
}

/// `GET /assets/VERSION/NAME`. Another version gets today's as well, and may not keep it.
pub(crate) async fn serve(Path((version, name)): Path<(String, String)>, headers: HeaderMap) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let is_current = version == *VERSION;
    let keep = if is_current { "public, max-age=31536000, immutable" } else { "no-cache" };
    let tag = format!("\"{}\"", *VERSION);
    let is_known = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|tags| tags.split(',').any(|known| known.trim().trim_start_matches("W/") == tag));
    let body = if is_known { "" } else { asset.text };
    let status = if is_known { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    let mut response = (status, body).into_response();
    let mut put = |name, value: &str| {
        response.headers_mut().insert(name, HeaderValue::from_str(value).expect("visible ASCII only"));
    };
    put(header::CONTENT_TYPE, asset.media_type);
    put(header::CACHE_CONTROL, keep);
    put(header::ETAG, &tag);
    response
}
