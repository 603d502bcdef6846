//! `authorization`: what it costs to tell who asks and whether it is allowed, for a key that was seen before.

use std::hint::black_box;
use std::time::{Instant, SystemTime};

use anyhow::anyhow;
use mxgateway_auth::action::Action;
use mxgateway_auth::authorize::{Access, Resource, authorize};
use mxgateway_auth::constraints::{Constraints, Tag};
use mxgateway_auth::key::{ApiKey, KeyId, Pepper};
use mxgateway_auth::scope::Scopes;
use mxgateway_auth::store::{AuthStore, Change, NewKey, StoreLocation};
use mxgateway_auth::verifier::Verifier;
use mxgateway_contracts::v1::CommandKind;
use secrecy::ExposeSecret as _;

use crate::options::Options;
use crate::row::{Bound, Of, Row};
use crate::{note, process};

const CALLS: u32 = 200_000;
const QUICK_CALLS: u32 = 10_000;
/// What a warm Invoke may pay at most, in microseconds.
const LIMIT: f64 = 5.0;
const TAG: Tag<'static> = Tag {
    reference: "Tank_001.Level",
    contained_path: Some("Plant.TankFarm.Tank_001"),
    classification: None,
};

/// Measures run by run.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Vec<Row>> {
    let mut warm = Row::new("authorization/warm", "µs").target(Of::Value, Bound::AtMost(LIMIT));
    let mut constrained =
        Row::new("authorization/warm-constrained", "µs").target(Of::Value, Bound::AtMost(LIMIT));
    if !options.wants_any(&[&warm, &constrained]) {
        return Ok(Vec::new());
    }
    let folder = process::folder()?;
    let store = AuthStore::open(&StoreLocation::Sqlite(folder.path().join("auth.db"))).await?;
    let pepper = Pepper::random()?;
    let free = make_key(&store, &pepper, "free", Constraints::default()).await?;
    let patterns =
        r#"{"read_tag_globs": ["Pump_*", "Mixer_*", "Tank_*"], "read_subtrees": ["Plant.Line_*"]}"#;
    let bound = make_key(&store, &pepper, "bound", serde_json::from_str(patterns)?).await?;
    let verifier = Verifier::start(store, pepper, std::time::Duration::from_secs(60)).await?;
    let calls = if options.quick { QUICK_CALLS } else { CALLS };
    for run in 1..=options.runs {
        note(&format!("run {run} of {}: authorization", options.runs));
        warm.runs.push(measure(&verifier, &free, "free", calls).await?);
        constrained.runs.push(measure(&verifier, &bound, "bound", calls).await?);
    }
    Ok(options.wanted([warm, constrained]))
}

/// Microseconds of one call: the key, the session's owner, a tag.
async fn measure(verifier: &Verifier, header: &str, owner: &str, calls: u32) -> anyhow::Result<f64> {
    let action = Action::Invoke(CommandKind::Advise);
    let began = Instant::now();
    for _ in 0..calls {
        let caller = verifier.verify(black_box(Some(header)), None).await;
        let caller = caller.map_err(|refusal| anyhow!("the key was refused: {}", refusal.cause))?;
        authorize(&caller.principal, action, black_box(&Resource::Session { owner: Some(owner) }))?;
        authorize(&caller.principal, action, black_box(&Resource::Tag { tag: TAG, access: Access::Read }))?;
    }
    Ok(began.elapsed().as_secs_f64() * 1e6 / f64::from(calls))
}

/// A new key's `authorization`.
async fn make_key(
    store: &AuthStore,
    pepper: &Pepper,
    id: &str,
    constraints: Constraints,
) -> anyhow::Result<String> {
    let id: KeyId = id.parse()?;
    let key = ApiKey::generate(id.clone())?;
    let new = NewKey { id, name: "bench".to_owned(), scopes: Scopes::all(), constraints, expires: None };
    let change = Change { actor: "bench", peer: None, at: SystemTime::now() };
    store.create(&new, &pepper.hash(&key), change).await?;
    Ok(format!("Bearer {}", key.token().expose_secret()))
}
