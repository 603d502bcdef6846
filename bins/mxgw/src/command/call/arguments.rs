//! Arguments of commands, shared by all that take the same.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use mxgateway_client::contracts::v1::ItemReference;

use super::value::{At, Entry, Typed, Users, entry};
use crate::cli::duration;
use crate::command::stream::item;

/// Which session.
#[derive(Args, Debug)]
pub(crate) struct Session {
    /// Id of the session
    #[arg(value_name = "ID")]
    pub(crate) session: String,
}

/// Which registration of which session.
#[derive(Args, Debug)]
pub(crate) struct Server {
    /// Id of the session
    #[arg(value_name = "ID")]
    pub(crate) session: String,
    /// Server handle: what Register gave
    #[arg(value_name = "SERVER", allow_negative_numbers = true)]
    pub(crate) server_handle: i32,
}

/// Which item of which session.
#[derive(Args, Debug)]
pub(crate) struct Item {
    /// Id of the session
    #[arg(value_name = "ID")]
    pub(crate) session: String,
    /// Server handle and item handle
    #[arg(value_name = "SERVER:ITEM", value_parser = item, allow_negative_numbers = true)]
    pub(crate) item: ItemReference,
}

#[derive(Args, Debug)]
pub(crate) struct Register {
    #[command(flatten)]
    pub(crate) on: Session,
    /// Name that MXAccess knows the client by
    #[arg(value_name = "NAME", default_value = "mxgw")]
    pub(crate) client_name: String,
}

#[derive(Args, Debug)]
pub(crate) struct AddItem {
    #[command(flatten)]
    pub(crate) on: Server,
    /// Reference such as `Tank_001.Level`, `Tank_001.Samples[]` or `Tank_001.Samples[3]`
    #[arg(value_name = "TAG")]
    pub(crate) tag: String,
}

#[derive(Args, Debug)]
pub(crate) struct AddItemInContext {
    #[command(flatten)]
    pub(crate) on: Server,
    /// Reference, relative to the context
    #[arg(value_name = "TAG")]
    pub(crate) tag: String,
    /// Object that relative references begin at
    #[arg(value_name = "CONTEXT")]
    pub(crate) context: String,
}

#[derive(Args, Debug)]
pub(crate) struct ItemsInContext {
    #[command(flatten)]
    pub(crate) on: Server,
    /// Reference
    #[arg(value_name = "TAG")]
    pub(crate) tag: String,
    /// Object that relative references begin at
    #[arg(value_name = "CONTEXT", default_value = "")]
    pub(crate) context: String,
}

#[derive(Args, Debug)]
pub(crate) struct BufferedInterval {
    #[command(flatten)]
    pub(crate) on: Server,
    /// Such as `500ms`; MXAccess is said to round up to the next 100 ms
    #[arg(value_name = "DURATION", value_parser = duration)]
    pub(crate) interval: Duration,
}

#[derive(Args, Debug)]
pub(crate) struct Write {
    #[command(flatten)]
    pub(crate) on: Item,
    #[command(flatten)]
    pub(crate) value: Typed,
    /// MXAccess user id; 0 for no user
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) user_id: i32,
}

#[derive(Args, Debug)]
pub(crate) struct WriteAt {
    #[command(flatten)]
    pub(crate) write: Write,
    #[command(flatten)]
    pub(crate) at: At,
}

#[derive(Args, Debug)]
pub(crate) struct WriteSecured {
    #[command(flatten)]
    pub(crate) on: Item,
    #[command(flatten)]
    pub(crate) value: Typed,
    #[command(flatten)]
    pub(crate) users: Users,
}

#[derive(Args, Debug)]
pub(crate) struct WriteSecuredAt {
    #[command(flatten)]
    pub(crate) write: WriteSecured,
    #[command(flatten)]
    pub(crate) at: At,
}

#[derive(Args, Debug)]
pub(crate) struct AuthenticateUser {
    #[command(flatten)]
    pub(crate) on: Server,
    /// `domain\user` with operating system security, the plain name with galaxy security
    #[arg(value_name = "USER")]
    pub(crate) user: String,
    /// File whose first line is the password; `-` for standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct UserToId {
    #[command(flatten)]
    pub(crate) on: Server,
    /// GUID of the user in the galaxy
    #[arg(value_name = "GUID")]
    pub(crate) guid: String,
}

#[derive(Args, Debug)]
pub(crate) struct AddItems {
    #[command(flatten)]
    pub(crate) on: Server,
    /// References
    #[arg(value_name = "TAG", required = true)]
    pub(crate) tags: Vec<String>,
}

#[derive(Args, Debug)]
pub(crate) struct TagsAdvised {
    #[command(flatten)]
    pub(crate) tags: AddItems,
    /// Use AdviseSupervisory
    #[arg(long)]
    pub(crate) supervisory: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ReadTags {
    #[command(flatten)]
    pub(crate) tags: AddItems,
    /// How long first values may take; the worker's default otherwise. Less than --timeout
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) wait: Option<Duration>,
}

#[derive(Args, Debug)]
pub(crate) struct Items {
    #[command(flatten)]
    pub(crate) on: Server,
    /// Item handles
    #[arg(value_name = "ITEM", required = true, allow_negative_numbers = true)]
    pub(crate) items: Vec<i32>,
}

#[derive(Args, Debug)]
pub(crate) struct ItemsAdvised {
    #[command(flatten)]
    pub(crate) items: Items,
    /// Use AdviseSupervisory
    #[arg(long)]
    pub(crate) supervisory: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Entries {
    #[command(flatten)]
    pub(crate) on: Server,
    /// Item handle and value; a type such as in `3:double=42.5` goes before --type
    #[arg(value_name = "ITEM[:TYPE]=VALUE", required = true, value_parser = entry, allow_negative_numbers = true)]
    pub(crate) entries: Vec<Entry>,
    /// Type to write entries as that name none; otherwise text, which MXAccess converts
    #[arg(long = "type", value_enum, value_name = "TYPE")]
    pub(crate) kind: Option<crate::input::TypeName>,
}

#[derive(Args, Debug)]
pub(crate) struct WriteEntries {
    #[command(flatten)]
    pub(crate) entries: Entries,
    /// MXAccess user id; 0 for no user
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) user_id: i32,
}

#[derive(Args, Debug)]
pub(crate) struct WriteEntriesAt {
    #[command(flatten)]
    pub(crate) write: WriteEntries,
    #[command(flatten)]
    pub(crate) at: At,
}

#[derive(Args, Debug)]
pub(crate) struct WriteEntriesSecured {
    #[command(flatten)]
    pub(crate) entries: Entries,
    #[command(flatten)]
    pub(crate) users: Users,
}

#[derive(Args, Debug)]
pub(crate) struct WriteEntriesSecuredAt {
    #[command(flatten)]
    pub(crate) write: WriteEntriesSecured,
    #[command(flatten)]
    pub(crate) at: At,
}

#[derive(Args, Debug)]
pub(crate) struct Ping {
    #[command(flatten)]
    pub(crate) on: Session,
    /// Comes back
    #[arg(value_name = "MESSAGE", default_value = "")]
    pub(crate) message: String,
}

#[derive(Args, Debug)]
pub(crate) struct DrainEvents {
    #[command(flatten)]
    pub(crate) on: Session,
    /// At most this many; 0 for all
    #[arg(long = "max", value_name = "NUMBER", default_value_t = 0)]
    pub(crate) max_events: u32,
}
