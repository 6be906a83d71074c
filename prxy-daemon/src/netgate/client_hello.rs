//! Judges a TLS ClientHello before a connection carries it: the whole message, SNI equal to the
//! route's host, no encrypted ClientHello.
//!
//! Formats: RFC 8446 §4.1.2 and §5.1, RFC 6066 §3. Sans-I/O.

use thiserror::Error;

/// Why a ClientHello may not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HelloError {
    /// Not exactly one complete ClientHello.
    #[error("not one complete ClientHello")]
    Malformed,
    /// The server name is missing, or not the route's host.
    #[error("the server name is not the route's host")]
    ServerName,
    /// It hides a second ClientHello, or carries data before the handshake.
    #[error("encrypted ClientHello or early data")]
    Forbidden,
}

/// Checks that `bytes` is one ClientHello for `host`; `None`: a literal address, so no name.
///
/// # Errors
/// See [`HelloError`].
pub fn check(bytes: &[u8], host: Option<&str>) -> Result<(), HelloError> {
    let message = handshake(bytes)?;
    let mut hello = Input(&message);
    if hello.u8()? != CLIENT_HELLO {
        return Err(HelloError::Malformed);
    }
    let mut body = Input(hello.vector(3)?);
    hello.end()?;
    body.take(2 + 32)?;
    body.vector(1)?;
    body.vector(2)?;
    body.vector(1)?;
    let mut extensions = Input(body.vector(2)?);
    body.end()?;
    let mut name = None;
    while !extensions.0.is_empty() {
        let kind = extensions.u16()?;
        let data = extensions.vector(2)?;
        match kind {
            SERVER_NAME if name.is_none() => name = Some(server_name(data)?),
            SERVER_NAME => return Err(HelloError::Malformed),
            EARLY_DATA | ENCRYPTED_CLIENT_HELLO | OUTER_EXTENSIONS => {
                return Err(HelloError::Forbidden);
            }
            _ => {}
        }
    }
    let same = match (name, host) {
        (Some(name), Some(host)) => name.eq_ignore_ascii_case(host.as_bytes()),
        (None, None) => true,
        _ => false,
    };
    if same { Ok(()) } else { Err(HelloError::ServerName) }
}

/// Joins the handshake records, which must be all there is.
fn handshake(bytes: &[u8]) -> Result<Vec<u8>, HelloError> {
    let mut records = Input(bytes);
    let mut message = Vec::with_capacity(bytes.len());
    while !records.0.is_empty() {
        let (kind, major) = (records.u8()?, records.u8()?);
        records.u8()?;
        if kind != HANDSHAKE || major != 3 {
            return Err(HelloError::Malformed);
        }
        message.extend_from_slice(records.vector(2)?);
    }
    Ok(message)
}

fn server_name(data: &[u8]) -> Result<&[u8], HelloError> {
    let mut data = Input(data);
    let mut list = Input(data.vector(2)?);
    data.end()?;
    if list.u8()? != HOST_NAME {
        return Err(HelloError::ServerName);
    }
    let name = list.vector(2)?;
    list.end()?;
    Ok(name)
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
const HOST_NAME: u8 = 0;
const SERVER_NAME: u16 = 0;
const EARLY_DATA: u16 = 42;
const OUTER_EXTENSIONS: u16 = 0xfd00;
const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn real_hello(host: &'static str) -> Vec<u8> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let name = rustls_pki_types::ServerName::try_from(host).unwrap();
        let mut client = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn the_hello_of_a_real_client_passes_for_its_own_host_only() {
        let hello = real_hello("api.anthropic.com");
        assert_eq!(check(&hello, Some("api.anthropic.com")), Ok(()));
        assert_eq!(check(&hello, Some("api.openai.com")), Err(HelloError::ServerName));
        assert_eq!(check(&hello, None), Err(HelloError::ServerName));
        assert_eq!(check(&real_hello("10.1.2.3"), None), Ok(()));
        assert_eq!(check(&real_hello("10.1.2.3"), Some("a")), Err(HelloError::ServerName));
    }

    #[test]
    fn every_cut_is_refused_and_so_is_anything_behind_it() {
        let hello = real_hello("api.anthropic.com");
        for length in 0..hello.len() {
            assert!(check(&hello[..length], Some("api.anthropic.com")).is_err(), "{length}");
        }
        let behind = [hello.as_slice(), &[23, 3, 3, 0, 1, 0]].concat();
        assert_eq!(check(&behind, Some("api.anthropic.com")), Err(HelloError::Malformed));
        let twice = [hello.as_slice(), hello.as_slice()].concat();
        assert_eq!(check(&twice, Some("api.anthropic.com")), Err(HelloError::Malformed));
    }

    #[test]
    fn a_hello_split_over_records_is_read_whole() {
        let hello = real_hello("api.anthropic.com");
        let (first, second) = hello[5..].split_at(40);
        let mut split = Vec::new();
        for part in [first, second] {
            split.extend([22, 3, 1]);
            split.extend(u16::try_from(part.len()).unwrap().to_be_bytes());
            split.extend(part);
        }
        assert_eq!(check(&split, Some("api.anthropic.com")), Ok(()));
    }

    #[test]
    fn hidden_names_and_early_data_are_refused() {
        for (kind, expected) in [
            (ENCRYPTED_CLIENT_HELLO, Err(HelloError::Forbidden)),
            (EARLY_DATA, Err(HelloError::Forbidden)),
            (OUTER_EXTENSIONS, Err(HelloError::Forbidden)),
            (SERVER_NAME, Err(HelloError::Malformed)),
            (0x1234, Ok(())),
        ] {
            let hello = with_extension(kind);
            assert_eq!(check(&hello, Some("a.example")), expected, "{kind:#x}");
        }
    }

    /// A minimal ClientHello for `a.example` with one more empty extension.
    fn with_extension(kind: u16) -> Vec<u8> {
        let name = b"a.example";
        let mut extensions = vec![0, 0, 0, 14, 0, 12, 0, 0, 9];
        extensions.extend(name);
        extensions.extend(kind.to_be_bytes());
        extensions.extend([0, 0]);
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.extend([0, 0, 2, 0x13, 0x01, 1, 0]);
        body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
        body.extend(extensions);
        let mut message = vec![CLIENT_HELLO, 0];
        message.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
        message.extend(body);
        let mut record = vec![HANDSHAKE, 3, 1];
        record.extend(u16::try_from(message.len()).unwrap().to_be_bytes());
        record.extend(message);
        record
    }
}
