//! Who gets what at which path, in full, held against the committed `access-matrix.txt`.
//!
//! `UPDATE_MATRIX=1 cargo test -p mxgateway-dashboard --test it access` writes the file anew; what changed in it is what
//! changed for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use mxgateway_dashboard::settings::Settings;
use mxgateway_dashboard::{Route, routes};

use crate::browser::{Answer, Browser, hidden_field};
use crate::world::{self, hidden_id, seen_id, unknown_id};

const FILE: &str = "tests/access-matrix.txt";

const HEAD: &str = "\
# Who gets what. Written by `UPDATE_MATRIX=1 cargo test -p mxgateway-dashboard --test it access`, which compares it
# otherwise.
#
# A column is who asks: `nobody` has not signed in, `localhost` is let in from the gateway's own machine without signing in,
# `viewer` sees sessions with one tag, `admin` is an administrator, `token` is a program with a hub token of the viewer.
# A row is what is asked for: `seen` is a session with the viewer's tag, `hidden` one with another, `unknown` one that there
# is not. Forms are posted as pages of the dashboard post them.
# In a cell is the status; `>` says where a redirect leads. 426 comes from a hub that would have been opened, had there been
# a connection to open it on.
";

/// The routes of the door, which are not in [`routes`].
const DOOR: [Route; 5] = [
    Route { method: "GET", path: "/sign-in" },
    Route { method: "GET", path: "/denied" },
    Route { method: "GET", path: "/hubs/token" },
    // These last, since the visitor is another one afterwards.
    Route { method: "POST", path: "/sign-out" },
    Route { method: "POST", path: "/sign-in" },
];

/// What stands for the parts of paths that vary, and for queries.
fn places(path: &str) -> Vec<(&'static str, String)> {
    let sessions = [("seen", seen_id()), ("hidden", hidden_id()), ("unknown", unknown_id())];
    if path.contains("/sessions/{id}") {
        sessions.map(|(name, id)| (name, path.replace("{id}", &id))).into()
    } else if path == "/hubs/events" {
        sessions.map(|(name, id)| (name, format!("{path}?session={id}"))).into()
    } else if path.contains("/keys/{id}") {
        [("key", "key0001"), ("unknown", "key9999")].map(|(name, id)| (name, path.replace("{id}", id))).into()
    } else {
        vec![("", path.replace("{version}/{name}", "any/base.css"))]
    }
}

fn outcome(answer: &Answer) -> String {
    match answer.header("location") {
        "" => answer.status.as_u16().to_string(),
        location => {
            let place = location.split('?').next().unwrap_or_default();
            format!("{} >{place}", answer.status.as_u16())
        }
    }
}

async fn ask(browser: &mut Browser, route: &Route, path: &str) -> String {
    let answer = match route.method {
        "GET" if path.starts_with("/hubs/") => browser.get_hub(path).await,
        "GET" => browser.get(path).await,
        "POST" => {
            let page = browser.get(if path == "/sign-in" { path } else { "/" }).await;
            let csrf = hidden_field(page.text(), "csrf");
            let fields = [
                ("csrf", csrf.as_str()),
                ("name", "ben"),
                ("password", world::PASSWORD),
                ("next", "/"),
                ("scope", "session:open"),
            ];
            browser.post_form(path, &fields).await
        }
        other => panic!("{other} is not asked for"),
    };
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "headers are missing at {path}");
    outcome(&answer)
}

#[tokio::test]
async fn everybody_gets_what_the_matrix_says() {
    let mut rows: BTreeMap<usize, (String, String)> = BTreeMap::new();
    let all: Vec<Route> = routes().into_iter().chain(DOOR).collect();
    let columns = ["nobody", "localhost", "viewer", "admin", "token"];
    for column in columns {
        // Each has a world to itself, since some rows change it.
        let settings = Settings { allow_anonymous_localhost: column == "localhost", ..Settings::default() };
        let world = world::with(settings);
        let dashboard = &world.dashboard;
        let mut browser = match column {
            "localhost" => Browser::local(dashboard),
            "viewer" => Browser::signed_in(dashboard, "ben").await,
            "admin" => Browser::signed_in(dashboard, "ada").await,
            "token" => Browser::with_token_of(dashboard, "ben").await,
            _ => Browser::new(dashboard),
        };
        let asked = all.iter().flat_map(|route| places(route.path).into_iter().map(move |it| (route, it)));
        for (index, (route, (name, path))) in asked.enumerate() {
            let outcome = ask(&mut browser, route, &path).await;
            let title = format!("{:<5}{:<26}{name}", route.method, route.path);
            let (_, cells) = rows.entry(index).or_insert((title, String::new()));
            let _ = write!(cells, "{outcome:<16}");
        }
    }
    let mut table = HEAD.to_owned();
    let _ = writeln!(table, "\n{:<40}{}", "", columns.map(|name| format!("{name:<16}")).concat().trim_end());
    for (title, cells) in rows.values() {
        let _ = writeln!(table, "{title:<40}{}", cells.trim_end());
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    if std::env::var_os("UPDATE_MATRIX").is_some() {
        std::fs::write(&file, &table).expect("the matrix was not written");
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(committed == table, "{FILE} says otherwise; it should be\n{table}");
}
