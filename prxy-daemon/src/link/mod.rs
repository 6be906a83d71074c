//! What the roles say to each other: typed, bounded messages over `sys::channel`.
//!
//! Not for HTTP (that is how gateway and broker talk) and not for policy. Every message fits in
//! [`MAX_MESSAGE`] bytes; a message that does not parse ends the channel, because only a broken
//! or hostile peer sends one.

mod figures;
pub(crate) mod obey;
pub(crate) mod reload;
pub mod sockets;
pub(crate) mod wire;

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::str::FromStr;

use thiserror::Error;

pub use figures::{DECISIONS, Figures};
use wire::{Reader, Writer};

/// Bytes of the longest message: a ClientHello with its header.
pub const MAX_MESSAGE: usize = 20 * 1024;

/// The epoch of the configuration that a daemon starts with.
pub const FIRST_EPOCH: u32 = 1;

/// Addresses in one answer, at most.
pub const MAX_ADDRESSES: usize = 32;

/// Names a route: its number in the configuration that `epoch` counts.
///
/// A number alone would mean another provider after a reload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RouteId {
    /// Which configuration since the start, from 1.
    pub epoch: u32,
    /// The index in [`Config::providers`](crate::config::Config::providers).
    pub number: u16,
}

/// As `EPOCH.NUMBER`.
impl fmt::Display for RouteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.number)
    }
}

impl FromStr for RouteId {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let (epoch, number) = text.split_once('.').ok_or(Malformed)?;
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !plain(epoch) || !plain(number) {
            return Err(Malformed);
        }
        let epoch = epoch.parse().map_err(|_| Malformed)?;
        Ok(Self { epoch, number: number.parse().map_err(|_| Malformed)? })
    }
}

/// Why a role cannot take a new configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The text is not what the warden took it for.
    Text,
    /// A provider's trust roots cannot be used.
    Roots,
    /// A provider's key was not read at the start.
    Key,
    /// A provider's host cannot stand in a certificate or a header.
    Host,
    /// A module of the pipeline cannot be built.
    Pipeline,
}

impl Obstacle {
    const ALL: [Self; 5] = [Self::Text, Self::Roots, Self::Key, Self::Host, Self::Pipeline];

    /// The stable word for it.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Text => "bad-text",
            Self::Roots => "no-trust-roots",
            Self::Key => "no-key",
            Self::Host => "bad-host",
            Self::Pipeline => "bad-pipeline",
        }
    }
}

/// What a role tells the warden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToWarden {
    /// Confined, all canaries passed, serving.
    Ready,
    /// What the nameservers said of a route's host.
    Answer {
        /// The route.
        route: RouteId,
        /// How long it holds, in seconds.
        ttl_secs: u32,
        /// The addresses, unchecked.
        addresses: Vec<IpAddr>,
    },
    /// The configuration of this epoch stands ready beside the one in force.
    Prepared {
        /// The epoch.
        epoch: u32,
    },
    /// The configuration of this epoch cannot be used; the one in force is untouched.
    Refused {
        /// The epoch.
        epoch: u32,
        /// Why.
        obstacle: Obstacle,
        /// The number of the route that it concerns, if it is one.
        route: Option<u16>,
    },
    /// The configuration of this epoch is in force.
    Committed {
        /// The epoch.
        epoch: u32,
    },
    /// The answer to [`FromWarden::Ping`].
    Alive,
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
        /// The route.
        route: RouteId,
        /// The addresses in force; none: the route cannot be reached.
        addresses: Vec<IpAddr>,
    },
    /// A part of a new configuration, see [`reload`].
    Part {
        /// The epoch that it would begin.
        epoch: u32,
        /// Bytes of all parts together.
        total: u32,
        /// The next bytes.
        bytes: Vec<u8>,
    },
    /// The prepared configuration is in force from now on.
    Commit {
        /// The epoch that begins.
        epoch: u32,
    },
    /// Whatever was prepared is not wanted.
    Forget,
    /// Say that you are alive.
    Ping,
    /// What the warden has counted.
    Figures(Figures),
}

/// What the broker asks of netgate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialRequest {
    /// Chosen by the broker, comes back in the reply.
    pub id: u64,
    /// The route.
    pub route: RouteId,
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
    /// The route belongs to a configuration that is not in force.
    Outdated,
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
                out.route(*route);
                out.u32(*ttl_secs);
                out.addresses(addresses);
                out.done()
            }
            Self::Prepared { epoch } => Writer::new(2).with_u32(*epoch),
            Self::Refused { epoch, obstacle, route } => {
                let mut out = Writer::new(3);
                out.u32(*epoch);
                // The position in a list of five.
                let code = Obstacle::ALL.iter().position(|known| known == obstacle);
                out.u16(code.and_then(|code| u16::try_from(code).ok()).unwrap_or(u16::MAX));
                out.u16(route.unwrap_or(u16::MAX));
                out.done()
            }
            Self::Committed { epoch } => Writer::new(4).with_u32(*epoch),
            Self::Alive => Writer::new(5).done(),
        }
    }

    /// Reads a message.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let (kind, mut input) = Reader::new(bytes)?;
        let message = match kind {
            0 => Self::Ready,
            1 => Self::Answer {
                route: input.route()?,
                ttl_secs: input.u32()?,
                addresses: input.addresses()?,
            },
            2 => Self::Prepared { epoch: input.u32()? },
            3 => Self::Refused {
                epoch: input.u32()?,
                obstacle: *Obstacle::ALL.get(usize::from(input.u16()?)).ok_or(Malformed)?,
                route: Some(input.u16()?).filter(|route| *route != u16::MAX),
            },
            4 => Self::Committed { epoch: input.u32()? },
            5 => Self::Alive,
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
                out.route(*route);
                out.addresses(addresses);
                out.done()
            }
            Self::Part { epoch, total, bytes } => {
                let mut out = Writer::new(3);
                out.u32(*epoch);
                out.u32(*total);
                out.bytes(bytes);
                out.done()
            }
            Self::Commit { epoch } => Writer::new(4).with_u32(*epoch),
            Self::Forget => Writer::new(5).done(),
            Self::Ping => Writer::new(6).done(),
            Self::Figures(figures) => {
                let mut out = Writer::new(7);
                figures.write(&mut out);
                out.done()
            }
        }
    }

    /// Reads a message.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let (kind, mut input) = Reader::new(bytes)?;
        let message = match kind {
            0 => Self::Drain,
            1 => Self::Addresses { route: input.route()?, addresses: input.addresses()? },
            2 => Self::Halt,
            3 => Self::Part {
                epoch: input.u32()?,
                total: input.u32()?,
                bytes: input.rest().to_vec(),
            },
            4 => Self::Commit { epoch: input.u32()? },
            5 => Self::Forget,
            6 => Self::Ping,
            7 => Self::Figures(Figures::read(&mut input)?),
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
        out.route(self.route);
        out.bytes(&self.client_hello);
        out.done()
    }

    /// Reads a message.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let (kind, mut input) = Reader::new(bytes)?;
        if kind != 0 {
            return Err(Malformed);
        }
        Ok(Self { id: input.u64()?, route: input.route()?, client_hello: input.rest().to_vec() })
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
            DialOutcome::Outdated => 5,
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
            5 => DialOutcome::Outdated,
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
        let route = RouteId { epoch: 70_000, number: 3 };
        let answer = ToWarden::Answer { route, ttl_secs: 300, addresses: addresses() };
        let (prepared, committed) =
            (ToWarden::Prepared { epoch: 5 }, ToWarden::Committed { epoch: 5 });
        let refused = Obstacle::ALL
            .map(|obstacle| ToWarden::Refused { epoch: 5, obstacle, route: Some(63) })
            .into_iter();
        let whole = ToWarden::Refused { epoch: 5, obstacle: Obstacle::Text, route: None };
        let messages = [ToWarden::Ready, answer, prepared, committed, whole, ToWarden::Alive];
        for message in messages.into_iter().chain(refused) {
            assert_eq!(ToWarden::decode(&message.encode()), Ok(message));
        }
        let addresses = FromWarden::Addresses { route, addresses: addresses() };
        let part = FromWarden::Part { epoch: 5, total: 9, bytes: b"listen: 1".to_vec() };
        let commit = FromWarden::Commit { epoch: 5 };
        let figures = Figures {
            log_only: true,
            generation: 3,
            lost_events: 1 << 40,
            decisions: (0..DECISIONS as u64).collect(),
            ..Figures::default()
        };
        for message in [
            FromWarden::Drain,
            FromWarden::Halt,
            addresses,
            part,
            commit,
            FromWarden::Forget,
            FromWarden::Ping,
            FromWarden::Figures(figures),
        ] {
            assert_eq!(FromWarden::decode(&message.encode()), Ok(message));
        }
        let request = DialRequest { id: 7, route, client_hello: vec![22, 3, 1] };
        assert_eq!(DialRequest::decode(&request.encode()), Ok(request));
        let reply = DialReply { id: 7, outcome: DialOutcome::Timeout };
        assert_eq!(DialReply::decode(&reply.encode()), Ok(reply));
    }

    #[test]
    fn every_cut_or_longer_message_is_refused() {
        let route = RouteId { epoch: 1, number: 3 };
        let answer = ToWarden::Answer { route, ttl_secs: 300, addresses: addresses() };
        let bytes = answer.encode();
        for length in 0..bytes.len() {
            assert_eq!(ToWarden::decode(&bytes[..length]), Err(Malformed), "{length}");
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert_eq!(ToWarden::decode(&longer), Err(Malformed));
        let many = ToWarden::Answer {
            route: RouteId::default(),
            ttl_secs: 0,
            addresses: vec!["192.0.2.1".parse().unwrap(); MAX_ADDRESSES + 1],
        };
        assert_eq!(ToWarden::decode(&many.encode()), Err(Malformed));
    }

    #[test]
    fn a_route_is_spelled_in_one_way() {
        let route = RouteId { epoch: 12, number: 63 };
        assert_eq!("12.63".parse(), Ok(route));
        assert_eq!(route.to_string(), "12.63");
        for text in ["", ".", "12", "12.", ".63", "12.63.", "+12.63", "12.+63", "12.65536", "1 .2"]
        {
            assert_eq!(text.parse::<RouteId>(), Err(Malformed), "{text}");
        }
    }
}
