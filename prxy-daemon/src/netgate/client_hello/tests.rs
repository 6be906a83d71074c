use std::sync::Arc;

use proptest::prelude::*;
use rustls::{ClientConnection, RootCertStore};

use super::*;

const HOST: &str = "api.example.com";

/// What the broker's own TLS says first.
fn real_hello(host: &str) -> Vec<u8> {
    let config = crate::broker::client_config(Arc::new(RootCertStore::empty()), &[]).unwrap();
    let name = rustls_pki_types::ServerName::try_from(host.to_owned()).unwrap();
    let mut client = ClientConnection::new(config, name).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

/// A ClientHello in parts, to be put together wrongly.
#[derive(Clone)]
struct Parts {
    record_kind: u8,
    record_version: u16,
    message_kind: u8,
    version: u16,
    session: Vec<u8>,
    suites: Vec<u8>,
    compression: Vec<u8>,
    extensions: Vec<(u16, Vec<u8>)>,
}

fn good() -> Parts {
    Parts {
        record_kind: HANDSHAKE,
        record_version: 0x0301,
        message_kind: CLIENT_HELLO,
        version: 0x0303,
        session: vec![9; 32],
        suites: vec![0x13, 0x01],
        compression: vec![0],
        extensions: vec![
            (SERVER_NAME, names(&[(HOST_NAME, HOST)])),
            (ALPN, sized(2, HTTP)),
            (SUPPORTED_VERSIONS, sized(1, &[3, 4, 3, 3])),
        ],
    }
}

fn sized(width: usize, data: &[u8]) -> Vec<u8> {
    [&data.len().to_be_bytes()[8 - width..], data].concat()
}

fn names(names: &[(u8, &str)]) -> Vec<u8> {
    let entry = |(kind, name): &(u8, &str)| [&[*kind][..], &sized(2, name.as_bytes())].concat();
    sized(2, &names.iter().flat_map(entry).collect::<Vec<_>>())
}

impl Parts {
    fn message(&self) -> Vec<u8> {
        let extension =
            |(kind, data): &(u16, Vec<u8>)| [&kind.to_be_bytes()[..], &sized(2, data)].concat();
        let body = [
            &self.version.to_be_bytes()[..],
            &[7; 32],
            &sized(1, &self.session),
            &sized(2, &self.suites),
            &sized(1, &self.compression),
            &sized(2, &self.extensions.iter().flat_map(extension).collect::<Vec<_>>()),
        ]
        .concat();
        [&[self.message_kind][..], &sized(3, &body)].concat()
    }

    fn bytes(&self) -> Vec<u8> {
        self.record(&self.message())
    }

    fn record(&self, data: &[u8]) -> Vec<u8> {
        let version = self.record_version.to_be_bytes();
        [&[self.record_kind][..], &version, &sized(2, data)].concat()
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Vec<u8> {
        change(&mut self);
        self.bytes()
    }

    /// With another value of an extension; `None` takes it away.
    fn extension(&mut self, kind: u16, data: Option<Vec<u8>>) {
        self.extensions.retain(|(known, _)| *known != kind);
        self.extensions.extend(data.map(|data| (kind, data)));
    }
}

#[test]
fn the_hello_of_the_broker_passes_for_its_own_host_only() {
    let hello = real_hello(HOST);
    assert_eq!(check(&hello, Some(HOST)), Ok(()));
    assert_eq!(check(&hello, Some("api.example.net")), Err(HelloError::ServerName));
    assert_eq!(check(&hello, None), Err(HelloError::ServerName));
    assert_eq!(check(&real_hello("10.1.2.3"), None), Ok(()));
    assert_eq!(check(&real_hello("10.1.2.3"), Some(HOST)), Err(HelloError::ServerName));
    assert_eq!(check(&good().bytes(), Some(HOST)), Ok(()), "the control of all cases below");
}

#[test]
fn every_cut_is_refused_and_so_is_anything_behind_it() {
    let hello = real_hello(HOST);
    for length in 0..hello.len() {
        assert_eq!(check(&hello[..length], Some(HOST)), Err(HelloError::Malformed), "{length}");
    }
    for (what, more) in [
        ("a byte", vec![0]),
        ("early data", vec![23, 3, 3, 0, 1, 0]),
        ("a change of cipher", vec![20, 3, 3, 0, 1, 1]),
        ("an alert", vec![21, 3, 3, 0, 2, 1, 0]),
        ("an empty record", vec![22, 3, 3, 0, 0]),
        ("a second hello", hello.clone()),
    ] {
        let behind = [hello.as_slice(), &more].concat();
        assert_eq!(check(&behind, Some(HOST)), Err(HelloError::Malformed), "{what}");
    }
}

#[test]
fn one_record_holds_it_all() {
    let message = good().message();
    for at in [0, 1, 4, 40, message.len() - 1] {
        let (first, second) = message.split_at(at);
        let split = [good().record(first), good().record(second)].concat();
        assert_eq!(check(&split, Some(HOST)), Err(HelloError::Malformed), "{at}");
    }
    let two = good().record(&[good().message(), good().message()].concat());
    assert_eq!(check(&two, Some(HOST)), Err(HelloError::Malformed));
    let padded = good().record(&[good().message(), vec![0]].concat());
    assert_eq!(check(&padded, Some(HOST)), Err(HelloError::Malformed));
    let large = |size| good().with(|p| p.extension(51, Some(vec![0; size])));
    let room = MAX_RECORD - good().message().len() - 4;
    assert_eq!(check(&large(room), Some(HOST)), Ok(()));
    assert_eq!(check(&large(room + 1), Some(HOST)), Err(HelloError::Malformed));
}

#[test]
#[expect(clippy::type_complexity, reason = "a table of cases")]
fn other_forms_are_refused() {
    let cases: Vec<(&str, Box<dyn Fn(&mut Parts)>)> = vec![
        ("not a handshake", Box::new(|p| p.record_kind = 23)),
        ("an SSL 2 header", Box::new(|p| p.record_kind = 0x80)),
        ("record of SSL 3", Box::new(|p| p.record_version = 0x0300)),
        ("record of TLS 1.1", Box::new(|p| p.record_version = 0x0302)),
        ("record of DTLS", Box::new(|p| p.record_version = 0xfefd)),
        ("a server hello", Box::new(|p| p.message_kind = 2)),
        ("TLS 1.0", Box::new(|p| p.version = 0x0301)),
        ("a version that is not frozen", Box::new(|p| p.version = 0x0304)),
        ("a long session id", Box::new(|p| p.session = vec![0; 33])),
        ("no cipher suite", Box::new(|p| p.suites.clear())),
        ("half a cipher suite", Box::new(|p| p.suites.push(0))),
        ("no compression method", Box::new(|p| p.compression.clear())),
        ("deflate", Box::new(|p| p.compression = vec![0, 1])),
        ("no extension", Box::new(|p| p.extensions.clear())),
    ];
    for (case, change) in cases {
        let refused = check(&good().with(change), Some(HOST));
        let expected = match case {
            "no extension" => HelloError::ServerName,
            _ => HelloError::Malformed,
        };
        assert_eq!(refused, Err(expected), "{case}");
    }
}

#[test]
fn the_name_is_the_hosts_byte_for_byte() {
    use HelloError::{Malformed, ServerName};
    let host = HOST.as_bytes();
    for (case, data, expected) in [
        ("another tenant", names(&[(0, "tenant.example")]), ServerName),
        ("a final dot", names(&[(0, "api.example.com.")]), ServerName),
        ("upper case", names(&[(0, "API.example.com")]), ServerName),
        ("a parent", names(&[(0, "example.com")]), ServerName),
        ("a child", names(&[(0, "x.api.example.com")]), ServerName),
        ("a null byte", names(&[(0, "api.example.com\0.evil.example")]), ServerName),
        ("an empty name", names(&[(0, "")]), ServerName),
        ("another kind of name", names(&[(1, HOST)]), ServerName),
        ("two names", names(&[(0, HOST), (0, "tenant.example")]), Malformed),
        ("another, then ours", names(&[(0, "tenant.example"), (0, HOST)]), Malformed),
        ("two kinds", names(&[(0, HOST), (1, "tenant.example")]), Malformed),
        ("an empty list", names(&[]), Malformed),
        ("no list", Vec::new(), Malformed),
        ("bytes behind the list", [names(&[(0, HOST)]), vec![0]].concat(), Malformed),
        ("a list that is too long", [&[0xff, 0xff, 0], &sized(2, host)[..]].concat(), Malformed),
        ("a name that is too long", sized(2, &[&[0, 0xff, 0xff], host].concat()), Malformed),
    ] {
        let hello = good().with(|p| p.extension(SERVER_NAME, Some(data)));
        assert_eq!(check(&hello, Some(HOST)), Err(expected), "{case}");
    }
    let nameless = good().with(|p| p.extension(SERVER_NAME, None));
    assert_eq!(check(&nameless, Some(HOST)), Err(ServerName));
    assert_eq!(check(&nameless, None), Ok(()), "a literal address has no name");
}

#[test]
fn no_extension_can_hide_a_name_or_send_early() {
    for (case, kind) in [
        ("encrypted ClientHello", 0xfe0d),
        ("its outer extensions", 0xfd00),
        ("an earlier draft", 0xfe0a),
        ("encrypted SNI", 0xffce),
        ("early data", 42),
        ("cookie of a retry", 44),
        ("padding", 21),
        ("certificate compression", 27),
        ("delegated credentials", 34),
        ("connection id", 54),
        ("QUIC", 57),
        ("next protocol negotiation", 13172),
        ("application settings", 17513),
        ("renegotiation", 0xff01),
        ("GREASE", 0x0a0a),
        ("private use", 0xff77),
    ] {
        for data in [Vec::new(), vec![0; 32], real_hello("tenant.example")] {
            let hello = good().with(|p| p.extension(kind, Some(data)));
            assert_eq!(check(&hello, Some(HOST)), Err(HelloError::Extension(kind)), "{case}");
        }
    }
    for kind in EXTENSIONS {
        let data = good().extensions.into_iter().find(|(known, _)| *known == kind);
        let data = data.map_or(Vec::new(), |(_, data)| data);
        let once = good().with(|p| p.extension(kind, Some(data.clone())));
        assert_eq!(check(&once, Some(HOST)), Ok(()), "{kind}");
        let twice = good().with(|p| {
            p.extension(kind, Some(data.clone()));
            p.extensions.push((kind, data));
        });
        assert_eq!(check(&twice, Some(HOST)), Err(HelloError::Malformed), "{kind}");
    }
    let second = good().with(|p| {
        p.extensions.push((SERVER_NAME, names(&[(HOST_NAME, "tenant.example")])));
    });
    assert_eq!(check(&second, Some(HOST)), Err(HelloError::Malformed));
}

#[test]
fn only_http_2_and_1_1_over_tls_1_2_or_1_3_is_offered() {
    let alpn = |list: &[u8]| (ALPN, Some(sized(2, list)));
    let versions = |list: &[u8]| (SUPPORTED_VERSIONS, Some(sized(1, list)));
    for (case, (kind, data)) in [
        ("no protocol", (ALPN, None)),
        ("an empty list", alpn(b"")),
        ("HTTP/2 alone", alpn(b"\x02h2")),
        ("HTTP/1.1 alone", alpn(b"\x08http/1.1")),
        ("the other order", alpn(b"\x08http/1.1\x02h2")),
        ("HTTP/2 without TLS", alpn(b"\x03h2c\x08http/1.1")),
        ("HTTP/3 as well", alpn(b"\x02h2\x08http/1.1\x02h3")),
        ("HTTP/1.1 twice", alpn(b"\x02h2\x08http/1.1\x08http/1.1")),
        ("a certificate challenge", alpn(b"\x0aacme-tls/1")),
        ("upper case", alpn(b"\x02H2\x08HTTP/1.1")),
        ("no version", (SUPPORTED_VERSIONS, None)),
        ("TLS 1.1", versions(&[3, 4, 3, 2])),
        ("SSL 3", versions(&[3, 0])),
        ("a draft", versions(&[0x7f, 0x1c, 3, 4])),
        ("GREASE", versions(&[0x0a, 0x0a, 3, 4])),
        ("half a version", versions(&[3, 4, 3])),
    ] {
        let hello = good().with(|p| p.extension(kind, data));
        assert_eq!(check(&hello, Some(HOST)), Err(HelloError::Protocol), "{case}");
    }
    for list in [&[3, 3][..], &[3, 4]] {
        let hello = good().with(|p| p.extension(SUPPORTED_VERSIONS, Some(sized(1, list))));
        assert_eq!(check(&hello, Some(HOST)), Ok(()));
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(check(&bytes, Some(HOST)).is_err());
        prop_assert!(check(&good().record(&bytes), None).is_err());
    }

    #[test]
    fn whatever_passes_names_the_host_once(at in 0usize..300, put in proptest::collection::vec(any::<u8>(), 0..4), cut in 0usize..4) {
        let mut bytes = good().bytes();
        let at = at.min(bytes.len());
        let end = (at + cut).min(bytes.len());
        bytes.splice(at..end, put);
        if check(&bytes, Some(HOST)) == Ok(()) {
            let named = bytes.windows(HOST.len()).filter(|w| *w == HOST.as_bytes()).count();
            prop_assert_eq!(named, 1);
        }
    }
}
