//! What the roles say to each other: typed, bounded messages over `sys::channel`.
//!
//! Not for HTTP (that is how gateway and broker talk) and not for policy. Every message fits in
//! [`MAX_MESSAGE`] bytes; a message that does not parse ends the channel, because only a broken
//! or hostile peer sends one.

pub mod sockets;
pub(crate) mod wire;

use std::io;
use std::net::IpAddr;

use thiserror::Error;

use crate::sys::channel::AsyncChannel;
use wire::{Reader, Writer};

/// Bytes of the longest message: a ClientHello with its header.
pub const MAX_MESSAGE: usize = 20 * 1024;

/// Addresses in one answer, at most.
pub const MAX_ADDRESSES: usize = 32;

/// What a role tells the warden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToWarden {
    /// Confined, all canaries passed, serving.
    Ready,
    /// What the nameservers said of a route's host.
    Answer {
        /// The route's number.
        route: u16,
        /// How long it holds, in seconds.
        ttl_secs: u32,
        /// The addresses, unchecked.
        addresses: Vec<IpAddr>,
    },
}

/// What the warden tells a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromWarden {
    /// Finish what is under way, then exit.
    Drain,
    /// The kernel's policy no longer holds: close every connection, send nothing more.
    Halt,
    /// The kernel now admits these addresses for a route.
    Addresses {
        /// The route's number.
        route: u16,
        /// The addresses in force; none: the route cannot be reached.
        addresses: Vec<IpAddr>,
    },
}

/// What the broker asks of netgate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialRequest {
    /// Chosen by the broker, comes back in the reply.
    pub id: u64,
    /// The route's number.
    pub route: u16,
    /// The TLS ClientHello to send first; empty on a plaintext route.
    pub client_hello: Vec<u8>,
}

/// What netgate answers; a connected socket comes with [`DialOutcome::Connected`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DialReply {
    /// The request's number.
    pub id: u64,
    /// What became of it.
    pub outcome: DialOutcome,
}

/// What became of a dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum DialOutcome {
    /// The socket is connected and the ClientHello is sent.
    Connected,
    /// The route has no address now.
    NoAddress,
    /// The ClientHello is not one that the route permits.
    HelloRefused,
    /// No address answered in time.
    Timeout,
    /// Every address refused.
    Refused,
}

/// A message that a correct peer would not send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("malformed message between roles")]
pub struct Malformed;

impl From<Malformed> for io::Error {
    fn from(error: Malformed) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

impl ToWarden {
    /// The bytes of the message.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Ready => Writer::new(0).done(),
            Self::Answer { route, ttl_secs, addresses } => {
                let mut out = Writer::new(1);
                out.u16(*route);
                out.u32(*ttl_secs);
                out.addresses(addresses);
                out.done()
            }
        }
    }

    /// Reads a message.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let (kind, mut input) = Reader::new(bytes)?;
        let message = match kind {
            0 => Self::Ready,
            1 => Self::Answer {
                route: input.u16()?,
                ttl_secs: input.u32()?,
                addresses: input.addresses()?,
            },
            _ => return Err(Malformed),
        };
        input.end(message)
    }
}

impl FromWarden {
    /// The bytes of the message.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Drain => Writer::new(0).done(),
            Self::Halt => Writer::new(2).done(),
            Self::Addresses { route, addresses } => {
                let mut out = Writer::new(1);
                out.u16(*route);
                out.addresses(addresses);
                out.done()
            }
        }
    }

    /// The warden's next order; `None`: the warden is gone.
    ///
    /// # Errors
    /// Those of the channel; `InvalidData` for what no warden would say.
    pub async fn receive(warden: &AsyncChannel) -> io::Result<Option<Self>> {
        let mut buffer = [0; 1024];
        match warden.receive(&mut buffer).await? {
            (0, _) => Ok(None),
            (length, _dropped) => Ok(Some(Self::decode(&buffer[..length])?)),
        }
    }

    /// Reads a message.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let (kind, mut input) = Reader::new(bytes)?;
        let message = match kind {
            0 => Self::Drain,
            1 => Self::Addresses { route: input.u16()?, addresses: input.addresses()? },
            2 => Self::Halt,
            _ => return Err(Malformed),
        };
        input.end(message)
    }
}

impl DialRequest {
    /// The bytes of the message.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new(0);
        out.u64(self.id);
        out.u16(self.route);
        out.bytes(&self.client_hello);
        out.done()
    }

    /// Reads a message.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let (kind, mut input) = Reader::new(bytes)?;
        if kind != 0 {
            return Err(Malformed);
        }
        Ok(Self { id: input.u64()?, route: input.u16()?, client_hello: input.rest().to_vec() })
    }
}

impl DialReply {
    /// The bytes of the message.
    pub fn encode(self) -> Vec<u8> {
        let mut out = Writer::new(match self.outcome {
            DialOutcome::Connected => 0,
            DialOutcome::NoAddress => 1,
            DialOutcome::HelloRefused => 2,
            DialOutcome::Timeout => 3,
            DialOutcome::Refused => 4,
        });
        out.u64(self.id);
        out.done()
    }

    /// Reads a message.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let (kind, mut input) = Reader::new(bytes)?;
        let outcome = match kind {
            0 => DialOutcome::Connected,
            1 => DialOutcome::NoAddress,
            2 => DialOutcome::HelloRefused,
            3 => DialOutcome::Timeout,
            4 => DialOutcome::Refused,
            _ => return Err(Malformed),
        };
        let reply = Self { id: input.u64()?, outcome };
        input.end(reply)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses() -> Vec<IpAddr> {
        vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()]
    }

    #[test]
    fn every_message_reads_back_as_it_was_written() {
        let answer = ToWarden::Answer { route: 3, ttl_secs: 300, addresses: addresses() };
        for message in [ToWarden::Ready, answer] {
            assert_eq!(ToWarden::decode(&message.encode()), Ok(message));
        }
        let addresses = FromWarden::Addresses { route: 9, addresses: addresses() };
        for message in [FromWarden::Drain, FromWarden::Halt, addresses] {
            assert_eq!(FromWarden::decode(&message.encode()), Ok(message));
        }
        let request = DialRequest { id: 7, route: 1, client_hello: vec![22, 3, 1] };
        assert_eq!(DialRequest::decode(&request.encode()), Ok(request));
        let reply = DialReply { id: 7, outcome: DialOutcome::Timeout };
        assert_eq!(DialReply::decode(&reply.encode()), Ok(reply));
    }

    #[test]
    fn every_cut_or_longer_message_is_refused() {
        let answer = ToWarden::Answer { route: 3, ttl_secs: 300, addresses: addresses() };
        let bytes = answer.encode();
        for length in 0..bytes.len() {
            assert_eq!(ToWarden::decode(&bytes[..length]), Err(Malformed), "{length}");
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert_eq!(ToWarden::decode(&longer), Err(Malformed));
        let many = ToWarden::Answer {
            route: 0,
            ttl_secs: 0,
            addresses: vec!["192.0.2.1".parse().unwrap(); MAX_ADDRESSES + 1],
        };
        assert_eq!(ToWarden::decode(&many.encode()), Err(Malformed));
    }
}
