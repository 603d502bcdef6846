//! `mxgw sessions`.

use clap::Args;
use mxgateway_client::contracts::v1::Session;

use crate::command::Context;
use crate::exit::{Exit, Failure};
use crate::json;
use crate::render::Format;
use crate::render::columns::table;
use crate::render::status::short;
use crate::render::value::{escaped, full_time};

/// List the gateway's sessions, oldest first
#[derive(Args, Debug)]
#[command(after_long_help = "Examples:
  mxgw sessions
  mxgw sessions --json | jq .sessionId")]
pub(crate) struct Arguments {}

const HEAD: [&str; 10] =
    ["SESSION", "STATE", "BACKEND", "NAME", "TAG", "WORKER", "OPENED", "ITEMS", "SUBSCRIBERS", "EVENTS"];

pub(crate) async fn run(_: Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let sessions = context.client.list_sessions().await?;
    if context.output.is_json() {
        for session in &sessions {
            context.output.line(json::message("session", &[], "Session", session)?)?;
        }
        return Ok(Exit::Ok);
    }
    if sessions.is_empty() {
        context.output.notice("no sessions");
        return Ok(Exit::Ok);
    }
    let format = context.output.format();
    let rows: Vec<Vec<String>> = sessions.iter().map(|session| row(format, session)).collect();
    for line in table(format, &HEAD, &rows) {
        context.output.line(line)?;
    }
    Ok(Exit::Ok)
}

fn row(format: &Format, session: &Session) -> Vec<String> {
    vec![
        session.session_id.clone(),
        short(session.state().as_str_name(), "SESSION_STATE_"),
        escaped(&session.backend_name),
        escaped(&session.client_session_name),
        escaped(&session.session_tag),
        session.worker_process_id.to_string(),
        session.opened_time.as_ref().map(|time| full_time(format, time)).unwrap_or_default(),
        format!("{}/{}", session.advised_item_count, session.item_count),
        session.subscribers.iter().filter(|subscriber| !subscriber.internal).count().to_string(),
        session.events.as_ref().map(|events| events.received_count.to_string()).unwrap_or_default(),
    ]
}

#[cfg(test)]
mod tests {
    use mxgateway_client::contracts::v1::{SessionState, SubscriberStatus};

    use super::*;
    use crate::render::{Palette, test_format};

    #[test]
    fn a_row_has_a_cell_for_each_heading() {
        let internal = SubscriberStatus { internal: true, ..SubscriberStatus::default() };
        let session = Session {
            session_id: "session-1".into(),
            state: SessionState::Ready.into(),
            client_session_name: "a\tb".into(),
            item_count: 3,
            advised_item_count: 2,
            subscribers: vec![internal, SubscriberStatus::default()],
            ..Session::default()
        };
        let row = row(&test_format(false, Palette::PLAIN), &session);
        assert_eq!(row.len(), HEAD.len());
        assert_eq!(row[..4], ["session-1", "Ready", "", "a\\tb"]);
        assert_eq!(row[7..], ["2/3", "1", ""]);
    }
}
