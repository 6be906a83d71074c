//! Says where packets went, and whether they may go there.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use super::frame::{ARP, ICMP, ICMPV6, IPV6, Packet, TCP};
use super::ground::INSIDE_V6;

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
        _ if is_own_group(packet) => Some("its own group"),
        // An answer came after its socket was gone; only to those who may be talked to.
        (ICMP, Some(3)) | (ICMPV6, Some(1)) => {
            allowed.iter().any(|a| a.1 == ip.dst).then_some("icmp unreachable")
        }
        _ => None,
    }
}

/// Whether this is the kernel's report (MLDv2, RFC 3810) that it listens for its own address, and for
/// nothing else: it makes that when a link comes up. A group that a process has joined is another.
pub fn is_own_group(packet: &Packet) -> bool {
    const REPORT: u8 = 143;
    let IpAddr::V6(own) = INSIDE_V6 else { return false };
    let [.., a, b, c] = own.octets();
    let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | u16::from(a), be16(b, c));
    // Ethernet and IPv6, then eight bytes of options with the router alert, then the report.
    let Some((head, report)) = packet.frame.split_at_checked(54 + 8) else { return false };
    let is_report = packet.ethertype == IPV6 && head[20] == 0 && head[54] == ICMPV6;
    let [REPORT, _, _, _, _, _, high, low, records @ ..] = report else { return false };
    is_report
        && usize::from(be16(*high, *low)) * RECORD == records.len()
        && records.chunks(RECORD).all(|record| {
            // Kind, no further data, no sources, the group.
            record[1..4] == [0; 3] && record[4..] == group.octets()
        })
}

fn be16(high: u8, low: u8) -> u16 {
    u16::from_be_bytes([high, low])
}

/// The length of a record without sources.
const RECORD: usize = 20;

/// Whether a process made the kernel look for a neighbour.
pub fn is_probe(packet: &Packet) -> bool {
    matches!(noise(packet, &[]), Some("arp" | "neighbour discovery"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A report of these groups, as the kernel makes it.
    fn report(groups: &[&str]) -> Packet {
        let mut frame = vec![0x33, 0x33, 0, 0, 0, 0x16, 2, 0, 0, 0, 0, 2, 0x86, 0xdd];
        frame.extend([0x60, 0, 0, 0, 0, 0, 0, 1]);
        frame.extend([0; 16]);
        frame.extend("ff02::16".parse::<Ipv6Addr>().unwrap().octets());
        frame.extend([ICMPV6, 0, 5, 2, 0, 0, 1, 0]);
        frame.extend([143, 0, 0, 0, 0, 0, 0, groups.len() as u8]);
        for group in groups {
            frame.extend([4, 0, 0, 0]);
            frame.extend(group.parse::<Ipv6Addr>().unwrap().octets());
        }
        Packet::parse(&frame, frame.len(), true)
    }

    #[test]
    fn the_kernels_own_group_is_noise_and_one_that_a_process_joined_is_not() {
        const OWN: &str = "ff02::1:ff00:2";
        for (groups, noise) in [
            (&[OWN][..], 1),
            (&[OWN, OWN], 1),
            (&["ff02::1:ff00:3"], 0),
            (&[OWN, "ff05::beef:1"], 0),
            (&["ff05::beef:1"], 0),
        ] {
            let judged = only(&[report(groups)], &[]);
            assert_eq!((judged.noise.len(), judged.unexpected.len()), (noise, 1 - noise));
        }
        let mut longer = report(&[OWN]).frame;
        longer.extend(b"more");
        assert!(!is_own_group(&Packet::parse(&longer, longer.len(), true)));
    }
}
