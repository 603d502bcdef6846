//! Messages with a secret in them show themselves without it, whoever formats them and wherever it goes.

use std::fmt;

use crate::v1::AuthenticateUserCommand;
use crate::worker_v1::Bootstrap;

/// Stands for a secret that is there.
const REDACTED: &str = "<redacted>";

impl fmt::Debug for AuthenticateUserCommand {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server_handle, user_name, password: _ } = self;
        formatter
            .debug_struct("AuthenticateUserCommand")
            .field("server_handle", server_handle)
            .field("user_name", user_name)
            .field("password", &REDACTED)
            .finish()
    }
}

impl fmt::Debug for Bootstrap {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            session_id,
            endpoint,
            secret: _,
            min_protocol_version,
            max_protocol_version,
            max_frame_bytes,
            backend_name,
            backend_options,
            journal_capacity,
            journal_bytes,
            heartbeat_interval,
            connect_timeout,
            hung_apartment_ceiling,
            max_orphan_lifetime,
            log_filter,
            log_json,
        } = self;
        formatter
            .debug_struct("Bootstrap")
            .field("session_id", session_id)
            .field("endpoint", endpoint)
            .field("secret", &REDACTED)
            .field("min_protocol_version", min_protocol_version)
            .field("max_protocol_version", max_protocol_version)
            .field("max_frame_bytes", max_frame_bytes)
            .field("backend_name", backend_name)
            .field("backend_options", backend_options)
            .field("journal_capacity", journal_capacity)
            .field("journal_bytes", journal_bytes)
            .field("heartbeat_interval", heartbeat_interval)
            .field("connect_timeout", connect_timeout)
            .field("hung_apartment_ceiling", hung_apartment_ceiling)
            .field("max_orphan_lifetime", max_orphan_lifetime)
            .field("log_filter", log_filter)
            .field("log_json", log_json)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1::{InvokeRequest, mx_command::Payload};
    use crate::worker_v1::{Command, Envelope, envelope::Body};

    #[test]
    fn a_password_is_not_shown_however_deep_it_lies() {
        let command = AuthenticateUserCommand {
            server_handle: 1,
            user_name: "plant\\operator".to_owned(),
            password: "correct horse".to_owned(),
        };
        let request = InvokeRequest {
            command: Some(Payload::AuthenticateUser(command.clone()).into()),
            ..InvokeRequest::default()
        };
        let sent = Command { command: request.command.clone(), ..Command::default() };
        let envelope = Envelope { body: Some(Body::Command(sent)), ..Envelope::default() };
        for text in [format!("{command:?}"), format!("{request:#?}"), format!("{envelope:?}")] {
            assert!(text.contains("operator") && text.contains(REDACTED), "{text}");
            assert!(!text.contains("correct") && !text.contains("horse"), "{text}");
        }
    }

    #[test]
    fn a_workers_secret_is_not_shown() {
        let bootstrap = Bootstrap { secret: vec![171; 32], ..Bootstrap::default() };
        let text = format!("{bootstrap:?}");
        assert!(text.contains(REDACTED) && !text.contains("171"), "{text}");
    }
}
