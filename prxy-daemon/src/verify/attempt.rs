//! One attempt: a process is created in a confinement, tries one technique once, and reports what
//! the system calls said.
//!
//! Not for judging; that is `battery`.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::signalfd::SignalFd;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, getpid};

use super::VerifyError;
use super::ground::ATTACKER;
use super::technique::{Aid, Aim, Failure, Given, LISTEN_PORT, Technique, inet};
use super::world::Namespace;
use crate::sys::attempt;
use crate::sys::cgroup::Cgroup;
use crate::sys::channel::Channel;
use crate::sys::clone::{Clone, into_cgroup};
use crate::sys::{fds, privilege};
use crate::warden::During;
use crate::warden::plan::Plan;

/// Where an attempt is made and what holds it.
pub(super) struct Confinement<'a> {
    /// User, network, files and system calls.
    pub(super) plan: &'a Plan,
    /// Whether it gives its rights up.
    pub(super) rights: Rights,
    /// Whether descriptors from elsewhere are kept from it.
    pub(super) descriptors: Descriptors,
    pub(super) cgroup: &'a Cgroup,
    /// The namespace that it starts from.
    pub(super) netns: &'a Namespace,
}

/// What user an attempt is made as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rights {
    /// Root with every capability.
    All,
    /// The plan's user, without any.
    None,
}

/// Which descriptors an attempt has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Descriptors {
    /// Those that a role is given.
    Closed,
    /// What was made for it elsewhere as well.
    Open,
}

/// What the system calls said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// All of them succeeded.
    Done,
    /// This one failed.
    Failed { at: String, code: i32 },
    /// A signal ended the process.
    Killed(i32),
    /// It did not end in time, and was killed.
    Hung,
    /// It could not be confined, so nothing was tried.
    Broken(String),
}

/// Tries one technique.
pub(super) fn run(
    technique: &Technique,
    from: &Confinement<'_>,
    mut aim: Aim,
    signals: &SignalFd,
) -> Result<Said, VerifyError> {
    let step = "make an attempt";
    let given =
        from.netns.within(|| Elsewhere::make(technique.aid, from.descriptors)).during(step)?;
    aim.given = given.number();
    let (report, reported) = nix::unistd::pipe().during(step)?;
    let parent = getpid();
    let home = Namespace::here().during(step)?;
    from.netns.enter().during(step)?;
    let cloned = into_cgroup(Some(from.cgroup.dir()), from.plan.network);
    if !matches!(cloned, Ok(Clone::Child)) {
        home.enter().during(step)?;
    }
    match cloned.during(step)? {
        Clone::Child => {
            let said = live(technique, from, &aim, &given, reported.as_fd(), parent);
            let sent = nix::unistd::write(&reported, said.to_text().as_bytes());
            std::process::exit(i32::from(sent.is_err()));
        }
        Clone::Parent { pid, pidfd } => {
            drop(reported);
            let mut running = Running { pid: Some(pid) };
            given.hand_over().during(step)?;
            let limit = aim.patience * 2 + GRACE;
            let in_time = wait(&pidfd, signals, Instant::now() + limit)?;
            let status = running.end().during(step)?;
            if !from.cgroup.processes().during(step)?.is_empty() {
                from.cgroup.kill().during(step)?;
            }
            if !in_time {
                return Ok(Said::Hung);
            }
            if let WaitStatus::Signaled(_, signal, _) = status {
                return Ok(Said::Killed(signal as i32));
            }
            let mut text = [0; 512];
            let length = nix::unistd::read(&report, &mut text).during(step)?;
            Ok(Said::from_text(&String::from_utf8_lossy(&text[..length])))
        }
    }
}

/// The child: confined as the role would be, then the attempt.
fn live(
    technique: &Technique,
    from: &Confinement<'_>,
    aim: &Aim,
    given: &Elsewhere,
    reported: BorrowedFd<'_>,
    parent: Pid,
) -> Said {
    let mut keep = vec![reported];
    if from.descriptors == Descriptors::Open || matches!(given, Elsewhere::Passed { .. }) {
        keep.extend(given.kept());
    }
    let confined = fds::close_all_but(&keep)
        .and_then(|()| fds::silence_stdio())
        .during("close descriptors")
        .and_then(|()| match from.rights {
            Rights::None => from.plan.take_rights_away(Some(parent)),
            Rights::All => privilege::die_with(parent).during("die with the parent"),
        })
        .and_then(|()| from.plan.confine());
    if let Err(error) = confined {
        return Said::Broken(error.to_string());
    }
    match (technique.act)(aim) {
        Ok(()) => Said::Done,
        Err(Failure { at, error }) => {
            Said::Failed { at: at.to_owned(), code: error.raw_os_error().unwrap_or(0) }
        }
    }
}

/// Waits for the end; false if the time is over first.
fn wait(pidfd: &OwnedFd, signals: &SignalFd, deadline: Instant) -> Result<bool, VerifyError> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        let mut polled =
            [pidfd.as_fd(), signals.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        match poll(&mut polled, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error).during("wait for an attempt")?,
        }
        let [ended, asked] = polled.map(|fd| fd.any().unwrap_or(false));
        if asked {
            return Err(VerifyError::Interrupted);
        }
        if ended {
            return Ok(true);
        }
    }
}

/// A process that is killed and waited for, whatever happens.
struct Running {
    pid: Option<Pid>,
}

impl Running {
    fn end(&mut self) -> nix::Result<WaitStatus> {
        match self.pid.take() {
            Some(pid) => {
                kill(pid, Signal::SIGKILL)?;
                waitpid(pid, None)
            }
            None => Err(Errno::ECHILD),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

/// A descriptor that was made outside of the confinement.
enum Elsewhere {
    Nothing,
    Socket(OwnedFd),
    Passed { theirs: Channel, ours: Channel, connection: OwnedFd },
}

impl Elsewhere {
    fn make(aid: Aid, descriptors: Descriptors) -> io::Result<Self> {
        let Aid::Given(given) = aid else { return Ok(Self::Nothing) };
        Ok(match given {
            Given::Socket => Self::Socket(tcp_socket()?),
            Given::Connection => Self::Socket(connected(ATTACKER)?),
            Given::Listener => {
                let socket = tcp_socket()?;
                let anywhere = IpAddr::from([0, 0, 0, 0]);
                attempt::bind(&socket, &inet(anywhere, LISTEN_PORT))?;
                attempt::listen(&socket)?;
                Self::Socket(socket)
            }
            Given::Passed => {
                let (ours, theirs) = Channel::pair()?;
                if descriptors == Descriptors::Closed {
                    theirs.refuse_descriptors();
                }
                Self::Passed { theirs, ours, connection: connected(ATTACKER)? }
            }
        })
    }

    fn number(&self) -> RawFd {
        self.kept().map_or(-1, |fd| fd.as_raw_fd())
    }

    fn kept(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Nothing => None,
            Self::Socket(socket) => Some(socket.as_fd()),
            Self::Passed { theirs, .. } => Some(theirs.as_fd()),
        }
    }

    /// Sends the connection to the process that runs now; if that is refused, a message without.
    fn hand_over(&self) -> io::Result<()> {
        let Self::Passed { ours, connection, .. } = self else { return Ok(()) };
        match ours.send(b"+", Some(connection.as_fd())) {
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => ours.send(b"-", None),
            sent => sent,
        }
    }
}

fn tcp_socket() -> io::Result<OwnedFd> {
    attempt::socket(libc::AF_INET, libc::SOCK_STREAM, 0)
}

fn connected(ip: IpAddr) -> io::Result<OwnedFd> {
    let socket = tcp_socket()?;
    attempt::connect(&socket, &inet(ip, 443))?;
    Ok(socket)
}

impl Said {
    fn to_text(&self) -> String {
        match self {
            Self::Failed { at, code } => format!("failed {code} {at}"),
            Self::Broken(why) => format!("broken 0 {}", why.chars().take(400).collect::<String>()),
            _ => "done 0 -".to_owned(),
        }
    }

    fn from_text(text: &str) -> Self {
        let mut words = text.splitn(3, ' ');
        let mut word = || words.next().unwrap_or_default();
        match (word(), word().parse(), word().to_owned()) {
            ("done", ..) => Self::Done,
            ("failed", Ok(code), at) => Self::Failed { at, code },
            (_, _, why) => Self::Broken(why),
        }
    }

    /// The call that failed.
    pub(super) fn call(&self) -> Option<&str> {
        match self {
            Self::Failed { at, .. } => Some(at),
            _ => None,
        }
    }

    /// The errno's name, or the signal's.
    pub(super) fn errno(&self) -> Option<String> {
        match self {
            Self::Failed { code, .. } => Some(format!("{:?}", Errno::from_raw(*code))),
            Self::Killed(signal) => Some(format!("signal {signal}")),
            Self::Hung => Some("hung".to_owned()),
            _ => None,
        }
    }
}

/// For the process itself, beyond what it waits for.
const GRACE: Duration = Duration::from_secs(1);
