//! What every handler has.

use std::fmt;
use std::sync::Arc;

use crate::backend::Backend;
use crate::settings::Settings;

/// The dashboard; clones are the same one.
#[derive(Clone)]
pub struct Dashboard {
    /// What the configuration says.
    pub settings: Arc<Settings>,
    /// The gateway.
    pub backend: Arc<dyn Backend>,
}

impl Dashboard {
    /// Shows and does what `backend` offers.
    pub fn new(settings: Settings, backend: Arc<dyn Backend>) -> Self {
        Self { settings: Arc::new(settings), backend }
    }
}

impl fmt::Debug for Dashboard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Dashboard").field("settings", &self.settings).finish_non_exhaustive()
    }
}
