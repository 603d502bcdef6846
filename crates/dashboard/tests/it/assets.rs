//! Styles and scripts: kept by browsers for as long as they are these.

use http::StatusCode;

use crate::browser::Browser;
use crate::world;

#[tokio::test]
async fn what_pages_refer_to_is_there_and_may_be_kept() {
    let world = world::world();
    let mut browser = Browser::new(&world.dashboard);
    let page = browser.get("/sign-in").await;
    let addresses: Vec<_> =
        page.text().split('"').filter(|text| text.starts_with("/assets/")).map(str::to_owned).collect();
    assert!(addresses.len() >= 5, "{addresses:?}");
    for address in &addresses {
        let answer = browser.get(address).await;
        assert_eq!(answer.status, StatusCode::OK, "{address}");
        assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable", "{address}");
        let again = browser.get_with(address, "if-none-match", answer.header("etag")).await;
        assert_eq!(again.status, StatusCode::NOT_MODIFIED, "{address}");
        assert!(again.body.is_empty(), "{address}");
    }
}

#[tokio::test]
async fn modules_import_what_is_there() {
    let world = world::world();
    let mut browser = Browser::new(&world.dashboard);
    let mut waiting = vec!["main.js".to_owned()];
    let mut known = Vec::new();
    while let Some(name) = waiting.pop() {
        let answer = browser.get(&format!("/assets/any/{name}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{name}");
        assert_eq!(answer.header("content-type"), "text/javascript; charset=utf-8", "{name}");
        for import in answer.text().lines().filter(|line| line.starts_with("import ")) {
            let from = import.split('"').nth(1).and_then(|path| path.strip_prefix("./"));
            let from = from.unwrap_or_else(|| panic!("{name} imports from elsewhere: {import}"));
            if !known.iter().any(|it| it == from) {
                known.push(from.to_owned());
                waiting.push(from.to_owned());
            }
        }
    }
    assert!(known.len() > 8, "{known:?}");
}

#[tokio::test]
async fn another_version_is_not_kept_and_nothing_else_is_served() {
    let world = world::world();
    let mut browser = Browser::new(&world.dashboard);
    let old = browser.get("/assets/0123456789abcdef/base.css").await;
    assert_eq!((old.status, old.header("cache-control")), (StatusCode::OK, "no-cache"));
    for path in ["/assets/x/none.js", "/assets/x/..%2Fbase.css", "/assets/x/%2e%2e/Cargo.toml"] {
        assert_ne!(browser.get(path).await.status, StatusCode::OK, "{path}");
    }
}
