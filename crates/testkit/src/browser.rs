//! A browser of its own for tests: Chromium without a window, driven by chromedriver.

use std::env;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::getuid;
use tempfile::TempDir;
use thirtyfour::cdp::domains::emulation::{MediaFeature, SetEmulatedMedia};
use thirtyfour::common::capabilities::chromium::ChromiumLikeCapabilities;
use thirtyfour::error::WebDriverResult;
use thirtyfour::{ChromeCapabilities, DesiredCapabilities, LoggingPrefsLogLevel, WebDriver};

use crate::running::{self, Running, Told, free_port, text, watched};

/// What chromedriver logs.
const TOLD: Told = Told { ready: "started successfully", failed: "Exiting" };

/// What the browser is told at its start, beside what chromedriver tells it.
const ARGUMENTS: [&str; 8] = [
    "--headless=new",
    // By it the browser notices that chromedriver has ended, and ends as well.
    "--remote-debugging-pipe",
    // Containers have little of the memory that it would take otherwise.
    "--disable-dev-shm-usage",
    // It talks to the gateway under test and to nobody else.
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
    "--lang=en-US",
];

/// What a visitor looks through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Of the page, in pixels.
    pub width: u32,
    /// Of the page, in pixels.
    pub height: u32,
    /// What the system prefers.
    pub colours: Colours,
}

/// What the system prefers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colours {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl Default for Window {
    /// Of a usual size, and light.
    fn default() -> Self {
        Self { width: 1280, height: 800, colours: Colours::Light }
    }
}

/// A running browser with private state. Dropping it ends it, and removes its files.
#[derive(Debug)]
pub struct Browser {
    driver: WebDriver,
    // In this order: its files are removed when it has ended.
    _running: Running,
    _folder: TempDir,
}

impl Browser {
    /// Starts a browser. The error says why there is none: most often that chromedriver is not installed.
    pub async fn open(window: Window) -> Result<Self, String> {
        let program = chromedriver().ok_or("there is no chromedriver in PATH")?;
        let folder = tempfile::Builder::new()
            .prefix("mxgateway-browser")
            .tempdir()
            .map_err(text("temporary folder"))?;
        let mut port = 0;
        let running = running::on_free_ports(|| {
            port = free_port()?;
            run(&program, port, folder.path())
        })?;
        let failed = |error| format!("chromium: {error}");
        let driver = connect(port, &folder.path().join("profile")).await.map_err(failed)?;
        let browser = Self { driver, _running: running, _folder: folder };
        browser.look_through(window).await.map_err(failed)?;
        Ok(browser)
    }

    /// As [`open`](Self::open); `None` after a loud message where chromedriver is not installed.
    ///
    /// # Panics
    /// Where the environment variable `CI` is set: there, no test may be left out.
    pub async fn open_if_installed(window: Window) -> Option<Self> {
        running::if_installed(Self::open(window).await, "chromedriver", "chromium chromium-driver")
    }

    /// Changes what the visitor looks through.
    pub async fn look_through(&self, window: Window) -> WebDriverResult<()> {
        let Window { width, height, colours } = window;
        let value = match colours {
            Colours::Light => "light",
            Colours::Dark => "dark",
        };
        let feature = MediaFeature { name: "prefers-color-scheme".to_owned(), value: value.to_owned() };
        let cdp = self.driver.cdp();
        cdp.emulation().set_device_metrics_override(width, height, 1.0, false).await?;
        cdp.send(SetEmulatedMedia { media: None, features: Some(vec![feature]) }).await?;
        Ok(())
    }

    /// What the browser complained about since this was last asked: scripts that failed, files that are missing, and
    /// whatever the page's own policy forbids.
    pub async fn complaints(&self) -> WebDriverResult<Vec<String>> {
        let entries = self.driver.browser_log().await?;
        Ok(entries.into_iter().map(|entry| format!("{}: {}", entry.level, entry.message)).collect())
    }
}

impl Deref for Browser {
    type Target = WebDriver;

    fn deref(&self) -> &Self::Target {
        &self.driver
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It ends with chromedriver; asking for that, as the library would, could only fail.
        let _ = self.driver.clone().leak();
    }
}

fn run(program: &Path, port: u16, folder: &Path) -> Result<Running, String> {
    let mut shell = Command::new("/bin/sh");
    watched(&mut shell, program)
        .arg(format!("--port={port}"))
        // Not for the log: what has it open is waited for.
        .arg("--enable-chrome-logs")
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder)
        .env("TMPDIR", folder)
        .env("LANG", "C.UTF-8")
        .env("TZ", "UTC")
        .current_dir(folder);
    Running::start(&mut shell, TOLD).map_err(|log| format!("chromedriver: {log}"))
}

async fn connect(port: u16, profile: &Path) -> WebDriverResult<WebDriver> {
    // Otherwise what the environment has for the world would be asked for this machine.
    let client = reqwest::Client::builder().no_proxy().build()?;
    WebDriver::builder(format!("http://127.0.0.1:{port}"), capabilities(profile)?)
        .client(client)
        .connect()
        .await
}

fn capabilities(profile: &Path) -> WebDriverResult<ChromeCapabilities> {
    let mut capabilities = DesiredCapabilities::chrome();
    for argument in ARGUMENTS {
        capabilities.add_arg(argument)?;
    }
    capabilities.add_arg(&format!("--user-data-dir={}", profile.display()))?;
    if getuid().is_root() {
        // Its sandbox is not for root.
        capabilities.add_arg("--no-sandbox")?;
    }
    capabilities.set_browser_log_level(LoggingPrefsLogLevel::Warning)?;
    Ok(capabilities)
}

fn chromedriver() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|folder| folder.join("chromedriver")).find(|program| program.is_file())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Command lines of the processes that have this in them.
    fn processes_with(text: &str) -> Vec<String> {
        let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
        processes
            .filter_map(|process| fs::read_to_string(process.path().join("cmdline")).ok())
            .filter(|command_line| command_line.contains(text))
            .collect()
    }

    async fn number(browser: &Browser, script: &str) -> u64 {
        let answer = browser.execute(format!("return Number({script})"), Vec::new()).await.unwrap();
        answer.json().as_u64().unwrap()
    }

    #[tokio::test]
    async fn it_shows_pages_as_asked_for_tells_complaints_and_leaves_nothing() {
        let Some(browser) = Browser::open_if_installed(Window::default()).await else { return };
        browser.goto("data:text/html,<script>console.error('not well')</script>").await.unwrap();
        assert_eq!(number(&browser, "innerWidth").await, 1280);
        assert_eq!(number(&browser, "innerHeight").await, 800);
        let is_dark = "matchMedia('(prefers-color-scheme: dark)').matches";
        assert_eq!(number(&browser, is_dark).await, 0);
        let phone = Window { width: 390, height: 844, colours: Colours::Dark };
        browser.look_through(phone).await.unwrap();
        assert_eq!(number(&browser, "innerWidth").await, 390);
        assert_eq!(number(&browser, is_dark).await, 1);
        let complaints = browser.complaints().await.unwrap();
        assert!(matches!(&complaints[..], [one] if one.contains("not well")), "{complaints:?}");
        assert!(browser.complaints().await.unwrap().is_empty());

        let folder = browser._folder.path().to_owned();
        let name = folder.to_str().unwrap();
        assert!(!processes_with(name).is_empty());
        drop(browser);
        assert_eq!(processes_with(name), Vec::<String>::new());
        assert!(!folder.exists());
    }
}
