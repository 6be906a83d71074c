//! Makes a wire between two namespaces: the few rtnetlink requests that this takes.
//!
//! Not a netlink library: `ip` may be missing on a user's machine, so it is not called.
//! Formats: `rtnetlink(7)`.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket,
};

/// A connection to the routing tables of the namespace in which it was made.
pub(super) struct Netlink(OwnedFd);

/// One end of a wire.
pub(super) struct End<'a> {
    pub(super) name: &'a str,
    pub(super) index: u32,
    pub(super) mac: [u8; 6],
}

impl Netlink {
    /// Asks the calling thread's network namespace.
    pub(super) fn here() -> io::Result<Self> {
        let kind = (AddressFamily::Netlink, SockType::Raw, SockProtocol::NetlinkRoute);
        Ok(Self(socket(kind.0, kind.1, SockFlag::SOCK_CLOEXEC, kind.2)?))
    }

    /// Makes a pair of connected links, the far one in another namespace.
    pub(super) fn wire(
        &self,
        near: &End<'_>,
        far: &End<'_>,
        netns: BorrowedFd<'_>,
    ) -> io::Result<()> {
        let mut peer = link_header(far.index, 0);
        attribute(&mut peer, IFLA_IFNAME, &named(far.name));
        attribute(&mut peer, IFLA_ADDRESS, &far.mac);
        attribute(&mut peer, IFLA_NET_NS_FD, &netns.as_raw_fd().to_ne_bytes());
        let (mut data, mut info) = (Vec::new(), Vec::new());
        attribute(&mut data, VETH_INFO_PEER, &peer);
        attribute(&mut info, IFLA_INFO_KIND, b"veth");
        attribute(&mut info, IFLA_INFO_DATA, &data);
        let mut body = link_header(near.index, 0);
        attribute(&mut body, IFLA_IFNAME, &named(near.name));
        attribute(&mut body, IFLA_ADDRESS, &near.mac);
        attribute(&mut body, IFLA_LINKINFO, &info);
        self.ask(RTM_NEWLINK, &body)
    }

    /// Switches a link on.
    pub(super) fn up(&self, index: u32) -> io::Result<()> {
        self.ask(RTM_NEWLINK, &link_header(index, IFF_UP))
    }

    /// Gives a link an address with the network around it; IPv6 without duplicate detection.
    pub(super) fn address(&self, index: u32, address: IpAddr) -> io::Result<()> {
        let (family, bytes) = split(address);
        let (prefix, flags) = if address.is_ipv6() { (64, IFA_F_NODAD) } else { (24, 0) };
        let mut body = vec![family, prefix, flags, 0];
        body.extend(index.to_ne_bytes());
        attribute(&mut body, IFA_LOCAL, &bytes);
        attribute(&mut body, IFA_ADDRESS, &bytes);
        self.ask(RTM_NEWADDR, &body)
    }

    /// Names a neighbour for good.
    pub(super) fn neighbour(&self, index: u32, address: IpAddr, mac: [u8; 6]) -> io::Result<()> {
        let (family, bytes) = split(address);
        let mut body = vec![family, 0, 0, 0];
        body.extend(index.to_ne_bytes());
        body.extend(NUD_PERMANENT.to_ne_bytes());
        body.extend([0, 0]);
        attribute(&mut body, NDA_DST, &bytes);
        attribute(&mut body, NDA_LLADDR, &mac);
        self.ask(RTM_NEWNEIGH, &body)
    }

    /// Sends everything else to this gateway.
    pub(super) fn default_route(&self, index: u32, gateway: IpAddr) -> io::Result<()> {
        let (family, bytes) = split(gateway);
        let mut body = vec![family, 0, 0, 0, RT_TABLE_MAIN, RTPROT_STATIC, 0, RTN_UNICAST];
        body.extend([0; 4]);
        attribute(&mut body, RTA_GATEWAY, &bytes);
        attribute(&mut body, RTA_OIF, &index.to_ne_bytes());
        self.ask(RTM_NEWROUTE, &body)
    }

    /// Sends one request and reads whether it was granted.
    fn ask(&self, kind: u16, body: &[u8]) -> io::Result<()> {
        let length = u32::try_from(HEADER + body.len()).map_err(io::Error::other)?;
        let mut request = length.to_ne_bytes().to_vec();
        request.extend(kind.to_ne_bytes());
        request.extend((NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE).to_ne_bytes());
        request.extend([0; 8]);
        request.extend(body);
        send(self.0.as_raw_fd(), &request, MsgFlags::empty())?;
        let mut answer = [0; 1024];
        let got = recv(self.0.as_raw_fd(), &mut answer, MsgFlags::empty())?;
        // An error message: header, then a negative errno or 0.
        let code = answer[..got].get(HEADER..HEADER + 4).and_then(|code| code.try_into().ok());
        match code.map(i32::from_ne_bytes) {
            Some(0) => Ok(()),
            Some(code) => Err(io::Error::from_raw_os_error(-code)),
            None => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

fn link_header(index: u32, flags: u32) -> Vec<u8> {
    let mut bytes = vec![0; 4];
    for word in [index, flags, flags] {
        bytes.extend(word.to_ne_bytes());
    }
    bytes
}

fn attribute(bytes: &mut Vec<u8>, kind: u16, data: &[u8]) {
    let length = u16::try_from(data.len() + 4).unwrap_or(u16::MAX);
    bytes.extend(length.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

fn named(name: &str) -> Vec<u8> {
    [name.as_bytes(), &[0]].concat()
}

fn split(address: IpAddr) -> (u8, Vec<u8>) {
    match address {
        IpAddr::V4(ip) => (AF_INET, ip.octets().to_vec()),
        IpAddr::V6(ip) => (AF_INET6, ip.octets().to_vec()),
    }
}

const HEADER: usize = 16;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const NLM_F_CREATE: u16 = 0x400;
const RTM_NEWLINK: u16 = 16;
const RTM_NEWADDR: u16 = 20;
const RTM_NEWROUTE: u16 = 24;
const RTM_NEWNEIGH: u16 = 28;
const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_LINKINFO: u16 = 18;
const IFLA_NET_NS_FD: u16 = 28;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const VETH_INFO_PEER: u16 = 1;
const IFF_UP: u32 = 1;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_F_NODAD: u8 = 2;
const NUD_PERMANENT: u16 = 0x80;
const NDA_DST: u16 = 1;
const NDA_LLADDR: u16 = 2;
const RT_TABLE_MAIN: u8 = 254;
const RTPROT_STATIC: u8 = 4;
const RTN_UNICAST: u8 = 1;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
