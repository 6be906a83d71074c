//! The listener that clients connect to. It is made by a process that lives in the `front`
//! cgroup just long enough, because a socket belongs to the cgroup in which it was created.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;

use nix::sys::wait::waitpid;
use prxy_common::Role;

use super::kernel::Kernel;
use super::{During, WardenError};
use crate::sys::channel::Channel;
use crate::sys::clone::{Clone, Network, into_cgroup};

/// Binds and listens on `address` from inside the `front` cgroup.
#[expect(clippy::disallowed_methods, reason = "the one place that listens")]
pub(crate) fn bind(kernel: &Kernel, address: SocketAddr) -> Result<TcpListener, WardenError> {
    let step = "listen for clients";
    let (ours, theirs) = Channel::pair().during(step)?;
    let group = kernel.group(Role::Front)?;
    match into_cgroup(Some(group.dir()), Network::Inherit).during(step)? {
        Clone::Child => {
            let result = TcpListener::bind(address);
            let sent = match &result {
                Ok(listener) => theirs.send(b"+", Some(listener.as_fd())).is_ok(),
                Err(error) => theirs.send(error.to_string().as_bytes(), None).is_ok(),
            };
            std::process::exit(i32::from(!sent));
        }
        Clone::Parent { pid, .. } => {
            drop(theirs);
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
