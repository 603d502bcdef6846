//! With a real directory.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use mxgateway_dashboard::Dashboard;
use mxgateway_dashboard::access::Role;
use mxgateway_dashboard::settings::Settings;
use mxgateway_directory::{LdapDirectory, LdapSettings, Transport};
use mxgateway_testkit::slapd::{
    HOST_NAME, SEARCH_BASE, SERVICE_ACCOUNT_DN, SERVICE_ACCOUNT_PASSWORD, SlapdServer,
};

use super::client::{Form, cookies, request, send};
use crate::sample::{self, session_id};
use crate::scripted::Scripted;

fn dashboard(slapd: &SlapdServer) -> Dashboard {
    let directory = LdapDirectory::new(LdapSettings {
        server: HOST_NAME.to_owned(),
        port: slapd.port(),
        transport: Transport::StartTls,
        allow_insecure: false,
        search_base: SEARCH_BASE.to_owned(),
        service_account_dn: SERVICE_ACCOUNT_DN.to_owned(),
        service_account_password: SERVICE_ACCOUNT_PASSWORD.into(),
        user_name_attribute: "uid".to_owned(),
        display_name_attribute: "cn".to_owned(),
        group_attribute: "memberOf".to_owned(),
        nested_groups: true,
        ca_file: Some(slapd.ca_file()),
        timeout: Duration::from_secs(30),
    })
    .expect("settings that make sense");
    let tags = |tag: &str| BTreeSet::from([tag.to_owned()]);
    let settings = Settings {
        group_to_role: [("gwadmin".to_owned(), Role::Administrator), ("GwReader".to_owned(), Role::Viewer)]
            .into(),
        group_to_session_tag: [
            ("Line 1".to_owned(), tags("line-1")),
            ("Night Shift".to_owned(), tags("night")),
            ("cn=Line 2,ou=groups,dc=example,dc=com".to_owned(), tags("line-2")),
            ("Smith, Line 3".to_owned(), tags("line-3")),
        ]
        .into(),
        ..Settings::default()
    };
    let tags = ["line-1", "line-2", "line-3", "night", ""];
    let sessions = (1..).zip(tags).map(|(number, tag)| sample::session(&session_id(number), tag)).collect();
    let gateway = Scripted::new(sample::snapshot(1, sessions, Vec::new()));
    Dashboard::new(settings, gateway, Some(Arc::new(directory)))
}

#[tokio::test]
async fn people_see_what_their_groups_allow() {
    let Some(slapd) = SlapdServer::shared_if_installed() else { return };
    let dashboard = dashboard(&slapd);
    let people: [(&str, &[u32], StatusCode); 4] = [
        ("alice", &[1, 2, 3, 4, 5], StatusCode::OK),
        ("bob", &[1], StatusCode::FORBIDDEN),
        // By a group that is in others.
        ("carol", &[2, 4], StatusCode::FORBIDDEN),
        ("erin(3*)", &[3], StatusCode::FORBIDDEN),
    ];
    for (name, seen, keys) in people {
        let form = Form::from(&dashboard, "192.0.2.1").await;
        let answer = form.post(name, &SlapdServer::password_of(name)).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{name}: {}", answer.text());
        let cookie = cookies(&answer)[0].clone();
        let get = async |path: &str| {
            send(&dashboard, "192.0.2.1:1", request("GET", path, &[("cookie", &cookie)], "")).await
        };
        let snapshot = get("/api/v1/snapshot").await.json();
        let ids: Vec<&str> =
            snapshot["sessions"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
        assert_eq!(ids, seen.iter().map(|number| session_id(*number)).collect::<Vec<_>>(), "{name}");
        assert_eq!(get("/keys").await.status, keys, "{name}");
    }
}

#[tokio::test]
async fn others_see_nothing() {
    let Some(slapd) = SlapdServer::shared_if_installed() else { return };
    let dashboard = dashboard(&slapd);
    let form = Form::from(&dashboard, "192.0.2.1").await;
    let answer = form.post("dave", "dave-password").await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/denied"));
    assert!(cookies(&answer).is_empty());
    for (name, password) in
        [("alice", "bob-password"), ("nobody", "x"), ("*", "alice-password"), ("alice", "")]
    {
        let answer = form.post(name, password).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{name}");
        assert!(cookies(&answer).is_empty());
    }
}
