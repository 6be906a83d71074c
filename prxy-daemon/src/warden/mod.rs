//! Starts the roles behind the kernel's policy, keeps the policy current, and ends everything
//! when any part of it fails.
//!
//! The order is the promise: attach and read back first, then create each role directly inside
//! its cgroup, then drop every capability, and say "ready" only when every canary has passed.
//! Not for anything that came from the network: messages from roles are parsed by `link`.

mod activation;
mod allowlist;
mod bpffs;
mod children;
mod confine;
pub(crate) mod control;
mod drains;
pub(crate) mod floor;
pub(crate) mod front;
pub(crate) mod identity;
pub(crate) mod inspect;
pub(crate) mod kernel;
mod notify;
pub(crate) mod plan;
mod programs;
mod pulse;
mod reload;
pub(crate) mod roles;
mod status;
mod supervise;
mod unix;
mod watchdog;

use std::fmt::Display;
use std::os::fd::AsFd;

use prxy_common::Role;
use thiserror::Error;

use crate::config::{Bundles, Config, Enforcement, Origin};
use crate::sys::fds;
use activation::Doorbell;
pub use floor::{LAYERS, Layer, Version};
use identity::Home;
use kernel::Kernel;
use plan::Plan;
pub use programs::{OBJECT, PROGRAMS};
use reload::Settings;
use supervise::Supervisor;
pub(crate) use supervise::block_signals;

/// What kept the daemon from starting, or ended it.
#[derive(Debug, Error)]
#[error("{step}: {cause}")]
pub struct WardenError {
    step: &'static str,
    cause: String,
}

impl WardenError {
    pub(crate) fn new(step: &'static str, cause: impl Display) -> Self {
        Self { step, cause: cause.to_string() }
    }
}

/// Puts the step into whatever error comes out of it.
pub(crate) trait During<T> {
    fn during(self, step: &'static str) -> Result<T, WardenError>;
}

impl<T, E: Display> During<T> for Result<T, E> {
    fn during(self, step: &'static str) -> Result<T, WardenError> {
        self.map_err(|cause| WardenError::new(step, cause))
    }
}

/// Whether raw data is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// Never.
    Nothing,
    /// What is masked and restored, on standard error, which is a terminal.
    Differences,
}

/// Runs the daemon until it is told to stop.
///
/// # Errors
/// Anything that keeps one of the layers from holding. Nothing is served then.
pub fn serve(config: &Config, origin: &Origin, show: Show) -> Result<(), WardenError> {
    let doorbell = Doorbell::find(&|name| std::env::var_os(name), config.listen.tcp)?;
    close_inherited(doorbell.as_ref())?;
    if config.enforcement == Enforcement::BestEffort {
        tracing::warn!("enforcement: best-effort relaxes nothing yet; all layers hold or I stop");
    }
    // Signals wait for the supervisor's descriptor; roles inherit the mask and so end by their
    // warden only.
    let signals = supervise::block_signals().during("block signals")?;
    let bundles = Bundles::read(config).during("read trust roots")?;
    let home = Home::open(config)?;
    let mut kernel = Kernel::attach(&home)?;
    floor::tell(kernel.layers());
    kernel.enter_own_cgroup()?;
    confine::warden_canary()?;
    let doors = match front::open(&kernel, config, &home, doorbell) {
        Ok(doors) => doors,
        Err(error) => {
            // Such as a port in use: common, and nothing of ours runs yet.
            let _ = kernel.abandon();
            return Err(error);
        }
    };
    let (address, metrics) = doors.addresses()?;
    kernel.close_front(address, metrics)?;
    let nameservers = nameservers(config)?;
    kernel.install(config, &nameservers)?;
    let plan = Plan::of(Role::Warden, config, &nameservers, &kernel.places(&home));
    let settings = Settings::new(config, origin, &nameservers);
    // Until the end.
    let (doors, _names) = doors.split();
    let clients = roles::Clients { doors, show };
    let roles = roles::start(config, origin, &bundles, &home, &kernel, clients, nameservers)?;
    let mut supervisor = Supervisor::new(settings, kernel, roles, signals, &home)?;
    if let Err(error) = supervisor.wait_ready() {
        supervisor.abandon();
        return Err(error);
    }
    // Set-up is over: from here on the warden only holds descriptors.
    plan.take_rights_away(None)?;
    plan.confine()?;
    confine::sandbox_canary(Role::Warden)?;
    if config.is_log_only() {
        supervisor.relax()?;
    }
    let unix = config.listen.unix.as_ref().map(|path| format!("unix:{}", path.display()));
    let places = address.map(|address| address.to_string()).into_iter().chain(unix);
    supervisor.run(&places.collect::<Vec<_>>().join(" and "))
}

/// Nothing that the starter left open gets in, and no log line goes straight into a network.
fn close_inherited(doorbell: Option<&Doorbell>) -> Result<(), WardenError> {
    let step = "check standard error";
    if !fds::is_local(&std::io::stderr()).during(step)? {
        let cause = "it is a network or datagram socket; give me a file, a pipe or a unix stream";
        return Err(WardenError::new(step, cause));
    }
    let step = "close inherited descriptors";
    let keep: Vec<_> = doorbell.map(|bell| bell.listener().as_fd()).into_iter().collect();
    fds::close_all_but(&keep).during(step)?;
    fds::silence_stdio().during(step)
}

/// The configured nameservers, or those of the system; with none, names stay unresolved. Where no
/// name is to be resolved, none: the kernel then admits no question at all.
pub(crate) fn nameservers(config: &Config) -> Result<Vec<std::net::SocketAddr>, WardenError> {
    if config.providers.iter().all(|provider| provider.name_to_resolve().is_none()) {
        return Ok(Vec::new());
    }
    if !config.nameservers.is_empty() {
        return Ok(config.nameservers.clone());
    }
    let text = match std::fs::read_to_string(RESOLV_CONF) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(WardenError::new("read /etc/resolv.conf", error)),
    };
    Ok(text
        .lines()
        .filter_map(|line| line.strip_prefix("nameserver"))
        .filter_map(|rest| rest.trim().parse().ok())
        .map(|address| std::net::SocketAddr::new(address, 53))
        .take(3)
        .collect())
}

const RESOLV_CONF: &str = "/etc/resolv.conf";
