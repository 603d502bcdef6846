//! Serves the dashboard with a made-up, lively gateway, to look at pages while they are worked on:
//! `cargo run -p mxgateway-dashboard --example look`, then sign in as `ada` (an administrator) or `ben` (a viewer), with the
//! password `look`.

#![expect(clippy::print_stdout, reason = "it says where to look")]

mod lively;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Extension;
use mxgateway_dashboard::access::Role;
use mxgateway_dashboard::peer::Peer;
use mxgateway_dashboard::settings::Settings;
use mxgateway_dashboard::{Dashboard, router};
use mxgateway_directory::{Directory, Person, SignInError};
use secrecy::{ExposeSecret, SecretString};

/// Knows two people.
struct Two;

#[async_trait]
impl Directory for Two {
    async fn sign_in(&self, name: &str, password: &SecretString) -> Result<Person, SignInError> {
        let group = match name {
            "ada" => "cn=operators,dc=example",
            "ben" => "cn=watchers,dc=example",
            _ => return Err(SignInError::WrongCredentials),
        };
        if password.expose_secret() != "look" {
            return Err(SignInError::WrongCredentials);
        }
        Ok(Person { name: name.to_owned(), display_name: name.to_owned(), groups: vec![group.to_owned()] })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address: SocketAddr =
        std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8088".to_owned()).parse()?;
    let settings = Settings {
        group_to_role: BTreeMap::from([
            ("operators".to_owned(), Role::Administrator),
            ("watchers".to_owned(), Role::Viewer),
        ]),
        group_to_session_tag: BTreeMap::from([(
            "watchers".to_owned(),
            BTreeSet::from(["line-1".to_owned()]),
        )]),
        ..Settings::default()
    };
    let dashboard = Dashboard::new(settings, lively::gateway(), Some(Arc::new(Two)));
    let peer = Peer { address, is_encrypted: false };
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("The dashboard is at http://{}/", listener.local_addr()?);
    axum::serve(listener, router(dashboard).layer(Extension(peer))).await?;
    Ok(())
}
