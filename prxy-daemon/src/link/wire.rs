//! Big-endian fields in a row: the least that can be parsed without mistakes.

use std::net::{IpAddr, Ipv6Addr};

use super::{MAX_ADDRESSES, Malformed, RouteId};

/// Writes one message.
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn new(kind: u8) -> Self {
        Self(vec![kind])
    }

    pub(super) fn u16(&mut self, value: u16) {
        self.0.extend(value.to_be_bytes());
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.0.extend(value.to_be_bytes());
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.0.extend(value.to_be_bytes());
    }

    pub(super) fn bytes(&mut self, value: &[u8]) {
        self.0.extend(value);
    }

    /// Bytes with their length before them.
    pub(super) fn block(&mut self, value: &[u8]) {
        self.u32(u32::try_from(value.len()).unwrap_or(u32::MAX));
        self.bytes(value);
    }

    pub(super) fn route(&mut self, route: RouteId) {
        self.u32(route.epoch);
        self.u16(route.number);
    }

    /// A message of one number.
    pub(super) fn with_u32(mut self, value: u32) -> Vec<u8> {
        self.u32(value);
        self.done()
    }

    pub(super) fn addresses(&mut self, addresses: &[IpAddr]) {
        self.u16(u16::try_from(addresses.len()).unwrap_or(u16::MAX));
        for address in addresses {
            self.0.extend(as_v6(*address).octets());
        }
    }

    pub(super) fn done(self) -> Vec<u8> {
        self.0
    }
}

/// Reads one message.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Result<(u8, Self), Malformed> {
        let (kind, rest) = bytes.split_first().ok_or(Malformed)?;
        Ok((*kind, Self(rest)))
    }

    pub(super) fn u16(&mut self) -> Result<u16, Malformed> {
        self.take().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Malformed> {
        self.take().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Malformed> {
        self.take().map(u64::from_be_bytes)
    }

    pub(super) fn addresses(&mut self) -> Result<Vec<IpAddr>, Malformed> {
        let count = usize::from(self.u16()?);
        if count > MAX_ADDRESSES {
            return Err(Malformed);
        }
        (0..count).map(|_| self.take().map(|octets| from_v6(Ipv6Addr::from(octets)))).collect()
    }

    pub(super) fn route(&mut self) -> Result<RouteId, Malformed> {
        Ok(RouteId { epoch: self.u32()?, number: self.u16()? })
    }

    /// Bytes with their length before them.
    pub(super) fn block(&mut self) -> Result<&'a [u8], Malformed> {
        let length = usize::try_from(self.u32()?).map_err(|_| Malformed)?;
        let (block, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(block)
    }

    pub(super) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn end<T>(self, message: T) -> Result<T, Malformed> {
        if self.0.is_empty() { Ok(message) } else { Err(Malformed) }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (field, rest) = self.0.split_first_chunk::<N>().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*field)
    }
}

/// The address as 16 bytes, IPv4 mapped; also the form in the kernel's maps.
pub(crate) fn as_v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

fn from_v6(address: Ipv6Addr) -> IpAddr {
    address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4)
}
