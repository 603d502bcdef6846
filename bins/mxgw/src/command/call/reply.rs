//! Replies of commands as text.

use mxgateway_client::contracts::command;
use mxgateway_client::contracts::hresult;
use mxgateway_client::contracts::v1::mx_command_reply::Payload;
use mxgateway_client::contracts::v1::{
    AdviseState, BulkWriteResult, CommandKind, GetSessionStateReply, GetWorkerInfoReply, MxCommandReply,
    MxStatus, ReadResult, SubscribeResult,
};

use crate::exit::one_line;
use crate::render::Format;
use crate::render::columns::table;
use crate::render::event::{self, Subject};
use crate::render::status::{failures, short, status};
use crate::render::value::{escaped, quality, time, value};

/// So many failed rows are told in the error; the table has all.
const TOLD: usize = 3;

/// What a reply says beside its HRESULT; nothing for most.
pub(crate) fn lines(format: &Format, reply: &MxCommandReply, server_handle: i32) -> Vec<String> {
    let item = |item_handle: i32| vec![format!("{server_handle}:{item_handle}")];
    let Some(payload) = &reply.payload else { return Vec::new() };
    match payload {
        Payload::Register(reply) => vec![reply.server_handle.to_string()],
        Payload::AddItem(reply) => item(reply.item_handle),
        Payload::AddItem2(reply) => item(reply.item_handle),
        Payload::AddBufferedItem(reply) => item(reply.item_handle),
        Payload::Suspend(reply) => of_status(reply.status.as_ref()),
        Payload::Activate(reply) => of_status(reply.status.as_ref()),
        Payload::AuthenticateUser(reply) => vec![reply.user_id.to_string()],
        Payload::ArchestraUserToId(reply) => vec![reply.user_id.to_string()],
        Payload::AddItemBulk(reply)
        | Payload::AdviseItemBulk(reply)
        | Payload::RemoveItemBulk(reply)
        | Payload::UnAdviseItemBulk(reply)
        | Payload::SubscribeBulk(reply)
        | Payload::UnsubscribeBulk(reply) => subscribed(format, &reply.results),
        Payload::ReadBulk(reply) => read(format, &reply.results),
        Payload::WriteBulk(reply)
        | Payload::Write2Bulk(reply)
        | Payload::WriteSecuredBulk(reply)
        | Payload::WriteSecured2Bulk(reply) => written(format, &reply.results),
        Payload::Ping(reply) => vec![escaped(&reply.message)],
        Payload::GetSessionState(reply) => session_state(format, reply),
        Payload::GetWorkerInfo(reply) => worker_info(format, reply),
        Payload::InjectFault(reply) => vec![reply.executed_write_count.to_string()],
        Payload::DrainEvents(reply) => {
            reply.events.iter().map(|one| event::line(format, one, Subject::Numbers)).collect()
        }
    }
}

/// What is told when there is nothing to print.
pub(crate) fn done(kind: CommandKind, reply: &MxCommandReply) -> String {
    format!("{}: {}", command::name(kind), hresult::describe(reply.hresult))
}

/// What failed within a call that did not; `None` when nothing did.
pub(crate) fn failed_rows(reply: &MxCommandReply) -> Option<String> {
    let row = |subject: String, code: i32, message: &str| {
        let message = if message.is_empty() { hresult::describe(code) } else { one_line(message) };
        format!("{subject}: {message}")
    };
    let (count, failed): (usize, Vec<String>) = match reply.payload.as_ref()? {
        Payload::AddItemBulk(reply)
        | Payload::AdviseItemBulk(reply)
        | Payload::RemoveItemBulk(reply)
        | Payload::UnAdviseItemBulk(reply)
        | Payload::SubscribeBulk(reply)
        | Payload::UnsubscribeBulk(reply) => {
            let failed = reply.results.iter().filter(|one| !one.was_successful);
            let texts = failed.map(|one| row(subject(one), one.hresult, &one.error_message));
            (reply.results.len(), texts.collect())
        }
        Payload::ReadBulk(reply) => {
            let failed = reply.results.iter().filter(|one| !one.was_successful);
            let texts = failed.map(|one| row(escaped(&one.tag_address), one.hresult, &one.error_message));
            (reply.results.len(), texts.collect())
        }
        Payload::WriteBulk(reply)
        | Payload::Write2Bulk(reply)
        | Payload::WriteSecuredBulk(reply)
        | Payload::WriteSecured2Bulk(reply) => {
            let failed = reply.results.iter().filter(|one| !one.was_successful);
            let texts =
                failed.map(|one| row(format!("item {}", one.item_handle), one.hresult, &one.error_message));
            (reply.results.len(), texts.collect())
        }
        Payload::AuthenticateUser(reply) => {
            return (reply.user_id == 0).then(|| "MXAccess refused the user: its id is 0".to_owned());
        }
        Payload::ArchestraUserToId(reply) => {
            return (reply.user_id == 0).then(|| "MXAccess knows no such user: its id is 0".to_owned());
        }
        Payload::Suspend(reply) => return failures(reply.status.as_slice()),
        Payload::Activate(reply) => return failures(reply.status.as_slice()),
        Payload::Register(_)
        | Payload::AddItem(_)
        | Payload::AddItem2(_)
        | Payload::AddBufferedItem(_)
        | Payload::Ping(_)
        | Payload::GetSessionState(_)
        | Payload::GetWorkerInfo(_)
        | Payload::DrainEvents(_)
        | Payload::InjectFault(_) => return None,
    };
    if failed.is_empty() {
        return None;
    }
    let more = if failed.len() > TOLD { "; ..." } else { "" };
    let told = failed.iter().take(TOLD).cloned().collect::<Vec<_>>().join("; ");
    Some(format!("{} of {count} failed: {told}{more}", failed.len()))
}

fn of_status(record: Option<&MxStatus>) -> Vec<String> {
    record.map(status).into_iter().collect()
}

/// The tag of a row, or the handle when the command was given handles.
fn subject(row: &SubscribeResult) -> String {
    if row.tag_address.is_empty() { format!("item {}", row.item_handle) } else { escaped(&row.tag_address) }
}

fn outcome(was_successful: bool, code: i32, message: &str) -> [String; 2] {
    let text = match (was_successful, message.is_empty()) {
        (true, _) => "ok".to_owned(),
        (false, true) => "failed".to_owned(),
        (false, false) => one_line(message),
    };
    [format!("0x{code:08X}"), text]
}

fn subscribed(format: &Format, results: &[SubscribeResult]) -> Vec<String> {
    let row = |one: &SubscribeResult| {
        let mut row = vec![format!("{}:{}", one.server_handle, one.item_handle), escaped(&one.tag_address)];
        row.extend(outcome(one.was_successful, one.hresult, &one.error_message));
        row
    };
    table(format, &["ITEM", "TAG", "HRESULT", "RESULT"], &results.iter().map(row).collect::<Vec<_>>())
}

fn written(format: &Format, results: &[BulkWriteResult]) -> Vec<String> {
    let row = |one: &BulkWriteResult| {
        let mut row = vec![one.item_handle.to_string()];
        row.extend(outcome(one.was_successful, one.hresult, &one.error_message));
        row
    };
    table(format, &["ITEM", "HRESULT", "RESULT"], &results.iter().map(row).collect::<Vec<_>>())
}

fn read(format: &Format, results: &[ReadResult]) -> Vec<String> {
    let row = |one: &ReadResult| {
        let data = one.data.clone().unwrap_or_default();
        let failure =
            if one.was_successful { failures(&one.statuses) } else { Some(one.error_message.clone()) };
        vec![
            time(format, data.source_time.as_ref()),
            escaped(&one.tag_address),
            if one.data.is_some() { quality(format, data.quality, 0) } else { String::new() },
            data.value.as_ref().map(|one| value(format, one)).unwrap_or_default(),
            if one.was_cached { "cached" } else { "read" }.to_owned(),
            failure.map(|text| one_line(&text)).unwrap_or_default(),
        ]
    };
    let rows: Vec<_> = results.iter().map(row).collect();
    table(format, &["TIME", "TAG", "QUALITY", "VALUE", "FROM", "FAILURE"], &rows)
}

fn session_state(format: &Format, state: &GetSessionStateReply) -> Vec<String> {
    let mut rows = Vec::new();
    for registration in &state.registrations {
        let client = || vec![registration.server_handle.to_string(), escaped(&registration.client_name)];
        if registration.items.is_empty() {
            rows.push([client(), vec![String::new(); 5]].concat());
        }
        for item in &registration.items {
            let advise = match item.advise() {
                AdviseState::None => "",
                AdviseState::Advised => "advised",
                AdviseState::Supervisory => "supervisory",
            };
            let is = |flag: bool, name: &str| if flag { name.to_owned() } else { String::new() };
            rows.push(
                [
                    client(),
                    vec![
                        format!("{}:{}", registration.server_handle, item.item_handle),
                        escaped(&item.item_definition),
                        escaped(&item.item_context),
                        advise.to_owned(),
                        [is(item.buffered, "buffered"), is(item.suspended, "suspended")].concat(),
                    ],
                ]
                .concat(),
            );
        }
    }
    let head = ["SERVER", "CLIENT", "ITEM", "TAG", "CONTEXT", "ADVISE", "FLAGS"];
    let mut lines = vec![format!("session {}", short(state.state().as_str_name(), "SESSION_STATE_"))];
    if !rows.is_empty() {
        lines.extend(table(format, &head, &rows));
    }
    lines
}

fn worker_info(format: &Format, info: &GetWorkerInfoReply) -> Vec<String> {
    let rows = [
        ("process", info.process_id.to_string()),
        ("version", escaped(&info.worker_version)),
        ("protocol", info.worker_protocol_version.to_string()),
        ("backend", escaped(&info.backend_name)),
        ("epoch", info.epoch.to_string()),
        ("newest event", info.newest_sequence.to_string()),
        ("oldest event in the journal", info.journal_oldest_sequence.to_string()),
        ("lost events", info.lost_event_count.to_string()),
        ("mxaccess prog id", escaped(&info.mxaccess_prog_id)),
        ("mxaccess class id", escaped(&info.mxaccess_class_id)),
        ("mxaccess version", escaped(&info.mxaccess_version)),
        ("mxaccess path", escaped(&info.mxaccess_path)),
    ];
    table(format, &["WHAT", "VALUE"], &rows.map(|(what, value)| vec![what.to_owned(), value]))
}

#[cfg(test)]
mod tests {
    use mxgateway_client::contracts::v1::{
        AddItemReply, AuthenticateUserReply, BulkSubscribeReply, BulkWriteReply, ReadBulkReply,
    };

    use super::*;
    use crate::render::{Palette, test_format};

    fn reply(payload: Payload) -> MxCommandReply {
        MxCommandReply { payload: Some(payload), ..MxCommandReply::default() }
    }

    fn shown(reply: &MxCommandReply) -> Vec<String> {
        lines(&test_format(false, Palette::PLAIN), reply, 1)
    }

    #[test]
    fn a_handle_stands_alone_in_the_form_that_commands_take() {
        assert_eq!(shown(&reply(Payload::AddItem(AddItemReply { item_handle: 7 }))), ["1:7"]);
        let plain = MxCommandReply { hresult: 1, ..MxCommandReply::default() };
        assert!(shown(&plain).is_empty());
        assert_eq!(done(CommandKind::Advise, &plain), "Advise: 0x00000001");
    }

    #[test]
    fn each_row_is_shown_and_failed_ones_are_the_failure() {
        let good = SubscribeResult {
            server_handle: 1,
            item_handle: 2,
            tag_address: "A".into(),
            was_successful: true,
            ..SubscribeResult::default()
        };
        let bad = SubscribeResult {
            server_handle: 1,
            item_handle: 9,
            hresult: hresult::E_INVALIDARG,
            error_message: "no such\nitem".into(),
            ..SubscribeResult::default()
        };
        let rows = BulkSubscribeReply { results: vec![good.clone(), bad] };
        let subscribed = reply(Payload::SubscribeBulk(rows));
        assert_eq!(shown(&subscribed), ["1:2\tA\t0x00000000\tok", "1:9\t-\t0x80070057\tno such item"]);
        assert_eq!(failed_rows(&subscribed).as_deref(), Some("1 of 2 failed: item 9: no such item"));
        let fine = reply(Payload::SubscribeBulk(BulkSubscribeReply { results: vec![good] }));
        assert_eq!(failed_rows(&fine), None);

        let refused = BulkWriteResult { hresult: hresult::E_FAIL, ..BulkWriteResult::default() };
        let written = reply(Payload::WriteBulk(BulkWriteReply { results: vec![refused; 5] }));
        let text = failed_rows(&written).unwrap();
        assert!(text.starts_with("5 of 5 failed: item 0: 0x80004005 (E_FAIL); item 0"), "{text}");
        assert!(text.ends_with("; ..."), "{text}");
    }

    #[test]
    fn a_user_without_an_id_is_a_failure() {
        let user = |user_id| reply(Payload::AuthenticateUser(AuthenticateUserReply { user_id }));
        assert_eq!(shown(&user(0)), ["0"]);
        assert!(failed_rows(&user(0)).is_some() && failed_rows(&user(3)).is_none());
    }

    #[test]
    fn a_read_row_without_data_is_a_row_too() {
        let missing =
            ReadResult { tag_address: "A".into(), error_message: "no value".into(), ..ReadResult::default() };
        let read = reply(Payload::ReadBulk(ReadBulkReply { results: vec![missing] }));
        assert_eq!(shown(&read), ["-\tA\t-\t-\tread\tno value"]);
        assert_eq!(failed_rows(&read).as_deref(), Some("1 of 1 failed: A: no value"));
    }
}
