//! Clients that talk without end, and what became of each of their requests.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use prxy_tests::http::{Answer, Wire};
use prxy_tests::netns::Namespace;
use prxy_tests::provider::Format;
use prxy_tests::random::Random;
use prxy_tests::reader;
use prxy_tests::samples::{self, Delivery};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// Clients at work; they end when this is dropped.
pub(crate) struct Clients(Vec<JoinHandle<()>>);

impl Clients {
    pub(crate) fn start(namespace: &Namespace, address: SocketAddr, tally: Arc<Tally>) -> Self {
        let client = |number: u64| {
            let mut client = Client {
                address,
                tally: Arc::clone(&tally),
                random: Random::new((number + 1).wrapping_mul(SPREAD)),
            };
            namespace.spawn(async move {
                loop {
                    client.conversation().await;
                }
            })
        };
        Self((0..CLIENTS).map(client).collect())
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// What became of the requests.
#[derive(Default)]
pub(crate) struct Tally {
    /// Odd while something fails; changes with every fault.
    faults: AtomicU64,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    conversations: u64,
    answered: u64,
    hung_up: u64,
    in_faults: BTreeMap<String, u64>,
    lost: Vec<String>,
    wrong: Vec<String>,
    /// Since the last look, in microseconds.
    latencies: Vec<u64>,
}

impl Tally {
    /// From now on, or no more, an answer may be missing.
    pub(crate) fn faulty(&self, begins: bool) {
        let before = self.faults.fetch_add(1, Ordering::SeqCst);
        debug_assert_eq!(before.is_multiple_of(2), begins);
    }

    /// Counts an answer; `true` if it is right.
    fn note(&self, right: Result<Option<String>, String>, took: Duration, calm: bool) -> bool {
        let mut counts = self.counts();
        match right {
            Ok(None) => {
                counts.answered += 1;
                counts.latencies.push(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
                return true;
            }
            Ok(Some(other)) => counts.wrong.push(other),
            Err(what) if calm => counts.lost.push(format!("{what} after {took:.1?}")),
            Err(what) => *counts.in_faults.entry(what).or_default() += 1,
        }
        false
    }

    /// The latencies of whole answers since this was last asked, in microseconds and in order.
    pub(crate) fn latencies(&self) -> Vec<u64> {
        let mut latencies = std::mem::take(&mut self.counts().latencies);
        latencies.sort_unstable();
        latencies
    }

    pub(crate) fn report(&self) -> String {
        let counts = self.counts();
        let Counts { conversations, answered, hung_up, in_faults, .. } = &*counts;
        let mut out = format!(
            "conversations {conversations}, answers whole and right {answered}, \
             clients hung up {hung_up}\nwhile something failed:"
        );
        for (what, count) in in_faults {
            let _ = write!(out, "\n  {count:6} {what}");
        }
        out
    }

    pub(crate) fn findings(&self) -> Vec<String> {
        let counts = self.counts();
        let first = |name: &str, all: &Vec<String>| {
            all.first().map(|one| format!("{} answers {name}, the first: {one}", all.len()))
        };
        let few = (counts.answered < 100).then(|| format!("only {} answers", counts.answered));
        [first("lost", &counts.lost), first("wrong", &counts.wrong), few]
            .into_iter()
            .flatten()
            .collect()
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Client {
    address: SocketAddr,
    tally: Arc<Tally>,
    random: Random,
}

impl Client {
    /// Some turns, each with all that was said before.
    async fn conversation(&mut self) {
        self.tally.counts().conversations += 1;
        let format = if self.random.below(2) == 0 { Format::Anthropic } else { Format::OpenAi };
        let mut said: Vec<(String, String)> = Vec::new();
        for _ in 0..=self.random.below(6) {
            let text = text(&mut self.random);
            let delivery =
                if self.random.below(2) == 0 { Delivery::Streamed } else { Delivery::Whole };
            let request =
                samples::post(samples::path(format), &body(format, &said, &text, delivery));
            if self.random.below(12) == 0 {
                self.hang_up(&request).await;
                continue;
            }
            let before = self.tally.faults.load(Ordering::SeqCst);
            let began = Instant::now();
            let asked = timeout(PATIENCE, ask(self.address, &request)).await;
            let took = began.elapsed();
            let calm =
                before.is_multiple_of(2) && self.tally.faults.load(Ordering::SeqCst) == before;
            let right = match asked {
                Err(_) => Err("no end".to_owned()),
                Ok(Err(_)) => Err("cut".to_owned()),
                Ok(Ok(answer)) => judge(format, delivery, &answer, &text),
            };
            if self.tally.note(right, took, calm) {
                said.push((text.clone(), text));
            }
            sleep(Duration::from_millis(20 + self.random.below(60))).await;
        }
    }

    /// Asks, reads a part of the answer at most, and is gone.
    async fn hang_up(&mut self, request: &[u8]) {
        self.tally.counts().hung_up += 1;
        let (cut, waits) = (self.random.below(request.len() as u64 * 2), self.random.below(30));
        let sent = &request[..request.len().min(cut as usize)];
        let Ok(stream) = TcpStream::connect(self.address).await else { return };
        let mut wire = Wire::new(stream);
        if wire.send(sent).await.is_ok() {
            let _ = timeout(Duration::from_millis(waits), wire.answer()).await;
        }
    }
}

async fn ask(address: SocketAddr, request: &[u8]) -> Result<Answer> {
    Wire::new(TcpStream::connect(address).await?).call(request).await
}

/// `Ok(None)` if the answer is the text, `Ok(Some(…))` if it says it is whole and is something else.
fn judge(
    format: Format,
    delivery: Delivery,
    answer: &Answer,
    text: &str,
) -> Result<Option<String>, String> {
    if answer.status != 200 {
        return Err(format!("{} {}", answer.status, answer.reason().unwrap_or("of the provider")));
    }
    let reading = match delivery {
        Delivery::Whole => reader::whole(format, &answer.body),
        Delivery::Streamed => reader::stream(format, &answer.body),
    };
    match reading {
        Ok(reading) if reading.text == text => Ok(None),
        Ok(reading) => Ok(Some(format!("{:?} for {text:?}", reading.text))),
        Err(error) => Err(format!("not whole: {error}")),
    }
}

fn body(format: Format, said: &[(String, String)], text: &str, delivery: Delivery) -> Value {
    let mut body = samples::ask(format, text, delivery);
    let turn = |(asked, answered): &(String, String)| {
        [
            json!({"role": "user", "content": asked}),
            json!({"role": "assistant", "content": answered}),
        ]
    };
    let mut messages: Vec<Value> = said.iter().flat_map(turn).collect();
    messages.push(json!({"role": "user", "content": text}));
    body["messages"] = messages.into();
    body
}

/// A few sentences about one of [`PEOPLE`] people.
fn text(random: &mut Random) -> String {
    let person = random.below(PEOPLE);
    let case = random.below(1_000_000);
    let (mail, phone) = (format!("w.{person}@{DOMAIN}"), format!("+49 30 {}", 5_550_000 + person));
    let mut text = format!("Case {case}: write to {mail}, or call {phone}. Copies to {mail}.");
    for _ in 0..random.below(20) {
        text +=
            " The exporter waits for the next window and then goes on with the rest of the list.";
    }
    text
}

/// Whether a provider was shown what it must not see.
pub(crate) fn is_raw(body: &str) -> bool {
    body.contains(DOMAIN) || body.contains("+49 30 555")
}

const CLIENTS: u64 = 8;
/// Seeds far from each other begin sequences that are.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
/// As many as a small clinic has, so that the vault is full after a while.
const PEOPLE: u64 = 400;
const DOMAIN: &str = "ward-soak.org";
const PATIENCE: Duration = Duration::from_secs(20);
