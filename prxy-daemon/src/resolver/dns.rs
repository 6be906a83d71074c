//! DNS messages, as far as the resolver needs them: one question out, addresses in (RFC 1035).
//!
//! Sans-I/O. Reads nothing but the answer section, and of that only addresses that belong to the
//! name that was asked for, along its chain of aliases.

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

/// What a nameserver answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Addresses and the smallest time to live on the way, in seconds. None: no such records.
    Addresses(Vec<IpAddr>, u32),
    /// Cut to fit a datagram: to be asked again over TCP.
    Truncated,
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

/// The bytes of a recursive question for `name`.
///
/// # Errors
/// [`DnsError::Name`] for an empty or over-long name or label.
pub fn question(id: u16, name: &str, kind: Kind) -> Result<Vec<u8>, DnsError> {
    let mut bytes = Vec::with_capacity(18 + name.len());
    bytes.extend(id.to_be_bytes());
    bytes.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    bytes.extend(encode_name(name)?);
    bytes.extend(kind.code().to_be_bytes());
    bytes.extend([0, 1]);
    Ok(bytes)
}

/// Reads the answer to the question that `question(id, name, kind)` made.
///
/// # Errors
/// See [`DnsError`].
pub fn answer(bytes: &[u8], id: u16, name: &str, kind: Kind) -> Result<Answer, DnsError> {
    let mut input = Message { bytes, at: 0 };
    let (answer_id, flags) = (input.u16()?, input.u16()?);
    let (questions, answers) = (input.u16()?, input.u16()?);
    input.skip(4)?;
    let response = flags & 0x8000 != 0 && flags & 0x7800 == 0;
    if answer_id != id || !response || questions != 1 {
        return Err(DnsError::Foreign);
    }
    let mut wanted = canonical(name);
    if input.name()? != wanted || input.u16()? != kind.code() || input.u16()? != 1 {
        return Err(DnsError::Foreign);
    }
    match flags & 0xf {
        0 => {}
        // NXDOMAIN is an answer: there are no addresses.
        3 => return Ok(Answer::Addresses(Vec::new(), 0)),
        code => return Err(DnsError::Failed(code.to_be_bytes()[1])),
    }
    if flags & 0x0200 != 0 {
        return Ok(Answer::Truncated);
    }
    let mut records = Vec::new();
    for _ in 0..answers.min(MAX_RECORDS) {
        records.push(input.record()?);
    }
    let mut ttl = u32::MAX;
    for _ in 0..MAX_ALIASES {
        let alias = records.iter().find_map(|record| match &record.data {
            Data::Alias(target) if record.owner == wanted => Some((target.clone(), record.ttl)),
            _ => None,
        });
        let Some((target, alias_ttl)) = alias else { break };
        wanted = target;
        ttl = ttl.min(alias_ttl);
    }
    let mut addresses = Vec::new();
    for record in records {
        if let Data::Address(address) = record.data
            && record.owner == wanted
            && address.is_ipv4() == (kind == Kind::A)
        {
            ttl = ttl.min(record.ttl);
            addresses.push(address);
        }
    }
    let ttl = if addresses.is_empty() { 0 } else { ttl };
    Ok(Answer::Addresses(addresses, ttl))
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

/// The form in which [`Message::name`] reads a name.
fn canonical(name: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(name.len() + 1);
    for label in name.split('.') {
        bytes.push(label.len().to_le_bytes()[0]);
        bytes.extend(label.bytes().map(|byte| byte.to_ascii_lowercase()));
    }
    bytes
}

const TYPE_A: u16 = 1;
const TYPE_CNAME: u16 = 5;
const TYPE_AAAA: u16 = 28;
/// Records that one answer is read for.
const MAX_RECORDS: u16 = 128;
/// Aliases that are followed within one answer.
const MAX_ALIASES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "api.example.com";

    /// An answer with the question repeated and the given records, owner as a pointer to it.
    fn message(id: u16, flags: u16, records: &[(u16, u32, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = question(id, NAME, Kind::A).unwrap();
        bytes[2..4].copy_from_slice(&flags.to_be_bytes());
        bytes[7] = u8::try_from(records.len()).unwrap();
        for (kind, ttl, data) in records {
            bytes.extend([0xc0, 12]);
            bytes.extend(kind.to_be_bytes());
            bytes.extend([0, 1]);
            bytes.extend(ttl.to_be_bytes());
            bytes.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
            bytes.extend(data);
        }
        bytes
    }

    #[test]
    fn addresses_and_the_smallest_ttl_are_read() {
        let records = [(1, 300, vec![192, 0, 2, 1]), (1, 60, vec![192, 0, 2, 2])];
        let expected = vec!["192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap()];
        let read = answer(&message(7, 0x8180, &records), 7, "API.example.com", Kind::A);
        assert_eq!(read, Ok(Answer::Addresses(expected, 60)));
    }

    #[test]
    #[expect(clippy::type_complexity, reason = "a table of cases")]
    fn what_does_not_answer_the_question_is_refused() {
        let good = message(7, 0x8180, &[(1, 300, vec![192, 0, 2, 1])]);
        let cases: &[(&str, Vec<u8>, u16, &str, Kind, DnsError)] = &[
            ("wrong id", good.clone(), 8, NAME, Kind::A, DnsError::Foreign),
            ("wrong name", good.clone(), 7, "b.example.com", Kind::A, DnsError::Foreign),
            ("wrong type", good.clone(), 7, NAME, Kind::Aaaa, DnsError::Foreign),
            ("a query", message(7, 0x0100, &[]), 7, NAME, Kind::A, DnsError::Foreign),
            ("servfail", message(7, 0x8182, &[]), 7, NAME, Kind::A, DnsError::Failed(2)),
        ];
        for (case, bytes, id, name, kind, expected) in cases {
            assert_eq!(answer(bytes, *id, name, *kind), Err(*expected), "{case}");
        }
        for length in 0..good.len() {
            assert_eq!(answer(&good[..length], 7, NAME, Kind::A), Err(DnsError::Malformed));
        }
    }

    #[test]
    fn nothing_found_and_truncation_are_answers() {
        let none = answer(&message(7, 0x8183, &[]), 7, NAME, Kind::A);
        assert_eq!(none, Ok(Answer::Addresses(Vec::new(), 0)));
        assert_eq!(answer(&message(7, 0x8380, &[]), 7, NAME, Kind::A), Ok(Answer::Truncated));
    }

    #[test]
    fn aliases_are_followed_and_strangers_ignored() {
        let mut target = encode_name("edge.example.net").unwrap();
        let mut bytes = message(7, 0x8180, &[(5, 90, target.clone())]);
        target.extend([0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 192, 0, 2, 9]);
        bytes.extend(&target);
        let mut stranger = encode_name("evil.example.net").unwrap();
        stranger.extend([0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 192, 0, 2, 66]);
        bytes.extend(&stranger);
        bytes[7] = 3;
        let expected = Answer::Addresses(vec!["192.0.2.9".parse().unwrap()], 90);
        assert_eq!(answer(&bytes, 7, NAME, Kind::A), Ok(expected));
    }

    #[test]
    fn pointer_loops_end() {
        let mut bytes = message(7, 0x8180, &[]);
        let at = u8::try_from(bytes.len()).unwrap();
        bytes.extend([0xc0, at, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0]);
        bytes[7] = 1;
        assert_eq!(answer(&bytes, 7, NAME, Kind::A), Err(DnsError::Malformed));
    }

    #[test]
    fn names_that_dns_cannot_carry_are_refused() {
        for name in ["", "a..b", ".", &"a".repeat(64), &"a.".repeat(130)] {
            assert_eq!(question(1, name, Kind::A), Err(DnsError::Name), "{name}");
        }
    }
}
