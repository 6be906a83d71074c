//! How gateway and broker follow the warden's orders; netgate and resolver do it in their own loops.

use std::io;

use super::reload::{Objection, Order, Orders, Pending};
use super::{Obstacle, ToWarden};
use crate::broker::{self, Broker, Dialer, Kept};
use crate::config::{Config, Origin};
use crate::gateway::{BrokerLink, Gateway};
use crate::hop;

/// Reloads the broker until the order to stop sending.
///
/// # Errors
/// The warden is gone, or says what no warden would.
pub(crate) async fn as_broker<D: Dialer>(
    broker: &Broker<D>,
    mut orders: Orders,
    origin: &Origin,
    kept: &Kept,
) -> io::Result<()> {
    let mut pending = Pending::new(origin);
    loop {
        match orders.next().await? {
            Some(Order::Prepare { epoch, proposal }) => {
                let build = |config: &Config| {
                    let built = broker::Config::build(config, epoch, &proposal.bundles, kept);
                    built.map(|built| broker.prepare(built)).map_err(|error| error.objection())
                };
                let said = hop::on_cpu(usize::MAX, || pending.prepare(epoch, &proposal, build));
                orders.say(&said).await?;
            }
            Some(Order::Commit { epoch }) => {
                broker.commit(pending.commit(epoch)?);
                orders.say(&ToWarden::Committed { epoch }).await?;
            }
            Some(Order::Forget) => pending.forget(),
            Some(Order::Halt) => return Ok(()),
            Some(Order::Drain | Order::Addresses { .. } | Order::Figures(_)) => {}
            None => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// Reloads and drains the gateway until the warden is gone.
///
/// # Errors
/// The warden says what no warden would.
pub(crate) async fn as_gateway<L: BrokerLink>(
    gateway: &Gateway<L>,
    mut orders: Orders,
    origin: &Origin,
    mut drain: impl FnMut(),
) -> io::Result<()> {
    let mut pending = Pending::new(origin);
    let metrics = gateway.metrics();
    metrics.listen_to(orders.heard());
    loop {
        match orders.next().await? {
            Some(Order::Prepare { epoch, proposal }) => {
                let build = |config: &Config| {
                    let built = gateway.prepare(config, epoch);
                    built.map_err(|_| Objection(Obstacle::Pipeline, None))
                };
                let said = hop::on_cpu(usize::MAX, || pending.prepare(epoch, &proposal, build));
                orders.say(&said).await?;
            }
            Some(Order::Commit { epoch }) => {
                gateway.commit(pending.commit(epoch)?);
                orders.say(&ToWarden::Committed { epoch }).await?;
            }
            Some(Order::Forget) => pending.forget(),
            Some(Order::Drain) => {
                metrics.note_drain();
                drain();
            }
            Some(Order::Halt) => metrics.note_halt(),
            Some(Order::Figures(figures)) => metrics.note_figures(figures),
            Some(Order::Addresses { .. }) => {}
            None => return Ok(()),
        }
    }
}
