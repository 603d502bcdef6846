//! A million events of a random galaxy, read by keys with random constraints, while items come and go and handles
//! are used again.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fmt::Write as _;
use std::time::{Duration, Instant, SystemTime};

use mxgateway_auth::constraints::Constraints;
use mxgateway_auth::principal::KeyGrant;
use mxgateway_auth::scope::Scopes;
use mxgateway_galaxy::Galaxy;
use mxgateway_session_core::distributor::{
    BackpressurePolicy, DistributorSettings, SubscribeOptions, SubscriberId,
};
use mxgateway_session_core::event::{Event, ItemKey};
use mxgateway_session_core::items::{AdviseState, ChangeTicket, Frees, ItemChange, PendingChange};
use mxgateway_session_core::lease::LeaseSettings;
use mxgateway_session_core::lifecycle::SessionState;
use mxgateway_session_core::ring::{ReadBudget, RingLimits};
use mxgateway_session_core::session::{Next, SessionCore, SessionSettings};

use super::*;

const EVENTS: u64 = 1_000_000;
const SEED: &str = "MXGW_TEST_SEED";
const HANDLES: i32 = 40;

fn random() -> fastrand::Rng {
    let seed = std::env::var(SEED).map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
    eprintln!("{SEED}={seed}");
    fastrand::Rng::with_seed(seed)
}

/// Areas with objects in them, some of which contain others.
fn galaxy() -> GalaxyView {
    let mut text = "[galaxy]\nname = \"Random\"\n".to_owned();
    for area in 0..4 {
        let _ = write!(text, "\n[[area]]\nname = \"Area_{area}\"\n");
        for object in 0..5 {
            let name = format!("Tank_{area}{object}");
            let _ = write!(text, "\n[[object]]\nname = \"{name}\"\narea = \"Area_{area}\"\n");
            let _ = write!(
                text,
                "[object.attributes]\nLevel = {{ type = \"double\" }}\nState = {{ type = \"integer\" }}\n"
            );
            let _ = write!(text, "\n[[object]]\nname = \"Pump_{area}{object}\"\narea = \"Area_{area}\"\n");
            let _ = write!(text, "container = \"{name}\"\ncontained_name = \"Pump\"\n");
            let _ = write!(text, "[object.attributes]\nRunning = {{ type = \"boolean\" }}\n");
        }
    }
    let galaxy = Galaxy::parse(&text, &|_| Err("none".to_owned())).unwrap();
    GalaxyView::Described { galaxy: Box::new(galaxy), complete_array_names: true }
}

/// A tag, as a client may spell it, with what is true of it.
#[derive(Clone, Debug)]
struct Tag {
    definition: String,
    context: String,
    reference: String,
    path: String,
}

fn tag(random: &mut fastrand::Rng) -> Tag {
    let (area, object) = (random.u8(0..4), random.u8(0..5));
    let tank = format!("Tank_{area}{object}");
    let (reference, path, alias) = match random.u8(0..3) {
        0 => (format!("{tank}.Level"), format!("Area_{area}.{tank}"), ("me.Level".to_owned(), tank)),
        1 => (format!("{tank}.State"), format!("Area_{area}.{tank}"), ("State".to_owned(), tank)),
        _ => (
            format!("Pump_{area}{object}.Running"),
            format!("Area_{area}.{tank}.Pump"),
            (format!("{tank}.Pump.Running"), String::new()),
        ),
    };
    let (definition, context) = match random.u8(0..3) {
        0 => alias,
        1 => (reference.to_ascii_uppercase(), String::new()),
        _ => (reference.clone(), String::new()),
    };
    Tag { definition, context, reference, path }
}

/// The rule as one would write it down first: `*` is any run, `?` any character.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            matches(rest, text) || text.split_first().is_some_and(|(_, text)| matches(pattern, text))
        }
        (Some((b'?', pattern)), Some((_, text))) => matches(pattern, text),
        (Some((one, pattern)), Some((other, text))) => {
            one.eq_ignore_ascii_case(other) && matches(pattern, text)
        }
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn is_allowed(globs: &[String], subtrees: &[String], tag: &Tag) -> bool {
    let glob = |pattern: &String| matches(pattern.as_bytes(), tag.reference.as_bytes());
    let subtree = |pattern: &String| {
        matches(pattern.as_bytes(), tag.path.as_bytes())
            || matches(format!("{pattern}.*").as_bytes(), tag.path.as_bytes())
    };
    globs.iter().any(glob) || subtrees.iter().any(subtree)
}

/// A key's reader, and what it may see by the rule above.
struct Reader {
    id: SubscriberId,
    globs: Vec<String>,
    subtrees: Vec<String>,
    seen: Vec<u64>,
}

fn reader(random: &mut fastrand::Rng, core: &mut SessionCore, galaxy: &Arc<GalaxyView>) -> Reader {
    let glob = |random: &mut fastrand::Rng| {
        let object =
            [format!("Tank_{}?", random.u8(0..4)), format!("pump_?{}", random.u8(0..5)), "*".to_owned()];
        let attribute = ["*", "Level", "st*", "Running"];
        format!("{}.{}", object[random.usize(0..3)], attribute[random.usize(0..4)])
    };
    let subtree = |random: &mut fastrand::Rng| match random.u8(0..3) {
        0 => format!("Area_{}", random.u8(0..4)),
        1 => format!("area_{}.Tank_*{}", random.u8(0..4), random.u8(0..5)),
        _ => "*.Pump".to_owned(),
    };
    let mut globs: Vec<String> = (0..random.usize(0..3)).map(|_| glob(random)).collect();
    let subtrees: Vec<String> = (0..random.usize(0..2)).map(|_| subtree(random)).collect();
    if globs.is_empty() && subtrees.is_empty() {
        globs.push("Nothing.*".to_owned());
    }
    let json = serde_json::json!({ "read_tag_globs": globs, "read_subtrees": subtrees });
    let constraints: Constraints = serde_json::from_value(json).unwrap();
    let grant =
        KeyGrant { id: "k".parse().unwrap(), name: String::new(), scopes: Scopes::all(), constraints };
    let principal = Principal::Key(Arc::new(grant));
    let access: Arc<dyn Access> = Arc::new(KeyAccess { principal, galaxy: Arc::clone(galaxy) });
    let options = SubscribeOptions { access: Some(access), ..SubscribeOptions::live() };
    let (id, _) = core.subscribe(options, Instant::now()).unwrap();
    Reader { id, globs, subtrees, seen: Vec::new() }
}

fn read(core: &mut SessionCore, reader: &mut Reader) {
    loop {
        let mut out: Vec<Event> = Vec::new();
        let next = core.read(reader.id, ReadBudget { events: 512, bytes: usize::MAX }, &mut out);
        reader.seen.extend(out.iter().map(|event| event.sequence));
        match next {
            Next::Delivery(mxgateway_session_core::distributor::Delivery::UpToDate) => return,
            Next::Delivery(_) => {}
            Next::End { reason, .. } => panic!("the stream ended: {reason:?}"),
        }
    }
}

fn ready() -> SessionCore {
    let now = Instant::now();
    let settings = SessionSettings {
        lease: LeaseSettings { lease: Duration::from_secs(3600), detach_grace: Duration::from_secs(3600) },
        events: DistributorSettings {
            ring: RingLimits {
                replay_count: 1 << 20,
                bytes: usize::MAX,
                replay_age: None,
                lag_count: 1 << 40,
            },
            allow_multiple: true,
            max_external: 100,
            policy: BackpressurePolicy::DisconnectSubscriber,
        },
    };
    let mut core = SessionCore::new(settings, now);
    core.advance(SessionState::Starting).unwrap();
    core.advance(SessionState::Handshaking).unwrap();
    core.ready(7, now).unwrap();
    core
}

/// A command that the worker has carried out and whose reply is on its way.
struct OnItsWay {
    ticket: ChangeTicket,
    change: Option<ItemChange>,
    frees: bool,
}

fn key(item_handle: i32) -> ItemKey {
    ItemKey { server_handle: 1, item_handle }
}

/// `pipelined` sends commands before the replies to those before are there, so that a handle may have another
/// item already while the gateway still knows the old one.
fn run(random: &mut fastrand::Rng, events: u64, pipelined: bool) {
    let galaxy = Arc::new(galaxy());
    let mut core = ready();
    let mut readers: Vec<Reader> = (0..5).map(|_| reader(random, &mut core, &galaxy)).collect();
    // What the worker knows, which is the truth.
    let mut items: BTreeMap<i32, Tag> = BTreeMap::new();
    let mut truth: Vec<Tag> = Vec::new();
    let mut replies: VecDeque<OnItsWay> = VecDeque::new();
    let mut sequence = 0;
    while sequence < events {
        let freeing = replies.iter().any(|reply| reply.frees);
        match random.u8(0..100) {
            0..8 if pipelined || !freeing => {
                let handle = random.i32(1..=HANDLES);
                if items.remove(&handle).is_some() {
                    let frees = Frees::Items(HashSet::from([key(handle)]));
                    let ticket = core.begin_change(PendingChange { adds: false, frees });
                    let change = Some(ItemChange::Removed(key(handle)));
                    replies.push_back(OnItsWay { ticket, change, frees: true });
                } else {
                    let added_after = core.distributor().newest().sequence;
                    let ticket = core.begin_change(PendingChange { adds: true, frees: Frees::Nothing });
                    let tag = tag(random);
                    let item = Item {
                        definition: tag.definition.clone(),
                        context: tag.context.clone(),
                        advise: AdviseState::Advised,
                        added_after,
                    };
                    items.insert(handle, tag);
                    let change = Some(ItemChange::Added(key(handle), item));
                    replies.push_back(OnItsWay { ticket, change, frees: false });
                }
            }
            8..20 => {
                if let Some(reply) = replies.pop_front() {
                    core.end_change(reply.ticket, reply.change, 0);
                }
            }
            20..30 => {
                let reader = random.usize(0..readers.len());
                read(&mut core, &mut readers[reader]);
            }
            30 => {
                core.sweep(Instant::now());
            }
            _ => {
                let handles: Vec<i32> = items.keys().copied().collect();
                if handles.is_empty() {
                    continue;
                }
                let batch: Vec<Event> = (0..random.u64(1..20))
                    .map(|_| {
                        sequence += 1;
                        let handle = handles[random.usize(0..handles.len())];
                        truth.push(items[&handle].clone());
                        Event {
                            sequence,
                            family: EventFamily::DataChange,
                            item: key(handle),
                            received: SystemTime::UNIX_EPOCH,
                            payload: Vec::new().into(),
                        }
                    })
                    .collect();
                core.publish(batch, Instant::now());
            }
        }
    }
    for reply in replies.drain(..) {
        core.end_change(reply.ticket, reply.change, 0);
    }
    for reader in &mut readers {
        read(&mut core, reader);
        check(reader, &truth, pipelined);
    }
}

fn check(reader: &Reader, truth: &[Tag], pipelined: bool) {
    let of = |sequence: u64| &truth[usize::try_from(sequence - 1).unwrap()];
    let allowed = |tag: &Tag| is_allowed(&reader.globs, &reader.subtrees, tag);
    for sequence in &reader.seen {
        let tag = of(*sequence);
        assert!(
            allowed(tag),
            "event {sequence} is of {tag:?}, read with {:?} {:?}",
            reader.globs,
            reader.subtrees
        );
    }
    assert!(reader.seen.is_sorted_by(|one, next| one < next), "out of order");
    if !pipelined {
        let mut seen = reader.seen.iter().copied().peekable();
        for sequence in 1..=truth.len() as u64 {
            let shown = seen.next_if_eq(&sequence).is_some();
            assert_eq!(shown, allowed(of(sequence)), "event {sequence} is of {:?}", of(sequence));
        }
    }
}

#[test]
fn no_foreign_event_gets_through_and_none_of_ones_own_is_lost() {
    let mut random = random();
    for _ in 0..5 {
        run(&mut random, EVENTS / 10, false);
    }
    for _ in 0..5 {
        run(&mut random, EVENTS / 10, true);
    }
}
