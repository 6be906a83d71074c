//! Network namespaces without names: they end with their last descriptor, so none can be left over.
//!
//! Not for topologies: who has which address is `lab`.

use std::ffi::OsStr;
use std::fs::File;
use std::future::Future;
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::Command;
use std::sync::{Arc, mpsc};
use std::thread;

use anyhow::{Context, Result, bail};
use nix::sched::{CloneFlags, unshare};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::sys::{self, Entry};

/// A network namespace with one thread inside it, which runs a tokio runtime.
pub struct Namespace {
    fd: Arc<OwnedFd>,
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Namespace {
    /// Makes a fresh namespace with `lo` up and IPv6 kept quiet (no solicitations, short reports).
    pub fn new(name: &str) -> Result<Self> {
        let (ready_tx, ready_rx) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name(format!("netns-{name}")).spawn(move || {
            let set_up = || -> Result<_> {
                unshare(CloneFlags::CLONE_NEWNET).context("unshare (are you root?)")?;
                quieten()?;
                let fd: OwnedFd = File::open("/proc/thread-self/ns/net")?.into();
                let runtime = Builder::new_current_thread().enable_all().build()?;
                Ok((fd, runtime))
            };
            match set_up() {
                Ok((fd, runtime)) => {
                    if ready_tx.send(Ok((fd, runtime.handle().clone()))).is_ok() {
                        runtime.block_on(async { drop(stopped.await) });
                    }
                }
                Err(error) => drop(ready_tx.send(Err(error))),
            }
        })?;
        let (fd, handle) = ready_rx.recv().context("the namespace's thread ended")??;
        let namespace = Self { fd: Arc::new(fd), handle, stop: Some(stop), thread: Some(thread) };
        namespace.ip("link set lo up")?;
        Ok(namespace)
    }

    /// Runs `future` in the namespace and waits for its result.
    ///
    /// # Panics
    /// If the future panics or takes more than a minute. Must not be called from the namespace's own thread.
    #[track_caller]
    pub fn block_on<F>(&self, future: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (tx, rx) = mpsc::channel();
        self.handle.spawn(async move { drop(tx.send(future.await)) });
        match rx.recv_timeout(PATIENCE) {
            Ok(output) => output,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("no result within {PATIENCE:?}"),
            Err(_) => panic!("the task in the namespace panicked (see above)"),
        }
    }

    /// Starts `future` in the namespace; it ends with the namespace at the latest.
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn(future)
    }

    /// For tasks of other namespaces that have something done in this one.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// A command that will run inside the namespace and die with the thread that starts it.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        sys::enter_before_exec(&mut command, Entry { cgroup: None, netns: Some(self.fd()) });
        command
    }

    /// Runs `ip ARGS` inside the namespace.
    pub fn ip(&self, args: &str) -> Result<()> {
        let output =
            self.command("ip").args(args.split_whitespace()).output().context("cannot run ip")?;
        if !output.status.success() {
            bail!("ip {args}: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }

    /// Writes a value to `/proc/sys/net/…` of this namespace.
    pub fn sysctl(&self, key: &str, value: &str) -> Result<()> {
        let (key, value) = (key.to_owned(), value.to_owned());
        self.block_on(async move { write_sysctl(&key, &value) })
    }

    /// The namespace itself.
    pub fn fd(&self) -> Arc<OwnedFd> {
        self.fd.clone()
    }

    /// A path by which other programs can name the namespace while it lives.
    pub fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.fd.as_raw_fd())
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// Interfaces made later take over the `default` values.
fn quieten() -> Result<()> {
    for (key, value) in [
        ("ipv6/conf/default/accept_dad", "0"),
        ("ipv6/conf/default/accept_ra", "0"),
        ("ipv6/conf/default/addr_gen_mode", "1"),
        ("ipv6/conf/default/router_solicitations", "0"),
        ("ipv6/conf/default/mldv1_unsolicited_report_interval", "1"),
        ("ipv6/conf/default/mldv2_unsolicited_report_interval", "1"),
    ] {
        write_sysctl(key, value)?;
    }
    Ok(())
}

fn write_sysctl(key: &str, value: &str) -> Result<()> {
    let path = format!("/proc/sys/net/{key}");
    std::fs::write(&path, value).with_context(|| format!("cannot write {path}"))
}

/// No test waits for ever.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_and_processes_run_inside() {
        let namespace = Namespace::new("inside").unwrap();
        let here = std::fs::read_link("/proc/self/ns/net").unwrap();
        let task =
            namespace.block_on(async { std::fs::read_link("/proc/thread-self/ns/net").unwrap() });
        let output =
            namespace.command("readlink").arg("/proc/self/ns/net").output().unwrap().stdout;
        assert_ne!(task, here);
        assert_eq!(String::from_utf8(output).unwrap().trim(), task.to_str().unwrap());
    }

    #[test]
    fn a_namespace_starts_with_loopback_only() {
        let namespace = Namespace::new("empty").unwrap();
        let output = namespace.command("ip").args(["-o", "link"]).output().unwrap().stdout;
        let text = String::from_utf8(output).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains("LOOPBACK,UP"), "{text}");
    }
}
