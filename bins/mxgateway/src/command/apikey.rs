//! `mxgateway apikey`.

use std::io::{self, Write};
use std::time::SystemTime;

use mxgateway_auth::key::{ApiKey, KeyId, Pepper};
use mxgateway_auth::pepper_file;
use mxgateway_auth::store::{AuthStore, Change, NewKey, StoreError, StoredKey};
use mxgateway_server::config::Config;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::store::{json_time, operator, seconds, with_store};
use super::table;
use crate::arguments::apikey::{ApikeyArguments, ApikeyCommand, CreateArguments, OneKeyArguments};

pub(crate) fn run(arguments: &ApikeyArguments) -> anyhow::Result<()> {
    let actor = operator();
    let change = Change { actor: &actor, peer: None, at: SystemTime::now() };
    match &arguments.command {
        ApikeyCommand::Create(create) => self::create(create, change),
        ApikeyCommand::List(common) => {
            let keys = with_store(&common.settings, async |store, _| Ok(store.list().await?))?;
            print(&list(&keys, common.json, change.at))
        }
        ApikeyCommand::Show(one) => {
            let key = with_store(&one.common.settings, async |store, _| {
                Ok(store.get(&one.id).await?.ok_or_else(|| StoreError::KeyNotFound(one.id.clone()))?)
            })?;
            print(&show(&key, one.common.json, change.at))
        }
        ApikeyCommand::Rotate(one) => rotate(one, change),
        ApikeyCommand::Revoke(one) => {
            let key =
                with_store(&one.common.settings, async |store, _| Ok(store.revoke(&one.id, change).await?))?;
            let done = format!("revoked {}\n", one.id);
            print(&if one.common.json { lines(&as_json(&key, change.at)) } else { done })
        }
        ApikeyCommand::Delete(one) => {
            with_store(&one.common.settings, async |store, _| Ok(store.delete(&one.id, change).await?))?;
            let done = format!("deleted {}\n", one.id);
            print(&if one.common.json { lines(&json!({ "deleted": one.id })) } else { done })
        }
    }
}

fn create(arguments: &CreateArguments, change: Change<'_>) -> anyhow::Result<()> {
    let new = NewKey {
        id: match &arguments.id {
            Some(id) => id.clone(),
            None => KeyId::random()?,
        },
        name: arguments.name.clone(),
        scopes: arguments.scopes(),
        constraints: arguments.constraints()?,
        expires: arguments.expires(),
    };
    let common = &arguments.common;
    let (stored, token) = with_store(&common.settings, async |store, config| {
        let key = ApiKey::generate(new.id.clone())?;
        let stored = store.create(&new, &pepper(store, config).await?.hash(&key), change).await?;
        Ok((stored, key.token()))
    })?;
    print_key("Created", &stored, &token, common.json, change.at)
}

fn rotate(arguments: &OneKeyArguments, change: Change<'_>) -> anyhow::Result<()> {
    let common = &arguments.common;
    let (stored, token) = with_store(&common.settings, async |store, config| {
        let key = ApiKey::generate(arguments.id.clone())?;
        let stored = store.rotate(&arguments.id, &pepper(store, config).await?.hash(&key), change).await?;
        Ok((stored, key.token()))
    })?;
    print_key("Rotated", &stored, &token, common.json, change.at)
}

async fn pepper(store: &AuthStore, config: &Config) -> anyhow::Result<Pepper> {
    let keys_exist = store.has_keys().await?;
    Ok(pepper_file::read_or_make(&config.auth.pepper_path, keys_exist)?)
}

/// The key alone on standard output, so that it can be piped; what else there is to say elsewhere.
fn print_key(
    done: &str,
    stored: &StoredKey,
    token: &SecretString,
    json: bool,
    now: SystemTime,
) -> anyhow::Result<()> {
    if json {
        let mut object = as_json(stored, now);
        object["key"] = json!(token.expose_secret());
        return print(&lines(&object));
    }
    // That nobody reads it is no reason to keep the key back.
    let _ = writeln!(
        io::stderr(),
        "{done} {} ({}). This is the key; keep it now, it is not shown again:",
        stored.id,
        stored.name
    );
    print(&format!("{}\n", token.expose_secret()))
}

fn list(keys: &[StoredKey], json: bool, now: SystemTime) -> String {
    if json {
        return lines(&keys.iter().map(|key| as_json(key, now)).collect());
    }
    let rows: Vec<_> = keys
        .iter()
        .map(|key| {
            let limits = if key.constraints.is_constrained() { "yes" } else { "" };
            vec![
                key.id.to_string(),
                key.state(now).name().to_owned(),
                seconds(key.expires),
                seconds(key.last_used),
                limits.to_owned(),
                key.scopes.to_string(),
                key.name.clone(),
            ]
        })
        .collect();
    table::for_stdout(&["ID", "STATE", "EXPIRES", "LAST-USED", "CONSTRAINED", "SCOPES", "NAME"], &rows)
}

fn show(key: &StoredKey, json: bool, now: SystemTime) -> String {
    if json {
        return lines(&as_json(key, now));
    }
    let mut rows = vec![
        vec!["id".to_owned(), key.id.to_string()],
        vec!["name".to_owned(), key.name.clone()],
        vec!["state".to_owned(), key.state(now).name().to_owned()],
        vec!["scopes".to_owned(), key.scopes.to_string()],
        vec!["created".to_owned(), seconds(Some(key.created))],
        vec!["expires".to_owned(), seconds(key.expires)],
        vec!["last_used".to_owned(), seconds(key.last_used)],
        vec!["revoked".to_owned(), seconds(key.revoked)],
    ];
    let constraints = &key.constraints;
    for (name, patterns) in [
        ("read_subtrees", &constraints.read_subtrees),
        ("read_tag_globs", &constraints.read_tag_globs),
        ("write_subtrees", &constraints.write_subtrees),
        ("write_tag_globs", &constraints.write_tag_globs),
        ("browse_subtrees", &constraints.browse_subtrees),
    ] {
        rows.extend(patterns.iter().map(|pattern| vec![name.to_owned(), pattern.to_string()]));
    }
    if let Some(maximum) = constraints.max_write_classification {
        rows.push(vec!["max_write_classification".to_owned(), maximum.to_string()]);
    }
    table::for_stdout(&["WHAT", "VALUE"], &rows)
}

fn as_json(key: &StoredKey, now: SystemTime) -> Value {
    json!({
        "id": key.id,
        "name": key.name,
        "state": key.state(now).name(),
        "scopes": key.scopes,
        "constraints": key.constraints,
        "created": json_time(Some(key.created)),
        "expires": json_time(key.expires),
        "last_used": json_time(key.last_used),
        "revoked": json_time(key.revoked),
    })
}

fn lines(value: &Value) -> String {
    format!("{value:#}\n")
}

fn print(text: &str) -> anyhow::Result<()> {
    io::stdout().write_all(text.as_bytes())?;
    Ok(())
}
