//! Turns the configured names into addresses, on a timer and never because of a request.
//!
//! Its answers go to the warden, which decides what the kernel admits. Not for judging addresses
//! (it prefers those that the configuration allows, but nobody takes its word for it), and not
//! reachable by any request: it reads nothing but its own nameservers' answers.

pub mod dns;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::config::{Config, Origin, Provider};
use crate::link::reload::{Order, Orders, Pending};
use crate::link::{FIRST_EPOCH, MAX_ADDRESSES, RouteId, ToWarden};
use crate::sys::channel::{AsyncChannel, Channel};
use crate::sys::random;
use dns::{Answer, DnsError, Kind, Over, Question};

/// The names of one configuration, and whom to ask for them.
struct Names {
    watchers: Vec<Watcher>,
}

/// Resolves every configured name again and again until the warden is gone.
///
/// # Errors
/// The channel fails, or a watcher ends, which it never should.
pub async fn run(
    config: &Config,
    origin: &Origin,
    nameservers: Vec<SocketAddr>,
    warden: Channel,
) -> io::Result<()> {
    let mut orders = Orders::new(AsyncChannel::new(warden)?);
    let mut pending = Pending::new(origin);
    let names = Names::new(config, FIRST_EPOCH, nameservers);
    let local = tokio::task::LocalSet::new();
    let serve = async {
        let mut watchers = names.watch(&orders.warden());
        loop {
            tokio::select! {
                order = orders.next() => match order? {
                    Some(Order::Prepare { epoch, proposal }) => {
                        let nameservers = proposal.nameservers.clone();
                        let build = |config: &Config| Ok(Names::new(config, epoch, nameservers));
                        orders.say(&pending.prepare(epoch, &proposal, build)).await?;
                    }
                    Some(Order::Commit { epoch }) => {
                        // All names are asked for anew: whoever reloads wants what holds now.
                        let names = pending.commit(epoch)?;
                        watchers = names.watch(&orders.warden());
                        orders.say(&ToWarden::Committed { epoch }).await?;
                    }
                    Some(Order::Forget) => pending.forget(),
                    Some(
                        Order::Drain | Order::Halt | Order::Addresses { .. } | Order::Figures(_),
                    ) => {}
                    None => return Ok(()),
                },
                Some(ended) = watchers.join_next() => ended.map_err(io::Error::other)??,
            }
        }
    };
    local.run_until(serve).await
}

impl Names {
    fn new(config: &Config, epoch: u32, nameservers: Vec<SocketAddr>) -> Self {
        let nameservers = Rc::new(nameservers);
        let watchers = (0_u16..).zip(&config.providers).filter_map(|(number, provider)| {
            Some(Watcher {
                route: RouteId { epoch, number },
                name: provider.name_to_resolve()?.to_owned(),
                provider: provider.clone(),
                nameservers: Rc::clone(&nameservers),
            })
        });
        Self { watchers: watchers.collect() }
    }

    /// Begins to ask; what is returned ends with being dropped.
    fn watch(self, warden: &Arc<AsyncChannel>) -> JoinSet<io::Result<()>> {
        let mut tasks = JoinSet::new();
        for watcher in self.watchers {
            tasks.spawn_local(watcher.run(Arc::clone(warden)));
        }
        tasks
    }
}

/// Keeps the addresses of one route current.
struct Watcher {
    route: RouteId,
    name: String,
    provider: Provider,
    nameservers: Rc<Vec<SocketAddr>>,
}

/// What a nameserver said of a name.
struct Found {
    /// Those that the configuration allows first; at most [`MAX_ADDRESSES`], at least one.
    addresses: Vec<IpAddr>,
    ttl_secs: u32,
    /// Whether the configuration allows any of them.
    usable: bool,
}

impl Watcher {
    async fn run(self, warden: Arc<AsyncChannel>) -> io::Result<()> {
        let route = self.route;
        let mut failures = 0_u32;
        loop {
            let found = self.resolve().await;
            let usable = found.as_ref().is_some_and(|found| found.usable);
            let mut ttl_secs = MIN_TTL_SECS;
            if let Some(found) = found {
                ttl_secs = found.ttl_secs.clamp(MIN_TTL_SECS, MAX_TTL_SECS);
                // Also what cannot be used: the warden counts it.
                let answer = ToWarden::Answer { route, ttl_secs, addresses: found.addresses };
                warden.send(&answer.encode(), None).await?;
            }
            if usable {
                failures = 0;
                sleep(jittered(Duration::from_secs(ttl_secs.into()))).await;
            } else {
                tracing::warn!(%route, failures, "name not resolved");
                failures = failures.saturating_add(1);
                let wait = FIRST_RETRY * 2_u32.saturating_pow(failures.min(6) - 1);
                sleep(jittered(wait.min(LAST_RETRY))).await;
            }
        }
    }

    /// Asks the nameservers in turn until one knows an address that can be used; with none, what
    /// the last one said that said anything.
    async fn resolve(&self) -> Option<Found> {
        let mut refused = None;
        for nameserver in self.nameservers.iter() {
            let found = self.resolve_at(*nameserver).await;
            if found.as_ref().is_some_and(|found| found.usable) {
                return found;
            }
            refused = found.or(refused);
        }
        refused
    }

    async fn resolve_at(&self, nameserver: SocketAddr) -> Option<Found> {
        let name = &self.name;
        let (v4, v6) =
            tokio::join!(ask(nameserver, name, Kind::A), ask(nameserver, name, Kind::Aaaa));
        let mut addresses = Vec::new();
        let mut ttl_secs = u32::MAX;
        for answer in [v4, v6].into_iter().flatten() {
            if let Answer::Addresses(mut found, ttl) = answer
                && !found.is_empty()
            {
                ttl_secs = ttl_secs.min(ttl);
                found.sort_by_key(|address| !self.provider.accepts(*address));
                addresses.extend(found.into_iter().take(MAX_ADDRESSES / 2));
            }
        }
        let usable = addresses.iter().any(|address| self.provider.accepts(*address));
        (!addresses.is_empty()).then_some(Found { addresses, ttl_secs, usable })
    }
}

async fn ask(nameserver: SocketAddr, name: &str, kind: Kind) -> Option<Answer> {
    for _ in 0..UDP_TRIES {
        match timeout(UDP_TIMEOUT, ask_udp(nameserver, name, kind)).await {
            Ok(Ok(Answer::AskOverTcp)) => {
                return timeout(TCP_TIMEOUT, ask_tcp(nameserver, name, kind)).await.ok()?.ok();
            }
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => tracing::debug!(kind = ?error.kind(), "nameserver"),
            Err(_elapsed) => {}
        }
    }
    None
}

/// One question in a datagram. A new socket each time: its port, the id and the case of the
/// letters are what a forger would have to guess.
async fn ask_udp(nameserver: SocketAddr, name: &str, kind: Kind) -> io::Result<Answer> {
    let socket = unbound_udp(nameserver)?;
    let question = Question::new(name, kind, random::bytes()?).map_err(invalid)?;
    socket.connect(nameserver).await?;
    socket.send(&question.bytes()).await?;
    let mut buffer = [0; MAX_DATAGRAM + 1];
    for _ in 0..MAX_FORGERIES {
        let length = socket.recv(&mut buffer).await?;
        if length > MAX_DATAGRAM {
            continue;
        }
        match question.read(&buffer[..length], Over::Udp) {
            // Somebody else's answer, or a forged one: the right one may still come.
            Err(DnsError::Foreign | DnsError::Malformed) => {}
            answer => return answer.map_err(invalid),
        }
    }
    // Somebody is guessing.
    Ok(Answer::AskOverTcp)
}

#[expect(clippy::disallowed_methods, reason = "to a nameserver of the configuration")]
async fn ask_tcp(nameserver: SocketAddr, name: &str, kind: Kind) -> io::Result<Answer> {
    let question = Question::new(name, kind, random::bytes()?).map_err(invalid)?;
    let bytes = question.bytes();
    let mut stream = TcpStream::connect(nameserver).await?;
    let length = u16::try_from(bytes.len()).map_err(invalid)?;
    stream.write_all(&[&length.to_be_bytes(), bytes.as_slice()].concat()).await?;
    let length = stream.read_u16().await?;
    let mut answer = vec![0; length.into()];
    stream.read_exact(&mut answer).await?;
    question.read(&answer, Over::Tcp).map_err(invalid)
}

/// A UDP socket that was never bound: `connect` gives it a random port, and the kernel denies
/// `bind` to every role.
fn unbound_udp(peer: SocketAddr) -> io::Result<UdpSocket> {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
    let family = if peer.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = socket(family, SockType::Datagram, flags, None)?;
    UdpSocket::from_std(fd.into())
}

/// Between nine tenths and the whole, so that many daemons do not ask in step.
fn jittered(pause: Duration) -> Duration {
    let share = u32::from(random::bytes().map_or(0, u16::from_be_bytes) % 100);
    pause - pause / 1000 * share
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

const MIN_TTL_SECS: u32 = 60;
const MAX_TTL_SECS: u32 = 3600;
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(30);
const UDP_TRIES: usize = 2;
/// No right answer is longer: without EDNS a nameserver sends at most 512 bytes.
const MAX_DATAGRAM: usize = 4096;
/// Datagrams with a wrong answer after which the question goes over TCP.
const MAX_FORGERIES: usize = 32;
const UDP_TIMEOUT: Duration = Duration::from_secs(2);
const TCP_TIMEOUT: Duration = Duration::from_secs(5);
