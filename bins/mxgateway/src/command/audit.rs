//! `mxgateway audit`.

use std::io::{self, Write};

use mxgateway_auth::audit::{AuditEntry, AuditQuery};
use serde_json::{Value, json};

use super::store::{json_time, millis, with_store};
use super::table;
use crate::arguments::audit::AuditArguments;

const HEAD: [&str; 8] = ["TIME", "ACTOR", "ACTION", "OUTCOME", "TARGET", "PEER", "CORRELATION-ID", "DETAILS"];

pub(crate) fn run(arguments: &AuditArguments) -> anyhow::Result<()> {
    let query = AuditQuery {
        since: arguments.since,
        until: arguments.until,
        actor: arguments.actor.clone(),
        action: arguments.action.clone(),
        limit: arguments.limit,
    };
    let entries = with_store(&arguments.settings, async |store, _| Ok(store.audit(&query).await?))?;
    let text = if arguments.json {
        entries.iter().map(|entry| format!("{}\n", as_json(entry))).collect()
    } else {
        table::for_stdout(&HEAD, &entries.iter().map(as_row).collect::<Vec<_>>())
    };
    io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

fn as_json(entry: &AuditEntry) -> Value {
    json!({
        "at": json_time(Some(entry.at)),
        "actor": entry.actor,
        "action": entry.action,
        "outcome": entry.outcome.name(),
        "target": entry.target,
        "correlation_id": entry.correlation_id,
        "peer": entry.peer,
        "details": entry.details,
    })
}

fn as_row(entry: &AuditEntry) -> Vec<String> {
    let details = &entry.details;
    vec![
        millis(entry.at),
        entry.actor.clone(),
        entry.action.to_string(),
        entry.outcome.name().to_owned(),
        entry.target.clone().unwrap_or_default(),
        entry.peer.clone().unwrap_or_default(),
        entry.correlation_id.clone().unwrap_or_default(),
        if details.is_empty() { String::new() } else { json!(details).to_string() },
    ]
}
