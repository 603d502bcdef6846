//! Somebody at a browser.

use std::time::Duration;

use mxgateway_e2e::{Gateway, until};
use mxgateway_testkit::browser::{Browser, Window};
use mxgateway_testkit::slapd::SlapdServer;
use serde_json::Value;
use thirtyfour::{By, WebElement};

/// Somebody at a browser.
pub(super) struct Visitor {
    browser: Browser,
    dashboard: String,
}

impl Visitor {
    /// With nothing opened; `None` after a loud message where there is no browser.
    pub(super) async fn of(gateway: &Gateway) -> Option<Self> {
        let browser = Browser::open_if_installed(Window::default()).await?;
        Some(Self { browser, dashboard: gateway.dashboard().to_owned() })
    }

    /// Signed in, with this page open.
    pub(super) async fn signed_in(gateway: &Gateway, name: &str, path: &str) -> Option<Self> {
        let visitor = Self::of(gateway).await?;
        visitor.open(path).await;
        visitor.sign_in(name, &SlapdServer::password_of(name)).await;
        visitor.is_at(path).await;
        Some(visitor)
    }

    /// Opens a page.
    pub(super) async fn open(&self, path: &str) {
        self.browser.goto(format!("{}{path}", self.dashboard)).await.unwrap();
    }

    /// Fills the form in and sends it.
    pub(super) async fn sign_in(&self, name: &str, password: &str) {
        let field = self.element("input[name=name]").await;
        field.clear().await.unwrap();
        field.send_keys(name).await.unwrap();
        self.element("input[name=password]").await.send_keys(password).await.unwrap();
        self.click("form[action='/sign-in'] button").await;
    }

    /// Waits until this page is open.
    pub(super) async fn is_at(&self, path: &str) {
        let url = format!("{}{path}", self.dashboard);
        until(&format!("{path} is open"), async || {
            (self.browser.current_url().await.unwrap().as_str() == url).then_some(())
        })
        .await;
    }

    /// The first element of this kind, once it is there.
    pub(super) async fn element(&self, css: &str) -> WebElement {
        until(&format!("there is {css}"), async || self.browser.find(By::Css(css)).await.ok()).await
    }

    /// Whether there is such an element now.
    pub(super) async fn has(&self, css: &str) -> bool {
        !self.browser.find_all(By::Css(css)).await.unwrap().is_empty()
    }

    /// Clicks on it, once it is there.
    pub(super) async fn click(&self, css: &str) {
        self.element(css).await.click().await.unwrap();
    }

    /// What is to be read in the first element of this kind, once it is there.
    pub(super) async fn text(&self, css: &str) -> String {
        self.reads(css, |_| true).await
    }

    /// Waits until there is to be read what is wanted; gives all of it.
    pub(super) async fn reads(&self, css: &str, wanted: impl Fn(&str) -> bool) -> String {
        // In one go, since elements come and go while the page lives.
        let script = format!("return document.querySelector({css:?})?.innerText");
        until(&format!("{css} says so"), async || {
            self.script(&script).await.as_str().filter(|text| wanted(text)).map(str::to_owned)
        })
        .await
    }

    /// Waits until the chip at the top says this.
    pub(super) async fn chip_says(&self, start: &str) {
        self.reads("#live-text", |text| text.starts_with(start)).await;
    }

    /// Everything that the browser holds of the page, scripts' work included.
    pub(super) async fn whole_page(&self) -> String {
        self.browser.source().await.unwrap()
    }

    /// What a script gives back.
    pub(super) async fn script(&self, script: &str) -> Value {
        self.browser.execute(script, Vec::new()).await.unwrap().json().clone()
    }

    /// What a script gives to `done`.
    pub(super) async fn waiting_script(&self, script: &str) -> Value {
        let script = format!("const done = arguments[0]; {script}");
        self.browser.execute_async(script, Vec::new()).await.unwrap().json().clone()
    }

    /// Leaves a mark on the page, which a new one would not have.
    pub(super) async fn mark_page(&self) {
        self.script("window.isSamePage = true").await;
    }

    /// Fails when the page was loaded anew since [`mark_page`](Self::mark_page).
    pub(super) async fn assert_same_page(&self) {
        assert_eq!(self.script("return window.isSamePage === true").await, true, "the page was loaded anew");
    }

    /// Fails when something did not work, or was against the page's own policy.
    pub(super) async fn assert_no_complaints(&self) {
        let complaints = self.browser.complaints().await.unwrap();
        assert!(complaints.is_empty(), "{complaints:?}");
    }

    /// From the start of the page's opening until a number on it is another one.
    pub(super) async fn opens_until_changed(&self, path: &str, css: &str) -> Duration {
        self.open(path).await;
        // Time counts from the start of the page's opening. What was served is the text that scripts found first.
        let script = format!(
            "const at = document.querySelector({css:?}); const first = at.textContent; \
             const tell = () => done(performance.now()); \
             new MutationObserver(() => {{ if (at.textContent !== first) tell(); }}) \
             .observe(at, {{ childList: true, subtree: true, characterData: true }});"
        );
        let milliseconds = self.waiting_script(&script).await.as_f64().unwrap();
        Duration::from_secs_f64(milliseconds / 1000.0)
    }
}
