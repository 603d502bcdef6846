//! Signing in and out.

use std::net::IpAddr;
use std::time::Duration;

use axum::Form;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest, Query, Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::cookie::CookieJar;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use maud::Markup;
use mxgateway_directory::{Directory, Person, SignInError};
use secrecy::SecretString;
use serde::Deserialize;
use tokio::time::{Instant, timeout};

use super::entering::Confirmed;
use super::refusal::Refusal;
use super::seal::Purpose;
use super::visits::{from_hex, hex};
use super::{Door, cookies, groups, next, origin, random_bytes};
use crate::access::Visitor;
use crate::backend::Actor;
use crate::pages::entrance::{self, SignIn};
use crate::peer::Peer;
use crate::state::Dashboard;

/// How long a question waits for others to be answered.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// Letters of a name that was tried, in the audit trail.
const MAX_NOTED_NAME: usize = 64;

const SIGN_IN: &str = "DashboardSignIn";
const SIGN_OUT: &str = "DashboardSignOut";
const LOCKOUT: &str = "DashboardLockout";

/// What the address of the form has in it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    next: String,
}

/// What is posted.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    csrf: String,
    next: String,
    name: String,
    password: String,
}

/// `GET /sign-in`.
pub(super) async fn ask(
    State(dashboard): State<Dashboard>,
    asked: Result<Query<Asked>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let asked = asked.map_or_else(|_| Asked::default(), |Query(asked)| asked);
    form(&dashboard.door, &headers, &Filled { next: &asked.next, name: "" }, None)
}

/// `GET /denied`.
pub(super) async fn denied() -> Markup {
    entrance::denied()
}

/// `POST /sign-out`.
pub(super) async fn sign_out(State(dashboard): State<Dashboard>, confirmed: Confirmed) -> Response {
    let entered = &confirmed.entered;
    if let Some(visit) = &entered.visit {
        dashboard.door.0.visits.end(visit.id);
        dashboard.backend.note(&entered.actor(), SIGN_OUT, true, None);
    }
    let jar = CookieJar::new().add(cookies::forget_visit(dashboard.settings.is_secure));
    (jar, Redirect::to("/sign-in")).into_response()
}

/// `POST /sign-in`.
pub(super) async fn sign_in(State(dashboard): State<Dashboard>, request: Request) -> Response {
    let Some(peer) = request.extensions().get::<Peer>().copied() else {
        tracing::error!("The dashboard is served without telling it who asks");
        return Refusal::NoPeer.into_response();
    };
    let door = &dashboard.door;
    let Some(directory) = door.0.directory.clone() else {
        return (StatusCode::SERVICE_UNAVAILABLE, entrance::no_directory()).into_response();
    };
    let (parts, body) = request.into_parts();
    let is_own_page = origin::is_own_page(&parts);
    let headers = parts.headers.clone();
    let fields = match Form::<Fields>::from_request(Request::from_parts(parts, body), &()).await {
        Ok(Form(fields)) => fields,
        Err(_) => return form(door, &headers, &Filled::default(), Some(Problem::NoForm)),
    };
    let name = fields.name.trim();
    let filled = Filled { next: &fields.next, name };
    if !is_own_page || !door.is_own_form(&headers, &fields.csrf) {
        return form(door, &headers, &filled, Some(Problem::OldForm));
    }
    let actor = Actor { name: noted(name), peer: peer.address.to_string() };
    let attempt = match Attempt::begin(door, name, peer.address.ip()) {
        Ok(attempt) => attempt,
        Err(wait) => return form(door, &headers, &filled, Some(Problem::Locked(wait))),
    };
    let password = SecretString::from(fields.password);
    let note = |allowed, why| dashboard.backend.note(&actor, SIGN_IN, allowed, why);
    match ask_directory(door, &*directory, name, &password).await {
        Answer::Person(person) => {
            attempt.succeeded();
            let Some(visitor) = groups::visitor(&dashboard.settings, &person) else {
                note(false, Some("no_role"));
                return Redirect::to("/denied").into_response();
            };
            let actor = Actor { name: visitor.name.clone(), ..actor };
            dashboard.backend.note(&actor, SIGN_IN, true, None);
            welcome(door, &headers, visitor, &fields.next)
        }
        Answer::Wrong => {
            note(false, Some("wrong_credentials"));
            if attempt.failed() {
                dashboard.backend.note(&actor, LOCKOUT, false, Some("too_many_failures"));
            }
            form(door, &headers, &filled, Some(Problem::Wrong))
        }
        Answer::None => {
            attempt.succeeded();
            note(false, Some("directory_unavailable"));
            form(door, &headers, &filled, Some(Problem::NoAnswer))
        }
    }
}

/// What the directory says.
enum Answer {
    Person(Person),
    Wrong,
    /// It cannot be asked; the log says why.
    None,
}

async fn ask_directory(
    door: &Door,
    directory: &dyn Directory,
    name: &str,
    password: &SecretString,
) -> Answer {
    let Ok(Ok(_question)) = timeout(MAX_WAIT, door.0.questions.acquire()).await else {
        tracing::warn!("Nobody can sign in: the directory has too many questions to answer");
        return Answer::None;
    };
    match directory.sign_in(name, password).await {
        Ok(person) => Answer::Person(person),
        Err(SignInError::WrongCredentials) => Answer::Wrong,
        Err(error @ (SignInError::Unavailable(_) | SignInError::Misconfigured(_))) => {
            tracing::error!(error = %error, "Nobody can sign in");
            Answer::None
        }
    }
}

/// Signs in, with a new token; an older one of this browser ends.
fn welcome(door: &Door, headers: &HeaderMap, visitor: Visitor, next: &str) -> Response {
    let settings = &door.0.settings;
    let now = Instant::now();
    if let Some(visit) =
        cookies::visit(headers, settings.is_secure).and_then(|token| door.0.visits.enter(&token, now))
    {
        door.0.visits.end(visit.id);
    }
    let token = door.0.visits.open(visitor, settings.session_lifetime, now);
    let jar = CookieJar::new()
        .add(cookies::keep_visit(&token, settings.is_secure))
        .add(cookies::forget_form(settings.is_secure));
    (jar, Redirect::to(next::local(next))).into_response()
}

/// What somebody filled in before.
#[derive(Default)]
struct Filled<'a> {
    next: &'a str,
    name: &'a str,
}

/// Why somebody is not signed in.
enum Problem {
    NoForm,
    OldForm,
    Locked(Duration),
    Wrong,
    NoAnswer,
}

impl Problem {
    fn status(&self) -> StatusCode {
        match self {
            Self::NoForm => StatusCode::BAD_REQUEST,
            Self::OldForm | Self::Wrong => StatusCode::FORBIDDEN,
            Self::Locked(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::NoAnswer => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::NoForm => "What was sent is not this form.".to_owned(),
            Self::OldForm => "This form was too old. Try again.".to_owned(),
            Self::Locked(wait) => {
                let minutes = wait.as_secs().div_ceil(60).max(1);
                let unit = if minutes == 1 { "minute" } else { "minutes" };
                format!("Too many attempts have failed. Try again in {minutes} {unit}.")
            }
            Self::Wrong => "The name or the password is wrong.".to_owned(),
            Self::NoAnswer => {
                "The directory cannot be asked at the moment. The gateway's log says why.".to_owned()
            }
        }
    }
}

/// The form to sign in with. Its token belongs to a cookie, so that no other page can have it posted.
fn form(door: &Door, headers: &HeaderMap, filled: &Filled<'_>, problem: Option<Problem>) -> Response {
    if door.0.directory.is_none() {
        return entrance::no_directory().into_response();
    }
    let is_secure = door.0.settings.is_secure;
    // Several tabs share one.
    let kept = cookies::form(headers, is_secure).and_then(|kept| from_hex::<32>(&kept));
    let mut jar = CookieJar::new();
    let own = kept.unwrap_or_else(|| {
        let own = *random_bytes();
        jar = jar.clone().add(cookies::keep_form(&hex(&own), is_secure));
        own
    });
    let text = problem.as_ref().map(Problem::text);
    let page = SignIn {
        next: next::local(filled.next),
        name: filled.name,
        csrf: &door.0.seal.proof(Purpose::SignIn, &own),
        problem: text.as_deref(),
    };
    let status = problem.as_ref().map_or(StatusCode::OK, Problem::status);
    let mut response = (status, jar, page.page()).into_response();
    if let Some(Problem::Locked(wait)) = problem {
        let seconds = HeaderValue::from(wait.as_secs().max(1));
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}

impl Door {
    /// Whether the form is one that this browser was given.
    fn is_own_form(&self, headers: &HeaderMap, csrf: &str) -> bool {
        cookies::form(headers, self.0.settings.is_secure)
            .and_then(|own| from_hex::<32>(&own))
            .is_some_and(|own| self.0.seal.is_proof(Purpose::SignIn, &own, csrf))
    }
}

/// An attempt to sign in. One that is given up counts as a failure: its browser may have seen enough.
struct Attempt<'a> {
    door: &'a Door,
    name: &'a str,
    address: IpAddr,
    is_judged: bool,
}

impl<'a> Attempt<'a> {
    /// Otherwise the time until there may be another.
    fn begin(door: &'a Door, name: &'a str, address: IpAddr) -> Result<Self, Duration> {
        door.0.lockout.lock().admit(name, address, Instant::now())?;
        Ok(Self { door, name, address, is_judged: false })
    }

    /// Whether there may be no other for a while.
    fn failed(mut self) -> bool {
        self.is_judged = true;
        self.door.0.lockout.lock().failed(self.name, self.address, Instant::now())
    }

    fn succeeded(mut self) {
        self.is_judged = true;
        self.door.0.lockout.lock().let_go(self.name, self.address, Instant::now());
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if !self.is_judged {
            self.door.0.lockout.lock().failed(self.name, self.address, Instant::now());
        }
    }
}

/// A name that was tried, for the audit trail.
fn noted(name: &str) -> String {
    name.chars().filter(|letter| !letter.is_control()).take(MAX_NOTED_NAME).collect()
}
