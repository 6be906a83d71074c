//! Turns the configured names into addresses, on a timer and never because of a request.
//!
//! Its answers go to the warden, which decides what the kernel admits. Not for judging addresses,
//! and not reachable by any request: it reads nothing but its own nameservers' answers.

pub mod dns;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::config::{Config, Host};
use crate::link::{MAX_ADDRESSES, ToWarden};
use crate::sys::channel::{AsyncChannel, Channel};
use dns::{Answer, Kind};

/// Resolves every configured name again and again until the warden is gone.
///
/// # Errors
/// The channel fails, or a watcher ends, which it never should.
pub async fn run(config: &Config, nameservers: Vec<SocketAddr>, warden: Channel) -> io::Result<()> {
    let warden = Rc::new(AsyncChannel::new(warden)?);
    let nameservers = Rc::new(nameservers);
    let local = tokio::task::LocalSet::new();
    let serve = async {
        let mut watchers = JoinSet::new();
        for (route, provider) in config.providers.iter().enumerate() {
            if let (Host::Name(name), Ok(route)) = (&provider.host, u16::try_from(route)) {
                let (warden, nameservers) = (Rc::clone(&warden), Rc::clone(&nameservers));
                watchers.spawn_local(watch(route, name.clone(), nameservers, warden));
            }
        }
        let mut buffer = [0; 64];
        loop {
            tokio::select! {
                message = warden.receive(&mut buffer) => if message?.0 == 0 {
                    return Ok(());
                },
                Some(ended) = watchers.join_next() => ended.map_err(io::Error::other)??,
            }
        }
    };
    local.run_until(serve).await
}

async fn watch(
    route: u16,
    name: String,
    nameservers: Rc<Vec<SocketAddr>>,
    warden: Rc<AsyncChannel>,
) -> io::Result<()> {
    let mut failures = 0_u32;
    loop {
        let pause = match resolve(&name, &nameservers).await {
            Some((addresses, ttl_secs)) => {
                failures = 0;
                let ttl_secs = ttl_secs.clamp(MIN_TTL_SECS, MAX_TTL_SECS);
                let answer = ToWarden::Answer { route, ttl_secs, addresses };
                warden.send(&answer.encode(), None).await?;
                jittered(Duration::from_secs(ttl_secs.into()))
            }
            None => {
                tracing::warn!(route, failures, "name not resolved");
                failures = failures.saturating_add(1);
                let wait = FIRST_RETRY * 2_u32.saturating_pow(failures.min(6) - 1);
                jittered(wait.min(LAST_RETRY))
            }
        };
        sleep(pause).await;
    }
}

/// Asks the nameservers in turn; `None` if none of them knows an address.
async fn resolve(name: &str, nameservers: &[SocketAddr]) -> Option<(Vec<IpAddr>, u32)> {
    for nameserver in nameservers {
        let (v4, v6) =
            tokio::join!(ask(*nameserver, name, Kind::A), ask(*nameserver, name, Kind::Aaaa));
        let mut addresses = Vec::new();
        let mut ttl = u32::MAX;
        for answer in [v4, v6].into_iter().flatten() {
            if let Answer::Addresses(found, found_ttl) = answer
                && !found.is_empty()
            {
                ttl = ttl.min(found_ttl);
                addresses.extend(found.into_iter().take(MAX_ADDRESSES / 2));
            }
        }
        if !addresses.is_empty() {
            return Some((addresses, ttl));
        }
    }
    None
}

async fn ask(nameserver: SocketAddr, name: &str, kind: Kind) -> Option<Answer> {
    for _ in 0..UDP_TRIES {
        match timeout(UDP_TIMEOUT, ask_udp(nameserver, name, kind)).await {
            Ok(Ok(Answer::Truncated)) => {
                return timeout(TCP_TIMEOUT, ask_tcp(nameserver, name, kind)).await.ok()?.ok();
            }
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => tracing::debug!(kind = ?error.kind(), "nameserver"),
            Err(_elapsed) => {}
        }
    }
    None
}

/// One question in a datagram. A new socket each time: its port is half of the secret.
async fn ask_udp(nameserver: SocketAddr, name: &str, kind: Kind) -> io::Result<Answer> {
    let socket = unbound_udp(nameserver)?;
    let id = random_id()?;
    socket.connect(nameserver).await?;
    socket.send(&dns::question(id, name, kind).map_err(invalid)?).await?;
    let mut buffer = [0; 4096];
    loop {
        let length = socket.recv(&mut buffer).await?;
        match dns::answer(&buffer[..length], id, name, kind) {
            // Somebody else's answer, or a forged one: the right one may still come.
            Err(dns::DnsError::Foreign | dns::DnsError::Malformed) => {}
            answer => return answer.map_err(invalid),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "to a nameserver of the configuration")]
async fn ask_tcp(nameserver: SocketAddr, name: &str, kind: Kind) -> io::Result<Answer> {
    let id = random_id()?;
    let question = dns::question(id, name, kind).map_err(invalid)?;
    let mut stream = TcpStream::connect(nameserver).await?;
    let length = u16::try_from(question.len()).map_err(invalid)?;
    stream.write_all(&[&length.to_be_bytes(), question.as_slice()].concat()).await?;
    let length = stream.read_u16().await?;
    let mut answer = vec![0; length.into()];
    stream.read_exact(&mut answer).await?;
    dns::answer(&answer, id, name, kind).map_err(invalid)
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

fn random_id() -> io::Result<u16> {
    crate::sys::random::bytes::<2>().map(u16::from_be_bytes)
}

/// Between nine tenths and the whole, so that many daemons do not ask in step.
fn jittered(pause: Duration) -> Duration {
    let share = u32::from(random_id().unwrap_or(0) % 100);
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
const UDP_TIMEOUT: Duration = Duration::from_secs(2);
const TCP_TIMEOUT: Duration = Duration::from_secs(5);
