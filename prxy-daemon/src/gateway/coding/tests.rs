use std::io::Write;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use http::HeaderValue;
use proptest::prelude::*;

use super::*;

/// Puts codings on, the first one first.
pub(in crate::gateway) fn encode(codings: &str, plain: &[u8]) -> Vec<u8> {
    codings.split(", ").fold(plain.to_vec(), |plain, coding| match coding {
        "gzip" => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(&plain).unwrap();
            encoder.finish().unwrap()
        }
        "deflate" => {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(&plain).unwrap();
            encoder.finish().unwrap()
        }
        "br" => [pieces("br", &[&plain]).concat(), vec![3]].concat(),
        "zstd" => ruzstd::encoding::compress_to_vec(
            plain.as_slice(),
            ruzstd::encoding::CompressionLevel::Fastest,
        ),
        _ => plain,
    })
}

/// Encodes `parts` so that each can be decoded as soon as it is there.
pub(in crate::gateway) fn pieces(coding: &str, parts: &[&[u8]]) -> Vec<Vec<u8>> {
    fn flushed<W: Write>(
        mut encoder: W,
        parts: &[&[u8]],
        take: impl Fn(&mut W) -> Vec<u8>,
    ) -> Vec<Vec<u8>> {
        let one = |part: &&[u8]| {
            encoder.write_all(part).unwrap();
            encoder.flush().unwrap();
            take(&mut encoder)
        };
        parts.iter().map(one).collect()
    }
    match coding {
        "gzip" => {
            let encoder = GzEncoder::new(Vec::new(), Compression::default());
            flushed(encoder, parts, |encoder| std::mem::take(encoder.get_mut()))
        }
        "deflate" => {
            let encoder = ZlibEncoder::new(Vec::new(), Compression::default());
            flushed(encoder, parts, |encoder| std::mem::take(encoder.get_mut()))
        }
        // Meta-blocks that are stored as they are; a stream begins with one bit for its window.
        "br" => {
            let blocks = parts.iter().flat_map(|part| part.chunks(1 << 16)).enumerate();
            let head = |(n, block): (usize, &[u8])| {
                let bits =
                    (u32::try_from(block.len() - 1).unwrap() << 3 | 1 << 19) << u32::from(n == 0);
                [&bits.to_le_bytes()[..3], block].concat()
            };
            blocks.map(head).collect()
        }
        _ => unreachable!(),
    }
}

fn codings(value: &str) -> Option<Codings> {
    let mut headers = HeaderMap::new();
    headers.append(header::CONTENT_ENCODING, HeaderValue::from_str(value).unwrap());
    Codings::of(&headers)
}

#[track_caller]
fn check(name: &str, body: &[u8], limit: usize) -> Result<Bytes, DecodeError> {
    codings(name).unwrap().decode(Bytes::copy_from_slice(body), limit)
}

fn text() -> Vec<u8> {
    format!("{{\"text\":\"{}\"}}", "mail jane.doe@acme-mail.com now, ".repeat(40)).into_bytes()
}

fn hex(digits: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(byte).collect()
}

const NAMES: [&str; 4] = ["gzip", "deflate", "br", "zstd"];
/// [`text`], by the formats' own tools.
const BROTLI: &str = "1b3205f845e796eaf7ec5837992a43824e201a9c29094506a6083090e3516267e83ad89a2eb37ca8c5d004235681acdb107e";
const ZSTD: &str = "28b52ffd643304ad0100c4027b2274657874223a226d61696c206a616e652e646f654061636d652d6d61696c2e636f6d206e6f772c20227d01002288fcaa0c6f372d8c";
/// 64 MiB of nothing.
const BROTLI_BOMB: &str = "cbffff3ff82700e2b14020f7fe8fffff7ff04f00c4611180eefd1fffffffe09f0088c30200ddfb3ffeffffc13f0110870500baf77ffcffff837f02200e0b0074effff8ffff07ff04401c1600e8defff1ffff0ffe0980382c00d0bdffe3ffff1ffc1300715800a07bff37";

#[test]
fn what_content_encoding_says_is_understood_or_refused() {
    use Coding::{Brotli, Deflate, Gzip, Zstd};
    for (value, expected) in [
        ("identity", Some(vec![])),
        ("", Some(vec![])),
        (" , Identity,", Some(vec![])),
        ("gzip", Some(vec![Gzip])),
        ("X-GZIP", Some(vec![Gzip])),
        ("deflate,gzip", Some(vec![Deflate, Gzip])),
        ("br, identity, zstd", Some(vec![Brotli, Zstd])),
        ("gzip, gzip, gzip", Some(vec![Gzip, Gzip, Gzip])),
        ("gzip, gzip, gzip, gzip", None),
        ("compress", None),
        ("gzip;q=1", None),
        ("gzip br", None),
        ("dcb", None),
        ("aes128gcm", None),
        ("*", None),
    ] {
        assert_eq!(codings(value), expected.map(Codings), "{value}");
    }
    let mut headers = HeaderMap::new();
    headers.append(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    headers.append(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
    assert_eq!(Codings::of(&headers), Some(Codings(vec![Gzip, Brotli])));
    headers.append(header::CONTENT_ENCODING, HeaderValue::from_bytes(b"gz\xfcip").unwrap());
    assert_eq!(Codings::of(&headers), None);
}

#[test]
fn every_coding_comes_off_in_any_stack() {
    let stacks = ["gzip, br", "zstd, gzip, deflate", "br, br", "zstd, zstd"];
    for name in NAMES.iter().chain(&stacks) {
        for plain in [text(), text().repeat(300), b"x".to_vec()] {
            assert_eq!(check(name, &encode(name, &plain), 1 << 20), Ok(plain.into()), "{name}");
        }
    }
    assert_eq!(check("br", &hex(BROTLI), 9999), Ok(text().into()));
    assert_eq!(check("zstd", &hex(ZSTD), 9999), Ok(text().into()));
    // Members and frames one after the other are one body.
    for name in ["gzip", "zstd"] {
        let twice = encode(name, &text()).repeat(2);
        assert_eq!(check(name, &twice, 9999), Ok(text().repeat(2).into()), "{name}");
    }
}

#[test]
fn a_body_is_whole_or_refused() {
    let samples = NAMES.map(|name| (name, encode(name, &text())));
    for (name, body) in samples.into_iter().chain([("br", hex(BROTLI)), ("zstd", hex(ZSTD))]) {
        let refused = Err(DecodeError::Malformed);
        for length in 1..body.len() {
            assert_eq!(check(name, &body[..length], 9999), refused, "{name} cut at {length}");
        }
        for more in [&b"\0"[..], b"{\"text\":\"jane.doe@acme-mail.com\"}", &[0x1f], &[0x28, 0xb5]] {
            assert_eq!(check(name, &[&body, more].concat(), 9999), refused, "{name}, {more:?}");
        }
        assert_eq!(check(name, &text(), 9999), refused, "{name} that is plain");
        assert_eq!(check(name, &body, text().len()), Ok(text().into()), "the control");
    }
    let mut wrong = hex(ZSTD);
    *wrong.last_mut().unwrap() ^= 1;
    assert_eq!(check("zstd", &wrong, 9999), Err(DecodeError::Malformed), "a wrong checksum");
}

#[test]
fn nothing_grows_past_the_limit() {
    let zeros = vec![0; 64 << 20];
    let bomb = |name: &str| encode(name, &zeros);
    for (name, body) in [
        ("gzip", bomb("gzip")),
        ("deflate", bomb("deflate")),
        ("br", hex(BROTLI_BOMB)),
        ("zstd", bomb("zstd")),
        ("gzip, gzip", bomb("gzip, gzip")),
        ("deflate, br", bomb("deflate, br")),
    ] {
        let (size, began) = (body.len(), std::time::Instant::now());
        assert!(size < 400_000, "{name}: a bomb of {size} bytes");
        for limit in [1 << 10, 1 << 20] {
            assert_eq!(check(name, &body, limit), Err(DecodeError::TooLarge), "{name}");
        }
        assert!(began.elapsed().as_secs() < 5, "{name} stops where the limit is");
    }
    for name in NAMES {
        let (body, length) = (encode(name, &text()), text().len());
        assert_eq!(check(name, &body, length), Ok(text().into()), "{name}");
        assert_eq!(check(name, &body, length - 1), Err(DecodeError::TooLarge), "{name}");
    }
}

#[test]
fn work_without_words_is_refused() {
    // Blocks that hold nothing, by the million.
    let gzip_member = encode("gzip", b"");
    let deflate = [&[0x78, 0x9c][..], &[0, 0, 0, 0xff, 0xff].repeat(1 << 20)].concat();
    let zstd_empty = [&[0x28, 0xb5, 0x2f, 0xfd, 0, 0x58][..], &[0, 0, 0].repeat(1 << 20)].concat();
    // A meta-block of metadata, without any.
    let brotli = [&[0x0c][..], &[0x06].repeat(1 << 22)].concat();
    let mut long_name = vec![0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3];
    long_name.resize(1 << 22, b'a');
    for (name, body) in [
        ("gzip", gzip_member.repeat(1 << 18)),
        ("gzip", long_name),
        ("deflate", deflate),
        ("zstd", zstd_empty),
        ("br", brotli),
    ] {
        let mut feed = Feed::default();
        feed.push(body.into());
        feed.end();
        let mut decoder = Decoder::new(codings(name).unwrap().0[0], feed);
        assert!(decoder.read(&mut [0; 64]).is_err(), "{name}");
        assert!(decoder.feed().read <= SLACK_BYTES + PIECE_BYTES, "{name}: stops early");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_a_decoder_panic(
        which in 0usize..4,
        flips in proptest::collection::vec((0usize..2000, any::<u8>()), 0..6),
        tail in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let name = NAMES[which];
        let real = match name { "br" => hex(BROTLI), "zstd" => hex(ZSTD), _ => encode(name, &text()) };
        for body in [real, encode(name, &text())] {
            let mut body = [body, tail.clone()].concat();
            for (at, byte) in &flips {
                let at = at % body.len();
                body[at] = *byte;
            }
            // Whatever comes of it, it ends and is no larger than allowed.
            if let Ok(plain) = check(name, &body, 10_000) {
                prop_assert!(plain.len() <= 10_000);
            }
        }
    }

    #[test]
    fn what_was_put_on_comes_off(plain in proptest::collection::vec(any::<u8>(), 1..5000), which in 0usize..4) {
        let name = NAMES[which];
        prop_assert_eq!(check(name, &encode(name, &plain), plain.len()), Ok(plain.into()));
    }
}
