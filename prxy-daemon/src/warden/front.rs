//! The listener that clients connect to. It is made by a process that lives in the `front`
//! cgroup just long enough, because a socket belongs to the cgroup in which it was created.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;

use nix::sys::wait::waitpid;
use prxy_common::Role;

use super::activation::Doorbell;
use super::kernel::Kernel;
use super::{During, WardenError};
use crate::sys::channel::Channel;
use crate::sys::clone::{Clone, Network, into_cgroup};
use crate::sys::handed;

/// Binds and listens on `address` from inside the `front` cgroup; beside a doorbell, if there is
/// one, whose connections are ended.
pub(crate) fn bind(
    kernel: &Kernel,
    address: SocketAddr,
    doorbell: Option<Doorbell>,
) -> Result<TcpListener, WardenError> {
    let step = "listen for clients";
    let (ours, theirs) = Channel::pair().during(step)?;
    let group = kernel.group(Role::Front)?;
    match into_cgroup(Some(group.dir()), Network::Inherit).during(step)? {
        Clone::Child => {
            let result = make(address, doorbell.as_ref());
            let sent = match &result {
                Ok(listener) => theirs.send(b"+", Some(listener.as_fd())).is_ok(),
                Err(error) => theirs.send(error.to_string().as_bytes(), None).is_ok(),
            };
            std::process::exit(i32::from(!sent));
        }
        Clone::Parent { pid, .. } => {
            drop((theirs, doorbell));
            let mut text = [0; 256];
            let received = ours.receive(&mut text);
            waitpid(pid, None).during(step)?;
            match received.during(step)? {
                (_, Some(listener)) => Ok(TcpListener::from(listener)),
                (length, None) => {
                    let cause = String::from_utf8_lossy(&text[..length]).into_owned();
                    Err(WardenError::new(step, format_args!("{address}: {cause}")))
                }
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that listens")]
fn make(address: SocketAddr, doorbell: Option<&Doorbell>) -> io::Result<TcpListener> {
    let Some(doorbell) = doorbell else { return TcpListener::bind(address) };
    let beside = handed::listen_beside(address)?;
    // No new one goes there any more; those that did get an end, not a wait for ever.
    handed::hang_up(doorbell.listener())?;
    Ok(beside)
}
