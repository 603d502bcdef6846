use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mxgateway_dashboard::access::Role;
use mxgateway_directory::Transport;
use mxgateway_session_core::distributor::BackpressurePolicy;

use super::keys::{Key, keys};
use super::{Config, ConfigError, FileChoice, Loaded, Override, Problem, Sources, Surroundings, file, kind};

fn surroundings(variables: &[(&str, &str)]) -> Surroundings {
    Surroundings {
        variables: variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        program_directory: PathBuf::from("/opt/mx/bin"),
        user_runtime_directory: None,
        state_directory: Some(PathBuf::from("/home/x/.local/state/mxgateway")),
        temporary_directory: PathBuf::from("/tmp"),
        user: "1000".to_owned(),
    }
}

fn set(key: &str, value: &str) -> Override {
    Override { key: key.to_owned(), value: value.to_owned(), option: "--set".to_owned() }
}

fn load(file: &str, variables: &[(&str, &str)], overrides: &[Override]) -> Result<Loaded, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.toml");
    fs::write(&path, file).unwrap();
    Config::load(&Sources {
        file: FileChoice::Named(path),
        surroundings: surroundings(variables),
        overrides: overrides.to_vec(),
    })
}

fn problems(result: Result<Loaded, ConfigError>) -> Vec<Problem> {
    match result {
        Err(ConfigError::Invalid(problems)) => problems,
        other => panic!("expected problems, got {other:?}"),
    }
}

/// The one problem with setting `key` to `value`.
fn problem(key: &str, value: &str) -> Problem {
    let mut problems = problems(load("", &[], &[set(key, value)]));
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems.remove(0)
}

#[test]
fn defaults_are_those_of_the_design() {
    let config = load("", &[], &[]).unwrap().config;
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:5120");
    assert_eq!(config.sessions.max_sessions.get(), 64);
    assert_eq!(config.sessions.detach_grace, Duration::from_secs(30));
    assert_eq!(config.events.queue_capacity.get(), 10_000);
    assert_eq!(config.events.backpressure_policy, BackpressurePolicy::FailFast);
    assert_eq!(config.events.replay_buffer_bytes.get(), 67_108_864);
    assert_eq!(config.workers.executable_path.parent(), Some(Path::new("/opt/mx/bin")));
    assert_eq!(config.workers.runtime_directory, Path::new("/tmp/mxgateway-1000"));
    assert_eq!(config.workers.max_frame_bytes.get(), 16 * 1024 * 1024);
    assert_eq!(config.simulator.galaxy_path, None);
    assert_eq!(Config::from_settings(&[]).unwrap().sessions, config.sessions);
}

#[test]
fn later_sources_win_and_each_value_tells_its_source() {
    let file = "[sessions]\nmax_sessions = 5\ndetach_grace_seconds = 0.5\ndefault_lease_seconds = 60\n";
    let variables =
        [("MXGATEWAY_SESSIONS__MAX_SESSIONS", "6"), ("MXGATEWAY_SESSIONS__DEFAULT_LEASE_SECONDS", "61")];
    let loaded = load(file, &variables, &[set("sessions.max_sessions", "7")]).unwrap();
    assert_eq!(loaded.config.sessions.max_sessions.get(), 7);
    assert_eq!(loaded.config.sessions.default_lease, Duration::from_secs(61));
    assert_eq!(loaded.config.sessions.detach_grace, Duration::from_millis(500));

    let source =
        |key: &str| loaded.settings.iter().find(|setting| setting.key == key).unwrap().source.clone();
    assert_eq!(source("sessions.max_sessions"), "--set");
    assert_eq!(source("sessions.default_lease_seconds"), "MXGATEWAY_SESSIONS__DEFAULT_LEASE_SECONDS");
    assert!(source("sessions.detach_grace_seconds").ends_with("gateway.toml:3"));
    assert_eq!(source("server.listen"), "default");
    assert_eq!(loaded.settings.len(), keys().count());
}

#[test]
fn every_problem_is_listed_at_once_with_key_and_source() {
    let file = r#"
stray = 1
[server]
listen = "0.0.0.0:5120"
[auth]
mode = "disabled"
[sessions]
max_sesions = 5
max_sessions = -1
[workers]
startup_timeout_seconds = "30s"
heartbeat_grace_seconds = 4
runtime_directory = ["a"]
[empty]
"#;
    let variables = [
        ("MXGATEWAY_EVENTS__REPLAY_BUFFER_BYTES", "12 parsecs"),
        ("MXGATEWAY_SERVER_LISTEN", "127.0.0.1:1"),
        ("MXGATEWAY_PORT", "tcp://10.0.0.1:5120"),
    ];
    let error = load(file, &variables, &[set("logging.format", "xml"), set("nonsense", "1")]).unwrap_err();
    let text = error.to_string();
    let found = problems(Err(error));
    let mut keys: Vec<&str> = found.iter().map(|problem| problem.key.as_str()).collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "empty",
            "events.replay_buffer_bytes",
            "logging.format",
            "nonsense",
            "server.listen",
            "server.listen",
            "sessions.max_sesions",
            "sessions.max_sessions",
            "stray",
            "workers.heartbeat_grace_seconds",
            "workers.runtime_directory",
            "workers.startup_timeout_seconds",
        ]
    );
    for expected in [
        "gateway.toml:4): 0.0.0.0:5120 can be reached from other machines",
        "gateway.toml:8): is not a key; did you mean sessions.max_sessions?",
        "-1 is negative; allowed is a whole number from 1 to 10000",
        "\"30s\" is not a number of seconds; write 30, or 0.5 for half a second",
        "(from MXGATEWAY_EVENTS__REPLAY_BUFFER_BYTES): \"12 parsecs\" is not a size",
        "(from --set): \"xml\" is not known; allowed is text, json",
        "4 does not go with workers.heartbeat_interval_seconds = 5 (from default); it must be larger",
        "write MXGATEWAY_SERVER__LISTEN",
        "stray (from",
        "12 problems",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in:\n{text}");
    }
}

#[test]
fn a_syntax_error_tells_line_and_column() {
    match load("[server]\nlisten = \"127.0.0.1:1\"\nlisten = = 3\n", &[], &[]) {
        Err(ConfigError::Syntax { line, column, message, path }) => {
            assert_eq!((line, column), (3, 10), "{message}");
            assert!(path.ends_with("gateway.toml"));
            assert!(!message.contains('\n'), "{message}");
        }
        other => panic!("expected a syntax error, got {other:?}"),
    }
    let twice = load("[server]\nlisten = \"a\"\nlisten = \"b\"\n", &[], &[]);
    assert!(matches!(twice, Err(ConfigError::Syntax { line: 3, .. })), "{twice:?}");
}

#[test]
fn a_file_that_was_named_must_be_readable() {
    let folder = tempfile::tempdir().unwrap();
    let sources = |path: PathBuf| Sources {
        file: FileChoice::Named(path),
        surroundings: surroundings(&[]),
        overrides: Vec::new(),
    };
    let missing = Config::load(&sources(folder.path().join("none.toml"))).unwrap_err();
    assert!(matches!(&missing, ConfigError::Unreadable { .. }) && missing.to_string().contains("none.toml"));
    let large = folder.path().join("large.toml");
    fs::write(&large, vec![b'#'; 2 * 1024 * 1024]).unwrap();
    assert!(matches!(Config::load(&sources(large)), Err(ConfigError::Unreadable { .. })));
    assert!(matches!(Config::load(&sources(folder.path().to_owned())), Err(ConfigError::Unreadable { .. })));
}

#[test]
fn values_are_explained_at_their_borders() {
    let cases = [
        ("sessions.max_sessions", "0", "too small"),
        ("sessions.max_sessions", "99999999999999999999999", "too large"),
        ("sessions.max_sessions", "many", "not a whole number"),
        ("sessions.max_sessions", "1.5", "not a whole number"),
        ("sessions.default_lease_seconds", "0", "too small"),
        ("sessions.default_lease_seconds", "inf", "not a number of seconds"),
        ("sessions.default_lease_seconds", "NaN", "not a number of seconds"),
        ("sessions.default_lease_seconds", "-1", "negative"),
        ("sessions.default_lease_seconds", "1e300", "too large"),
        ("events.replay_buffer_bytes", "", "not a size"),
        ("events.replay_buffer_bytes", "MiB", "not a size"),
        ("events.replay_buffer_bytes", "9223372036854775807 GiB", "too large"),
        ("events.replay_buffer_bytes", "170141183460469231731687303715884105727 GiB", "too large"),
        ("events.replay_buffer_bytes", "-1 MiB", "too small"),
        ("sessions.allow_multiple_event_subscribers", "yes", "neither true nor false"),
        ("server.listen", "localhost:5120", "not an IP address"),
        ("server.listen", "127.0.0.1", "not an IP address"),
        ("server.listen", "", "not an IP address"),
        ("http.listen", "5121", "not an IP address"),
        ("auth.database_url", "mysql://localhost/keys", "not a PostgreSQL URL"),
        ("tls.extra_names", "a b, c", "neither a host name"),
        ("logging.filter", "loud", "not a level"),
        ("logging.filter", "info,=debug", "names no target"),
        ("logging.filter", "a b=debug", "names no target"),
        ("logging.filter", "", "not a level"),
        ("workers.runtime_directory", "", "empty"),
        ("workers.executable_path", "", "empty"),
        ("workers.backend", "opc", "not known"),
        ("ldap.server", "ldaps://plant", "neither a host name"),
        ("ldap.user_name_attribute", "a)(b", "no name of an attribute"),
        ("ldap.user_name_attribute", "", "no name of an attribute"),
        ("dashboard.group_to_role", "Admins", "not a table"),
        ("dashboard.group_to_role", "{ A = 'viewer' }\nb = 1", "not a table"),
        ("dashboard.group_to_role", "{ A = 'owner' }", "\"A\" has \"owner\", which is no role"),
        ("dashboard.group_to_role", "{ A = ['viewer'] }", "which is no role"),
        ("dashboard.group_to_role", "{ ' ' = 'viewer' }", "without a name"),
        ("dashboard.group_to_session_tag", "{ A = [1] }", "which is no tag"),
    ];
    for (key, value, expected) in cases {
        let found = problem(key, value);
        assert_eq!(found.key, key);
        assert!(found.what.contains(expected), "{key} = {value:?}: {found}");
    }
    let long = "x".repeat(81);
    assert!(problem("workers.runtime_directory", &long).what.contains("81 bytes"));
    assert_eq!(cfg!(windows), load("", &[], &[set("workers.backend", "lmxproxy")]).is_ok());
}

#[test]
fn only_a_gateway_with_keys_is_opened_to_other_machines() {
    for key in ["server.listen", "http.listen"] {
        let open = set(key, "[::]:5120");
        assert!(load("", &[], std::slice::from_ref(&open)).is_ok());
        let found = problems(load("", &[], &[open, set("auth.mode", "disabled")]));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].key, key);
        assert!(found[0].to_string().contains("auth.mode = \"api_key\""), "{}", found[0]);
    }
}

#[test]
fn a_certificate_from_files_needs_its_files() {
    let found = problems(load("", &[], &[set("tls.mode", "files")]));
    let keys: Vec<&str> = found.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(keys, ["tls.certificate_path", "tls.private_key_path"]);
    let named = [
        set("tls.mode", "files"),
        set("tls.certificate_path", "c.pem"),
        set("tls.private_key_path", "k.pem"),
        set("tls.client_ca_path", "ca.pem"),
    ];
    let missing: Vec<String> =
        load("", &[], &named).unwrap().missing_files().into_iter().map(|problem| problem.key).collect();
    let wanted = ["tls.certificate_path", "tls.private_key_path", "tls.client_ca_path"];
    assert_eq!(missing[1..], wanted);
}

#[test]
fn the_password_of_a_database_is_not_shown() {
    for url in ["postgres://mx:pa@ss:word@db.plant/keys", "postgres://db.plant/keys?user=mx&password=pa@ss"] {
        let loaded = load("", &[], &[set("auth.database_url", url)]).unwrap();
        let shown = loaded.settings.iter().find(|setting| setting.key == "auth.database_url").unwrap();
        assert!(shown.value.contains("***") && !shown.value.contains("ss"), "{}", shown.value);
        assert!(shown.value.contains("db.plant/keys"), "{}", shown.value);
        assert!(!format!("{:?}", loaded.config).contains("pa@ss"));
        assert_eq!(loaded.config.auth.database_url.as_deref(), Some(url));
    }
}

fn keys_of(problems: &[Problem]) -> Vec<&str> {
    problems.iter().map(|problem| problem.key.as_str()).collect()
}

#[test]
fn groups_are_a_table_in_the_file_and_the_same_as_text_elsewhere() {
    let file = r#"
[dashboard]
group_to_role = { GwAdmin = "administrator", "cn=Ops,ou=groups,dc=plant" = "viewer" }
[dashboard.group_to_session_tag]
"Ops one" = ["line-1", "line-2"]
Guests = "hall"
"#;
    let loaded = load(file, &[], &[]).unwrap();
    let dashboard = loaded.config.dashboard.clone();
    assert_eq!(dashboard.group_to_role["GwAdmin"], Role::Administrator);
    assert_eq!(dashboard.group_to_role["cn=Ops,ou=groups,dc=plant"], Role::Viewer);
    assert_eq!(dashboard.group_to_session_tag["Ops one"].len(), 2);
    assert_eq!(dashboard.group_to_session_tag["Guests"].first().unwrap(), "hall");
    let shown = |key: &str| loaded.settings.iter().find(|setting| setting.key == key).unwrap().clone();
    let (roles, tags) = (shown("dashboard.group_to_role"), shown("dashboard.group_to_session_tag"));
    assert_eq!(tags.value, r#"{ "Guests" = ["hall"], "Ops one" = ["line-1", "line-2"] }"#);
    assert!(roles.source.ends_with("gateway.toml:3") && tags.source.ends_with("gateway.toml:4"), "{tags:?}");
    // The same from the environment, which wins over the file.
    let variables = [("MXGATEWAY_DASHBOARD__GROUP_TO_SESSION_TAG", tags.value.as_str())];
    let again = load("", &variables, &[set(roles.key, &roles.value)]).unwrap().config;
    assert_eq!(again.dashboard, dashboard);
    let other = load(file, &[("MXGATEWAY_DASHBOARD__GROUP_TO_ROLE", "{ A = 'viewer' }")], &[]).unwrap();
    assert_eq!(other.config.dashboard.group_to_role.len(), 1);
}

#[test]
fn the_directory_is_asked_for_whole_and_in_secret() {
    let on = set("ldap.enabled", "true");
    let found = problems(load("", &[], std::slice::from_ref(&on)));
    assert_eq!(
        keys_of(&found),
        ["ldap.server", "ldap.search_base", "ldap.service_account_dn", "dashboard.group_to_role"]
    );
    let whole = |more: &[(&str, &str)]| {
        let mut settings = vec![
            on.clone(),
            set("ldap.server", "directory.plant"),
            set("ldap.search_base", "dc=plant"),
            set("ldap.service_account_dn", "cn=search"),
            set("ldap.service_account_password", "se-cret"),
            set("dashboard.group_to_role", "{ Ops = 'viewer' }"),
        ];
        settings.extend(more.iter().map(|(key, value)| set(key, value)));
        load("", &[], &settings)
    };
    let ldap = whole(&[]).unwrap().config.ldap;
    assert_eq!((ldap.port, ldap.transport), (636, Transport::Ldaps));
    let found = problems(whole(&[("ldap.transport", "none"), ("ldap.service_account_password", "")]));
    assert_eq!(keys_of(&found), ["ldap.transport", "ldap.service_account_password"]);
    let plain = [("ldap.transport", "none"), ("ldap.allow_insecure", "true")];
    assert_eq!(whole(&plain).unwrap().config.ldap.port, 389);
    let error = whole(&[("ldap.service_account_password_path", "p")]).unwrap_err();
    assert!(!error.to_string().contains("se-cret"), "{error}");
    assert_eq!(keys_of(&problems(Err(error))), ["ldap.service_account_password_path"]);

    let loaded = whole(&[]).unwrap();
    assert_eq!(loaded.config.ldap.service_account_password.as_deref(), Some("se-cret"));
    assert!(!format!("{:?} {:?}", loaded.config, loaded.settings).contains("se-cret"));
    let missing = whole(&[
        ("ldap.ca_file", "none.pem"),
        ("ldap.service_account_password", ""),
        ("ldap.service_account_password_path", "none"),
    ]);
    let missing: Vec<String> =
        missing.unwrap().missing_files().into_iter().map(|problem| problem.key).collect();
    assert_eq!(missing[1..], ["ldap.ca_file", "ldap.service_account_password_path"]);

    // Passwords of people are no less secret.
    let open = ("http.listen", "0.0.0.0:5121");
    assert_eq!(keys_of(&problems(whole(&[open]))), ["http.listen"]);
    assert!(whole(&[open, ("http.tls", "true"), ("tls.mode", "self_signed")]).is_ok());
    assert!(whole(&[open, ("dashboard.allow_insecure", "true")]).is_ok());
    assert!(whole(&[open, ("dashboard.enabled", "false")]).is_ok());
    assert_eq!(problem("http.tls", "true").key, "http.tls");
}

#[test]
fn texts_and_sizes_are_read_as_people_write_them() {
    let config = Config::from_settings(&[
        ("server.listen", "[::1]:0"),
        ("events.replay_buffer_bytes", "1 mib"),
        ("workers.max_frame_bytes", "32MiB"),
        ("sessions.detach_grace_seconds", "0"),
        ("events.replay_buffer_capacity", "0"),
        ("logging.filter", "warn, mxgateway_server=debug"),
        ("simulator.galaxy_path", "galaxy.toml"),
    ])
    .unwrap();
    assert_eq!(config.events.replay_buffer_bytes.get(), 1 << 20);
    assert_eq!(config.workers.max_frame_bytes.get(), 32 << 20);
    assert!(config.sessions.detach_grace.is_zero());
    assert_eq!(config.events.replay_buffer_capacity, 0);
    assert_eq!(kind::size(3 << 19), "1536 KiB");
}

#[test]
fn files_that_are_named_and_missing_are_problems() {
    let loaded = load("", &[], &[set("simulator.galaxy_path", "/none/galaxy.toml")]).unwrap();
    let missing = loaded.missing_files();
    let found: Vec<(&str, &str)> = missing.iter().map(|p| (p.key.as_str(), p.source.as_str())).collect();
    assert_eq!(found, [("workers.executable_path", "default"), ("simulator.galaxy_path", "--set")]);
}

#[test]
fn an_unknown_key_gets_a_suggestion_only_when_one_is_near() {
    assert!(problem("server.lisen", "x").allowed.contains("server.listen"));
    assert!(problem("server.max_sessions", "x").allowed.contains("sessions.max_sessions"));
    assert!(problem("painting.colour", "x").allowed.contains("config docs"));
    assert!(problem("server", "x").allowed.contains("config docs"));
    let odd = problem("server.listen.port", "x");
    assert!(odd.allowed.contains("server.listen?") || odd.allowed.contains("config docs"), "{odd}");
}

#[test]
fn a_key_with_a_problem_is_not_judged_against_others() {
    let found = problems(load("", &[], &[set("workers.heartbeat_interval_seconds", "no")]));
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn effective_values_can_be_given_back() {
    let loaded = load("", &[], &[]).unwrap();
    let again: Vec<Override> =
        loaded.settings.iter().map(|setting| set(setting.key, &setting.value)).collect();
    assert_eq!(load("", &[], &again).unwrap().config, loaded.config);
}

#[test]
fn keys_are_unique_and_explained() {
    let keys: Vec<&Key> = keys().collect();
    for (at, key) in keys.iter().enumerate() {
        assert!(keys[at + 1..].iter().all(|other| other.path != key.path), "{}", key.path);
        assert!(key.meaning.ends_with('.'), "{}", key.path);
        assert_eq!(key.path.matches('.').count(), 1);
    }
}

#[test]
fn the_sample_is_whole_and_gives_the_defaults() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let sample = fs::read_to_string(root.join("deploy/config/mxgateway.toml")).unwrap();
    assert_eq!(sample, super::sample(), "run `cargo xtask docs`");
    let as_shipped = load(&sample, &[], &[]).unwrap();
    assert_eq!(as_shipped.config, load("", &[], &[]).unwrap().config);

    let all_on: String = sample
        .lines()
        .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line))
        .fold(String::new(), |text, line| text + line + "\n");
    let loaded = load(&all_on, &[], &[]).unwrap();
    assert!(loaded.settings.iter().all(|setting| setting.source.contains("gateway.toml:")), "{all_on}");
}

#[test]
fn the_document_is_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let document = fs::read_to_string(root.join("docs/configuration.md")).unwrap();
    assert_eq!(document, super::markdown(), "run `cargo xtask docs`");
}

#[test]
fn lines_are_those_of_the_file() {
    let mut problems = Vec::new();
    let text = "# first\n\n[logging] # third\nformat = \"json\"\n\"filter\" = \"info\"\n";
    let settings = file::parse(Path::new("a.toml"), text, &mut problems).unwrap();
    let mut sources: Vec<String> =
        settings.into_iter().map(|setting| setting.path + " " + &setting.source).collect();
    sources.sort();
    assert_eq!(sources, ["logging.filter a.toml:5", "logging.format a.toml:4"]);
    assert!(problems.is_empty());
}
