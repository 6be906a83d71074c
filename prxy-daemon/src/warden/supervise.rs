//! After the start: one loop over descriptors, no runtime, no capability.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use prxy_common::Role;
use serde_json::{Value, json};

use super::control::{Control, Request};
use super::identity::Home;
use super::kernel::Kernel;
use super::notify::Notify;
use super::{During, WardenError, status};
use crate::audit::EgressLog;
use crate::config::{Config, OnFull};
use crate::link::{FromWarden, ToWarden};
use crate::sys::bpf;
use crate::sys::channel::Channel;

/// A running role.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) role: Role,
    pub(crate) pid: Pid,
    pub(crate) pidfd: OwnedFd,
    pub(crate) channel: Channel,
}

/// Keeps policy and audit log current and ends everything when a part fails.
pub(crate) struct Supervisor {
    kernel: Kernel,
    children: Vec<Child>,
    signals: SignalFd,
    control: Control,
    log: EgressLog,
    on_full: OnFull,
    facts: Value,
    notify: Notify,
    lost: u64,
    routes: u16,
    halted: Option<Instant>,
}

/// What one descriptor brought.
enum News {
    Signal(Signal),
    Message(usize, ToWarden),
    Asked(Request),
    Gone,
}

/// Makes the signals that the supervisor handles wait for it.
pub(crate) fn block_signals() -> nix::Result<SignalFd> {
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        signals.add(signal);
    }
    signals.thread_block()?;
    SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
}

impl Supervisor {
    /// Takes over what the start has made, and tells netgate the literal addresses.
    pub(crate) fn new(
        config: &Config,
        kernel: Kernel,
        children: Vec<Child>,
        signals: SignalFd,
        home: &Home,
    ) -> Result<Self, WardenError> {
        let log = EgressLog::open(&home.audit(), config.audit.rotation, status::start(config))
            .during("open the audit log")?;
        let routes = u16::try_from(config.providers.len()).during("count the providers")?;
        let control = Control::open(home.dir()).during("make the control socket")?;
        let notify = Notify::connect(&|name| std::env::var_os(name));
        let supervisor = Self {
            kernel,
            children,
            signals,
            control,
            log,
            on_full: config.audit.on_full,
            facts: status::facts(config),
            notify,
            lost: 0,
            routes,
            halted: None,
        };
        for route in 0..routes {
            supervisor.tell_netgate(route)?;
        }
        Ok(supervisor)
    }

    /// Waits until every role has passed its canaries.
    pub(crate) fn wait_ready(&mut self) -> Result<(), WardenError> {
        let deadline = Instant::now() + START_TIMEOUT;
        let mut ready = vec![false; self.children.len()];
        while ready.contains(&false) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(WardenError::new("start the roles", "not ready in time"));
            }
            for news in self.wait(left)? {
                match news {
                    News::Message(index, ToWarden::Ready) if !ready[index] => ready[index] = true,
                    other => self.handle(other)?,
                }
            }
        }
        self.log.append_event("ready", status::ready(&self.kernel));
        self.record()
    }

    /// The kernel's programs only record from here on. Their canaries have passed: what is missing
    /// afterwards is missing because the configuration says so.
    pub(crate) fn relax(&mut self) -> Result<(), WardenError> {
        self.kernel.set_log_only(true)?;
        if !self.kernel.is_log_only()? {
            return Err(WardenError::new("relax the kernel's policy", "it did not take it"));
        }
        self.log.append_event("log-only", json!({}));
        for line in LOG_ONLY {
            tracing::warn!("{line}");
        }
        Ok(())
    }

    /// Serves until a signal asks for the end, or a role fails.
    pub(crate) fn run(mut self, listening: SocketAddr) -> Result<(), WardenError> {
        let generation = self.kernel.generation();
        tracing::info!(%listening, generation, "prxy: ready, listening on {listening}");
        self.notify.ready(&format!("listening on {listening}"));
        let ended = loop {
            match self.turn() {
                Ok(None) => {}
                Ok(Some(signal)) => break self.drain(signal),
                Err(error) => break Err(error),
            }
        };
        let why = ended.as_ref().map_or_else(ToString::to_string, |()| "signal".to_owned());
        self.log.append_stop(&why, status::totals(&self.kernel));
        let ended = ended.and(self.record());
        self.abandon();
        ended
    }

    /// Ends the roles and takes everything out of the kernel.
    pub(crate) fn abandon(self) {
        drop(self.children);
        self.kernel.abandon();
    }

    fn turn(&mut self) -> Result<Option<Signal>, WardenError> {
        let mut asked = None;
        for news in self.wait(TICK)? {
            match news {
                News::Signal(Signal::SIGHUP) => {
                    tracing::warn!("reload is not available in this version; nothing changed");
                }
                News::Signal(signal) => asked = Some(signal),
                other => self.handle(other)?,
            }
        }
        for route in self.kernel.refresh()? {
            self.tell_netgate(route)?;
        }
        self.record()?;
        match self.halted {
            None if !self.kernel.holds() => self.halt()?,
            // A new start attaches all of it again.
            Some(since) if since.elapsed() > HALT_TIME => {
                return Err(WardenError::new("enforce", "the kernel's policy was taken away"));
            }
            _ => {}
        }
        Ok(asked)
    }

    /// What only the warden knows; the rest, `prxy status` reads itself.
    fn status(&self) -> Value {
        let roles = self.children.iter().map(|child| (child.role, child.pid));
        status::report(&self.facts, &self.kernel, roles, &self.log, self.halted.is_some())
    }

    /// The policy was taken away from under us: the clients are told, and nothing is sent.
    fn halt(&mut self) -> Result<(), WardenError> {
        tracing::error!("the kernel's policy is no longer in force: nothing is sent any more");
        self.halted = Some(Instant::now());
        self.notify.status("enforcement lost: nothing is sent");
        self.log.append_event("halt", json!({ "why": "enforcement-lost" }));
        self.tell(Role::Broker, &FromWarden::Halt)?;
        self.tell(Role::Netgate, &FromWarden::Halt)
    }

    /// Lets the gateway finish what is under way, for a while.
    fn drain(&mut self, signal: Signal) -> Result<(), WardenError> {
        tracing::info!(signal = signal.as_str(), "prxy: draining");
        self.notify.stopping();
        self.tell(Role::Gateway, &FromWarden::Drain)?;
        let deadline = Instant::now() + DRAIN_TIMEOUT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                tracing::warn!("requests were cut off: they outlived the drain time");
                return Ok(());
            }
            for news in self.wait(left.min(TICK))? {
                match news {
                    // The others end when the gateway does, and may be seen first.
                    News::Gone | News::Signal(_) => return Ok(()),
                    other => self.handle(other)?,
                }
            }
        }
    }

    fn handle(&mut self, news: News) -> Result<(), WardenError> {
        match news {
            News::Gone => Err(WardenError::new("supervise", self.obituary())),
            News::Message(index, ToWarden::Answer { route, ttl_secs, addresses })
                if self.children[index].role == Role::Resolver && route < self.routes =>
            {
                let ttl = Duration::from_secs(ttl_secs.into());
                if let Some(addresses) = self.kernel.admit(route, &addresses, ttl)? {
                    let generation = self.kernel.generation();
                    let count = addresses.len();
                    tracing::info!(route, count, generation, "addresses admitted");
                    self.tell_netgate(route)?;
                }
                Ok(())
            }
            News::Message(index, _) => {
                let role = self.children[index].role.name();
                Err(WardenError::new("supervise", format_args!("unexpected message from {role}")))
            }
            News::Signal(signal) => Err(WardenError::new("start", signal.as_str())),
            News::Asked(Request::Status(reply)) => {
                self.control.answer(reply, &self.status());
                Ok(())
            }
            News::Asked(Request::Reload(reply)) => {
                let answer = json!({ "error": "reload is not available in this version" });
                self.control.answer(reply, &answer);
                Ok(())
            }
        }
    }

    /// Who has ended and how. Roles that lose their peer end too, and may be seen before it: the
    /// one that did not end by itself is named first.
    fn obituary(&self) -> String {
        std::thread::sleep(SETTLE);
        let (mut causes, mut followers) = (Vec::new(), Vec::new());
        for child in &self.children {
            let role = child.role.name();
            match waitpid(child.pid, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) => {}
                Ok(WaitStatus::Exited(_, 0)) => followers.push(format!("{role} followed")),
                Ok(WaitStatus::Exited(_, status)) => {
                    causes.push(format!("{role} ended with status {status}"));
                }
                Ok(WaitStatus::Signaled(_, signal, _)) => {
                    causes.push(format!("{role} was killed by {signal}"));
                }
                other => causes.push(format!("{role}: {other:?}")),
            }
        }
        causes.append(&mut followers);
        causes.join(", ")
    }

    /// Netgate learns addresses only after the kernel admits them.
    fn tell_netgate(&self, route: u16) -> Result<(), WardenError> {
        if self.halted.is_some() {
            return Ok(());
        }
        let addresses = self.kernel.addresses(route);
        self.tell(Role::Netgate, &FromWarden::Addresses { route, addresses })
    }

    /// Sends an order without ever waiting for a role that does not read.
    fn tell(&self, role: Role, message: &FromWarden) -> Result<(), WardenError> {
        let step = "tell a role";
        match self.children.iter().find(|child| child.role == role) {
            Some(child) => match child.channel.send_now(&message.encode()) {
                // It is gone: its pidfd says so, and who was the first to go.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                sent => sent.during(step),
            },
            None => Err(WardenError::new(step, format_args!("{} is not running", role.name()))),
        }
    }

    /// Appends what the kernel has reported to the audit log, at most one buffer full: a role that
    /// reports without end must not keep the supervisor from everything else.
    fn record(&mut self) -> Result<(), WardenError> {
        self.kernel.logger.flush();
        for change in self.kernel.take_changes() {
            self.log.append_event("generation", status::generation(&change));
        }
        for _ in 0..MAX_EVENTS {
            let Some(item) = self.kernel.events.next() else { break };
            if let Some(event) = bpf::read_event(&item) {
                self.log.append(&event);
            }
        }
        let lost = self.kernel.lost_events();
        if lost > self.lost {
            self.log.append_lost(lost - self.lost);
            self.lost = lost;
        }
        match self.log.flush() {
            Err(error) if self.on_full == OnFull::Stop => {
                Err(WardenError::new("write the audit log", error))
            }
            // The log has said it, and counts what is left out.
            _ => Ok(()),
        }
    }

    fn wait(&mut self, at_most: Duration) -> Result<Vec<News>, WardenError> {
        let step = "wait for events";
        self.notify.alive();
        let mut fds: Vec<BorrowedFd<'_>> = vec![self.signals.as_fd(), self.kernel.events.as_fd()];
        for child in &self.children {
            fds.extend([child.channel.as_fd(), child.pidfd.as_fd()]);
        }
        let mut polled: Vec<_> = fds.iter().map(|fd| PollFd::new(*fd, PollFlags::POLLIN)).collect();
        polled.extend(self.control.interest().map(|(fd, flags)| PollFd::new(fd, flags)));
        let timeout = PollTimeout::try_from(at_most).unwrap_or(PollTimeout::MAX);
        match poll(&mut polled, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(WardenError::new(step, error)),
        }
        let readable: Vec<bool> = polled.iter().map(|fd| fd.any().unwrap_or(false)).collect();
        let mut news = Vec::new();
        if readable[0] {
            while let Some(info) = self.signals.read_signal().during(step)? {
                let number = i32::try_from(info.ssi_signo).during(step)?;
                news.push(News::Signal(Signal::try_from(number).during(step)?));
            }
        }
        for (index, child) in self.children.iter().enumerate() {
            if readable[2 + 2 * index]
                && let Some(message) = receive(&child.channel).during(step)?
            {
                news.push(News::Message(index, message));
            }
            if readable[3 + 2 * index] {
                news.push(News::Gone);
            }
        }
        news.extend(self.control.turn().into_iter().map(News::Asked));
        Ok(news)
    }
}

/// One message, or `None` if the role has closed its end: its pidfd tells the rest.
fn receive(channel: &Channel) -> io::Result<Option<ToWarden>> {
    let mut buffer = [0; 1024];
    let (length, _dropped) = channel.receive(&mut buffer)?;
    if length == 0 {
        return Ok(None);
    }
    Ok(Some(ToWarden::decode(&buffer[..length])?))
}

/// Nobody is to take this mode for the other.
const LOG_ONLY: &[&str] = &[
    "==================== THE AIRGAP DOES NOT PROTECT ====================",
    "onViolation: log-only: the kernel's programs let everything go on",
    "what they would deny is in audit/egress.jsonl with the verdict would-deny",
    "still in force: empty namespaces, system call filters, Landlock, no capabilities",
    "=====================================================================",
];
/// Roles that follow one that failed are gone by then.
const SETTLE: Duration = Duration::from_millis(20);
const START_TIMEOUT: Duration = Duration::from_secs(20);
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);
/// How long clients are told that enforcement is lost, before a new start is called for.
const HALT_TIME: Duration = Duration::from_secs(5);
/// More than the ring buffer holds.
const MAX_EVENTS: usize = 8192;
/// Longest time that the kernel's reports and expired addresses wait.
const TICK: Duration = Duration::from_millis(500);
