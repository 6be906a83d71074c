//! What a hit of the caches costs over HTTP: a daemon with so many rows in both, beside a direct call.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use prxy::embed::{Embedder as _, OFFLINE, Offline, Packed};
use prxy::store::{Answer, Asked, Kind, Limits, Store};
use prxy_tests::provider::{Format, Keep, Reply, Script};
use prxy_tests::roles;
use prxy_tests::samples::{self, Delivery};
use prxy_tests::scene::{Scene, Setting};

use crate::load::{self, Latency, Target};
use crate::text::Words;

/// With so many rows.
pub(crate) struct Hits {
    pub rows: u32,
    pub exact: Vec<Latency>,
    pub semantic: Vec<Latency>,
    pub miss: Vec<Latency>,
    /// Of the gateway, in KiB: after the start, and in the end.
    pub memory: [u64; 2],
    /// Of the database.
    pub disk: u64,
    pub filled_in: Duration,
}

/// Fills the caches of a new daemon, and measures.
pub(crate) fn measure(rows: u32) -> Result<Hits> {
    let setting = Setting {
        pipeline: format!(
            "[{{ airgap: {{}} }}, {{ guardrails: {{}} }}, {{ exact-cache: {ROOMY} }}, \
             {{ semantic-cache: {ROOMY_TOO} }}]"
        ),
        ..Setting::default()
    };
    let mut scene = Scene::empty()?;
    // The first start makes the state.
    scene.launch(&setting)?;
    scene.stop()?;
    let (state, began) = (scene.data().join("state"), Instant::now());
    fill(&state, rows)?;
    let filled_in = began.elapsed();
    let disk = state.join("prxy.db").metadata()?.len();
    scene.launch(&setting)?;
    scene.wait_for_routes()?;
    scene.anthropic.keep(Keep::Nothing);
    let said = "Warm water and a soft cloth will do, as long as nothing is left on it. ".repeat(8);
    scene.anthropic.script(Script::reply(Reply::Text(said)));
    let before = gateway_kib(&scene)?;

    let targets = [Target::direct(&scene)?, Target::plain("prxy", scene.daemon()?.address)];
    let mut words = Words::new();
    let known = words.bodies(1_000, QUESTIONS, Delivery::Whole);
    known.iter().try_for_each(|body| expect(&scene, body, "miss"))?;
    known.iter().try_for_each(|body| expect(&scene, body, "exact-cache"))?;
    let exact = again(&scene, &targets, &known)?;

    let ask = |text: &str| {
        samples::ask(Format::Anthropic, text, Delivery::Whole).to_string().into_bytes()
    };
    expect(&scene, &ask("How do I enable 2FA for ada@x-mail.com?"), "miss")?;
    let other = ask("Hi, could you please tell me how to turn on 2FA for bob@x-mail.com? Thanks!");
    expect(&scene, &other, "semantic-cache")?;
    let semantic = again(&scene, &targets, &[other])?;

    let fresh = words.bodies(1_000, SAMPLES * targets.len(), Delivery::Whole);
    let miss = load::latencies(scene.app(), &targets, fresh, SAMPLES)?;
    let memory = [before, gateway_kib(&scene)?];
    Ok(Hits { rows, exact, semantic, miss, memory, disk, filled_in })
}

/// The same requests over and over.
fn again(scene: &Scene, targets: &[Target], bodies: &[Vec<u8>]) -> Result<Vec<Latency>> {
    let bodies = bodies.iter().cycle().take(SAMPLES * targets.len()).cloned().collect();
    load::latencies(scene.app(), targets, bodies, SAMPLES)
}

/// Asks, and makes sure who answers.
fn expect(scene: &Scene, body: &[u8], who: &str) -> Result<()> {
    let body = serde_json::from_slice(body)?;
    let answer = scene.post(samples::path(Format::Anthropic), &body)?;
    let told = answer.head.header("x-prxy-cache");
    ensure!(answer.status == 200 && told == Some(who), "{who}: {} {told:?}", answer.status);
    Ok(())
}

/// So many answers in both caches, that nobody asks for.
fn fill(state: &Path, rows: u32) -> Result<()> {
    let store = Store::open(state)?;
    let (answers, similar) = (store.answers(), store.similar());
    // Short: a million of them fill a disk as it is.
    let body = "x".repeat(100);
    let (bytes, names, form) = (body.into(), Vec::new(), String::new());
    let answer = Answer { kind: Kind::Whole, form, names, body: bytes };
    let vector = Packed::new(&Offline.embed("How do I clean a lathe?")?);
    let ttl = Duration::from_secs(3600);
    let limits = Limits { max_entries: u64::MAX, max_bytes: u64::MAX, ttl };
    let mut key = [0; 32];
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..rows {
        for part in key.chunks_exact_mut(8) {
            seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            part.copy_from_slice(&(seed ^ seed >> 29).to_le_bytes());
        }
        answers.put(&key, &answer, u64::MAX, ttl);
        similar.put(
            &Asked { partition: &key, embedder: OFFLINE, vector: &vector },
            &answer,
            limits,
        );
    }
    Ok(())
}

fn gateway_kib(scene: &Scene) -> Result<u64> {
    let role = scene.daemon()?.role("gateway")?;
    role.pids.iter().map(|pid| Ok(roles::memory_kib(*pid)?.1)).sum()
}

/// Odd, so that each target is sent each of them.
const QUESTIONS: usize = 101;
const SAMPLES: usize = 500;
const ROOMY: &str = "{ ttlSeconds: 86400, maxBytes: 1099511627776 }";
const ROOMY_TOO: &str = "{ ttlSeconds: 86400, maxBytes: 1099511627776, maxEntries: 10000000 }";
