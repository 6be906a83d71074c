//! What each module costs a request, at how many rows:
//! `cargo test --release -p prxy-daemon --lib -- --ignored --nocapture pipeline_figures`.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, StatusCode, Uri};
use tempfile::TempDir;

use super::ipc::tests::session::{Session, Shape};
use super::ipc::tests::strict::Rules;
use super::*;
use crate::config::tests::load;
use crate::embed::{Embedder, Offline};
use crate::provider::Api;
use crate::provider::endpoint::Endpoint;
use crate::redact::rehydrate::Form;
use crate::store::{Store, median, resident};

#[test]
#[ignore = "prints figures"]
fn pipeline_figures() {
    println!("| module | rows | hit | no hit | answer kept | database | memory |");
    println!("|---|---|---|---|---|---|---|");
    for rows in [10, 10_000, 1_000_000] {
        for module in ["exact-cache", "semantic-cache", "patterns"] {
            measure(module, rows);
        }
    }
    measure("cost-guard: { perDay: 1000000 }", 0);
    measure("guardrails", 0);
    println!("\n| files in the archive | guardrails | and ipc | the slowest 1 % | memory |");
    println!("|---|---|---|---|---|");
    for files in [10, 10_000, 100_000] {
        measure_ipc(files);
    }
}

/// Every request of a conversation that is cut now and then, as it grows.
fn measure_ipc(files: u32) {
    let session = Session::new(Rules::Messages, 7, LONG, &["read_file", "search"]);
    let bodies: Vec<Bytes> =
        session.requests.iter().map(|end| session.unmarked(*end).into()).collect();
    let dir = TempDir::new().unwrap();
    let archive = dir.path().join("blob");
    std::fs::create_dir(&archive).unwrap();
    for n in 0..files {
        std::fs::write(archive.join(format!("{n:064x}")), [0; 1000]).unwrap();
    }
    let store = Store::open(dir.path()).unwrap();
    let embedder: Arc<dyn Embedder> = Arc::new(Offline);
    let before = resident();
    let [alone, both] = ["guardrails", "guardrails, ipc: { contextSize: 32000 }"].map(|modules| {
        let config = load(&format!("pipeline: [{modules}]")).unwrap();
        let pipeline = Pipeline::build(&config, &store, &embedder).unwrap();
        let took = |body| run(&pipeline, &config, &store, body).0;
        bodies.iter().map(took).collect::<Vec<Duration>>()
    });
    let mut slowest = both.clone();
    slowest.sort_unstable();
    let slowest = slowest[slowest.len() * 99 / 100];
    let (alone, both) = (median(alone), median(both));
    let memory = resident().saturating_sub(before) as f64 / 1e6;
    println!("| {files} | {alone:.0?} | {both:.0?} | {slowest:.0?} | {memory:.1} MB |");
}

fn measure(module: &str, rows: u32) {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path()).unwrap();
    match module {
        "patterns" => crate::store::fill_patterns(&store, rows),
        _ => crate::store::fill_caches(&store, rows),
    }
    let options = if module.contains(':') { module } else { &format!("{module}: {{}}") };
    let modules = if module == "guardrails" { "" } else { "guardrails, " };
    let mut config = load(&format!("pipeline: [{modules}{options}]")).unwrap();
    config.pipeline.retain(|known| module.starts_with(known.name()));
    let embedder: Arc<dyn Embedder> = Arc::new(Offline);
    let before = resident();
    let pipeline = Pipeline::build(&config, &store, &embedder).unwrap();
    let (mut hits, mut misses, mut kept) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..ROUNDS {
        let body = Bytes::from(request(n));
        let (took, listeners, _) = run(&pipeline, &config, &store, &body);
        misses.push(took);
        let answered = Answered {
            status: StatusCode::OK,
            form: Form::Whole,
            body: answer().into(),
            end: End::Whole,
        };
        let began = Instant::now();
        listeners.into_iter().for_each(|listener| listener(&answered));
        kept.push(began.elapsed());
    }
    for n in 0..ROUNDS {
        let (took, _, hit) = run(&pipeline, &config, &store, &Bytes::from(request(n)));
        if hit {
            hits.push(took);
        }
    }
    let hit = if hits.is_empty() { "–".to_owned() } else { format!("{:.0?}", median(hits)) };
    let (miss, kept) = (median(misses), median(kept));
    let disk = std::fs::metadata(dir.path().join("prxy.db")).unwrap().len();
    let memory = resident().saturating_sub(before);
    println!(
        "| {} | {rows} | {hit} | {miss:.0?} | {kept:.0?} | {:.0} MB | {:.1} MB |",
        module.split(':').next().unwrap(),
        disk as f64 / 1e6,
        memory as f64 / 1e6
    );
}

fn run(
    pipeline: &Pipeline,
    config: &crate::config::Config,
    store: &Store,
    body: &Bytes,
) -> (Duration, Vec<Listener>, bool) {
    let endpoint =
        Endpoint::find(Api::Anthropic, &http::Method::POST, "/v1/messages").unwrap().endpoint;
    let (uri, headers) = (Uri::from_static("/v1/messages"), HeaderMap::new());
    let vault = store.vault("t");
    let chosen = pipeline.chosen(None).unwrap();
    let mut exchange = Exchange {
        provider: &config.providers[0],
        client: None,
        tenant: "t",
        endpoint,
        uri: &uri,
        headers: &headers,
        vault: &*vault,
        body: body.clone(),
        masked: BTreeMap::new(),
        watch: None,
        passed: Vec::new(),
        listeners: Vec::new(),
        cached: None,
        flight: None,
        sent: Sent::default(),
        confined: Confined::default(),
        told: HeaderMap::new(),
    };
    let began = Instant::now();
    let verdict = black_box(pipeline.run(&chosen, &mut exchange));
    let took = began.elapsed();
    let hit = match verdict {
        Verdict::Answer(_) => true,
        Verdict::Continue => false,
        Verdict::Refuse(refusal) => panic!("{refusal}"),
    };
    (took, exchange.listeners, hit)
}

/// About a kilobyte, asked by nobody else.
fn request(n: u32) -> String {
    let words = ["lathe", "boat", "harvest", "ledger", "violin", "glacier", "orchard", "kiln"];
    let word = |shift: u32| words[(n >> shift) as usize % words.len()];
    let question = format!("How do I clean the {} of a {} number {n}?", word(0), word(3));
    let system = "Some words that nobody has to hide. ".repeat(25);
    serde_json::json!({
        "model": "claude-sonnet-4-5", "max_tokens": 1024, "system": system,
        "messages": [{ "role": "user", "content": question }],
    })
    .to_string()
}

fn answer() -> String {
    serde_json::json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5",
        "content": [{ "type": "text", "text": "Use warm water and a soft cloth. ".repeat(20) }],
        "stop_reason": "end_turn", "stop_sequence": null,
        "usage": { "input_tokens": 300, "output_tokens": 160 },
    })
    .to_string()
}

const ROUNDS: u32 = 1000;
const LONG: Shape = Shape { turns: 60, rounds: 3, words: 60, said: 200, pictures: 0, topics: &[] };
