//! The load generator: one request after another for latency, many connections for throughput.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use prxy_tests::http::{Wire, request};
use prxy_tests::netns::Namespace;
use prxy_tests::scene::{ANTHROPIC, Scene};
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

/// Where requests are sent.
#[derive(Clone)]
pub(crate) struct Target {
    pub name: &'static str,
    address: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
}

/// Milliseconds.
pub(crate) struct Latency {
    pub name: &'static str,
    pub p50: f64,
    pub p95: f64,
}

trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

impl Target {
    /// The provider itself, by TLS.
    pub(crate) fn direct(scene: &Scene) -> Result<Self> {
        let tls = Some(scene.authority.client()?);
        Ok(Self { name: "direct", address: scene.anthropic.address, tls })
    }

    /// A proxy, by plain HTTP.
    pub(crate) fn plain(name: &'static str, address: SocketAddr) -> Self {
        Self { name, address, tls: None }
    }

    async fn connect(&self) -> Result<Wire<Box<dyn Io>>> {
        let stream = TcpStream::connect(self.address).await.context(self.name)?;
        stream.set_nodelay(true)?;
        Ok(Wire::new(match &self.tls {
            Some(config) => {
                let connector = TlsConnector::from(config.clone());
                Box::new(connector.connect(ANTHROPIC.try_into()?, stream).await?)
            }
            None => Box::new(stream),
        }))
    }
}

/// The targets take turns, so that what slows the machine slows all of them.
pub(crate) fn latencies(
    namespace: &Namespace,
    targets: &[Target],
    bodies: Vec<Vec<u8>>,
    samples: usize,
) -> Result<Vec<Latency>> {
    measure(namespace, targets, bodies, samples, Until::Whole)
}

/// Until the first text of a streamed answer.
pub(crate) fn first_words(
    namespace: &Namespace,
    targets: &[Target],
    bodies: Vec<Vec<u8>>,
    samples: usize,
) -> Result<Vec<Latency>> {
    measure(namespace, targets, bodies, samples, Until::FirstWord)
}

/// Requests per second over many connections.
pub(crate) fn rate(
    namespace: &Namespace,
    target: &Target,
    bodies: Vec<Vec<u8>>,
    connections: usize,
    time: Duration,
) -> Result<f64> {
    let target = target.clone();
    let requests: Arc<Vec<Vec<u8>>> = Arc::new(bodies.iter().map(|b| post(b)).collect());
    namespace.block_on(async move {
        let (next, mut tasks) = (Arc::new(AtomicUsize::new(0)), JoinSet::new());
        let began = Instant::now();
        for _ in 0..connections {
            let (target, requests, next) = (target.clone(), requests.clone(), next.clone());
            tasks.spawn(async move {
                let mut wire = target.connect().await?;
                let mut done = 0usize;
                while began.elapsed() < time {
                    let index = next.fetch_add(1, Ordering::Relaxed) % requests.len();
                    let answer = wire.call(&requests[index]).await?;
                    if answer.status != 200 {
                        bail!("{}: {} {}", target.name, answer.status, answer.text());
                    }
                    done += 1;
                }
                Ok(done)
            });
        }
        let mut total = 0;
        while let Some(done) = tasks.join_next().await {
            total += done??;
        }
        Ok(total as f64 / began.elapsed().as_secs_f64())
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    Whole,
    FirstWord,
}

fn measure(
    namespace: &Namespace,
    targets: &[Target],
    bodies: Vec<Vec<u8>>,
    samples: usize,
    until: Until,
) -> Result<Vec<Latency>> {
    const WARM_UP: usize = 5;
    let targets = targets.to_vec();
    namespace.block_on(async move {
        let mut wires = Vec::new();
        for target in &targets {
            wires.push(target.connect().await?);
        }
        let mut times = vec![Vec::with_capacity(samples); targets.len()];
        let mut bodies = bodies.iter();
        for round in 0..samples {
            for (index, wire) in wires.iter_mut().enumerate() {
                let bytes = post(bodies.next().context("too few bodies")?);
                let began = Instant::now();
                let took = one(wire, &bytes, began, until).await.context(targets[index].name)?;
                if round >= WARM_UP {
                    times[index].push(took);
                }
            }
        }
        Ok(targets.iter().zip(times).map(|(t, times)| summary(t.name, times)).collect())
    })
}

async fn one(
    wire: &mut Wire<Box<dyn Io>>,
    bytes: &[u8],
    began: Instant,
    until: Until,
) -> Result<Duration> {
    wire.send(bytes).await?;
    let head = wire.head().await?.context("closed")?;
    let (mut seen, mut first) = (Vec::new(), None);
    let body = wire
        .answer_body(&head, &mut |piece| {
            if first.is_none() && until == Until::FirstWord {
                seen.extend_from_slice(piece);
                let found = seen.windows(10).any(|w| w == b"text_delta");
                first = found.then(|| began.elapsed());
            }
        })
        .await?;
    let whole = began.elapsed();
    if head.status()? != 200 {
        bail!("{} {}", head.first, String::from_utf8_lossy(&body));
    }
    match until {
        Until::Whole => Ok(whole),
        Until::FirstWord => first.context("no word came"),
    }
}

fn summary(name: &'static str, mut times: Vec<Duration>) -> Latency {
    times.sort();
    let at = |share: f64| {
        let index = (times.len() as f64 * share) as usize;
        times[index.min(times.len() - 1)].as_secs_f64() * 1e3
    };
    Latency { name, p50: at(0.5), p95: at(0.95) }
}

fn post(body: &[u8]) -> Vec<u8> {
    let headers = [("content-type", "application/json"), ("x-api-key", "test-key")];
    request("POST", "/v1/messages", &headers, body)
}
