//! What a key's constraints take out of a command: the whole of one about a single tag, rows of a bulk command.
//!
//! Tags are named in the command, or stand behind its handles. A handle is good for what its item is about at the
//! moment when the command is sent; one that nobody knows an item of is good for nothing.

use mxgateway_auth::action::Action;
use mxgateway_auth::authorize::{Access, Denial, Resource, authorize};
use mxgateway_auth::principal::Principal;
use mxgateway_auth::scope::Scope;
use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_session_core::event::{EventFamily, ItemKey};
use mxgateway_session_core::items::Item;

use self::denied_rows::{DeniedRow, read_row, subscribe_row, write_row};
use crate::galaxy_view::GalaxyView;

pub(crate) use self::denied_rows::DeniedRows;

mod denied_rows;
#[cfg(test)]
mod tests;
use crate::metrics::Missing;

/// Why a tag is out of reach. The text is for the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TagDenial {
    /// By the rules.
    #[error("{tag}: {denial}")]
    Denied {
        /// As the client calls it.
        tag: String,
        /// Why.
        denial: Denial,
    },
    /// It cannot be told what is asked for.
    #[error("{tag}: the galaxy does not say what it is, and the key is good for some tags only")]
    Unidentified {
        /// As the client calls it.
        tag: String,
    },
    /// The command is about every tag of the session.
    #[error("the key is good for some tags only, and this is about all; use StreamEvents")]
    Everything,
    /// No item, or one that is being removed.
    #[error("item handle {item_handle}: no item that is known of, and the key is good for some tags only")]
    NoItem {
        /// The handle.
        item_handle: i32,
    },
}

impl TagDenial {
    /// What was missing, for the audit trail.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Denied { denial, .. } => denial.name(),
            Self::Unidentified { .. } => "unidentified tag",
            Self::Everything => "unconstrained key",
            Self::NoItem { .. } => "unknown item",
        }
    }

    /// What was missing, for the metrics.
    pub(crate) fn missing(&self) -> Missing {
        match self {
            Self::Denied { denial, .. } => (*denial).into(),
            Self::Unidentified { .. } => Missing::IdentifiedTag,
            Self::Everything => Missing::UnconstrainedKey,
            Self::NoItem { .. } => Missing::KnownItem,
        }
    }

    /// What it is about, for the audit trail.
    pub(crate) fn target(&self) -> String {
        match self {
            Self::Denied { tag, .. } | Self::Unidentified { tag } => tag.clone(),
            Self::Everything => String::new(),
            Self::NoItem { item_handle } => format!("item handle {item_handle}"),
        }
    }
}

/// What somebody may do with tags.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TagRights<'a> {
    pub(crate) principal: &'a Principal,
    pub(crate) galaxy: &'a GalaxyView,
}

/// What a command wants to do with its tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    /// Add an item, to read or to write it afterwards.
    Add,
    Access(Access),
}

impl TagRights<'_> {
    /// True when every tag is in reach, so that nothing has to be looked at.
    pub(crate) fn are_unlimited(&self) -> bool {
        match self.principal {
            Principal::Unrestricted => true,
            Principal::Key(grant) => {
                !grant.constraints.is_read_constrained() && !grant.constraints.is_write_constrained()
            }
        }
    }

    /// True when every tag may be read.
    pub(crate) fn are_unlimited_to_read(&self) -> bool {
        match self.principal {
            Principal::Unrestricted => true,
            Principal::Key(grant) => !grant.constraints.is_read_constrained(),
        }
    }

    /// Whether an item may be known of: it may be read or written.
    pub(crate) fn may_use(&self, definition: &str, context: &str) -> bool {
        self.check(Action::GetSession, Wish::Add, definition, context).is_ok()
    }

    /// Whether events of an item may be seen. Who may write a tag sees what became of the writes.
    pub(crate) fn may_see(&self, item: &Item, family: EventFamily) -> bool {
        let Some(identity) = self.galaxy.identify_item(item) else { return false };
        let allowed = |access| {
            let resource = Resource::Tag { tag: identity.tag(), access };
            authorize(self.principal, Action::StreamEvents, &resource).is_ok()
        };
        match family {
            EventFamily::DataChange | EventFamily::BufferedDataChange => allowed(Access::Read),
            EventFamily::WriteComplete | EventFamily::OperationComplete => {
                allowed(Access::Read) || (self.may_write_at_all() && allowed(Access::Write))
            }
            EventFamily::AlarmTransition => allowed(Access::Read),
        }
    }

    fn may_write_at_all(&self) -> bool {
        match self.principal {
            Principal::Unrestricted => true,
            Principal::Key(grant) => {
                grant.scopes.contains(Scope::InvokeWrite) || grant.scopes.contains(Scope::InvokeSecure)
            }
        }
    }

    fn check(&self, action: Action, wish: Wish, definition: &str, context: &str) -> Result<(), TagDenial> {
        let named = || definition.trim().to_owned();
        let identity = self
            .galaxy
            .identify(definition, context)
            .ok_or_else(|| TagDenial::Unidentified { tag: named() })?;
        let allowed = |access| {
            authorize(self.principal, action, &Resource::Tag { tag: identity.tag(), access })
                .map_err(|denial| TagDenial::Denied { tag: named(), denial })
        };
        match wish {
            Wish::Access(access) => allowed(access),
            Wish::Add => match allowed(Access::Read) {
                Err(_) if self.may_write_at_all() && allowed(Access::Write).is_ok() => Ok(()),
                read => read,
            },
        }
    }
}

/// What is left of a command, and what was denied of it.
#[derive(Debug, Default)]
pub(crate) struct Restricted {
    /// Rows to put into the reply.
    pub(crate) rows: DeniedRows,
    /// The first denial of a row, for the audit trail.
    pub(crate) first: Option<TagDenial>,
}

/// Takes out of a command what is out of reach. `items` gives the items behind handles.
///
/// # Errors
/// The denial of a command about a single tag.
#[expect(clippy::wildcard_enum_match_arm, reason = "the other commands are about no tag")]
pub(crate) fn restrict(
    payload: &mut Payload,
    action: Action,
    rights: TagRights<'_>,
    items: impl Fn(&[ItemKey]) -> Vec<Option<Item>>,
) -> Result<Restricted, TagDenial> {
    if rights.are_unlimited() {
        return Ok(Restricted::default());
    }
    let rows = Rows { action, rights, items };
    let read = Wish::Access(Access::Read);
    let write = Wish::Access(Access::Write);
    let add = |definition: &str, context: &str| {
        rights.check(action, Wish::Add, definition, context).map(|()| Restricted::default())
    };
    match payload {
        Payload::AddItem(command) => add(&command.item_definition, ""),
        Payload::AddItem2(command) => add(&command.item_definition, &command.item_context),
        Payload::AddBufferedItem(command) => add(&command.item_definition, &command.item_context),
        Payload::Advise(command) => rows.single(read, command.server_handle, command.item_handle),
        Payload::AdviseSupervisory(command) => rows.single(read, command.server_handle, command.item_handle),
        Payload::Suspend(command) => rows.single(read, command.server_handle, command.item_handle),
        Payload::Activate(command) => rows.single(read, command.server_handle, command.item_handle),
        Payload::Write(command) => rows.single(write, command.server_handle, command.item_handle),
        Payload::Write2(command) => rows.single(write, command.server_handle, command.item_handle),
        Payload::WriteSecured(command) => rows.single(write, command.server_handle, command.item_handle),
        Payload::WriteSecured2(command) => rows.single(write, command.server_handle, command.item_handle),
        Payload::AddItemBulk(command) => Ok(rows.named(Wish::Add, &mut command.tag_addresses, {
            let server_handle = command.server_handle;
            move |tag, denial| DeniedRow::Subscribe(subscribe_row(server_handle, tag, 0, denial))
        })),
        Payload::SubscribeBulk(command) => Ok(rows.named(read, &mut command.tag_addresses, {
            let server_handle = command.server_handle;
            move |tag, denial| DeniedRow::Subscribe(subscribe_row(server_handle, tag, 0, denial))
        })),
        Payload::ReadBulk(command) => Ok(rows.named(read, &mut command.tag_addresses, |tag, denial| {
            DeniedRow::Read(Box::new(read_row(tag, denial)))
        })),
        Payload::AdviseItemBulk(command) => {
            let server_handle = command.server_handle;
            Ok(rows.behind(
                read,
                server_handle,
                &mut command.item_handles,
                |handle| *handle,
                |handle, denial| {
                    DeniedRow::Subscribe(subscribe_row(server_handle, String::new(), handle, denial))
                },
            ))
        }
        Payload::WriteBulk(command) => {
            Ok(rows.writes(command.server_handle, &mut command.entries, |row| row.item_handle))
        }
        Payload::Write2Bulk(command) => {
            Ok(rows.writes(command.server_handle, &mut command.entries, |row| row.item_handle))
        }
        Payload::WriteSecuredBulk(command) => {
            Ok(rows.writes(command.server_handle, &mut command.entries, |row| row.item_handle))
        }
        Payload::WriteSecured2Bulk(command) => {
            Ok(rows.writes(command.server_handle, &mut command.entries, |row| row.item_handle))
        }
        Payload::DrainEvents(_) => Err(TagDenial::Everything),
        _ => Ok(Restricted::default()),
    }
}

struct Rows<'a, F> {
    action: Action,
    rights: TagRights<'a>,
    items: F,
}

impl<F: Fn(&[ItemKey]) -> Vec<Option<Item>>> Rows<'_, F> {
    fn item(&self, wish: Wish, item: Option<&Item>, item_handle: i32) -> Result<(), TagDenial> {
        let item = item.ok_or(TagDenial::NoItem { item_handle })?;
        self.rights.check(self.action, wish, &item.definition, &item.context)
    }

    fn single(&self, wish: Wish, server_handle: i32, item_handle: i32) -> Result<Restricted, TagDenial> {
        let found = (self.items)(&[ItemKey { server_handle, item_handle }]);
        self.item(wish, found.first().and_then(Option::as_ref), item_handle)?;
        Ok(Restricted::default())
    }

    /// Rows that name their tag.
    fn named(
        &self,
        wish: Wish,
        tags: &mut Vec<String>,
        row: impl Fn(String, &TagDenial) -> DeniedRow,
    ) -> Restricted {
        let mut restricted = Restricted::default();
        let all = std::mem::take(tags);
        for (position, tag) in all.into_iter().enumerate() {
            match self.rights.check(self.action, wish, &tag, "") {
                Ok(()) => tags.push(tag),
                Err(denial) => restricted.deny(position, row(tag, &denial), denial),
            }
        }
        restricted
    }

    /// Rows that have the handle of an item.
    fn behind<T>(
        &self,
        wish: Wish,
        server_handle: i32,
        rows: &mut Vec<T>,
        handle: impl Fn(&T) -> i32,
        row: impl Fn(i32, &TagDenial) -> DeniedRow,
    ) -> Restricted {
        let mut restricted = Restricted::default();
        let keys: Vec<ItemKey> =
            rows.iter().map(|row| ItemKey { server_handle, item_handle: handle(row) }).collect();
        let items = (self.items)(&keys);
        let all = std::mem::take(rows);
        for (position, (kept, item)) in all.into_iter().zip(items).enumerate() {
            let item_handle = handle(&kept);
            match self.item(wish, item.as_ref(), item_handle) {
                Ok(()) => rows.push(kept),
                Err(denial) => restricted.deny(position, row(item_handle, &denial), denial),
            }
        }
        restricted
    }

    fn writes<T>(&self, server_handle: i32, rows: &mut Vec<T>, handle: impl Fn(&T) -> i32) -> Restricted {
        self.behind(Wish::Access(Access::Write), server_handle, rows, handle, |item_handle, denial| {
            DeniedRow::Write(write_row(item_handle, denial))
        })
    }
}

impl Restricted {
    fn deny(&mut self, position: usize, row: DeniedRow, denial: TagDenial) {
        self.rows.push(position, row);
        self.first.get_or_insert(denial);
    }
}
