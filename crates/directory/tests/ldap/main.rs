//! Signing in by LDAP: against a real slapd with a small directory, and against servers that slapd cannot be.

#![expect(clippy::unwrap_used, reason = "a helper that cannot go on ends the test")]

use std::path::PathBuf;
use std::time::Duration;

use mxgateway_directory::{Directory, LdapDirectory, LdapSettings, Person, SignInError, Transport};
use mxgateway_testkit::slapd::{
    HOST_NAME, SEARCH_BASE, SERVICE_ACCOUNT_DN, SERVICE_ACCOUNT_PASSWORD, SlapdServer,
};

mod active_directory;
mod fake;
mod groups;
mod people;
mod transport;

/// By StartTLS, checked against the server's own authority.
fn settings(server: &SlapdServer) -> LdapSettings {
    LdapSettings {
        server: HOST_NAME.to_owned(),
        port: server.port(),
        transport: Transport::StartTls,
        ca_file: Some(server.ca_file()),
        ..plain(server.port())
    }
}

/// Without TLS, from this machine's own address.
fn plain(port: u16) -> LdapSettings {
    LdapSettings {
        server: "127.0.0.1".to_owned(),
        port,
        transport: Transport::Plain,
        allow_insecure: true,
        search_base: SEARCH_BASE.to_owned(),
        service_account_dn: SERVICE_ACCOUNT_DN.to_owned(),
        service_account_password: SERVICE_ACCOUNT_PASSWORD.into(),
        user_name_attribute: "uid".to_owned(),
        display_name_attribute: "cn".to_owned(),
        group_attribute: "memberOf".to_owned(),
        nested_groups: true,
        ca_file: None::<PathBuf>,
        timeout: Duration::from_secs(30),
    }
}

async fn sign_in(settings: &LdapSettings, name: &str, password: &str) -> Result<Person, SignInError> {
    LdapDirectory::new(settings.clone()).unwrap().sign_in(name, &password.into()).await
}

/// With the right password.
async fn person(settings: &LdapSettings, name: &str) -> Person {
    let answer = sign_in(settings, name, &SlapdServer::password_of(name)).await;
    answer.unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn is_wrong(answer: &Result<Person, SignInError>) -> bool {
    matches!(answer, Err(SignInError::WrongCredentials))
}

/// Why the directory could not be asked.
fn unavailable(answer: Result<Person, SignInError>) -> String {
    match answer {
        Err(SignInError::Unavailable(why)) => why,
        other => panic!("{other:?}"),
    }
}

/// What the directory holds against the gateway.
fn misconfigured(answer: Result<Person, SignInError>) -> String {
    match answer {
        Err(SignInError::Misconfigured(why)) => why,
        other => panic!("{other:?}"),
    }
}
