//! What handlers take to know who asks.

use std::sync::Arc;

use axum::Form;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use http::request::Parts;
use http::{Uri, header};
use serde::Deserialize;
use tokio::time::{Instant, sleep_until};

use super::refusal::Refusal;
use super::seal::Purpose;
use super::visits::Visit;
use super::{Door, cookies, origin};
use crate::access::{Role, Sight, Visitor};
use crate::api::is_for_programs;
use crate::backend::Actor;
use crate::peer::Peer;
use crate::state::Dashboard;

/// Below this, hub tokens are good.
const HUBS: &str = "/hubs/";
/// Where hub tokens are given, which none of them opens: a token makes no other.
const HUB_TOKENS: &str = "/hubs/token";

/// Somebody who may be here. Comes from the cookie; under `/hubs/` also from a hub token; or from localhost, where that is
/// allowed. Everybody else is sent to `/sign-in`, or refused with 401 and JSON under `/api/` and `/hubs/`.
#[derive(Clone, Debug)]
pub struct Entered {
    /// Who, and what that one may see and do.
    pub visitor: Visitor,
    /// Value of the hidden field `csrf` in each form that changes something. Empty for those who may change nothing.
    pub csrf: String,
    /// Where the request comes from.
    pub peer: Peer,
    /// `None` for somebody from localhost.
    pub(super) visit: Option<Arc<Visit>>,
    /// When the hub token ends by which the visitor came.
    pass_ends: Option<Instant>,
}

impl Entered {
    /// Who acts, for the audit trail.
    pub fn actor(&self) -> Actor {
        Actor { name: self.visitor.name.clone(), peer: self.peer.address.to_string() }
    }

    /// Comes back as soon as the visitor may not be here any more: signed out, signed in for too long, or with a hub
    /// token that ended. For what outlives its request. Cancel-safe.
    pub async fn left(&self) {
        let pass_ends = async {
            match self.pass_ends {
                Some(end) => sleep_until(end).await,
                None => std::future::pending().await,
            }
        };
        let visit_ends = async {
            let Some(visit) = &self.visit else { return std::future::pending().await };
            // Each request of the visitor moves the end.
            while visit.is_good(Instant::now()) {
                tokio::select! {
                    () = visit.ended.cancelled() => return,
                    () = sleep_until(visit.good_until()) => {}
                }
            }
        };
        tokio::select! {
            () = pass_ends => {}
            () = visit_ends => {}
        }
    }
}

impl FromRequestParts<Dashboard> for Entered {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, dashboard: &Dashboard) -> Result<Self, Refusal> {
        match parts.extensions.get::<Self>() {
            Some(entered) => Ok(entered.clone()),
            None => dashboard.door.enter(parts),
        }
    }
}

/// Somebody who may be here and who really meant this: a form from a page of the dashboard, posted by its visitor. Takes the
/// request's body, and so stands last among a handler's arguments.
#[derive(Debug)]
pub struct Confirmed {
    /// Who.
    pub entered: Entered,
    fields: Vec<(String, String)>,
}

impl Confirmed {
    /// The first value of a field of the form.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Every value of a field of the form, such as of a group of check boxes.
    pub fn fields<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl FromRequest<Dashboard> for Confirmed {
    type Rejection = Refusal;

    async fn from_request(request: Request, dashboard: &Dashboard) -> Result<Self, Refusal> {
        let (mut parts, body) = request.into_parts();
        let entered = Entered::from_request_parts(&mut parts, dashboard).await?;
        let (Some(visit), None) = (&entered.visit, entered.pass_ends) else {
            return Err(Refusal::NotAllowed(Box::new(entered)));
        };
        let id = visit.id;
        let is_own_page = origin::is_own_page(&parts);
        let form = Form::<Vec<(String, String)>>::from_request(Request::from_parts(parts, body), &()).await;
        let fields = match form {
            Ok(Form(fields)) => fields,
            Err(rejection) => return Err(Refusal::NoForm(Box::new(entered), rejection.body_text())),
        };
        let confirmed = Self { entered, fields };
        let csrf = confirmed.field("csrf").unwrap_or_default();
        if is_own_page && dashboard.door.0.seal.is_proof(Purpose::Form, &id.0, csrf) {
            return Ok(confirmed);
        }
        let visitor = confirmed.entered.visitor.name.as_str();
        tracing::warn!(visitor, is_own_page, "A form was refused that the dashboard's own page did not post");
        Err(Refusal::NotMeant(Box::new(confirmed.entered)))
    }
}

impl Door {
    /// Who asks, if that one may be here.
    fn enter(&self, parts: &Parts) -> Result<Entered, Refusal> {
        let Some(peer) = parts.extensions.get::<Peer>().copied() else {
            tracing::error!("The dashboard is served without telling it who asks");
            return Err(Refusal::NoPeer);
        };
        let path = parts.uri.path();
        let entered = match hub_token(parts) {
            // Whoever comes with a token comes by nothing else.
            Some(token) => self.by_hub_token(&token, parts, peer),
            None => self.by_cookie(parts, peer).or_else(|| self.by_localhost(parts, peer)),
        };
        entered.ok_or_else(|| {
            if is_for_programs(path) {
                Refusal::Unknown
            } else {
                Refusal::SignIn(super::next::of(&parts.method, &parts.uri))
            }
        })
    }

    fn by_cookie(&self, parts: &Parts, peer: Peer) -> Option<Entered> {
        let token = cookies::visit(&parts.headers, self.0.settings.is_secure)?;
        let visit = self.0.visits.enter(&token, Instant::now())?;
        Some(self.entered(visit, peer, None))
    }

    fn by_hub_token(&self, token: &str, parts: &Parts, peer: Peer) -> Option<Entered> {
        let now = Instant::now();
        let pass = self.0.seal.hub_pass(token, now.saturating_duration_since(self.0.begun))?;
        let ends = Some(self.0.begun + pass.until);
        match pass.visit {
            Some(id) => Some(self.entered(self.0.visits.with_id(id, now)?, peer, ends)),
            None => self.by_localhost(parts, peer).map(|entered| Entered { pass_ends: ends, ..entered }),
        }
    }

    fn entered(&self, visit: Arc<Visit>, peer: Peer, pass_ends: Option<Instant>) -> Entered {
        let csrf = match pass_ends {
            Some(_) => String::new(),
            None => self.0.seal.proof(Purpose::Form, &visit.id.0),
        };
        Entered { visitor: visit.visitor.clone(), csrf, peer, visit: Some(visit), pass_ends }
    }

    fn by_localhost(&self, parts: &Parts, peer: Peer) -> Option<Entered> {
        (self.0.settings.allow_anonymous_localhost && origin::is_local(parts, peer)).then(|| Entered {
            visitor: Visitor {
                name: "anonymous".to_owned(),
                role: Role::Viewer,
                sight: Sight::All,
                is_anonymous: true,
            },
            csrf: String::new(),
            peer,
            visit: None,
            pass_ends: None,
        })
    }
}

/// The token that the request comes with, where tokens are good.
fn hub_token(parts: &Parts) -> Option<String> {
    let path = parts.uri.path();
    if !path.starts_with(HUBS) || path == HUB_TOKENS {
        return None;
    }
    if let Some(authorization) = parts.headers.get(header::AUTHORIZATION) {
        let text = authorization.to_str().unwrap_or_default();
        let token = text.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        return Some(token.map_or(String::new(), |(_, token)| token.trim().to_owned()));
    }
    access_token(&parts.uri)
}

fn access_token(uri: &Uri) -> Option<String> {
    #[derive(Deserialize)]
    struct Asked {
        access_token: Option<String>,
    }
    Query::<Asked>::try_from_uri(uri).ok().and_then(|Query(asked)| asked.access_token)
}
