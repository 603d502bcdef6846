//! The gRPC services: they translate, hand on to the sessions and translate back.

mod authentication;
mod convert;
mod door;
mod errors;
mod galaxy;
mod invoke;
mod item_changes;
mod preparation;
mod refusal_layer;
mod rows;
mod service;
mod settings;
mod stream;
mod stream_access;
mod tag_access;
mod validate;

use mxgateway_session::SessionManager;
use mxgateway_supervisor::Supervisor;

pub(crate) use authentication::AuthenticationLayer;
pub(crate) use door::Door;
pub(crate) use galaxy::GalaxyService;
pub(crate) use refusal_layer::RefusalLayer;
pub(crate) use service::GatewayService;
pub(crate) use settings::ServiceSettings;

/// The sessions of this gateway.
pub(crate) type Sessions = SessionManager<Supervisor>;
/// One of them.
pub(crate) type Session = mxgateway_session::Session<mxgateway_supervisor::Worker>;
