//! A new configuration under living roles: everything is prepared beside what is in force, and then
//! committed role by role; until the first commit, nothing has changed.
//!
//! The order of the commits is the promise. Netgate is first: from then on it dials for no request
//! of the old configuration. Then one word in the kernel flips. Then the broker, which refuses what
//! was masked by the old policy; then the resolver; last the gateway, which prepares again what was
//! refused. So no request is judged by two policies, and none is lost.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use prxy_common::Role;
use serde_json::{Value, json};

use super::allowlist::{Allowlist, Entry};
use super::supervise::{News, Supervisor};
use super::{WardenError, nameservers, plan, status};
use crate::config::{Bundles, Config, OnViolation, Origin, difference};
use crate::link::reload::Proposal;
use crate::link::{FromWarden, RouteId, ToWarden};

/// The configuration in force, where it came from, and what only a restart can change.
pub(crate) struct Settings {
    pub(super) config: Config,
    origin: Origin,
    keys: BTreeSet<String>,
    provider_ports: BTreeSet<u16>,
    nameserver_ports: BTreeSet<u16>,
}

/// A configuration that could be put in force.
struct Candidate {
    config: Config,
    nameservers: Vec<SocketAddr>,
    /// For everyone but the broker.
    proposal: Proposal,
    bundles: Bundles,
}

impl Settings {
    /// What the daemon starts with.
    pub(crate) fn new(config: &Config, origin: &Origin, nameservers: &[SocketAddr]) -> Self {
        let keys = config.providers.iter().filter_map(|provider| provider.key_name.clone());
        Self {
            config: config.clone(),
            origin: origin.clone(),
            keys: keys.collect(),
            provider_ports: plan::provider_ports(config),
            nameserver_ports: plan::nameserver_ports(nameservers),
        }
    }

    /// Reads the configuration again; every problem, if it cannot be put in force.
    fn candidate(&self) -> Result<Candidate, Vec<String>> {
        let (config, text) = self.origin.load().map_err(|errors| vec![errors.to_string()])?;
        let nameservers = nameservers(&config)
            .map_err(|error| vec![format!("dns.nameservers: {error}; restart prxy")])?;
        let bundles = Bundles::read(&config).map_err(|error| vec![error.to_string()])?;
        let fixed = self.needs_restart(&config, &nameservers);
        if !fixed.is_empty() {
            return Err(fixed);
        }
        let proposal =
            Proposal { text, nameservers: nameservers.clone(), bundles: Bundles::default() };
        Ok(Candidate { config, nameservers, proposal, bundles })
    }

    /// The keys of the configuration that only a restart can change, and why.
    fn needs_restart(&self, new: &Config, nameservers: &[SocketAddr]) -> Vec<String> {
        let old = &self.config;
        let mut fixed = Vec::new();
        let mut fix = |key: &str, why: &str| fixed.push(format!("{key}: {why}; restart prxy"));
        if new.listen != old.listen {
            fix("listen", "the listener is made before the roles");
        }
        if new.metrics != old.metrics {
            fix("metrics", "its sockets are made before the roles");
        }
        let told = |config: &Config| config.clients.iter().any(|client| client.peer.is_some());
        if new.listen.unix.is_some() && told(new) != told(old) {
            fix("clients", "who may open the unix socket depends on whether users are told apart");
        }
        if new.data_dir != old.data_dir {
            fix("--data-dir", "the data directory is locked");
        }
        if new.enforcement != old.enforcement {
            fix("enforcement", "it decides on what the start may do without");
        }
        if (new.vault.scope, new.vault.expire_after) != (old.vault.scope, old.vault.expire_after) {
            fix("vault", "its scope and its expiry are chosen when it is opened");
        }
        if new.encrypt != old.encrypt {
            fix("encrypt", "the state is opened once, with a secret that is read at the start");
        }
        if on_violation(new) != on_violation(old) {
            fix(
                "pipeline.airgap.onViolation",
                "what the kernel denies does not change under traffic",
            );
        }
        for provider in &new.providers {
            let path = format!("providers.{}", provider.name);
            if let Some(key) = &provider.key_name
                && !self.keys.contains(key)
            {
                let why = format!("{key} was not read at the start");
                fix(&format!("{path}.key"), &why);
            }
            if !self.provider_ports.contains(&provider.port) {
                let why = format!("netgate may not connect to port {}", provider.port);
                fix(&format!("{path}.base_url"), &why);
            }
        }
        for server in nameservers.iter().filter(|s| !self.nameserver_ports.contains(&s.port())) {
            let why = format!("the resolver may not connect to port {}", server.port());
            fix("dns.nameservers", &why);
        }
        fixed
    }
}

impl Supervisor {
    /// Reads the configuration again and puts it in force, or changes nothing; what to tell who
    /// asked.
    ///
    /// # Errors
    /// A role fails, or does not commit what it has prepared: then everything ends.
    pub(super) fn reload(&mut self) -> Result<Value, WardenError> {
        if self.is_halted() {
            return Ok(self.refuse_reload(vec!["the kernel's policy was lost".to_owned()]));
        }
        let candidate = match self.settings.candidate() {
            Ok(candidate) => candidate,
            Err(problems) => return Ok(self.refuse_reload(problems)),
        };
        self.proposed += 1;
        if let Err(problem) = self.prepare(&candidate)? {
            for role in RELOADED {
                // The roles that were lost in a halt need not know.
                if !self.is_halted() {
                    self.tell(role, &FromWarden::Forget)?;
                }
            }
            return Ok(self.refuse_reload(vec![problem]));
        }
        let changes = self.commit(candidate)?;
        let (epoch, generation) = (self.epoch, self.kernel.generation());
        let started = self.facts["started_ns"].take();
        self.facts = status::facts(&self.settings.config);
        self.facts["started_ns"] = started;
        self.on_full = self.settings.config.audit.on_full;
        tracing::info!(epoch, generation, "prxy: configuration reloaded");
        for change in &changes {
            tracing::info!("reload: {change}");
        }
        let told = told(&changes);
        self.log.append_event(
            "reload",
            json!({ "epoch": epoch, "generation": generation, "changes": told }),
        );
        Ok(json!({ "reloaded": true, "epoch": epoch, "generation": generation, "changes": told }))
    }

    /// Tells everyone that nothing has changed.
    pub(super) fn refuse_reload(&mut self, problems: Vec<String>) -> Value {
        for problem in &problems {
            tracing::error!("reload: {problem}");
        }
        tracing::error!("prxy: configuration not reloaded, nothing has changed");
        self.log.append_event("reload-refused", json!({ "problems": problems.len() }));
        json!({ "reloaded": false, "problems": problems })
    }

    /// Lets every role build what the candidate asks for; `Err` says why one could not.
    fn prepare(&mut self, candidate: &Candidate) -> Result<Result<(), String>, WardenError> {
        let epoch = self.proposed;
        let step = "send a configuration";
        let Candidate { config, proposal, bundles, .. } = candidate;
        let mut parts: Vec<VecDeque<Vec<u8>>> = Vec::new();
        for child in &self.children {
            let whole = Proposal { bundles: bundles.clone(), ..proposal.clone() };
            let own = if child.role == Role::Broker { &whole } else { proposal };
            parts.push(own.parts(epoch).into());
        }
        let mut waited_for: Vec<_> = self.children.iter().map(|child| child.role).collect();
        let mut refused = None;
        let deadline = Instant::now() + PREPARE_TIMEOUT;
        while !waited_for.is_empty() {
            for (child, parts) in self.children.iter().zip(&mut parts) {
                while let Some(part) = parts.front() {
                    match child.channel.send_now(part) {
                        Ok(()) => drop(parts.pop_front()),
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                        // It is gone, as its pidfd will say.
                        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => parts.clear(),
                        Err(error) => return Err(WardenError::new(step, error)),
                    }
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let full = parts.iter().any(|parts| !parts.is_empty());
            for news in self.attend(if full { PART_PAUSE } else { left })? {
                match news {
                    News::Message(role, ToWarden::Prepared { epoch: of }) if of == epoch => {
                        waited_for.retain(|other| *other != role);
                    }
                    News::Message(role, ToWarden::Refused { epoch: of, obstacle, route })
                        if of == epoch =>
                    {
                        let role = role.name();
                        let provider = route.and_then(|n| config.providers.get(usize::from(n)));
                        let place = provider.map_or_else(String::new, |provider| {
                            format!("providers.{}: ", provider.name)
                        });
                        refused = Some(format!("{place}{role} refuses it: {}", obstacle.reason()));
                    }
                    other => self.handle(other)?,
                }
            }
            if self.is_halted() {
                refused = Some("the kernel's policy was lost".to_owned());
            }
            if left.is_zero()
                && let Some(silent) = waited_for.first()
            {
                let role = silent.name();
                refused.get_or_insert(format!("{role} did not prepare it in time"));
            }
            if let Some(refused) = refused {
                return Ok(Err(refused));
            }
        }
        Ok(Ok(()))
    }

    /// Puts the candidate in force; what it changes. There is no way back from here.
    fn commit(&mut self, candidate: Candidate) -> Result<Vec<String>, WardenError> {
        let epoch = self.proposed;
        let Candidate { config, nameservers, .. } = candidate;
        let next = self.kernel.allowlist().reconfigured(&config, &nameservers);
        for (number, _) in (0_u16..).zip(&config.providers) {
            let (route, addresses) = (RouteId { epoch, number }, next.addresses(number));
            self.tell(Role::Netgate, &FromWarden::Addresses { route, addresses })?;
        }
        self.commit_role(Role::Netgate)?;
        let mut changes = difference(&self.settings.config, &config);
        changes.extend(moves(self.kernel.allowlist(), &next));
        self.kernel.replace(next)?;
        self.epoch = epoch;
        self.settings.config = config;
        for role in [Role::Broker, Role::Resolver, Role::Gateway] {
            self.commit_role(role)?;
        }
        Ok(changes)
    }

    /// Tells a role to go over, and waits until it has.
    fn commit_role(&mut self, role: Role) -> Result<(), WardenError> {
        let epoch = self.proposed;
        self.tell(role, &FromWarden::Commit { epoch })?;
        let deadline = Instant::now() + COMMIT_TIMEOUT;
        let mut committed = false;
        while !committed {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(WardenError::new("put a configuration in force", role.name()));
            }
            for news in self.attend(left)? {
                match news {
                    News::Message(by, ToWarden::Committed { epoch: of })
                        if of == epoch && by == role =>
                    {
                        committed = true;
                    }
                    other => self.handle(other)?,
                }
            }
            if self.is_halted() {
                return Err(WardenError::new("reload", "the kernel's policy was lost"));
            }
        }
        Ok(())
    }
}

/// Destinations that are new on the kernel's list, and those that leave it.
fn moves(old: &Allowlist, new: &Allowlist) -> Vec<String> {
    let set = |list: &Allowlist| -> BTreeSet<(SocketAddr, &str)> {
        let place = |entry: Entry| SocketAddr::new(entry.address, entry.port);
        list.entries().map(|entry| (place(entry), entry.role.name())).collect()
    };
    let (old, new) = (set(old), set(new));
    let added = new.difference(&old).map(|(address, role)| format!("+ {role} to {address}"));
    let removed = old.difference(&new).map(|(address, role)| format!("- {role} to {address}"));
    added.chain(removed).collect()
}

/// As many changes as fit into one line of the audit log.
fn told(changes: &[String]) -> Vec<String> {
    let mut told: Vec<_> = changes.iter().take(MAX_TOLD).cloned().collect();
    if let Some(more) = changes.len().checked_sub(MAX_TOLD).filter(|more| *more > 0) {
        told.push(format!("and {more} more"));
    }
    told
}

fn on_violation(config: &Config) -> Option<OnViolation> {
    config.pipeline.iter().find_map(|module| match module {
        crate::config::Module::Airgap { on_violation, .. } => Some(*on_violation),
        _ => None,
    })
}

/// Who is told to forget.
const RELOADED: [Role; 4] = [Role::Broker, Role::Netgate, Role::Resolver, Role::Gateway];
/// For the slowest: a hundred patterns are compiled in gateway and broker.
const PREPARE_TIMEOUT: Duration = Duration::from_secs(10);
/// A commit only puts a prepared thing in place.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(5);
/// Until a channel that is full is tried again.
const PART_PAUSE: Duration = Duration::from_millis(5);
const MAX_TOLD: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;
    use crate::config::tests::load;

    fn settings(text: &str, nameservers: &[&str]) -> Settings {
        let env = |_: &str| None;
        let data_dir = Some("/nonexistent".into());
        let origin =
            Origin::of(&Sources { config: None, listen: None, data_dir, env: &env, root: false });
        let nameservers: Vec<_> = nameservers.iter().map(|s| s.parse().unwrap()).collect();
        let mut config = load(text).unwrap();
        config.data_dir = "/nonexistent".into();
        Settings::new(&config, &origin, &nameservers)
    }

    #[track_caller]
    fn check(old: &str, new: &str, nameservers: &[&str], expected: &[&str]) {
        let settings = settings(old, &["192.0.2.53:53"]);
        let mut config = load(new).unwrap();
        config.data_dir = "/nonexistent".into();
        let nameservers: Vec<_> = nameservers.iter().map(|s| s.parse().unwrap()).collect();
        assert_eq!(settings.needs_restart(&config, &nameservers), expected, "{new}");
    }

    #[test]
    fn what_only_a_restart_can_change_is_named_with_its_reason() {
        let usual =
            "providers: { openai: {}, lab: { base_url: 'https://lab.example:8443', api: openai } }";
        check(usual, usual, &["192.0.2.54:53"], &[]);
        check(usual, "providers: { openai: { key: null } }", &[], &[]);
        check(
            usual,
            "listen: 127.0.0.1:1\nenforcement: best-effort\nvault: { scope: memory }\n\
             providers: { anthropic: { base_url: 'https://a.example:9443' }, \
             new: { base_url: 'https://b.example:8443', api: openai, key: NEW_KEY } }",
            &["192.0.2.54:5353"],
            &[
                "listen: the listener is made before the roles; restart prxy",
                "enforcement: it decides on what the start may do without; restart prxy",
                "vault: its scope and its expiry are chosen when it is opened; restart prxy",
                "providers.anthropic.key: ANTHROPIC_API_KEY was not read at the start; restart prxy",
                "providers.anthropic.base_url: netgate may not connect to port 9443; restart prxy",
                "providers.new.key: NEW_KEY was not read at the start; restart prxy",
                "dns.nameservers: the resolver may not connect to port 5353; restart prxy",
            ],
        );
    }

    #[test]
    fn moves_of_the_list_are_told_by_address_and_role() {
        let list = |address: &str, nameserver: &str| {
            let text =
                format!("providers: {{ lab: {{ base_url: 'https://{address}', api: openai }} }}");
            Allowlist::new(&load(&text).unwrap(), &[nameserver.parse().unwrap()])
        };
        let old = list("192.0.2.1", "192.0.2.53:53");
        assert_eq!(moves(&old, &list("192.0.2.1", "192.0.2.53:53")), Vec::<String>::new());
        assert_eq!(
            moves(&old, &list("192.0.2.2", "[2001:db8::53]:53")),
            [
                "+ netgate to 192.0.2.2:443",
                "+ resolver to [2001:db8::53]:53",
                "- netgate to 192.0.2.1:443",
                "- resolver to 192.0.2.53:53",
            ]
        );
    }

    #[test]
    fn a_long_difference_is_cut() {
        let changes: Vec<_> = (0..MAX_TOLD + 5).map(|n| n.to_string()).collect();
        let cut = told(&changes);
        assert_eq!((cut.len(), cut.last().unwrap().as_str()), (MAX_TOLD + 1, "and 5 more"));
        assert_eq!(told(&changes[..MAX_TOLD]), changes[..MAX_TOLD]);
    }
}
