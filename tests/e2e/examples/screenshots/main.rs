//! Makes the pictures of the dashboard: `cargo xtask screenshots` runs this. It takes the folder to write to, and for how
//! many seconds the gateway is watched before, so that there is something in the charts.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a program that is run by hand")]

mod plant;

use std::path::{Path, PathBuf};
use std::time::Duration;

use mxgateway_e2e::{Gateway, GatewayOptions, until};
use mxgateway_testkit::browser::{Browser, Colours, Window};
use plant::Plant;
use thirtyfour::By;

const CONFIG: &str = "\
[sessions]
allow_multiple_event_subscribers = true

[dashboard]
allow_anonymous_localhost = true
show_tag_values = true

[simulator]
allow_fault_injection = true
";

/// What a README should not be made to load.
const LARGEST_BYTES: usize = 300_000;
const DESK: Window = Window { width: 1280, height: 800, colours: Colours::Light };
const PHONE: Window = Window { width: 390, height: 844, colours: Colours::Light };
/// Of a page that has much on it, in pixels.
const LONG_PAGE: u32 = 1500;
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args_os().skip(1);
    let folder = PathBuf::from(arguments.next().expect("a folder to write to"));
    let seconds = arguments.next().and_then(|text| text.to_str()?.parse().ok());
    let watched = Duration::from_secs(seconds.expect("a number of seconds"));
    std::fs::create_dir_all(&folder).unwrap();

    eprintln!("starting a gateway and a browser");
    let config = CONFIG.to_owned();
    let options = GatewayOptions { config, http: Some(0), quiet: true, ..GatewayOptions::default() };
    let gateway = Gateway::start_with(options).await;
    let mut plant = Plant::begin(&gateway).await;
    let browser = Browser::open(DESK).await.unwrap_or_else(|why| panic!("no browser: {why}"));
    let camera = Camera { browser, dashboard: gateway.dashboard().to_owned(), folder };

    camera.open("/").await;
    eprintln!("watching for {} s", watched.as_secs());
    let mut left = watched;
    while !left.is_zero() {
        let step = left.min(SIGN_OF_LIFE);
        tokio::time::sleep(step).await;
        left -= step;
        eprintln!("{} s left", left.as_secs());
        plant.check_all_at_work();
    }
    camera.take("overview-light.png", DESK, DESK.height).await;
    camera.take("overview-dark.png", Window { colours: Colours::Dark, ..DESK }, DESK.height).await;
    camera.open(&format!("/sessions/{}", plant.with_slow_reader())).await;
    camera.wait_for_rows(12).await;
    camera.take("session.png", DESK, LONG_PAGE).await;
    camera.open("/sessions").await;
    camera.take("sessions-phone.png", PHONE, PHONE.height).await;
    let shown: Vec<String> = plant.calm().map(|id| format!("session={id}")).collect();
    camera.open(&format!("/events?{}", shown.join("&"))).await;
    camera.wait_for_rows(25).await;
    camera.take("events.png", DESK, DESK.height).await;
    let complaints = camera.browser.complaints().await.unwrap();
    assert!(complaints.is_empty(), "the browser complains: {complaints:?}");
}

struct Camera {
    browser: Browser,
    dashboard: String,
    folder: PathBuf,
}

impl Camera {
    /// Opens a page, and waits until it is live.
    async fn open(&self, path: &str) {
        self.browser.goto(format!("{}{path}", self.dashboard)).await.unwrap();
        until("the page is live", async || {
            self.browser.find(By::Css("body[data-live=live]")).await.ok().map(drop)
        })
        .await;
    }

    /// Waits until so many events are shown.
    async fn wait_for_rows(&self, count: usize) {
        until("events are shown", async || {
            let rows = self.browser.find_all(By::Css("[data-rows] tr")).await.unwrap();
            (rows.len() >= count).then_some(())
        })
        .await;
    }

    /// Takes a picture of as much of the page as there is, up to `most` pixels of its height.
    async fn take(&self, name: &str, window: Window, most: u32) {
        self.browser.look_through(window).await.unwrap();
        let script = "return document.documentElement.scrollHeight";
        let height = self.browser.execute(script, Vec::new()).await.unwrap();
        let height = height.json().as_u64().and_then(|height| height.try_into().ok()).unwrap_or(most);
        let window = Window { height: most.min(height).max(window.height), ..window };
        self.browser.look_through(window).await.unwrap();
        self.settle().await;
        let picture = self.browser.screenshot_as_png().await.unwrap();
        self.write(&self.folder.join(name), &picture);
    }

    /// Waits until the page was drawn anew with numbers that came since: charts follow the window's size.
    async fn settle(&self) {
        let script = "const done = arguments[0]; const at = document.querySelector('[data-bind=at]') \
                      ?? document.querySelector('[data-each]'); \
                      const seen = new MutationObserver(() => { seen.disconnect(); \
                      requestAnimationFrame(() => requestAnimationFrame(() => done(true))); }); \
                      seen.observe(at, { childList: true, subtree: true, characterData: true, attributes: true });";
        self.browser.execute_async(script, Vec::new()).await.unwrap();
    }

    fn write(&self, path: &Path, picture: &[u8]) {
        let name = path.strip_prefix(&self.folder).unwrap_or(path).display();
        assert!(
            picture.len() <= LARGEST_BYTES,
            "{name} has {} bytes, more than {LARGEST_BYTES}",
            picture.len()
        );
        std::fs::write(path, picture).unwrap();
        eprintln!("{name}: {} KB", picture.len() / 1000);
    }
}
