//! Says where packets went, and whether they may go there.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use super::frame::{ARP, ICMP, ICMPV6, IPV6, Packet, TCP};

/// What a destination received from the daemon's side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Frames.
    pub packets: usize,
    /// Bytes on the wire.
    pub bytes: usize,
}

/// Where something may go: protocol number, address, port.
pub type Destination = (u8, IpAddr, u16);

/// Outgoing packets, judged by an allowlist.
#[derive(Clone, Debug, Default)]
pub struct Judged {
    /// By destination, everything that went out.
    pub destinations: BTreeMap<String, Tally>,
    /// Packets to anywhere else, or with options, extension headers or fragments.
    pub unexpected: Vec<Packet>,
    /// What the kernel says for itself: ARP, neighbour discovery, empty resets, unreachable ports.
    pub noise: Vec<Packet>,
}

/// Judges everything that the daemon's side sent.
pub fn only(packets: &[Packet], allowed: &[Destination]) -> Judged {
    let mut judged = Judged::default();
    for packet in packets.iter().filter(|p| p.outgoing) {
        let noise = noise(packet, allowed);
        let destination = match noise {
            Some(noise) => format!("kernel: {noise}"),
            None => destination(packet),
        };
        let tally = judged.destinations.entry(destination).or_default();
        tally.packets += 1;
        tally.bytes += packet.len;
        if noise.is_some() {
            judged.noise.push(packet.clone());
        } else if !is_allowed(packet, allowed) {
            judged.unexpected.push(packet.clone());
        }
    }
    judged
}

impl Judged {
    /// Whether every packet went where it may go.
    pub fn holds(&self) -> bool {
        self.unexpected.is_empty()
    }
}

/// One line for each unexpected packet.
impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} unexpected packets", self.unexpected.len())?;
        self.unexpected.iter().take(20).try_for_each(|p| writeln!(f, "  {p}"))
    }
}

fn destination(packet: &Packet) -> String {
    let protocol = packet.protocol();
    match packet.ip {
        Some(ip) => match ip.ports {
            Some((_, port)) if ip.dst.is_ipv6() => format!("[{}]:{port} {protocol}", ip.dst),
            Some((_, port)) => format!("{}:{port} {protocol}", ip.dst),
            None => format!("{} {protocol}", ip.dst),
        },
        None => protocol,
    }
}

fn is_allowed(packet: &Packet, allowed: &[Destination]) -> bool {
    packet.ip.is_some_and(|ip| {
        let port = ip.ports.map(|(_, to)| to);
        !ip.extended
            && allowed.iter().any(|a| a.0 == ip.protocol && a.1 == ip.dst && Some(a.2) == port)
    })
}

/// What the kernel says for itself, with no byte in it that a process has chosen.
fn noise(packet: &Packet, allowed: &[Destination]) -> Option<&'static str> {
    const RESET: u8 = 4;
    let Some(ip) = packet.ip else { return (packet.ethertype == ARP).then_some("arp") };
    let header = if packet.ethertype == IPV6 { 54 } else { 34 };
    let kind = packet.frame.get(header).copied();
    match (ip.protocol, kind) {
        (TCP, _) => matches!(ip.tcp, Some((f, 0)) if f & RESET != 0).then_some("tcp reset"),
        (ICMPV6, Some(133..=137)) => Some("neighbour discovery"),
        // An answer came after its socket was gone; only to those who may be talked to.
        (ICMP, Some(3)) | (ICMPV6, Some(1)) => {
            allowed.iter().any(|a| a.1 == ip.dst).then_some("icmp unreachable")
        }
        _ => None,
    }
}

/// Whether a process made the kernel look for a neighbour.
pub fn is_probe(packet: &Packet) -> bool {
    matches!(noise(packet, &[]), Some("arp" | "neighbour discovery"))
}
