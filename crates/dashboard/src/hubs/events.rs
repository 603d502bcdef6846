//! `/hubs/events?session=ID`: a session's events as they come; from a position with `epoch` and `after`.

use axum::extract::rejection::QueryRejection;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Utf8Bytes, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::response::Response;
use http::HeaderMap;
use serde::{Deserialize, Serialize};

use super::{Source, open};
use crate::api::refused_for;
use crate::backend::{Feed, FeedItem, Missing, Position};
use crate::door::Entered;
use crate::model::EventView;
use crate::pages::trouble::Trouble;
use crate::state::Dashboard;

/// What is asked for. Text, so that what is wrong with it can be said.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    session: String,
    epoch: String,
    after: String,
}

impl Asked {
    fn position(&self) -> Result<Option<Position>, &'static str> {
        match (self.epoch.as_str(), self.after.as_str()) {
            ("", "") => Ok(None),
            (epoch, after) => {
                let epoch = u64::from_str_radix(epoch, 16).map_err(|_| "epoch: hexadecimal digits")?;
                let sequence = after.parse().map_err(|_| "after: a whole number")?;
                Ok(Some(Position { epoch, sequence }))
            }
        }
    }
}

/// What the hub sends. Epochs are text in hexadecimal, since a browser's numbers are not large enough for them.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Told<'a> {
    Start { position: At, oldest_retained: u64, missing: Option<&'a Missing> },
    Events { events: &'a [EventView] },
    Missing(&'a Missing),
    Bookmark { position: At },
    End { reason: &'a str },
}

#[derive(Debug, Serialize)]
struct At {
    epoch: String,
    sequence: u64,
}

impl From<Position> for At {
    fn from(position: Position) -> Self {
        Self { epoch: format!("{:016x}", position.epoch), sequence: position.sequence }
    }
}

impl Told<'_> {
    fn json(&self) -> Utf8Bytes {
        serde_json::to_string(self).expect("names, texts and whole numbers only").into()
    }
}

fn json(item: &FeedItem) -> Utf8Bytes {
    match item {
        FeedItem::Start { position, oldest_retained, missing } => Told::Start {
            position: (*position).into(),
            oldest_retained: *oldest_retained,
            missing: missing.as_ref(),
        }
        .json(),
        FeedItem::Events(batch) => batch.json(|events| Told::Events { events }.json()),
        FeedItem::Missing(missing) => Told::Missing(missing).json(),
        FeedItem::Bookmark(position) => Told::Bookmark { position: (*position).into() }.json(),
        FeedItem::End { reason } => Told::End { reason }.json(),
    }
}

struct Events(Box<dyn Feed>);

impl Source for Events {
    async fn next(&mut self) -> Option<Utf8Bytes> {
        self.0.next().await.map(|item| json(&item))
    }
}

/// `GET /hubs/events`.
pub(crate) async fn events(
    State(dashboard): State<Dashboard>,
    entered: Entered,
    asked: Result<Query<Asked>, QueryRejection>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let asked = match asked {
        Ok(Query(asked)) => asked,
        Err(rejection) => return refused_for(&Trouble::Invalid(rejection.body_text())),
    };
    let from = match asked.position() {
        Ok(from) => from,
        Err(problem) => return refused_for(&Trouble::Invalid(problem.to_owned())),
    };
    // A session's tag stays the same for as long as it lives, and so it is enough to look at it here.
    let tag = dashboard.backend.session_tag(&asked.session);
    if !tag.is_some_and(|tag| entered.visitor.sees(&tag)) {
        return refused_for(&Trouble::NotFound);
    }
    let feed = || match dashboard.backend.feed(&asked.session, from) {
        Ok(feed) => Ok(Events(feed)),
        Err(error) => Err(Trouble::from(error)),
    };
    open(&dashboard, entered, &headers, upgrade, feed)
}
