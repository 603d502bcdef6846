//! Commands in a session, beside those that the stream benches need.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::mx_command_reply::Payload as Reply;
use mxgateway_contracts::v1::{PingCommand, ReadBulkCommand, ReadResult, SubscribeBulkCommand};

use crate::gateway::Session;
use crate::process::LIMIT;

/// Seconds of a duration, or thousandths of it.
pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// A galaxy of this many objects with this many attributes each, `Object_1.Value_1` and on, which hold their
/// values.
pub(crate) fn galaxy(objects: usize, attributes: usize) -> String {
    let mut galaxy = "[galaxy]\nname = \"Bench\"\n".to_owned();
    for object in 1..=objects {
        let _ = write!(galaxy, "\n[[object]]\nname = \"Object_{object}\"\n[object.attributes]\n");
        for attribute in 1..=attributes {
            let _ = writeln!(galaxy, "Value_{attribute} = {{ type = \"double\" }}");
        }
    }
    galaxy
}

/// The tags of such a galaxy.
pub(crate) fn tags(objects: usize, attributes: usize) -> Vec<String> {
    (1..=objects)
        .flat_map(|object| {
            (1..=attributes).map(move |attribute| format!("Object_{object}.Value_{attribute}"))
        })
        .collect()
}

impl Session {
    /// Through the worker's apartment and back.
    pub(crate) async fn ping(&mut self, message: &str) -> anyhow::Result<()> {
        let ping = PingCommand { message: message.to_owned() };
        match self.invoke(Payload::Ping(ping)).await?.payload {
            Some(Reply::Ping(reply)) if reply.message == message => Ok(()),
            other => bail!("Ping gave {other:?}"),
        }
    }

    /// SubscribeBulk. An error when any tag fails.
    pub(crate) async fn subscribe(&mut self, tags: &[String]) -> anyhow::Result<()> {
        let command = SubscribeBulkCommand {
            server_handle: self.server_handle,
            tag_addresses: tags.to_vec(),
            supervisory: false,
        };
        let reply = self.invoke(Payload::SubscribeBulk(command)).await?;
        let Some(Reply::SubscribeBulk(reply)) = reply.payload else { bail!("SubscribeBulk gave no rows") };
        ensure!(reply.results.len() == tags.len(), "{} of {} rows came", reply.results.len(), tags.len());
        match reply.results.iter().find(|row| !row.was_successful) {
            None => Ok(()),
            Some(failed) => bail!("a row of SubscribeBulk failed: {failed:?}"),
        }
    }

    /// ReadBulk.
    pub(crate) async fn read(&mut self, tags: &[String]) -> anyhow::Result<Vec<ReadResult>> {
        let command = ReadBulkCommand {
            server_handle: self.server_handle,
            tag_addresses: tags.to_vec(),
            timeout_milliseconds: 0,
        };
        match self.invoke(Payload::ReadBulk(command)).await?.payload {
            Some(Reply::ReadBulk(reply)) => Ok(reply.results),
            other => bail!("ReadBulk gave {other:?}"),
        }
    }

    /// Advises the tags and waits until all of them are read from the cache.
    pub(crate) async fn cache(&mut self, tags: &[String]) -> anyhow::Result<()> {
        self.subscribe(tags).await?;
        let until = Instant::now() + LIMIT;
        while !all_cached(&self.read(tags).await?, tags.len()) {
            ensure!(Instant::now() < until, "tags are not cached after {LIMIT:?}");
        }
        Ok(())
    }
}

/// Whether every row is a value from the cache.
pub(crate) fn all_cached(rows: &[ReadResult], wanted: usize) -> bool {
    rows.len() == wanted && rows.iter().all(|row| row.was_successful && row.was_cached && row.data.is_some())
}

/// The time that something takes.
pub(crate) async fn timed<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<(T, Duration)> {
    let began = Instant::now();
    let done =
        tokio::time::timeout(LIMIT, work).await.with_context(|| format!("not done after {LIMIT:?}"))??;
    Ok((done, began.elapsed()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tag_is_in_the_galaxy() {
        let galaxy = galaxy(2, 3);
        let tags = tags(2, 3);
        assert_eq!(tags.len(), 6);
        assert_eq!((tags[0].as_str(), tags[5].as_str()), ("Object_1.Value_1", "Object_2.Value_3"));
        assert_eq!(galaxy.matches("[[object]]").count(), 2);
        assert_eq!(galaxy.matches("Value_3 = ").count(), 2);
    }

    #[test]
    fn a_row_that_is_not_from_the_cache_counts_as_none() {
        let row = ReadResult {
            was_successful: true,
            was_cached: true,
            data: Some(Default::default()),
            ..Default::default()
        };
        assert!(all_cached(std::slice::from_ref(&row), 1));
        assert!(!all_cached(std::slice::from_ref(&row), 2));
        assert!(!all_cached(&[ReadResult { was_cached: false, ..row }], 1));
    }
}
