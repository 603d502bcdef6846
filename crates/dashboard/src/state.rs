//! What every handler has.

use std::fmt;
use std::sync::Arc;

use mxgateway_directory::Directory;

use crate::backend::Backend;
use crate::door::Door;
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
}

impl Dashboard {
    /// Shows and does what `backend` offers, to whom `directory` knows; without one, nobody can sign in.
    pub fn new(settings: Settings, backend: Arc<dyn Backend>, directory: Option<Arc<dyn Directory>>) -> Self {
        let settings = Arc::new(settings);
        let door = Door::new(Arc::clone(&settings), directory);
        Self { settings, backend, door }
    }
}

impl fmt::Debug for Dashboard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Dashboard").field("settings", &self.settings).finish_non_exhaustive()
    }
}
