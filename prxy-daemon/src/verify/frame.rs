//! Frames as they were on the wire: the headers of Ethernet, IP, TCP and UDP.
//!
//! Not for judging them; that is `judge`.

use std::fmt;
use std::net::IpAddr;

/// One frame from the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Whether the inside sent it.
    pub outgoing: bool,
    /// The frame's ethertype.
    pub ethertype: u16,
    /// The addresses of its IP header.
    pub ip: Option<Ip>,
    /// The length on the wire, in bytes.
    pub len: usize,
    /// The whole frame.
    pub frame: Vec<u8>,
}

/// The IP header of a packet, and the ports of TCP, UDP and their relatives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ip {
    /// Source address.
    pub src: IpAddr,
    /// Destination address: the *first hop* of a source-routed packet.
    pub dst: IpAddr,
    /// IPv4 protocol or IPv6 next header.
    pub protocol: u8,
    /// Source and destination port, where the protocol has ports.
    pub ports: Option<(u16, u16)>,
    /// TCP flags and the length of the payload.
    pub tcp: Option<(u8, usize)>,
    /// Whether options, extension headers or fragmentation are in use.
    pub extended: bool,
}

impl Packet {
    /// Reads the headers of a frame; `len` is its length on the wire.
    pub fn parse(frame: &[u8], len: usize, outgoing: bool) -> Self {
        let ethertype = be16(frame, 12).unwrap_or(0);
        let body = frame.get(14..).unwrap_or(&[]);
        let ip = match ethertype {
            IPV4 => ipv4(body),
            IPV6 => ipv6(body),
            _ => None,
        };
        Self { outgoing, ethertype, ip, len, frame: frame.to_vec() }
    }

    /// Whether the frame carries these bytes anywhere.
    pub fn contains(&self, needle: &[u8]) -> bool {
        self.frame.windows(needle.len()).any(|w| w == needle)
    }

    /// A short name of the protocol.
    pub fn protocol(&self) -> String {
        match (self.ethertype, self.ip.map(|ip| ip.protocol)) {
            (_, Some(TCP)) => "tcp".into(),
            (_, Some(UDP)) => "udp".into(),
            (_, Some(136)) => "udplite".into(),
            (_, Some(132)) => "sctp".into(),
            (_, Some(ICMP)) => "icmp".into(),
            (_, Some(ICMPV6)) => "icmp6".into(),
            (_, Some(2)) => "igmp".into(),
            (_, Some(43)) => "routing-header".into(),
            (_, Some(0)) => "hop-by-hop".into(),
            (_, Some(other)) => format!("ip-proto-{other}"),
            (ARP, None) => "arp".into(),
            (other, None) => format!("ethertype-{other:04x}"),
        }
    }
}

/// For example `tcp 10.77.0.2:4711 > 10.77.0.1:443 60 bytes`.
impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.protocol())?;
        if let Some(ip) = self.ip {
            match ip.ports {
                Some((from, to)) => write!(f, " {}:{from} > {}:{to}", ip.src, ip.dst)?,
                None => write!(f, " {} > {}", ip.src, ip.dst)?,
            }
            if ip.extended {
                f.write_str(" (options or fragment)")?;
            }
        }
        write!(f, " {} bytes", self.len)
    }
}

fn ipv4(body: &[u8]) -> Option<Ip> {
    let header = body.get(..20)?;
    let header_len = usize::from(header[0] & 0x0f) * 4;
    let fragmented = be16(header, 6)? & 0x3fff != 0;
    let total = usize::from(be16(header, 2)?);
    let src: [u8; 4] = header[12..16].try_into().ok()?;
    let dst: [u8; 4] = header[16..20].try_into().ok()?;
    let payload = body.get(header_len..total.min(body.len())).unwrap_or(&[]);
    let extended = header_len != 20 || fragmented;
    Some(Ip::new(src.into(), dst.into(), header[9], payload, extended))
}

fn ipv6(body: &[u8]) -> Option<Ip> {
    let header = body.get(..40)?;
    let src: [u8; 16] = header[8..24].try_into().ok()?;
    let dst: [u8; 16] = header[24..40].try_into().ok()?;
    let end = 40 + usize::from(be16(header, 4)?);
    let payload = body.get(40..end.min(body.len())).unwrap_or(&[]);
    let extended = ![TCP, UDP, ICMPV6].contains(&header[6]);
    Some(Ip::new(src.into(), dst.into(), header[6], payload, extended))
}

impl Ip {
    fn new(src: IpAddr, dst: IpAddr, protocol: u8, payload: &[u8], extended: bool) -> Self {
        let has_ports = [TCP, UDP, 132, 136].contains(&protocol);
        let ports = if has_ports { be16(payload, 0).zip(be16(payload, 2)) } else { None };
        let tcp = match payload {
            [.., _] if protocol == TCP && payload.len() >= 20 => {
                let header = usize::from(payload[12] >> 4) * 4;
                Some((payload[13], payload.len().saturating_sub(header)))
            }
            _ => None,
        };
        Self { src, dst, protocol, ports, tcp, extended }
    }
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

/// Protocol number of TCP.
pub const TCP: u8 = 6;
/// Protocol number of UDP.
pub const UDP: u8 = 17;
/// Protocol number of ICMP.
pub const ICMP: u8 = 1;
/// Protocol number of ICMPv6.
pub const ICMPV6: u8 = 58;
/// Ethertype of IPv4.
pub const IPV4: u16 = 0x0800;
/// Ethertype of IPv6.
pub const IPV6: u16 = 0x86dd;
/// Ethertype of ARP.
pub const ARP: u16 = 0x0806;
