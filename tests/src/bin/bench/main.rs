//! What prxy costs: latency, throughput, first word, memory and start, beside a direct call and
//! nginx as a plain reverse proxy, in a lab of namespaces.
//!
//! Figures of one machine and one run, the load generator on the same cores: compare, don't quote.
#![expect(clippy::print_stdout, reason = "a program whose output is a table")]

mod hits;
mod load;
mod nginx;
mod text;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use prxy_tests::provider::{Delta, Format, Keep, Reply, Script, Split};
use prxy_tests::roles;
use prxy_tests::samples::Delivery;
use prxy_tests::scene::{Scene, Setting};
use serde_json::{Value, json};

use crate::hits::Hits;
use crate::load::{Latency, Target};
use crate::nginx::Nginx;
use crate::text::Words;

fn main() -> Result<()> {
    let json = arguments()?;
    let began = Instant::now();
    let started = starts()?;
    let scene = Scene::start_with(&Setting::default()).context("cannot start the stage")?;
    scene.anthropic.keep(Keep::Nothing);
    let nginx = Nginx::start(&scene)?;
    let targets = [
        Target::direct(&scene)?,
        Target::plain("nginx", nginx.address),
        Target::plain("prxy", scene.daemon()?.address),
    ];

    let text = "Thanks, a colleague will write to you within the hour, please hold on.";
    let split = Split { delta: Delta::Bytes(8), ..Split::default() };
    scene.anthropic.script(Script { split, ..Script::reply(Reply::Text(text.into())) });
    let mut words = Words::new();
    let mut report = Report::default();
    for (size, samples) in [(1_000, 400), (100_000, 150)] {
        let bodies = words.bodies(size, samples * targets.len(), Delivery::Whole);
        let latencies = load::latencies(scene.app(), &targets, bodies, samples)?;
        report.latencies.push((size, latencies));
    }
    let bodies = words.bodies(1_000, 100 * targets.len(), Delivery::Streamed);
    report.first_word = load::first_words(scene.app(), &targets, bodies, 100)?;
    for target in &targets {
        let bodies = words.bodies(1_000, 2_000, Delivery::Whole);
        let rate = load::rate(scene.app(), target, bodies, 32, Duration::from_secs(4))?;
        report.rates.push((target.name, rate));
    }
    for (name, role) in scene.daemon()?.roles()? {
        let (mut rss, mut pss) = (0, 0);
        for pid in role.pids {
            let (r, p) = roles::memory_kib(pid)?;
            (rss, pss) = (rss + r, pss + p);
        }
        report.memory.push((name, rss, pss));
    }
    report.nginx_memory = nginx.memory_kib()?;
    report.starts = started;
    drop(nginx);
    drop(scene);
    for rows in [10, 10_000, 1_000_000] {
        report.hits.push(hits::measure(rows)?);
    }
    report.print(began.elapsed());
    if let Some(path) = json {
        std::fs::write(&path, format!("{:#}\n", report.json()))?;
        println!("written to {}", path.display());
    }
    Ok(())
}

fn arguments() -> Result<Option<PathBuf>> {
    let mut args = std::env::args().skip(1);
    match (args.next().as_deref(), args.next(), args.next()) {
        (None, ..) => Ok(None),
        (Some("--json"), Some(path), None) => Ok(Some(path.into())),
        _ => bail!("usage: bench [--json FILE]"),
    }
}

/// From exec to ready, each time on a data directory of its own.
fn starts() -> Result<Vec<Duration>> {
    let mut all = Vec::new();
    for _ in 0..5 {
        let mut scene = Scene::empty()?;
        scene.launch(&Setting::default())?;
        all.push(scene.daemon()?.ready_after);
        // One request shows that it really was ready.
        scene.ask(Format::Anthropic, "hello", Delivery::Whole)?;
        scene.stop()?;
    }
    all.sort();
    Ok(all)
}

#[derive(Default)]
struct Report {
    latencies: Vec<(usize, Vec<Latency>)>,
    first_word: Vec<Latency>,
    rates: Vec<(&'static str, f64)>,
    memory: Vec<(String, u64, u64)>,
    nginx_memory: (u64, u64),
    starts: Vec<Duration>,
    hits: Vec<Hits>,
}

impl Report {
    fn print(&self, took: Duration) {
        println!("prxy bench: {} cores, {:.0} s\n", cores(), took.as_secs_f64());
        println!("latency of one request, fresh text each time, keep-alive (ms)");
        println!("  {:24}{:>10}{:>10}{:>12}{:>12}", "", "p50", "p95", "added p50", "added p95");
        for (size, latencies) in &self.latencies {
            print_latencies(&format!("{} KB", size / 1000), latencies);
        }
        print_latencies("first streamed word", &self.first_word);
        println!("\nrequests per second, 32 connections, 1 KB of fresh text");
        let nginx = self.rates.iter().find(|r| r.0 == "nginx").map_or(1.0, |r| r.1);
        for (name, rate) in &self.rates {
            println!("  {name:24}{rate:>10.0}{:>11.0} % of nginx", rate / nginx * 100.0);
        }
        println!("\nresident memory after that (MB)");
        println!("  {:24}{:>10}{:>10}", "", "RSS", "PSS");
        let mb = |kib: u64| kib as f64 / 1024.0;
        for (name, rss, pss) in &self.memory {
            println!("  {name:24}{:>10.1}{:>10.1}", mb(*rss), mb(*pss));
        }
        let (rss, pss) = self.total_memory();
        println!("  {:24}{:>10.1}{:>10.1}", "all roles", mb(rss), mb(pss));
        let (rss, pss) = self.nginx_memory;
        println!("  {:24}{:>10.1}{:>10.1}", "nginx", mb(rss), mb(pss));
        let ms = |d: &Duration| d.as_secs_f64() * 1e3;
        let (median, worst) =
            (&self.starts[self.starts.len() / 2], &self.starts[self.starts.len() - 1]);
        println!(
            "\nfrom start to ready: {:.0} ms (worst of {}: {:.0} ms)",
            ms(median),
            self.starts.len(),
            ms(worst)
        );
        self.print_hits();
    }

    fn print_hits(&self) {
        println!(
            "\nboth caches over HTTP, 1 KB, by rows in each (ms, p50; added: to the direct call)"
        );
        println!("  {:24}{:>10}{:>10}{:>12}{:>12}", "", "direct", "prxy", "added", "p95");
        for hits in &self.hits {
            let all = [("exact", &hits.exact), ("semantic", &hits.semantic), ("miss", &hits.miss)];
            for (what, latencies) in all {
                let [direct, prxy] = &latencies[..] else { continue };
                let label = format!("{} {what}", hits.rows);
                println!(
                    "  {label:>24}{:>10.2}{:>10.2}{:>+12.2}{:>12.2}",
                    direct.p50,
                    prxy.p50,
                    prxy.p50 - direct.p50,
                    prxy.p95
                );
            }
            let mb = |kib: u64| kib as f64 / 1024.0;
            println!(
                "  {:>24}gateway {:.1} MB at first, {:.1} MB in the end (PSS); database {:.0} MB, \
                 filled in {:.0} s",
                "",
                mb(hits.memory[0]),
                mb(hits.memory[1]),
                hits.disk as f64 / 1e6,
                hits.filled_in.as_secs_f64()
            );
        }
    }

    fn total_memory(&self) -> (u64, u64) {
        self.memory.iter().fold((0, 0), |(r, p), (_, rss, pss)| (r + rss, p + pss))
    }

    fn json(&self) -> Value {
        let latency = |all: &[Latency]| -> Value {
            all.iter()
                .map(|l| (l.name.to_owned(), json!({"p50_ms": l.p50, "p95_ms": l.p95})))
                .collect::<serde_json::Map<_, _>>()
                .into()
        };
        let (rss, pss) = self.total_memory();
        json!({
            "latency": self.latencies.iter().map(|(size, all)| (size.to_string(), latency(all)))
                .collect::<serde_json::Map<_, _>>(),
            "first_word": latency(&self.first_word),
            "requests_per_second": self.rates.iter().map(|(n, r)| ((*n).to_owned(), json!(r)))
                .collect::<serde_json::Map<_, _>>(),
            "memory_kib": {"rss": rss, "pss": pss,
                "nginx_rss": self.nginx_memory.0, "nginx_pss": self.nginx_memory.1},
            "start_to_ready_ms":
                self.starts.iter().map(|d| d.as_secs_f64() * 1e3).collect::<Vec<_>>(),
            "hits": self.hits.iter().map(|hits| json!({
                "rows": hits.rows, "exact": latency(&hits.exact), "semantic": latency(&hits.semantic),
                "miss": latency(&hits.miss), "gateway_pss_kib": hits.memory, "disk": hits.disk,
            })).collect::<Vec<_>>(),
            "cores": cores(),
        })
    }
}

fn print_latencies(what: &str, all: &[Latency]) {
    let direct = &all[0];
    for (index, l) in all.iter().enumerate() {
        let label = format!("{} {}", if index == 0 { what } else { "" }, l.name);
        let label = format!("{label:>24}");
        if index == 0 {
            println!("  {label}{:>10.2}{:>10.2}", l.p50, l.p95);
        } else {
            let (p50, p95) = (l.p50 - direct.p50, l.p95 - direct.p95);
            println!("  {label}{:>10.2}{:>10.2}{p50:>+12.2}{p95:>+12.2}", l.p50, l.p95);
        }
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
