//! Entries as rows.

use std::fmt::Display;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mxgateway_session::OpenOptions;
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteRow};
use sqlx::{Decode, Row, Type};

use super::Entry;
use crate::identity::ProcessIdentity;

/// A row that is no entry.
#[derive(Debug)]
pub(super) struct Damage {
    pub(super) session_id: String,
    pub(super) why: String,
}

pub(super) fn put(entry: &Entry) -> Query<'static, Sqlite, SqliteArguments> {
    let Entry { session_id, endpoint, process, options, opened_at, epoch, salt, generation } = entry.clone();
    sqlx::query(
        "INSERT OR REPLACE INTO workers (session_id, endpoint, process_id, process_created, process_image, owner, tag, \
         client_name, backend, command_timeout, opened, epoch, salt, generation) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(session_id.to_string())
    .bind(endpoint.to_string())
    .bind(i64::from(process.process_id))
    .bind(process.created)
    .bind(process.image)
    .bind(options.owner)
    .bind(options.tag)
    .bind(options.client_name)
    .bind(options.backend)
    .bind(millis(options.command_timeout))
    .bind(millis(opened_at.duration_since(UNIX_EPOCH).unwrap_or_default()))
    .bind(epoch.map(u64::cast_signed))
    .bind(salt.to_vec())
    .bind(generation.cast_signed())
}

pub(super) fn entry(row: &SqliteRow) -> Result<Entry, Damage> {
    let session_id: String = row.try_get("session_id").unwrap_or_default();
    let damage = |why: String| Damage { session_id: session_id.clone(), why };
    let column = Column { row };
    let read = || -> Result<Entry, String> {
        let process = ProcessIdentity {
            process_id: number(column.get::<i64>("process_id")?, "process_id")?,
            created: column.get("process_created")?,
            image: column.get("process_image")?,
        };
        let options = OpenOptions {
            backend: column.get("backend")?,
            client_name: column.get("client_name")?,
            tag: column.get("tag")?,
            owner: column.get("owner")?,
            command_timeout: Duration::from_millis(number(
                column.get::<i64>("command_timeout")?,
                "command_timeout",
            )?),
        };
        let opened = Duration::from_millis(number(column.get::<i64>("opened")?, "opened")?);
        Ok(Entry {
            session_id: session_id.parse().map_err(|error| format!("session_id: {error}"))?,
            endpoint: column
                .get::<String>("endpoint")?
                .parse()
                .map_err(|error| format!("endpoint: {error}"))?,
            process,
            options,
            opened_at: SystemTime::checked_add(&UNIX_EPOCH, opened).unwrap_or(UNIX_EPOCH),
            epoch: column.get::<Option<i64>>("epoch")?.map(i64::cast_unsigned),
            salt: column.get::<Vec<u8>>("salt")?.try_into().map_err(|_| "salt: wrong length".to_owned())?,
            generation: number(column.get::<i64>("generation")?, "generation")?,
        })
    };
    read().map_err(damage)
}

struct Column<'r> {
    row: &'r SqliteRow,
}

impl<'r> Column<'r> {
    fn get<T: Decode<'r, Sqlite> + Type<Sqlite>>(&self, name: &str) -> Result<T, String> {
        self.row.try_get(name).map_err(|error| error.to_string())
    }
}

fn number<T: TryFrom<i64>>(number: i64, name: &str) -> Result<T, String>
where
    T::Error: Display,
{
    T::try_from(number).map_err(|error| format!("{name}: {error}"))
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
