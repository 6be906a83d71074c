//! Which roles there are, in which order they start, and what each may touch.

use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::Arc;

use nix::unistd::{Pid, getpid};
use prxy_common::Role;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use super::children::Child;
use super::front::Doors;
use super::identity::Home;
use super::kernel::Kernel;
use super::plan::{Places, Plan};
use super::{During, Show, WardenError, confine};
use crate::broker::Broker;
use crate::config::{Bundles, Config, Encrypt, Host, Origin, USUAL_STATE_KEY, VaultScope};
use crate::gateway::{Gateway, Screen};
use crate::link::reload::Orders;
use crate::link::sockets::{FromGateway, ToBroker, ToNetgate};
use crate::link::{ToWarden, obey};
use crate::store::{Access, Secret, Store, StoreError};
use crate::sys::channel::{AsyncChannel, Channel};
use crate::sys::clone::{Clone, into_cgroup};
use crate::sys::{environment, fds, privilege};
use crate::{broker, gateway, netgate, resolver};

/// What the gateway meets people with.
pub(crate) struct Clients {
    /// Where they connect.
    pub(crate) doors: Doors,
    /// What is shown of them.
    pub(crate) show: Show,
}

/// Starts all roles. The broker is first, because the keys go with it and are then wiped here.
pub(crate) fn start(
    config: &Config,
    origin: &Origin,
    bundles: &Bundles,
    home: &Home,
    kernel: &Kernel,
    clients: Clients,
    nameservers: Vec<SocketAddr>,
) -> Result<Vec<Child>, WardenError> {
    let Clients { doors, show } = clients;
    let step = "connect the roles";
    let (gateway_broker, broker_gateway) = Channel::pair().during(step)?;
    let (broker_netgate, netgate_broker) = Channel::pair().during(step)?;
    // Descriptors go from the gateway to the broker and from netgate to the broker, never back.
    gateway_broker.refuse_descriptors();
    netgate_broker.refuse_descriptors();
    let places = kernel.places(home);
    let starter = Starter { places, kernel, warden: getpid(), config, nameservers: &nameservers };

    let broker = starter.start(
        Role::Broker,
        &[broker_gateway.as_fd(), broker_netgate.as_fd()],
        || {
            let loaded = broker::Config::load(config, bundles, key);
            wipe_keys(config);
            loaded
        },
        |(broker_config, kept), warden| {
            let (broker_gateway, broker_netgate) =
                (broker_gateway.try_clone()?, broker_netgate.try_clone()?);
            many_threads()?.block_on(async {
                let netgate = ToNetgate::new(broker_netgate)?;
                let mut source = FromGateway::new(broker_gateway)?;
                let orders = Orders::new(AsyncChannel::new(warden)?);
                let broker = Broker::new(broker_config, netgate.clone()).under(orders.heard());
                let broker = Arc::new(broker);
                tokio::select! {
                    // Netgate is killed when the order to halt has been given: that comes first.
                    biased;
                    halted = obey::as_broker(&broker, orders, origin, &kept) => {
                        halted?;
                        // With the broker, every connection to a provider is closed.
                        drop(broker);
                        broker::refuse_all(source).await
                    }
                    ended = netgate.deliver() => ended,
                    ended = broker::run(Arc::clone(&broker), &mut source) => ended,
                }
            })
        },
    )?;
    drop((broker_gateway, broker_netgate));
    wipe_keys(config);

    let netgate = starter.start(
        Role::Netgate,
        &[netgate_broker.as_fd()],
        || Ok::<_, WardenError>(()),
        |(), warden| {
            let netgate_broker = netgate_broker.try_clone()?;
            one_thread()?.block_on(netgate::run(config, origin, warden, netgate_broker))
        },
    )?;
    drop(netgate_broker);

    let resolver = starter.start(
        Role::Resolver,
        &[],
        || {
            let named = |host: &Host| matches!(host, Host::Name(_));
            if nameservers.is_empty() && config.providers.iter().any(|p| named(&p.host)) {
                tracing::warn!("no nameserver is configured: providers with names stay unreached");
            }
            Ok::<_, WardenError>(nameservers.clone())
        },
        |nameservers, warden| {
            one_thread()?.block_on(resolver::run(config, origin, nameservers, warden))
        },
    )?;

    let state = home.state();
    // Beside its log, which is the same terminal; no other role gets it.
    let terminal = match show {
        Show::Nothing => None,
        Show::Differences => {
            Some(io::stderr().as_fd().try_clone_to_owned().during("take the terminal")?)
        }
    };
    let kept = [gateway_broker.as_fd()]
        .into_iter()
        .chain(doors.fds())
        .chain(terminal.as_ref().map(AsFd::as_fd));
    let gateway = starter.start(
        Role::Gateway,
        &kept.collect::<Vec<_>>(),
        || {
            let secret = Secret::find(config.encrypt.as_ref(), &|name| std::env::var_os(name));
            wipe_state_key(config);
            secret.map(|secret| Access { secret, encrypted_only: config.encrypt.is_some() })
        },
        |access, warden| {
            let (gateway_broker, doors) = (gateway_broker.try_clone()?, doors.try_clone()?);
            let terminal = terminal.as_ref().map(|terminal| terminal.try_clone()).transpose()?;
            let screen = terminal.map(|terminal| Screen::new(terminal.into())).transpose()?;
            let store = open_store(config, &state, access).map_err(io::Error::other)?;
            serve_clients(config, origin, store, warden, gateway_broker, doors, screen)
        },
    )?;
    wipe_state_key(config);
    Ok(vec![broker, netgate, resolver, gateway])
}

fn serve_clients(
    config: &Config,
    origin: &Origin,
    store: Store,
    warden: Channel,
    broker: Channel,
    doors: Doors,
    screen: Option<Screen>,
) -> io::Result<()> {
    let (drain, mut drained) = watch::channel(());
    many_threads()?.block_on(async {
        // Over a unix socket, clients say `localhost`.
        let listen = doors.clients.tcp.as_ref().map(std::net::TcpListener::local_addr);
        let listen = listen.transpose()?.unwrap_or(([127, 0, 0, 1], 0).into());
        let (clients, metrics) = (doors.clients.into_doors()?, doors.metrics.into_doors()?);
        let broker = ToBroker::new(broker)?;
        let gateway = Gateway::new(config, listen, broker, store);
        let gateway = Arc::new(gateway.map_err(io::Error::other)?.showing(screen));
        // Not before the vault is open and the local model is read.
        warden.send(&ToWarden::Ready.encode(), None)?;
        let shutdown = async {
            // A dropped sender means that the warden is gone, which ends us as well.
            let _ = drained.changed().await;
        };
        let orders = Orders::new(AsyncChannel::new(warden)?);
        let ask_to_drain = || {
            let _ = drain.send(());
        };
        tokio::select! {
            () = gateway::run(Arc::clone(&gateway), clients, shutdown) => Ok(()),
            // It goes on while requests end.
            () = gateway::serve_metrics(Arc::clone(&gateway), metrics, std::future::pending()) => Ok(()),
            ended = obey::as_gateway(&gateway, orders, origin, ask_to_drain) => ended,
        }
    })
}

/// The secret is forgotten with this: the database has the key.
fn open_store(config: &Config, state: &Path, access: Access) -> Result<Store, StoreError> {
    let store = match config.vault.scope {
        VaultScope::Persistent => Store::open_with(state, &access)?,
        VaultScope::Memory => Store::in_memory()?,
        VaultScope::Request => Store::in_memory()?.of_requests(),
    };
    if let Some(unused) = config.vault.expire_after {
        store.expire_after(unused)?;
    }
    Ok(store)
}

struct Starter<'a> {
    places: Places,
    kernel: &'a Kernel,
    warden: Pid,
    config: &'a Config,
    nameservers: &'a [SocketAddr],
}

impl Starter<'_> {
    /// Clones a process into its role's cgroup; `prepare` runs before the sandbox closes (to read
    /// files), `live` inside it.
    fn start<P, E: Display>(
        &self,
        role: Role,
        keep: &[BorrowedFd<'_>],
        prepare: impl FnOnce() -> Result<P, E>,
        live: impl FnOnce(P, Channel) -> io::Result<()>,
    ) -> Result<Child, WardenError> {
        let plan = Plan::of(role, self.config, self.nameservers, &self.places);
        let (ours, theirs) = Channel::pair().during("connect a role")?;
        ours.refuse_descriptors();
        theirs.refuse_descriptors();
        let group = self.kernel.group(role)?;
        match into_cgroup(Some(group.dir()), plan.network).during("create a role")? {
            Clone::Parent { pid, pidfd } => Ok(Child { role, pid, pidfd, channel: ours }),
            Clone::Child => {
                drop(ours);
                let ended = self.become_role(&plan, keep, &theirs, prepare).and_then(|prepared| {
                    // The gateway is ready only when its database is open: it says so itself.
                    if role != Role::Gateway {
                        theirs
                            .send(&ToWarden::Ready.encode(), None)
                            .during("report to the warden")?;
                    }
                    live(prepared, theirs).during("serve")
                });
                match ended {
                    Ok(()) => std::process::exit(0),
                    Err(error) => {
                        tracing::error!(role = role.name(), %error, "role ended");
                        std::process::exit(1)
                    }
                }
            }
        }
    }

    fn become_role<P, E: Display>(
        &self,
        plan: &Plan,
        keep: &[BorrowedFd<'_>],
        warden: &Channel,
        prepare: impl FnOnce() -> Result<P, E>,
    ) -> Result<P, WardenError> {
        let step = "close inherited descriptors";
        let keep: Vec<_> = keep.iter().copied().chain([warden.as_fd()]).collect();
        fds::close_all_but(&keep).during(step)?;
        fds::silence_stdio().during(step)?;
        let name = format!("prxy-{}", plan.role.name());
        privilege::set_process_name(&name).during("name the process")?;
        confine::policy_canary(plan.role)?;
        if plan.role != Role::Gateway {
            wipe_state_key(self.config);
        }
        let prepared = prepare().during("prepare")?;
        plan.take_rights_away(Some(self.warden))?;
        plan.confine()?;
        confine::sandbox_canary(plan.role)?;
        Ok(prepared)
    }
}

/// A provider's key: a systemd credential, else an environment variable.
fn key(name: &str) -> io::Result<Option<String>> {
    let from_file = match std::env::var_os("CREDENTIALS_DIRECTORY") {
        Some(dir) => match std::fs::read_to_string(Path::new(&dir).join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            read => Some(read?),
        },
        None => None,
    };
    let key = from_file.or_else(|| std::env::var(name).ok());
    Ok(key.map(|key| key.trim().to_owned()).filter(|key| !key.is_empty()))
}

/// After the broker has its copy: nobody else is to carry the keys in its memory.
pub(crate) fn wipe_keys(config: &Config) {
    let names: Vec<&str> = KNOWN_KEYS
        .iter()
        .copied()
        .chain(config.providers.iter().filter_map(|provider| provider.key_name.as_deref()))
        .collect();
    environment::scrub(&names);
}

/// The same for what opens the state, which only the gateway gets.
pub(crate) fn wipe_state_key(config: &Config) {
    let own = config.encrypt.as_ref().and_then(Encrypt::name);
    environment::scrub(&[USUAL_STATE_KEY, own.unwrap_or(USUAL_STATE_KEY)]);
}

fn one_thread() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

fn many_threads() -> io::Result<Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = (cores / 2).clamp(1, MAX_WORKERS);
    Builder::new_multi_thread().worker_threads(workers).enable_all().build()
}

/// Gateway and broker work on a request in turn: each gets half of the cores.
const MAX_WORKERS: usize = 4;

/// Wiped also where no provider uses them.
const KNOWN_KEYS: &[&str] =
    &["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GOOGLE_API_KEY", "GROQ_API_KEY"];
