//! A dashboard with people, and sessions of which some are not for everybody.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use mxgateway_dashboard::Dashboard;
use mxgateway_dashboard::access::Role;
use mxgateway_dashboard::model::{EndedSession, SessionView, Snapshot};
use mxgateway_dashboard::settings::Settings;
use mxgateway_directory::{Directory, Person, SignInError};
use secrecy::{ExposeSecret, SecretString};

use crate::sample::{self, session_id};
use crate::scripted::Scripted;

/// The tag whose sessions the viewer sees.
pub(crate) const SEEN_TAG: &str = "line-1";

/// In every text of a session that the viewer does not see.
pub(crate) const MARKER: &str = "marker7f3a";

/// The password of everybody.
pub(crate) const PASSWORD: &str = "correct horse";

/// `ada` administers, `ben` views.
struct People;

#[async_trait]
impl Directory for People {
    async fn sign_in(&self, name: &str, password: &SecretString) -> Result<Person, SignInError> {
        let group = match name {
            "ada" => "cn=operators,ou=groups,dc=plant,dc=example",
            "ben" => "cn=watchers,ou=groups,dc=plant,dc=example",
            _ => return Err(SignInError::WrongCredentials),
        };
        if password.expose_secret() != PASSWORD {
            return Err(SignInError::WrongCredentials);
        }
        Ok(Person { name: name.to_owned(), display_name: name.to_owned(), groups: vec![group.to_owned()] })
    }
}

/// A dashboard and the gateway behind it.
pub(crate) struct World {
    pub(crate) dashboard: Dashboard,
    pub(crate) gateway: Arc<Scripted>,
}

/// The session that the viewer sees.
pub(crate) fn seen_id() -> String {
    session_id(1)
}

/// A session that the viewer does not see.
pub(crate) fn hidden_id() -> String {
    format!("session-{MARKER}")
}

/// A session that there is not.
pub(crate) fn unknown_id() -> String {
    session_id(99)
}

fn hidden(id: &str, tag: &str) -> SessionView {
    let mut session = sample::session(id, tag);
    session.client_name = format!("client-{MARKER}");
    session.owner = Some(format!("owner-{MARKER}"));
    session.reason = format!("reason-{MARKER}");
    if let Some(worker) = &mut session.worker {
        worker.backend = format!("backend-{MARKER}");
        worker.epoch = format!("epoch-{MARKER}");
    }
    session
}

fn hidden_ended() -> EndedSession {
    let mut session = sample::ended(&format!("session-{MARKER}-ended"), &format!("tag-{MARKER}"));
    session.client_name = format!("client-{MARKER}");
    session.owner = Some(format!("owner-{MARKER}"));
    session.reason = format!("reason-{MARKER}");
    session
}

/// What the gateway tells: one session that is seen, and two that are not, of which one has no tag.
pub(crate) fn snapshot(number: u64) -> Snapshot {
    let sessions = vec![
        sample::session(&seen_id(), SEEN_TAG),
        hidden(&hidden_id(), &format!("tag-{MARKER}")),
        hidden(&format!("session-{MARKER}-untagged"), ""),
    ];
    sample::snapshot(number, sessions, vec![sample::ended(&session_id(2), SEEN_TAG), hidden_ended()])
}

/// Everybody has to sign in.
pub(crate) fn world() -> World {
    with(Settings::default())
}

/// With these settings, but for the groups.
pub(crate) fn with(settings: Settings) -> World {
    let settings = Settings {
        group_to_role: BTreeMap::from([
            ("operators".to_owned(), Role::Administrator),
            ("watchers".to_owned(), Role::Viewer),
        ]),
        group_to_session_tag: BTreeMap::from([(
            "watchers".to_owned(),
            BTreeSet::from([SEEN_TAG.to_owned()]),
        )]),
        ..settings
    };
    let gateway = Scripted::new(snapshot(1));
    let dashboard = Dashboard::new(settings, gateway.clone(), Some(Arc::new(People)));
    World { dashboard, gateway }
}
