//! Sockets that are older than the process, or come from another one.

use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;

use super::call::{at, connect, inet, open, send, set, wait};
use super::{Aid, Aim, Failure, Given, INET, Layer, MEETING_PORT, Technique, ip};
use crate::sys::attempt;
use crate::sys::channel::Channel;
use crate::verify::ground::ATTACKER;

pub(super) const ROWS: &[Technique] = &[
    Technique::wire("older-socket", "a TCP socket made before it joined", "30", OWN, |aim| {
        let fd = elsewhere(aim)?;
        connect(aim, &fd, ATTACKER, 443)?;
        send(aim, &fd)
    })
    .aided(Aid::Given(Given::Socket))
    .root_may(ITS_MAKERS),
    Technique::wire("older-connection", "a connection made before it joined", "30", OWN, |aim| {
        send(aim, &elsewhere(aim)?)
    })
    .aided(Aid::Given(Given::Connection))
    .root_may(ITS_MAKERS),
    Technique::wire("older-listener", "a listener made elsewhere", "30 18", OWN, |aim| {
        ip::serve(aim, &elsewhere(aim)?)
    })
    .aided(Aid::Given(Given::Listener))
    .root_may(ITS_MAKERS),
    Technique::wire("passed-connection", "a connection sent by another process", "32", OWN, passed)
        .aided(Aid::Given(Given::Passed))
        .root_may(ITS_MAKERS),
    Technique::wire(
        "autobind-listen",
        "listen without bind, and be fetched from",
        "18",
        INET,
        |aim| {
            let fd = open(libc::AF_INET, libc::SOCK_STREAM, 0)?;
            attempt::listen(&fd).map_err(at("listen"))?;
            ip::serve(aim, &fd)
        },
    )
    .aided(Aid::Fetch),
    Technique::wire("simultaneous-open", "both ends connect at once", "18", INET, meet)
        .aided(Aid::Meet),
];

fn elsewhere(aim: &Aim) -> Result<OwnedFd, Failure> {
    attempt::by_number(aim.given).map_err(at("dup"))
}

fn passed(aim: &Aim) -> Result<(), Failure> {
    let channel = Channel::from(elsewhere(aim)?);
    let (_, fd) = channel.receive(&mut [0; 8]).map_err(at("recvmsg"))?;
    let refused = || std::io::Error::from_raw_os_error(libc::EPERM);
    send(aim, &fd.ok_or_else(refused).map_err(at("recvmsg"))?)
}

fn meet(aim: &Aim) -> Result<(), Failure> {
    let fd = open(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_NONBLOCK, 0)?;
    set(&fd, libc::SOL_SOCKET, libc::SO_REUSEADDR, &1i32.to_ne_bytes())?;
    let own = inet(Ipv4Addr::UNSPECIFIED.into(), MEETING_PORT);
    attempt::bind(&fd, &own).map_err(at("bind"))?;
    match attempt::connect(&fd, &inet(ATTACKER, MEETING_PORT)) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => {
            return Err(at("connect")(error));
        }
        _ => wait(aim, &fd, libc::POLLOUT, "connect")?,
    }
    send(aim, &fd)
}

const OWN: &[Layer] = &[Layer::Descriptors, Layer::Seccomp, Layer::Cgroup];
const ITS_MAKERS: &str =
    "a socket belongs to the cgroup in which it was made; roles are given none from outside";
