//! Dials providers: the only role that may open a TCP socket, and it holds no key and no text.
//!
//! A request names a route and brings a ClientHello. Netgate checks the ClientHello, connects to
//! an address that the warden has put into the kernel's list, writes the ClientHello and passes
//! the socket on. Not for TLS: it cannot read what the connection carries.

pub mod client_hello;

use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::config::{Config, Host, Origin, Transport};
use crate::link::FIRST_EPOCH;
use crate::link::reload::{Heard, Order, Orders, Pending};
use crate::link::{DialOutcome, DialReply, DialRequest, MAX_MESSAGE, RouteId, ToWarden};
use crate::sys::channel::{AsyncChannel, Channel};

/// What netgate knows of a route; the addresses come from the warden.
#[derive(Clone, Debug)]
struct Route {
    /// The server name that the ClientHello must carry.
    server_name: Option<String>,
    tls: bool,
    port: u16,
    addresses: Vec<IpAddr>,
    /// Where the next dial begins, so that all addresses are used.
    next: usize,
}

/// The routes of one configuration.
#[derive(Debug)]
struct Table {
    epoch: u32,
    routes: Vec<Route>,
}

/// Serves the broker until it or the warden is gone.
///
/// # Errors
/// The channels fail, or a peer sends what no correct peer would.
pub async fn run(
    config: &Config,
    origin: &Origin,
    warden: Channel,
    broker: Channel,
) -> io::Result<()> {
    let table = Rc::new(RefCell::new(Table::new(config, FIRST_EPOCH)));
    let mut pending = Pending::new(origin);
    let mut orders = Orders::new(AsyncChannel::new(warden)?);
    let broker = Rc::new(AsyncChannel::new(broker)?);
    let local = tokio::task::LocalSet::new();
    let serve = async {
        let mut dials = JoinSet::new();
        let mut buffer = vec![0; MAX_MESSAGE];
        loop {
            tokio::select! {
                order = orders.next() => match order? {
                    Some(Order::Addresses { route, addresses }) => {
                        let mut table = table.borrow_mut();
                        let table = pending.of(route.epoch).unwrap_or(&mut *table);
                        if let Ok(route) = table.route(route) {
                            route.addresses = addresses;
                        }
                    }
                    Some(Order::Prepare { epoch, proposal }) => {
                        let build = |config: &Config| Ok(Table::new(config, epoch));
                        orders.say(&pending.prepare(epoch, &proposal, build)).await?;
                    }
                    Some(Order::Commit { epoch }) => {
                        *table.borrow_mut() = pending.commit(epoch)?;
                        orders.say(&ToWarden::Committed { epoch }).await?;
                    }
                    Some(Order::Forget) => pending.forget(),
                    Some(Order::Drain | Order::Figures(_)) => {}
                    Some(Order::Halt) => {
                        dials.abort_all();
                        let routes = &mut table.borrow_mut().routes;
                        routes.iter_mut().for_each(|route| route.addresses.clear());
                    }
                    None => return Ok(()),
                },
                message = broker.receive(&mut buffer), if dials.len() < MAX_DIALS => {
                    let (length, _dropped) = message?;
                    if length == 0 {
                        return Ok(());
                    }
                    let request = DialRequest::decode(&buffer[..length])?;
                    let (table, broker) = (Rc::clone(&table), Rc::clone(&broker));
                    dials.spawn_local(answer(request, table, broker, orders.heard()));
                }
                Some(finished) = dials.join_next() => match finished {
                    Ok(answered) => answered?,
                    Err(error) if error.is_cancelled() => {}
                    Err(error) => return Err(io::Error::other(error)),
                }
            }
        }
    };
    local.run_until(serve).await
}

impl Table {
    fn new(config: &Config, epoch: u32) -> Self {
        Self { epoch, routes: config.providers.iter().map(Route::new).collect() }
    }

    fn route(&mut self, id: RouteId) -> Result<&mut Route, DialOutcome> {
        if id.epoch != self.epoch {
            return Err(DialOutcome::Outdated);
        }
        self.routes.get_mut(usize::from(id.number)).ok_or(DialOutcome::HelloRefused)
    }
}

impl Route {
    fn new(provider: &crate::config::Provider) -> Self {
        let server_name = match &provider.host {
            Host::Name(name) => Some(name.clone()),
            Host::Address(_) => None,
        };
        let tls = matches!(provider.transport, Transport::Tls { .. });
        Self { server_name, tls, port: provider.port, addresses: Vec::new(), next: 0 }
    }

    /// Whether the ClientHello is one that this route permits.
    fn permits(&self, client_hello: &[u8]) -> bool {
        match self.tls {
            true => match client_hello::check(client_hello, self.server_name.as_deref()) {
                Ok(()) => true,
                Err(error) => {
                    tracing::warn!(reason = %error, "client hello refused");
                    false
                }
            },
            false => client_hello.is_empty(),
        }
    }

    /// The addresses to try, beginning with another one each time.
    fn candidates(&mut self) -> Vec<SocketAddr> {
        let mut addresses = self.addresses.clone();
        if !addresses.is_empty() {
            let first = self.next % addresses.len();
            addresses.rotate_left(first);
            self.next = self.next.wrapping_add(1);
        }
        addresses.truncate(MAX_ATTEMPTS);
        addresses.into_iter().map(|address| SocketAddr::new(address, self.port)).collect()
    }
}

async fn answer(
    request: DialRequest,
    table: Rc<RefCell<Table>>,
    broker: Rc<AsyncChannel>,
    warden: Heard,
) -> io::Result<()> {
    let watched = if warden.is_recent() { Ok(()) } else { Err(DialOutcome::NoAddress) };
    let candidates = watched.and_then(|()| {
        let mut table = table.borrow_mut();
        let route = table.route(request.route)?;
        let permitted = route.permits(&request.client_hello);
        if permitted { Ok(route.candidates()) } else { Err(DialOutcome::HelloRefused) }
    });
    let dialled = match candidates {
        Ok(candidates) => dial(&candidates, &request.client_hello).await,
        Err(outcome) => Err(outcome),
    };
    // An address that the new configuration does not have: refused by the kernel, not by its owner.
    let outdated = table.borrow().epoch != request.route.epoch;
    let dialled = dialled.map_err(|outcome| match outcome {
        _ if outdated => DialOutcome::Outdated,
        outcome => outcome,
    });
    let (outcome, stream) = match dialled {
        Ok(stream) => (DialOutcome::Connected, Some(stream)),
        Err(outcome) => (outcome, None),
    };
    let reply = DialReply { id: request.id, outcome }.encode();
    broker.send(&reply, stream.as_ref().map(AsFd::as_fd)).await
}

/// Connects to the first candidate that answers and sends the ClientHello.
async fn dial(
    candidates: &[SocketAddr],
    client_hello: &[u8],
) -> Result<std::net::TcpStream, DialOutcome> {
    let mut outcome = DialOutcome::NoAddress;
    for candidate in candidates {
        match timeout(CONNECT_TIMEOUT, connect(*candidate, client_hello)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => {
                tracing::warn!(kind = ?error.kind(), "connect failed");
                outcome = DialOutcome::Refused;
            }
            Err(_elapsed) => outcome = DialOutcome::Timeout,
        }
    }
    Err(outcome)
}

#[expect(clippy::disallowed_methods, reason = "this is the role that dials")]
async fn connect(address: SocketAddr, client_hello: &[u8]) -> io::Result<std::net::TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    stream.write_all(client_hello).await?;
    stream.into_std()
}

/// Dials under way at one time; more wait in the channel.
const MAX_DIALS: usize = 256;
/// Addresses that one dial tries.
const MAX_ATTEMPTS: usize = 3;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);

#[cfg(test)]
mod tests;
