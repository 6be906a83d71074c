//! DNS messages, as far as the resolver needs them: one question out, addresses in (RFC 1035).
//!
//! Sans-I/O. Reads nothing but the answer section, and of that only addresses that belong to the
//! name that was asked for, along its chain of aliases. Aliases are followed inside one answer and
//! never asked for: the questions are the configured names and nothing else.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use thiserror::Error;

/// The kind of address that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// IPv4.
    A,
    /// IPv6.
    Aaaa,
}

/// How an answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// In a datagram, which anybody may have sent: it must repeat the question exactly.
    Udp,
    /// On a connection, which only the nameserver can write to.
    Tcp,
}

/// What a nameserver answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Addresses and the smallest time to live on the way, in seconds. None: no such records.
    Addresses(Vec<IpAddr>, u32),
    /// Cut to fit a datagram, or with the name in other letters: to be asked again over TCP.
    AskOverTcp,
}

/// Why an answer is no answer to the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DnsError {
    /// Cut short, or pointers that lead nowhere.
    #[error("malformed answer")]
    Malformed,
    /// Another id or another question: not for us.
    #[error("answer to another question")]
    Foreign,
    /// The nameserver says that it failed.
    #[error("nameserver failure, code {0}")]
    Failed(u8),
    /// Not a name that DNS can carry.
    #[error("not a host name")]
    Name,
}

/// One question as it is sent, and what an answer to it must repeat.
#[derive(Clone, Debug)]
pub struct Question {
    id: u16,
    /// On the wire, in letters of random case.
    name: Vec<u8>,
    kind: Kind,
}

/// What must not be guessed: the id, and the case of each byte of the name (the "0x20" trick).
pub type Secret = [u8; 34];

impl Question {
    /// A recursive question for `name`.
    ///
    /// # Errors
    /// [`DnsError::Name`] for an empty or over-long name or label.
    pub fn new(name: &str, kind: Kind, secret: Secret) -> Result<Self, DnsError> {
        let [id_high, id_low, bits @ ..] = secret;
        let mut name = encode_name(name)?;
        for (at, byte) in name.iter_mut().enumerate() {
            // Lengths of labels are below the letters.
            if bits[at / 8 % bits.len()] >> (at % 8) & 1 == 1 {
                byte.make_ascii_uppercase();
            }
        }
        Ok(Self { id: u16::from_be_bytes([id_high, id_low]), name, kind })
    }

    /// The message to send.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(16 + self.name.len());
        bytes.extend(self.id.to_be_bytes());
        bytes.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        bytes.extend(&self.name);
        bytes.extend(self.kind.code().to_be_bytes());
        bytes.extend([0, 1]);
        bytes
    }

    /// Reads an answer to this question.
    ///
    /// # Errors
    /// See [`DnsError`].
    pub fn read(&self, bytes: &[u8], over: Over) -> Result<Answer, DnsError> {
        let mut input = Message { bytes, at: 0 };
        let (id, flags) = (input.u16()?, input.u16()?);
        let (questions, answers) = (input.u16()?, input.u16()?);
        input.skip(4)?;
        let response = flags & 0x8000 != 0 && flags & 0x7800 == 0;
        if id != self.id || !response || questions != 1 {
            return Err(DnsError::Foreign);
        }
        let name = input.take(self.name.len())?;
        let (kind, class) = (input.u16()?, input.u16()?);
        if !name.eq_ignore_ascii_case(&self.name) || kind != self.kind.code() || class != 1 {
            return Err(DnsError::Foreign);
        }
        let (cut, exact) = (flags & 0x0200 != 0, name == self.name);
        match (over, cut || !exact) {
            (Over::Udp, true) => return Ok(Answer::AskOverTcp),
            (Over::Tcp, _) if cut => return Err(DnsError::Malformed),
            _ => {}
        }
        match flags & 0xf {
            0 => {}
            // NXDOMAIN is an answer: there are no addresses.
            3 => return Ok(Answer::Addresses(Vec::new(), 0)),
            code => return Err(DnsError::Failed(code.to_be_bytes()[1])),
        }
        let mut records = Vec::new();
        for _ in 0..answers.min(MAX_RECORDS) {
            records.push(input.record()?);
        }
        Ok(self.addresses(&records))
    }

    /// The addresses at the end of the chain of aliases; a chain without an end has none.
    fn addresses(&self, records: &[Record]) -> Answer {
        let mut wanted = canonical(&self.name);
        let mut ttl = u32::MAX;
        for _ in 0..MAX_ALIASES {
            let alias = records.iter().find_map(|record| match &record.data {
                Data::Alias(target) if record.owner == wanted => Some((target, record.ttl)),
                _ => None,
            });
            if let Some((target, alias_ttl)) = alias {
                wanted.clone_from(target);
                ttl = ttl.min(alias_ttl);
                continue;
            }
            let mut addresses = Vec::new();
            for record in records {
                if let Data::Address(address) = record.data
                    && record.owner == wanted
                    && address.is_ipv4() == (self.kind == Kind::A)
                {
                    ttl = ttl.min(record.ttl);
                    addresses.push(address);
                }
            }
            return match addresses.is_empty() {
                true => Answer::Addresses(addresses, 0),
                false => Answer::Addresses(addresses, ttl),
            };
        }
        Answer::Addresses(Vec::new(), 0)
    }
}

impl Kind {
    fn code(self) -> u16 {
        match self {
            Self::A => TYPE_A,
            Self::Aaaa => TYPE_AAAA,
        }
    }
}

struct Record {
    owner: Vec<u8>,
    ttl: u32,
    data: Data,
}

enum Data {
    Address(IpAddr),
    Alias(Vec<u8>),
    Other,
}

struct Message<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Message<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], DnsError> {
        let end = self.at.checked_add(length).ok_or(DnsError::Malformed)?;
        let field = self.bytes.get(self.at..end).ok_or(DnsError::Malformed)?;
        self.at = end;
        Ok(field)
    }

    fn skip(&mut self, length: usize) -> Result<(), DnsError> {
        self.take(length).map(|_| ())
    }

    fn u8(&mut self) -> Result<u8, DnsError> {
        self.take(1).map(|field| field[0])
    }

    fn u16(&mut self) -> Result<u16, DnsError> {
        self.take(2).map(|field| u16::from_be_bytes([field[0], field[1]]))
    }

    fn record(&mut self) -> Result<Record, DnsError> {
        let owner = self.name()?;
        let (kind, class) = (self.u16()?, self.u16()?);
        let ttl = self.take(4)?.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
        // With the highest bit set it means none (RFC 2181 §8).
        let ttl = if ttl > i32::MAX.unsigned_abs() { 0 } else { ttl };
        let length = usize::from(self.u16()?);
        let start = self.at;
        let raw = self.take(length)?;
        let data = match (kind, class, length) {
            (TYPE_A, 1, 4) => Data::Address(Ipv4Addr::new(raw[0], raw[1], raw[2], raw[3]).into()),
            (TYPE_AAAA, 1, 16) => {
                let octets: [u8; 16] = raw.try_into().map_err(|_| DnsError::Malformed)?;
                Data::Address(Ipv6Addr::from(octets).into())
            }
            (TYPE_CNAME, 1, _) => Data::Alias(Message { bytes: self.bytes, at: start }.name()?),
            _ => Data::Other,
        };
        Ok(Record { owner, ttl, data })
    }

    /// A name in lower case, labels with their lengths in front; pointers only lead backwards.
    fn name(&mut self) -> Result<Vec<u8>, DnsError> {
        let mut name = Vec::new();
        let mut after = None;
        let mut limit = self.at;
        loop {
            let length = self.u8()?;
            match length {
                0 => break,
                1..=63 => {
                    name.push(length);
                    let label = self.take(usize::from(length))?;
                    name.extend(label.iter().map(u8::to_ascii_lowercase));
                }
                0xc0.. => {
                    let target = usize::from(length & 0x3f) << 8 | usize::from(self.u8()?);
                    after.get_or_insert(self.at);
                    if target >= limit {
                        return Err(DnsError::Malformed);
                    }
                    limit = target;
                    self.at = target;
                }
                _ => return Err(DnsError::Malformed),
            }
            if name.len() > 254 {
                return Err(DnsError::Malformed);
            }
        }
        if let Some(at) = after {
            self.at = at;
        }
        Ok(name)
    }
}

fn encode_name(name: &str) -> Result<Vec<u8>, DnsError> {
    let mut bytes = Vec::with_capacity(name.len() + 2);
    for label in name.split('.') {
        let length = u8::try_from(label.len()).map_err(|_| DnsError::Name)?;
        if !(1..=63).contains(&length) || !label.is_ascii() {
            return Err(DnsError::Name);
        }
        bytes.push(length);
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    if bytes.len() > 255 { Err(DnsError::Name) } else { Ok(bytes) }
}

/// A name on the wire in the form in which [`Message::name`] reads it.
fn canonical(wire: &[u8]) -> Vec<u8> {
    wire.strip_suffix(&[0]).unwrap_or(wire).to_ascii_lowercase()
}

const TYPE_A: u16 = 1;
const TYPE_CNAME: u16 = 5;
const TYPE_AAAA: u16 = 28;
/// Records that one answer is read for.
const MAX_RECORDS: u16 = 128;
/// Names on the way to an address, the first included.
const MAX_ALIASES: usize = 9;

#[cfg(test)]
mod tests;
