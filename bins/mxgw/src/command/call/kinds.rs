//! Every command kind with its arguments. The names are those of the contract.

use clap::Subcommand;

use super::arguments::{
    AddItem, AddItemInContext, AddItems, AuthenticateUser, BufferedInterval, DrainEvents, Item, Items,
    ItemsAdvised, ItemsInContext, Ping, ReadTags, Register, Server, Session, TagsAdvised, UserToId, Write,
    WriteAt, WriteEntries, WriteEntriesAt, WriteEntriesSecured, WriteEntriesSecuredAt, WriteSecured,
    WriteSecuredAt,
};
use super::fault::Fault;

/// A command with its arguments.
#[derive(Debug, Subcommand)]
pub(crate) enum Call {
    /// Register a client; prints the server handle
    #[command(after_long_help = "Example:
  mxgw call register $ID shift-report")]
    Register(Register),
    /// End a registration with its items and users
    #[command(after_long_help = "Example:
  mxgw call unregister $ID 1")]
    Unregister(Server),
    /// Add an item; prints SERVER:ITEM
    ///
    /// Succeeds for a reference that does not resolve, too: that shows in the first OnDataChange.
    #[command(after_long_help = "Examples:
  mxgw call add-item $ID 1 Tank_001.Level
  mxgw call add-item $ID 1 'Tank_001.Samples[]'")]
    AddItem(AddItem),
    /// Add an item relative to a context object; prints SERVER:ITEM
    #[command(after_long_help = "Example:
  mxgw call add-item2 $ID 1 me.Level Tank_001")]
    AddItem2(AddItemInContext),
    /// Remove an item
    #[command(after_long_help = "Example:
  mxgw call remove-item $ID 1:3")]
    RemoveItem(Item),
    /// Add an item whose samples arrive together, as OnBufferedDataChange; prints SERVER:ITEM
    #[command(after_long_help = "Example:
  mxgw call add-buffered-item $ID 1 Tank_001.Level")]
    AddBufferedItem(ItemsInContext),
    /// Set how often the samples of buffered items arrive
    #[command(
        visible_alias = "set-buffered-interval",
        after_long_help = "Example:
  mxgw call set-buffered-update-interval $ID 1 500ms"
    )]
    SetBufferedUpdateInterval(BufferedInterval),
    /// Let values of an item arrive, the current one first
    #[command(after_long_help = "Example:
  mxgw call advise $ID 1:3")]
    Advise(Item),
    /// End either kind of advise
    #[command(
        visible_alias = "unadvise",
        after_long_help = "Example:
  mxgw call un-advise $ID 1:3"
    )]
    UnAdvise(Item),
    /// Advise with writes attributed to the client itself, not to a user
    #[command(after_long_help = "Example:
  mxgw call advise-supervisory $ID 1:3")]
    AdviseSupervisory(Item),
    /// Stop the values of an advised item; prints the call's status
    #[command(after_long_help = "Example:
  mxgw call suspend $ID 1:3")]
    Suspend(Item),
    /// End a suspension; prints the call's status
    #[command(after_long_help = "Example:
  mxgw call activate $ID 1:3")]
    Activate(Item),
    /// Write to an advised item; the result comes as OnWriteComplete
    ///
    /// `mxgw write` writes to a tag and waits for the result.
    #[command(after_long_help = "Examples:
  mxgw call write $ID 1:3 42.5 --type double
  mxgw call write $ID 1:3 running
  mxgw call write $ID 1:3 '[1, 2, 3]' --type int
  mxgw call write $ID 1:3 '{\"0\": 1, \"7\": 5}' --type int --length 10")]
    Write(Write),
    /// Write with a time stamp
    #[command(after_long_help = "Example:
  mxgw call write2 $ID 1:3 42.5 --type double --time 2026-05-28T20:26:40Z")]
    Write2(WriteAt),
    /// Write in the name of two authenticated users
    ///
    /// For attributes with Secured Write (the same user twice will do) or Verified Write (two users).
    #[command(after_long_help = "Example:
  mxgw call write-secured $ID 1:3 42.5 --type double --user-id 2 --verifier-id 3")]
    WriteSecured(WriteSecured),
    /// Secured write with a time stamp
    #[command(after_long_help = "Example:
  mxgw call write-secured2 $ID 1:3 5 --type int --user-id 2 --verifier-id 3 --time now")]
    WriteSecured2(WriteSecuredAt),
    /// Check a user's password; prints the user's id, 0 when refused (exit code 6)
    ///
    /// The password is read from --password-file, otherwise from the environment variable MXGW_PASSWORD,
    /// otherwise asked for on the terminal. It is never an argument, where others could see it.
    #[command(after_long_help = "Examples:
  mxgw call authenticate-user $ID 1 'PLANT\\operator'
  mxgw call authenticate-user $ID 1 operator --password-file /run/secrets/operator")]
    AuthenticateUser(AuthenticateUser),
    /// Find the id of a galaxy user; prints it
    #[command(
        visible_alias = "user-to-id",
        after_long_help = "Example:
  mxgw call archestra-user-to-id $ID 1 6f9619ff-8b86-d011-b42d-00c04fc964ff"
    )]
    ArchestraUserToId(UserToId),

    /// Add many items
    #[command(after_long_help = "Example:
  mxgw call add-item-bulk $ID 1 Tank_001.Level Tank_002.Level")]
    AddItemBulk(AddItems),
    /// Advise many items
    #[command(
        visible_alias = "advise-bulk",
        after_long_help = "Example:
  mxgw call advise-item-bulk $ID 1 3 4 5 --supervisory"
    )]
    AdviseItemBulk(ItemsAdvised),
    /// Remove many items
    #[command(after_long_help = "Example:
  mxgw call remove-item-bulk $ID 1 3 4 5")]
    RemoveItemBulk(Items),
    /// End the advise of many items
    #[command(
        visible_alias = "unadvise-bulk",
        after_long_help = "Example:
  mxgw call un-advise-item-bulk $ID 1 3 4 5"
    )]
    UnAdviseItemBulk(Items),
    /// Add and advise many items
    #[command(after_long_help = "Example:
  mxgw call subscribe-bulk $ID 1 Tank_001.Level Tank_002.Level")]
    SubscribeBulk(TagsAdvised),
    /// Unadvise and remove many items
    #[command(after_long_help = "Example:
  mxgw call unsubscribe-bulk $ID 1 3 4 5")]
    UnsubscribeBulk(Items),
    /// Read current values of many tags
    ///
    /// From the last OnDataChange of a tag that is advised in the session, otherwise by a temporary
    /// subscription that leaves no trace.
    #[command(after_long_help = "Example:
  mxgw call read-bulk $ID 1 Tank_001.Level Tank_002.Level --wait 2s")]
    ReadBulk(ReadTags),
    /// Write to many items
    #[command(after_long_help = "Example:
  mxgw call write-bulk $ID 1 3:double=42.5 4:bool=true 5=text")]
    WriteBulk(WriteEntries),
    /// Write to many items with a time stamp
    #[command(after_long_help = "Example:
  mxgw call write2-bulk $ID 1 3=42.5 4=43 --type double --time now")]
    Write2Bulk(WriteEntriesAt),
    /// Write to many items in the name of two authenticated users
    #[command(after_long_help = "Example:
  mxgw call write-secured-bulk $ID 1 3:int=5 4:int=6 --user-id 2 --verifier-id 3")]
    WriteSecuredBulk(WriteEntriesSecured),
    /// Secured write to many items with a time stamp
    #[command(after_long_help = "Example:
  mxgw call write-secured2-bulk $ID 1 3:int=5 --user-id 2 --verifier-id 3 --time now")]
    WriteSecured2Bulk(WriteEntriesSecuredAt),

    /// Go through MXAccess's thread and back
    #[command(after_long_help = "Example:
  mxgw call ping $ID hello")]
    Ping(Ping),
    /// List the session's registrations and items
    #[command(
        visible_alias = "session-state",
        after_long_help = "Example:
  mxgw call get-session-state $ID"
    )]
    GetSessionState(Session),
    /// Show who the worker is and how its journal stands
    #[command(
        visible_alias = "worker-info",
        after_long_help = "Example:
  mxgw call get-worker-info $ID --json"
    )]
    GetWorkerInfo(Session),
    /// Look at the events in the worker's journal; takes nothing from the stream
    #[command(after_long_help = "Example:
  mxgw call drain-events $ID --max 100")]
    DrainEvents(DrainEvents),
    /// End the worker in order; the session closes
    #[command(after_long_help = "Example:
  mxgw call shutdown-worker $ID")]
    ShutdownWorker(Session),

    /// Make the simulator misbehave, for tests of clients; prints how many writes were carried out
    #[command(
        subcommand,
        disable_help_subcommand = true,
        after_long_help = "Examples:
  mxgw call inject-fault refuse-register $ID 3 --hresult 0x80070005
  mxgw call inject-fault slow-command $ID write 2s
  mxgw call inject-fault hang-apartment $ID 20s
  mxgw call inject-fault crash $ID
  mxgw call inject-fault crash $ID write-bulk
  mxgw call inject-fault event-storm $ID Tank_001.Level 10000 5s
  mxgw call inject-fault engine-off-scan $ID --end
  mxgw call inject-fault count $ID"
    )]
    InjectFault(Fault),
}
