//! A scratch world: two network namespaces, one wire, and everything that crosses it from the
//! inside kept in memory.
//!
//! Namespaces have no names and end with their last descriptor and process, so none is left over.
//! Not for who waits outside; that is `neighbours`.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::socket::{MsgFlags, recv};

use super::frame::Packet;
use super::ground::{
    ATTACKER, ATTACKER_V6, INSIDE, INSIDE_LINK, INSIDE_MAC, INSIDE_V6, NAMESERVER, OUTSIDE_LINK,
    OUTSIDE_MAC, PROVIDER, PROVIDER_V6, SECOND, SECOND_V6,
};
use super::judge::is_own_group;
use super::netlink::{End, Netlink};
use super::technique::link_address;
use crate::sys::attempt;

/// A network namespace.
pub(super) struct Namespace(OwnedFd);

/// Two of them, and a sniffer at the outer end of the wire between them.
pub(super) struct World {
    pub(super) inside: Namespace,
    pub(super) outside: Namespace,
    sniffer: OwnedFd,
}

impl Namespace {
    /// The one that this process is in.
    pub(super) fn here() -> io::Result<Self> {
        Ok(Self(File::open("/proc/thread-self/ns/net")?.into()))
    }

    /// A new one; the process goes back to where it was.
    fn new() -> io::Result<Self> {
        let home = Self::here()?;
        unshare(CloneFlags::CLONE_NEWNET)?;
        let new =
            quieten().and_then(|()| Netlink::here()?.up(LOOPBACK)).and_then(|()| Self::here());
        home.enter()?;
        new
    }

    /// The same by another descriptor.
    pub(super) fn again(fd: BorrowedFd<'_>) -> io::Result<Self> {
        Ok(Self(fd.try_clone_to_owned()?))
    }

    /// Its descriptor.
    pub(super) fn by_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Moves the calling thread in.
    pub(super) fn enter(&self) -> io::Result<()> {
        Ok(setns(&self.0, CloneFlags::CLONE_NEWNET)?)
    }

    /// Does something inside; the calling thread goes back to where it was. Not for clones: the
    /// child would go back as well.
    pub(super) fn within<T>(&self, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let home = Self::here()?;
        self.enter()?;
        let done = work();
        home.enter()?;
        done
    }
}

impl World {
    /// Builds both namespaces, the wire and the sniffer; see [`World::settle`].
    pub(super) fn new() -> io::Result<Self> {
        let (inside, outside) = (Namespace::new()?, Namespace::new()?);
        let near = End { name: INSIDE_LINK, index: INSIDE_INDEX, mac: INSIDE_MAC };
        let far = End { name: OUTSIDE_LINK, index: OUTSIDE_INDEX, mac: OUTSIDE_MAC };
        let others = [PROVIDER, SECOND, NAMESERVER, ATTACKER, PROVIDER_V6, SECOND_V6, ATTACKER_V6];
        inside.within(|| Netlink::here()?.wire(&near, &far, outside.0.as_fd()))?;
        let sniffer = outside.within(|| {
            let net = Netlink::here()?;
            for address in others {
                net.address(OUTSIDE_INDEX, address)?;
            }
            net.up(OUTSIDE_INDEX)?;
            // What an attacker's own machine would do: take part in source routing.
            for (key, value) in [
                ("ipv6/conf/all/seg6_enabled", "1"),
                ("ipv6/conf/net0/seg6_enabled", "1"),
                ("ipv4/conf/all/accept_source_route", "1"),
                ("ipv4/conf/net0/accept_source_route", "1"),
            ] {
                // A kernel may be built without: the control of that technique says so.
                drop(sysctl(key, value));
            }
            for ours in [INSIDE, INSIDE_V6] {
                net.neighbour(OUTSIDE_INDEX, ours, INSIDE_MAC)?;
            }
            sniff()
        })?;
        inside.within(|| {
            // What other systems allow: ping for everyone, low ports, data in the SYN.
            sysctl("ipv4/ping_group_range", "0 2147483647")?;
            sysctl("ipv4/ip_unprivileged_port_start", "0")?;
            sysctl("ipv4/tcp_fastopen", "3")?;
            let net = Netlink::here()?;
            for ours in [INSIDE, INSIDE_V6] {
                net.address(INSIDE_INDEX, ours)?;
            }
            net.up(INSIDE_INDEX)?;
            for address in others {
                net.neighbour(INSIDE_INDEX, address, OUTSIDE_MAC)?;
            }
            // Foreign addresses leave by the wire, as they would on a host.
            net.default_route(INSIDE_INDEX, PROVIDER)?;
            net.default_route(INSIDE_INDEX, PROVIDER_V6)
        })?;
        Ok(Self { inside, outside, sniffer })
    }

    /// What has come out of the inside since the last time.
    pub(super) fn packets(&self) -> io::Result<Vec<Packet>> {
        let mut packets = Vec::new();
        let mut frame = vec![0; 1 << 16];
        loop {
            let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC;
            match recv(self.sniffer.as_raw_fd(), &mut frame, flags) {
                Ok(len) => packets.push(Packet::parse(&frame[..len.min(frame.len())], len, true)),
                Err(Errno::EAGAIN) => return Ok(packets),
                // The link went down for a moment.
                Err(Errno::ENETDOWN) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Frames that did not fit into memory; any at all make every "nothing left" worthless.
    pub(super) fn lost_frames(&self) -> io::Result<u32> {
        let bytes = attempt::getsockopt(&self.sniffer, libc::SOL_PACKET, PACKET_STATISTICS, 8)?;
        let lost = bytes.get(4..8).and_then(|lost| lost.try_into().ok());
        lost.map(u32::from_ne_bytes).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Waits until the wire is silent: a link that has come up reports the group of its own address,
    /// and nothing after that.
    pub(super) fn settle(&self) -> io::Result<()> {
        let (mut quiet, deadline) = (Instant::now(), Instant::now() + SETTLE_AT_MOST);
        let mut reported = false;
        while (!reported || quiet.elapsed() < SETTLE) && Instant::now() < deadline {
            for packet in self.packets()? {
                reported |= is_own_group(&packet);
                quiet = Instant::now();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

/// Every frame that arrives at the outer end, none that leaves it.
fn sniff() -> io::Result<OwnedFd> {
    let every = i32::from(ETH_P_ALL.to_be());
    let socket = attempt::socket(libc::AF_PACKET, libc::SOCK_RAW, every)?;
    attempt::setsockopt(&socket, libc::SOL_PACKET, PACKET_IGNORE_OUTGOING, &1_i32.to_ne_bytes())?;
    let room: i32 = 32 << 20;
    attempt::setsockopt(&socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, &room.to_ne_bytes())?;
    attempt::bind(&socket, &link_address(OUTSIDE_INDEX, ETH_P_ALL, [0; 6]))?;
    Ok(socket)
}

/// Interfaces made later take over the `default` values: no IPv6 chatter.
fn quieten() -> io::Result<()> {
    for (key, value) in [
        ("ipv6/conf/default/accept_dad", "0"),
        ("ipv6/conf/default/accept_ra", "0"),
        ("ipv6/conf/default/addr_gen_mode", "1"),
        ("ipv6/conf/default/router_solicitations", "0"),
        ("ipv6/conf/default/mldv1_unsolicited_report_interval", "1"),
        ("ipv6/conf/default/mldv2_unsolicited_report_interval", "1"),
    ] {
        sysctl(key, value)?;
    }
    Ok(())
}

fn sysctl(key: &str, value: &str) -> io::Result<()> {
    std::fs::write(format!("/proc/sys/net/{key}"), value)
}

const LOOPBACK: u32 = 1;
// With the same index on both ends the kernel would take up to a second to see them up.
const INSIDE_INDEX: u32 = 10;
const OUTSIDE_INDEX: u32 = 20;
const ETH_P_ALL: u16 = 3;
const PACKET_STATISTICS: i32 = 6;
const PACKET_IGNORE_OUTGOING: i32 = 23;
const SETTLE: Duration = Duration::from_millis(150);
const SETTLE_AT_MOST: Duration = Duration::from_secs(3);
