//! A prxy daemon under test: started in a namespace, waited for, and ended with the test.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::netns::Namespace;
use crate::roles::{self, Role};

/// A running daemon; dropping it stops it.
pub struct Daemon {
    child: Child,
    log: Arc<Log>,
    /// Where clients connect, inside the namespace; port 0 where that is a unix socket alone.
    pub address: SocketAddr,
    /// From exec to the line that says it is ready.
    pub ready_after: Duration,
}

#[derive(Default)]
struct Log {
    state: Mutex<LogState>,
    grown: Condvar,
}

#[derive(Default)]
struct LogState {
    lines: Vec<String>,
    ready: Option<Instant>,
    closed: bool,
}

/// The daemon's executable: `PRXY_BIN`, or `prxy` beside this one.
pub fn binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("PRXY_BIN") {
        return Ok(path.into());
    }
    let me = std::env::current_exe()?;
    me.ancestors()
        .skip(1)
        .take(2)
        .map(|dir| dir.join("prxy"))
        .find(|path| path.exists())
        .context("no prxy beside the tests: build it, or set PRXY_BIN")
}

impl Daemon {
    /// Starts `prxy serve` and waits until it is ready, for at most fifteen seconds.
    pub fn start(
        namespace: &Namespace,
        config: &Path,
        data: &Path,
        env: &[(&str, &str)],
    ) -> Result<Self> {
        let mut command = command(namespace, config, data, env)?;
        command.stderr(Stdio::piped());
        Self::await_ready(command, None)
    }

    /// The same with `--debug`, on a terminal of its own.
    pub fn start_on_terminal(namespace: &Namespace, config: &Path, data: &Path) -> Result<Self> {
        let terminal = nix::pty::openpty(None, None)?;
        let mut command = command(namespace, config, data, &[])?;
        command.arg("--debug").stderr(terminal.slave);
        Self::await_ready(command, Some(terminal.master.into()))
    }

    fn await_ready(mut command: Command, terminal: Option<File>) -> Result<Self> {
        let began = Instant::now();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start prxy")?;
        // Its end of the terminal is open here as long as the command is.
        drop(command);
        let log = Arc::new(Log::default());
        let pipe = child.stderr.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>);
        let said = terminal.map(|file| Box::new(file) as Box<dyn Read + Send>).or(pipe);
        if let Some(said) = said {
            let log = log.clone();
            thread::spawn(move || {
                for line in BufReader::new(said).lines().map_while(Result::ok) {
                    log.add(line.trim_end_matches('\r').to_owned());
                }
                log.close();
            });
        }
        let mut daemon = Self {
            child,
            log,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            ready_after: Duration::ZERO,
        };
        let ready = daemon.wait_ready(began + Duration::from_secs(15))?;
        daemon.ready_after = ready.duration_since(began);
        daemon.address = daemon.listen_address()?;
        Ok(daemon)
    }

    /// Runs `prxy serve` where it is expected to refuse, and returns its output.
    pub fn refusal(
        namespace: &Namespace,
        config: &Path,
        data: &Path,
        env: &[(&str, &str)],
    ) -> Result<Output> {
        let mut child = command(namespace, config, data, env)?
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start prxy")?;
        let deadline = Instant::now() + Duration::from_secs(10);
        while child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).ok();
                thread::sleep(Duration::from_millis(500));
                drop(child.kill());
                let output = child.wait_with_output()?;
                bail!("did not refuse: {}", String::from_utf8_lossy(&output.stderr));
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(child.wait_with_output()?)
    }

    /// The process that was started.
    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    /// The roles, by name.
    pub fn roles(&self) -> Result<BTreeMap<String, Role>> {
        roles::of_daemon(self.pid())
    }

    /// One role.
    pub fn role(&self, name: &str) -> Result<Role> {
        let mut roles = self.roles()?;
        roles.remove(name).with_context(|| format!("no role {name} among {:?}", roles.keys()))
    }

    /// What it has written to standard error.
    pub fn log(&self) -> Vec<String> {
        self.log.state.lock().unwrap_or_else(PoisonError::into_inner).lines.clone()
    }

    /// Asks it to end (SIGTERM) and waits, for at most ten seconds.
    pub fn stop(mut self) -> Result<ExitStatus> {
        self.end(Duration::from_secs(10)).context("prxy did not end within ten seconds")
    }

    fn end(&mut self, patience: Duration) -> Option<ExitStatus> {
        if let Ok(Some(status)) = self.child.try_wait() {
            return Some(status);
        }
        kill(Pid::from_raw(self.pid()), Signal::SIGTERM).ok();
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            thread::sleep(Duration::from_millis(5));
        }
        None
    }

    fn wait_ready(&mut self, deadline: Instant) -> Result<Instant> {
        let mut state = self.log.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(ready) = state.ready {
                return Ok(ready);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if state.closed || left.is_zero() {
                bail!("prxy is not ready; it said:\n{}", state.lines.join("\n"));
            }
            state =
                self.log.grown.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn listen_address(&self) -> Result<SocketAddr> {
        let log = self.log();
        if log.iter().any(|line| line.contains("listening on unix:")) {
            return Ok(SocketAddr::from(([127, 0, 0, 1], 0)));
        }
        log.iter()
            .rev()
            .find_map(|line| {
                let rest = line.split_once("listening on ")?.1;
                let end = rest
                    .find(|c: char| !(c.is_ascii_hexdigit() || ".:[]".contains(c)))
                    .unwrap_or(rest.len());
                rest[..end].trim_end_matches(['.', ':']).parse().ok()
            })
            .context("prxy did not say where it listens")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.end(Duration::from_secs(5)).is_none() {
            drop(self.child.kill());
            drop(self.child.wait());
        }
        if thread::panicking() {
            eprintln!("--- prxy said:\n{}\n---", self.log().join("\n"));
        }
    }
}

impl Log {
    fn add(&self, line: String) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if line.contains("prxy: ready") {
            state.ready.get_or_insert_with(Instant::now);
        }
        state.lines.push(line);
        self.grown.notify_all();
    }

    fn close(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.grown.notify_all();
    }
}

fn command(
    namespace: &Namespace,
    config: &Path,
    data: &Path,
    env: &[(&str, &str)],
) -> Result<Command> {
    let mut command = namespace.command(binary()?);
    command.arg("serve").arg("--config").arg(config).arg("--data-dir").arg(data);
    // No key and no proxy of the machine's own may get into a test.
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").envs(env.iter().copied());
    Ok(command)
}
