//! Who has which address in a scratch world of two network namespaces and one wire.
//!
//! ```text
//! inside (roles)                         outside (everyone else)
//! 10.77.0.2, fd77::2   app0 ════════ net0   10.77.0.1  fd77::1   provider
//!                                           10.77.0.3  fd77::3   second provider
//!                                           10.77.0.53           nameserver
//!                                           10.77.0.66 fd77::66  attacker
//! ```
//! Neighbours are static and duplicate address detection is off, so an idle wire is silent and
//! any ARP or neighbour discovery that shows up was provoked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The inside.
pub const INSIDE: IpAddr = v4(2);
/// The inside.
pub const INSIDE_V6: IpAddr = v6(2);
/// The provider, which netgate may reach.
pub const PROVIDER: IpAddr = v4(1);
/// The provider, which netgate may reach.
pub const PROVIDER_V6: IpAddr = v6(1);
/// The second provider.
pub const SECOND: IpAddr = v4(3);
/// The second provider.
pub const SECOND_V6: IpAddr = v6(3);
/// The nameserver, which the resolver may reach.
pub const NAMESERVER: IpAddr = v4(53);
/// The attacker.
pub const ATTACKER: IpAddr = v4(66);
/// The attacker.
pub const ATTACKER_V6: IpAddr = v6(0x66);
/// Nobody has this address, but it is on the wire's network.
pub const NOBODY: IpAddr = v4(99);
/// The hardware address of the inside's end.
pub const INSIDE_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
/// The hardware address of the outside's end.
pub const OUTSIDE_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
/// The interface inside.
pub const INSIDE_LINK: &str = "app0";
/// The interface outside.
pub const OUTSIDE_LINK: &str = "net0";
/// The providers' port.
pub const PROVIDER_PORT: u16 = 443;

const fn v4(host: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 77, 0, host))
}

const fn v6(host: u16) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, host))
}
