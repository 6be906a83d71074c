//! Takes content codings off: requests whole and bounded, answers as they come.
//!
//! Here and not in the broker, because this process holds raw text anyway and the broker must not
//! run a decoder on what a provider sends. Not for choosing what is sent: that is always plain.
//!
//! A coding is taken off to its last byte or the body is refused: cut short, followed by anything,
//! or larger than it may be. What costs work without saying anything (empty blocks by the million)
//! is refused as well, see [`Feed`].

mod answer;
#[cfg(test)]
pub(super) mod tests;

use std::io::{self, BufRead, Read};

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use bytes::{Buf, Bytes};
use flate2::bufread::{MultiGzDecoder, ZlibDecoder};
use http::header::{self, HeaderMap};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use thiserror::Error;

pub(super) use answer::Decoded;

/// A coding that can be taken off (RFC 9110 §8.4.1, RFC 7932, RFC 8878).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// The codings of a request's body, in the order in which they were put on.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Codings(Vec<Coding>);

/// A body cannot be had plain.
#[derive(Debug, Error, PartialEq, Eq)]
pub(super) enum DecodeError {
    /// Its bytes are not what its header says, all of them.
    #[error("not one whole encoded body")]
    Malformed,
    /// It would be larger than the limit.
    #[error("larger than the limit when decoded")]
    TooLarge,
}

impl Coding {
    fn of(name: &str) -> Option<Self> {
        const NAMES: [(&str, Coding); 5] = [
            ("gzip", Coding::Gzip),
            ("x-gzip", Coding::Gzip),
            ("deflate", Coding::Deflate),
            ("br", Coding::Brotli),
            ("zstd", Coding::Zstd),
        ];
        NAMES.iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|(_, coding)| *coding)
    }
}

impl Codings {
    /// What `content-encoding` says; `None` where that is more than can be taken off.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut codings = Vec::new();
        for value in headers.get_all(header::CONTENT_ENCODING) {
            for name in value.to_str().ok()?.split(',').map(str::trim) {
                // An empty element says nothing (RFC 9110 §5.6.1).
                if name.is_empty() || name.eq_ignore_ascii_case("identity") {
                    continue;
                }
                codings.push(Coding::of(name)?);
            }
        }
        (codings.len() <= MAX_CODINGS).then_some(Self(codings))
    }

    /// Whether there is nothing to take off.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The plain body, of at most `limit` bytes.
    ///
    /// # Errors
    /// It is not encoded as said, or would be larger, with any of the codings taken off.
    pub(super) fn decode(&self, body: Bytes, limit: usize) -> Result<Bytes, DecodeError> {
        self.0.iter().rev().try_fold(body, |body, coding| decode(*coding, body, limit))
    }
}

fn decode(coding: Coding, body: Bytes, limit: usize) -> Result<Bytes, DecodeError> {
    let mut feed = Feed::default();
    feed.push(body);
    feed.end();
    let mut decoder = Decoder::new(coding, feed);
    let mut plain = Vec::new();
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match decoder.read(&mut piece).map_err(|_| DecodeError::Malformed)? {
            0 => return Ok(plain.into()),
            length if length > limit - plain.len() => return Err(DecodeError::TooLarge),
            length => plain.extend_from_slice(&piece[..length]),
        }
    }
}

/// Takes one coding off, piece by piece.
///
/// [`io::ErrorKind::WouldBlock`] means that more input is needed, no bytes that all has come out.
enum Decoder {
    Gzip(Box<MultiGzDecoder<Feed>>),
    Deflate(Box<ZlibDecoder<Feed>>),
    Brotli(Box<Brotli>),
    /// Holds a whole window back and wants all input beforehand, so it is for requests only.
    Zstd(Box<Frames>),
}

impl Decoder {
    fn new(coding: Coding, feed: Feed) -> Self {
        match coding {
            Coding::Gzip => Self::Gzip(Box::new(MultiGzDecoder::new(feed))),
            Coding::Deflate => Self::Deflate(Box::new(ZlibDecoder::new(feed))),
            Coding::Brotli => Self::Brotli(Box::new(Brotli::new(feed))),
            Coding::Zstd => Self::Zstd(Box::new(Frames::new(feed))),
        }
    }

    fn feed(&mut self) -> &mut Feed {
        match self {
            Self::Gzip(decoder) => decoder.get_mut(),
            Self::Deflate(decoder) => decoder.get_mut(),
            Self::Brotli(stream) => &mut stream.feed,
            Self::Zstd(frames) => &mut frames.feed,
        }
    }

    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        let length = match self {
            Self::Gzip(decoder) => decoder.read(piece),
            Self::Deflate(decoder) => decoder.read(piece),
            Self::Brotli(stream) => stream.read(piece),
            Self::Zstd(frames) => frames.read(piece),
        }?;
        let feed = self.feed();
        if length == 0 && !feed.data.is_empty() {
            return Err(malformed());
        }
        feed.allow(length);
        Ok(length)
    }
}

/// A Brotli stream. The crate's own reader does not tell what follows the stream's end.
struct Brotli {
    state: BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    feed: Feed,
    ended: bool,
}

impl Brotli {
    fn new(feed: Feed) -> Self {
        let alloc = StandardAlloc::default;
        // Strict: windows of up to a gigabyte are not HTTP's.
        Self { state: BrotliState::new_strict(alloc(), alloc(), alloc()), feed, ended: false }
    }

    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        let Self { state, feed, ended } = self;
        let (mut written, mut room, mut total) = (0, piece.len(), 0);
        while !*ended {
            let input = &feed.data[..feed.data.len().min(PIECE_BYTES)];
            let (mut read, mut left) = (0, input.len());
            let result = BrotliDecompressStream(
                &mut left,
                &mut read,
                input,
                &mut room,
                &mut written,
                piece,
                &mut total,
                state,
            );
            feed.consume(read);
            match result {
                BrotliResult::ResultSuccess => *ended = true,
                BrotliResult::NeedsMoreOutput => break,
                BrotliResult::NeedsMoreInput if written > 0 => break,
                BrotliResult::NeedsMoreInput if feed.fill_buf()?.is_empty() => {
                    return Err(malformed());
                }
                BrotliResult::NeedsMoreInput => {}
                BrotliResult::ResultFailure => return Err(malformed()),
            }
        }
        Ok(written)
    }
}

/// Zstandard frames, one after the other.
struct Frames {
    decoder: FrameDecoder,
    feed: Feed,
}

impl Frames {
    fn new(feed: Feed) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(ZSTD_WINDOW_BYTES);
        Self { decoder, feed }
    }

    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        let Self { decoder, feed } = self;
        loop {
            if decoder.can_collect() > 0 {
                return decoder.read(piece);
            }
            if !decoder.is_finished() {
                let step = BlockDecodingStrategy::UptoBytes(ZSTD_STEP_BYTES);
                decoder.decode_blocks(&mut *feed, step).map_err(|_| malformed())?;
                // They are out of the input, if not of the window.
                feed.allow(ZSTD_STEP_BYTES);
                continue;
            }
            let sum = decoder.get_checksum_from_data();
            if sum.is_some() && sum != decoder.get_calculated_checksum() {
                return Err(malformed());
            }
            if feed.data.is_empty() {
                return Ok(0);
            }
            decoder.init(&mut *feed).map_err(|_| malformed())?;
        }
    }
}

/// What a decoder reads from: bytes that have come and not been read.
///
/// A decoder may read no more than twice what it has put out, and a bit: else it is fed blocks that
/// hold nothing, each of which costs it tables.
#[derive(Default)]
struct Feed {
    data: Bytes,
    ended: bool,
    read: usize,
    allowed: usize,
}

impl Feed {
    /// Adds the next bytes; all earlier ones must have been read.
    fn push(&mut self, data: Bytes) {
        self.data = data;
    }

    /// No more will come.
    fn end(&mut self) {
        self.ended = true;
    }

    fn allow(&mut self, written: usize) {
        self.allowed = self.allowed.saturating_add(written.saturating_mul(2));
    }
}

impl BufRead for Feed {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.read > self.allowed.saturating_add(SLACK_BYTES) {
            return Err(malformed());
        }
        if self.data.is_empty() && !self.ended {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        // Piece by piece, so that the count is asked in between.
        Ok(&self.data[..self.data.len().min(PIECE_BYTES)])
    }

    fn consume(&mut self, amount: usize) {
        self.data.advance(amount);
        self.read = self.read.saturating_add(amount);
    }
}

impl Read for Feed {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(to)?;
        self.consume(length);
        Ok(length)
    }
}

fn malformed() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

const MAX_CODINGS: usize = 3;
const PIECE_BYTES: usize = 32 * 1024;
/// What a content coding may ask for (RFC 9659).
const ZSTD_WINDOW_BYTES: u64 = 8 * 1024 * 1024;
/// A zstd block's most.
const ZSTD_STEP_BYTES: usize = 128 * 1024;
const SLACK_BYTES: usize = 256 * 1024;
