//! What every handler has.

use std::fmt;
use std::sync::Arc;

use mxgateway_directory::Directory;

use crate::access::{Sight, Visitor};
use crate::backend::Backend;
use crate::door::Door;
use crate::hubs::{HubLimits, Hubs};
use crate::model::Snapshot;
use crate::seen::{Seeing, Seen};
use crate::settings::Settings;

/// The dashboard; clones are the same one.
#[derive(Clone)]
pub struct Dashboard {
    /// What the configuration says.
    pub settings: Arc<Settings>,
    /// The gateway.
    pub backend: Arc<dyn Backend>,
    /// Who gets in.
    pub door: Door,
    pub(crate) hubs: Hubs,
    seeing: Arc<Seeing>,
}

impl Dashboard {
    /// Shows and does what `backend` offers, to whom `directory` knows; without one, nobody can sign in.
    pub fn new(settings: Settings, backend: Arc<dyn Backend>, directory: Option<Arc<dyn Directory>>) -> Self {
        let settings = Arc::new(settings);
        let door = Door::new(Arc::clone(&settings), directory);
        Self { settings, backend, door, hubs: Hubs::default(), seeing: Arc::default() }
    }

    /// With other limits for hubs than usual.
    #[must_use]
    pub fn with_hub_limits(self, limits: HubLimits) -> Self {
        Self { hubs: Hubs::new(limits), ..self }
    }

    /// Ends every hub, with a goodbye, and comes back when they are gone; the limit for writing bounds it.
    pub async fn close(&self) {
        self.hubs.close().await;
    }

    /// Hub connections that there are.
    pub fn hub_connections(&self) -> usize {
        self.hubs.count()
    }

    /// What the visitor sees of the newest snapshot.
    pub(crate) fn seen(&self, visitor: &Visitor) -> Arc<Seen> {
        self.seen_of(&self.backend.snapshot(), &visitor.sight)
    }

    /// What somebody with this sight sees of this snapshot, which is the newest.
    pub(crate) fn seen_of(&self, snapshot: &Arc<Snapshot>, sight: &Sight) -> Arc<Seen> {
        self.seeing.of(snapshot, sight)
    }
}

impl fmt::Debug for Dashboard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Dashboard").field("settings", &self.settings).finish_non_exhaustive()
    }
}
