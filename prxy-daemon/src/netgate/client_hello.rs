//! Judges a TLS ClientHello before a connection carries it: one whole message, SNI equal to the
//! route's host, and nothing in it that the broker's own TLS would not say.
//!
//! An allowlist, as everywhere: an extension that is not named here is refused, so that a name
//! cannot be hidden in one (encrypted ClientHello in any draft) and nothing is sent early (0-RTT).
//! Formats: RFC 8446 §4.1.2 and §5.1, RFC 6066 §3, RFC 7301 §3.1. Sans-I/O.

use thiserror::Error;

/// Why a ClientHello may not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HelloError {
    /// Not exactly one complete ClientHello in one record.
    #[error("not one complete ClientHello")]
    Malformed,
    /// The server name is missing, or not the route's host.
    #[error("the server name is not the route's host")]
    ServerName,
    /// An extension that the broker does not use.
    #[error("extension {0:#06x} is not on the list")]
    Extension(u16),
    /// Something other than HTTP/2 and HTTP/1.1 over TLS 1.2 or 1.3 is offered.
    #[error("offers another protocol or version")]
    Protocol,
}

/// Checks that `bytes` is one ClientHello for `host`; `None`: a literal address, so no name.
///
/// # Errors
/// See [`HelloError`].
pub fn check(bytes: &[u8], host: Option<&str>) -> Result<(), HelloError> {
    let offer = Offer::read(bytes)?;
    if offer.name != host.map(str::as_bytes) {
        return Err(HelloError::ServerName);
    }
    let new = |version: &[u8]| matches!(version, [3, 3 | 4]);
    match (offer.protocols, offer.versions) {
        (Some(HTTP), Some(versions)) if versions.chunks(2).all(new) => Ok(()),
        _ => Err(HelloError::Protocol),
    }
}

/// What of a ClientHello is judged.
#[derive(Default)]
struct Offer<'a> {
    name: Option<&'a [u8]>,
    protocols: Option<&'a [u8]>,
    versions: Option<&'a [u8]>,
}

impl<'a> Offer<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, HelloError> {
        let mut record = Input(bytes);
        // The version of a first record may be 1.0, for servers of old (RFC 8446 §5.1).
        if record.u8()? != HANDSHAKE || !matches!(record.u16()?, 0x0301 | 0x0303) {
            return Err(HelloError::Malformed);
        }
        let mut message = Input(record.vector(2)?);
        record.end()?;
        if message.0.len() > MAX_RECORD || message.u8()? != CLIENT_HELLO {
            return Err(HelloError::Malformed);
        }
        let mut body = Input(message.vector(3)?);
        message.end()?;
        if body.u16()? != 0x0303 {
            return Err(HelloError::Malformed);
        }
        body.take(32)?; // random
        let (session, suites) = (body.vector(1)?, body.vector(2)?);
        let compression = body.vector(1)?;
        if session.len() > 32 || suites.is_empty() || suites.len() % 2 != 0 || compression != [0] {
            return Err(HelloError::Malformed);
        }
        let mut extensions = Input(body.vector(2)?);
        body.end()?;
        let mut seen = Vec::new();
        let mut offer = Self::default();
        while !extensions.0.is_empty() {
            let kind = extensions.u16()?;
            let data = extensions.vector(2)?;
            if !EXTENSIONS.contains(&kind) {
                return Err(HelloError::Extension(kind));
            }
            if seen.contains(&kind) {
                return Err(HelloError::Malformed);
            }
            seen.push(kind);
            match kind {
                SERVER_NAME => offer.name = Some(server_name(data)?),
                ALPN => offer.protocols = Some(whole(data, 2)?),
                SUPPORTED_VERSIONS => offer.versions = Some(whole(data, 1)?),
                _ => {}
            }
        }
        Ok(offer)
    }
}

/// The only name of the list, a host name.
fn server_name(data: &[u8]) -> Result<&[u8], HelloError> {
    let mut list = Input(whole(data, 2)?);
    if list.u8()? != HOST_NAME {
        return Err(HelloError::ServerName);
    }
    let name = list.vector(2)?;
    list.end()?;
    Ok(name)
}

/// A vector that is all there is.
fn whole(data: &[u8], width: usize) -> Result<&[u8], HelloError> {
    let mut data = Input(data);
    let vector = data.vector(width)?;
    data.end()?;
    Ok(vector)
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], HelloError> {
        let (field, rest) = self.0.split_at_checked(length).ok_or(HelloError::Malformed)?;
        self.0 = rest;
        Ok(field)
    }

    fn u8(&mut self) -> Result<u8, HelloError> {
        self.take(1).map(|field| field[0])
    }

    fn u16(&mut self) -> Result<u16, HelloError> {
        self.take(2).map(|field| u16::from_be_bytes([field[0], field[1]]))
    }

    /// A field with its length in front, which takes `width` bytes.
    fn vector(&mut self, width: usize) -> Result<&'a [u8], HelloError> {
        let length = self.take(width)?.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        self.take(length)
    }

    fn end(&self) -> Result<(), HelloError> {
        if self.0.is_empty() { Ok(()) } else { Err(HelloError::Malformed) }
    }
}

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const MAX_RECORD: usize = 1 << 14;
const HOST_NAME: u8 = 0;
const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;
const SUPPORTED_VERSIONS: u16 = 43;
/// The broker's list, as it stands (RFC 7540 §3.1, RFC 7301 §3.1).
const HTTP: &[u8] = b"\x02h2\x08http/1.1";
/// What rustls says with the broker's configuration, and nothing else.
const EXTENSIONS: [u16; 12] = [
    SERVER_NAME,
    5,  // status_request
    10, // supported_groups
    11, // ec_point_formats
    13, // signature_algorithms
    ALPN,
    23, // extended_master_secret
    35, // session_ticket
    41, // pre_shared_key
    SUPPORTED_VERSIONS,
    45, // psk_key_exchange_modes
    51, // key_share
];

#[cfg(test)]
mod tests;
