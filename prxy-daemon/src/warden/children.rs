//! The running roles: what they say, and how they ended.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use prxy_common::Role;

use crate::link::ToWarden;
use crate::sys::channel::Channel;

/// A running role.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) role: Role,
    pub(crate) pid: Pid,
    pub(crate) pidfd: OwnedFd,
    pub(crate) channel: Channel,
}

impl Child {
    /// One message, or `None` if the role has closed its end: its pidfd tells the rest.
    pub(crate) fn receive(&self) -> io::Result<Option<ToWarden>> {
        let mut buffer = [0; 1024];
        let (length, _dropped) = self.channel.receive(&mut buffer)?;
        if length == 0 {
            return Ok(None);
        }
        Ok(Some(ToWarden::decode(&buffer[..length])?))
    }
}

/// Who has ended and how. Roles that lose their peer end too, and may be seen before it: the one
/// that did not end by itself is named first.
pub(crate) fn obituary(children: &[Child]) -> String {
    std::thread::sleep(SETTLE);
    let (mut causes, mut followers) = (Vec::new(), Vec::new());
    for child in children {
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

/// Takes leave of every child, for a second at most: one that nobody has waited for still holds its
/// cgroup.
pub(crate) fn reap() {
    for _ in 0..200 {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => std::thread::sleep(Duration::from_millis(5)),
            Ok(_) => {}
            Err(_) => return,
        }
    }
}

/// Roles that follow one that failed are gone by then.
const SETTLE: Duration = Duration::from_millis(20);
