//! After the start: one loop over descriptors, no runtime, no capability.
//!
//! What a reload does is in `reload`, what is watched in `watchdog`, who lives in `children`.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use prxy_common::Role;
use serde_json::{Value, json};

use super::children::{self, Child};
use super::control::{Control, Reply, Request};
use super::identity::Home;
use super::kernel::Kernel;
use super::notify::Notify;
use super::pulse::Pulse;
use super::reload::Settings;
use super::watchdog::{Loss, Watchdog};
use super::{During, WardenError, status};
use crate::audit::EgressLog;
use crate::config::OnFull;
use crate::link::{FIRST_EPOCH, FromWarden, RouteId, ToWarden};
use crate::sys::bpf;

/// Keeps policy and audit log current and ends everything when a part fails.
pub(crate) struct Supervisor {
    pub(super) kernel: Kernel,
    pub(super) children: Vec<Child>,
    signals: SignalFd,
    control: Control,
    pub(super) log: EgressLog,
    pub(super) on_full: OnFull,
    pub(super) facts: Value,
    notify: Notify,
    /// Where clients connect, for the service manager.
    status: String,
    lost: u64,
    /// What is in force, and what a reload may not change.
    pub(super) settings: Settings,
    /// Numbers the configuration in force.
    pub(super) epoch: u32,
    /// The last epoch that any role has heard of; none is ever used twice.
    pub(super) proposed: u32,
    watchdog: Watchdog,
    pulse: Pulse,
    halted: Option<Halt>,
    /// What was asked for, in order.
    tasks: VecDeque<Task>,
}

/// What one descriptor brought.
pub(super) enum News {
    Signal(Signal),
    Message(Role, ToWarden),
    Asked(Request),
    Gone(Role),
}

/// What the loop does between two waits.
enum Task {
    End(Signal),
    Reload(Option<Reply>),
}

/// The policy is not in force any more.
struct Halt {
    since: Instant,
    lost: String,
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
        settings: Settings,
        kernel: Kernel,
        children: Vec<Child>,
        signals: SignalFd,
        home: &Home,
    ) -> Result<Self, WardenError> {
        let audit = settings.config.audit;
        let log = EgressLog::open(&home.audit(), audit.rotation, status::start(&settings.config))
            .during("open the audit log")?;
        let facts = status::facts(&settings.config);
        let control = Control::open(home.dir()).during("make the control socket")?;
        let watchdog = Watchdog::new(&kernel, &children)?;
        let pulse = Pulse::new(children.iter().map(|child| child.role));
        let supervisor = Self {
            kernel,
            children,
            signals,
            control,
            log,
            on_full: audit.on_full,
            facts,
            notify: Notify::connect(&|name| std::env::var_os(name)),
            status: String::new(),
            lost: 0,
            settings,
            epoch: FIRST_EPOCH,
            proposed: FIRST_EPOCH,
            watchdog,
            pulse,
            halted: None,
            tasks: VecDeque::new(),
        };
        for number in 0..supervisor.routes()? {
            supervisor.tell_netgate(number)?;
        }
        Ok(supervisor)
    }

    /// Waits until every role has passed its canaries.
    pub(crate) fn wait_ready(&mut self) -> Result<(), WardenError> {
        let deadline = Instant::now() + START_TIMEOUT;
        let mut starting: Vec<_> = self.children.iter().map(|child| child.role).collect();
        while !starting.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(WardenError::new("start the roles", "not ready in time"));
            }
            for news in self.wait(left)? {
                match news {
                    News::Message(role, ToWarden::Ready) if starting.contains(&role) => {
                        starting.retain(|other| *other != role);
                    }
                    News::Signal(signal) if signal != Signal::SIGHUP => {
                        return Err(WardenError::new("start", signal.as_str()));
                    }
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
    pub(crate) fn run(mut self, listening: &str) -> Result<(), WardenError> {
        let generation = self.kernel.generation();
        tracing::info!(listening, generation, "prxy: ready, listening on {listening}");
        self.status = format!("listening on {listening}");
        self.notify.ready(&self.status);
        self.tell_figures()?;
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
        for child in &self.children {
            let _ = self.kernel.kill(child.role);
        }
        drop(self.children);
        children::reap();
        let _ = self.kernel.abandon();
    }

    fn turn(&mut self) -> Result<Option<Signal>, WardenError> {
        for news in self.attend(TICK)? {
            self.handle(news)?;
        }
        match self.tasks.pop_front() {
            Some(Task::End(signal)) => Ok(Some(signal)),
            Some(Task::Reload(reply)) => {
                self.notify.reloading();
                let answer = self.reload()?;
                self.notify.ready(&self.status);
                if let Some(reply) = reply {
                    self.control.answer(reply, &answer);
                }
                Ok(None)
            }
            None => Ok(None),
        }
    }

    /// Waits for news, and sees to everything that nobody asks for.
    pub(super) fn attend(&mut self, at_most: Duration) -> Result<Vec<News>, WardenError> {
        let at_most = if self.tasks.is_empty() { at_most } else { Duration::ZERO };
        let mut news = self.wait(at_most.min(self.watchdog.pause()))?;
        for number in self.kernel.refresh()? {
            self.tell_netgate(number)?;
        }
        self.record()?;
        match &self.halted {
            None => match self.watchdog.look(&self.kernel) {
                None => self.feel_pulse()?,
                Some(loss) => self.halt(loss)?,
            },
            Some(halt) if halt.since.elapsed() >= HALT_TIME => {
                return Err(WardenError::new("the kernel's policy was lost", &halt.lost));
            }
            Some(_) => {}
        }
        // A halt has ended some of those who brought it: that is no news, and no reason to fail.
        let lives = |role: &Role| self.children.iter().any(|child| child.role == *role);
        news.retain(|news| match news {
            News::Message(role, _) | News::Gone(role) => lives(role),
            News::Signal(_) | News::Asked(_) => true,
        });
        Ok(news)
    }

    /// A role that does not answer is as bad as one that has ended.
    fn feel_pulse(&mut self) -> Result<(), WardenError> {
        let due = self.pulse.due().map_err(|role| {
            self.log.append_event("hung", json!({ "role": role.name() }));
            WardenError::new("supervise", format_args!("{} does not answer any more", role.name()))
        })?;
        if due.is_empty() {
            return Ok(());
        }
        due.into_iter().try_for_each(|role| self.tell(role, &FromWarden::Ping))?;
        self.tell_figures()
    }

    /// The gateway shows what the warden counts; it never asks.
    fn tell_figures(&self) -> Result<(), WardenError> {
        let figures = status::figures(&self.kernel, &self.facts, &self.log, self.epoch);
        self.tell(Role::Gateway, &FromWarden::Figures(figures))
    }

    /// What only the warden knows; the rest, `prxy status` reads itself.
    fn status(&self) -> Value {
        let roles = self.children.iter().map(|child| (child.role, child.pid));
        let mut report =
            status::report(&self.facts, &self.kernel, roles, &self.log, self.halted.is_some());
        report["epoch"] = json!(self.epoch);
        report
    }

    /// The policy was taken away from under us: nothing is sent any more, clients are told for a
    /// while, and then the daemon ends, so that whoever starts it again attaches it anew.
    fn halt(&mut self, loss: Loss) -> Result<(), WardenError> {
        let (Loss::Policy(lost) | Loss::Escape(lost)) = &loss;
        tracing::error!("the kernel's policy is no longer in force: {lost}");
        self.notify.status("enforcement lost: nothing is sent");
        self.log.append_event("halt", json!({ "why": "enforcement-lost", "lost": lost }));
        if let Loss::Escape(lost) = loss {
            // It can reach the network, and no capability is left to stop it: it ends with us.
            return Err(WardenError::new("the kernel's policy was lost", lost));
        }
        self.tell(Role::Broker, &FromWarden::Halt)?;
        self.tell(Role::Gateway, &FromWarden::Halt)?;
        for role in [Role::Netgate, Role::Resolver] {
            self.kernel.kill(role)?;
            self.children.retain(|child| child.role != role);
        }
        self.halted = Some(Halt { since: Instant::now(), lost: lost.clone() });
        Ok(())
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
            for news in self.attend(left.min(TICK))? {
                match news {
                    // The others end when the gateway does, and may be seen first.
                    News::Gone(_) => return Ok(()),
                    other => self.handle(other)?,
                }
            }
            while let Some(task) = self.tasks.pop_front() {
                match task {
                    Task::End(_) => return Ok(()),
                    Task::Reload(reply) => {
                        let answer = self.refuse_reload(vec!["prxy is about to end".to_owned()]);
                        if let Some(reply) = reply {
                            self.control.answer(reply, &answer);
                        }
                    }
                }
            }
        }
    }

    pub(super) fn handle(&mut self, news: News) -> Result<(), WardenError> {
        match news {
            News::Gone(_) => Err(WardenError::new("supervise", children::obituary(&self.children))),
            News::Message(role, ToWarden::Alive) => {
                self.pulse.heard(role);
                Ok(())
            }
            News::Message(Role::Resolver, ToWarden::Answer { route, ttl_secs, addresses }) => {
                // One for a configuration that has gone meanwhile.
                if route.epoch != self.epoch {
                    return Ok(());
                }
                let ttl = Duration::from_secs(ttl_secs.into());
                if let Some(addresses) = self.kernel.admit(route.number, &addresses, ttl)? {
                    let generation = self.kernel.generation();
                    let count = addresses.len();
                    tracing::info!(%route, count, generation, "addresses admitted");
                    self.tell_netgate(route.number)?;
                }
                Ok(())
            }
            // It was too late: the warden had given the proposal up.
            News::Message(_, ToWarden::Prepared { epoch } | ToWarden::Refused { epoch, .. })
                if self.epoch < epoch && epoch <= self.proposed =>
            {
                Ok(())
            }
            News::Message(role, _) => {
                let role = role.name();
                Err(WardenError::new("supervise", format_args!("unexpected message from {role}")))
            }
            News::Signal(Signal::SIGHUP) => {
                self.tasks.push_back(Task::Reload(None));
                Ok(())
            }
            News::Signal(signal) => {
                self.tasks.push_back(Task::End(signal));
                Ok(())
            }
            News::Asked(Request::Reload(reply)) => {
                self.tasks.push_back(Task::Reload(Some(reply)));
                Ok(())
            }
            News::Asked(Request::Status(reply)) => {
                self.control.answer(reply, &self.status());
                Ok(())
            }
        }
    }

    pub(super) fn routes(&self) -> Result<u16, WardenError> {
        u16::try_from(self.settings.config.providers.len()).during("count the providers")
    }

    /// Whether nothing is sent any more.
    pub(super) fn is_halted(&self) -> bool {
        self.halted.is_some()
    }

    /// Netgate learns addresses only after the kernel admits them.
    fn tell_netgate(&self, number: u16) -> Result<(), WardenError> {
        if self.is_halted() {
            return Ok(());
        }
        let route = RouteId { epoch: self.epoch, number };
        let addresses = self.kernel.allowlist().addresses(number);
        self.tell(Role::Netgate, &FromWarden::Addresses { route, addresses })
    }

    /// Sends an order without ever waiting for a role that does not read.
    pub(super) fn tell(&self, role: Role, message: &FromWarden) -> Result<(), WardenError> {
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
                && let Some(message) = child.receive().during(step)?
            {
                news.push(News::Message(child.role, message));
            }
            if readable[3 + 2 * index] {
                news.push(News::Gone(child.role));
            }
        }
        news.extend(self.control.turn().into_iter().map(News::Asked));
        Ok(news)
    }
}

/// Nobody is to take this mode for the other.
const LOG_ONLY: &[&str] = &[
    "==================== THE AIRGAP DOES NOT PROTECT ====================",
    "onViolation: log-only: the kernel's programs let everything go on",
    "what they would deny is in audit/egress.jsonl with the verdict would-deny",
    "still in force: empty namespaces, system call filters, Landlock, no capabilities",
    "=====================================================================",
];
const START_TIMEOUT: Duration = Duration::from_secs(20);
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);
/// How long clients are told that nothing is sent, before the daemon ends.
const HALT_TIME: Duration = Duration::from_secs(5);
/// More than the ring buffer holds.
const MAX_EVENTS: usize = 8192;
/// Longest time that the kernel's reports and expired addresses wait.
const TICK: Duration = Duration::from_millis(500);
