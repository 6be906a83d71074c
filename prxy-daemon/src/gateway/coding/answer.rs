//! The body of an answer, its coding taken off as it comes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{self, HeaderMap};
use http_body::{Body, Frame, SizeHint};

use super::{Coding, Decoder, Feed, PIECE_BYTES};

/// A body whose bytes are its text.
pub(in crate::gateway) struct Decoded<B> {
    body: B,
    decoder: Option<Unfinished>,
}

struct Unfinished {
    decoder: Decoder,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing has come; an answer without a body has no coding to take off.
    Empty,
    Decoding,
    /// All has come out, and nothing more may come.
    Ended,
}

impl<B> Decoded<B> {
    /// Takes the coding off that `headers` name, and its mention with it.
    ///
    /// `None` where they name one that cannot be taken off as it comes.
    pub(in crate::gateway) fn new(headers: &mut HeaderMap, body: B) -> Option<Self> {
        let codings = super::Codings::of(headers)?;
        let decoder = match codings.0[..] {
            [] => None,
            [coding @ (Coding::Gzip | Coding::Deflate | Coding::Brotli)] => {
                headers.remove(header::CONTENT_LENGTH);
                let decoder = Decoder::new(coding, Feed::default());
                Some(Unfinished { decoder, state: State::Empty })
            }
            _ => return None,
        };
        headers.remove(header::CONTENT_ENCODING);
        Some(Self { body, decoder })
    }
}

impl<B> Body for Decoded<B>
where
    B: Body<Data = Bytes, Error = hyper::Error> + Unpin,
{
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let Self { body, decoder } = self.get_mut();
        let mut next = |cx: &mut Context<'_>| {
            let polled = Pin::new(&mut *body).poll_frame(cx);
            polled.map(|frame| frame.map(|frame| frame.map_err(io::Error::other)))
        };
        let Some(Unfinished { decoder, state }) = decoder else { return next(cx) };
        let mut piece = Vec::new();
        loop {
            if *state == State::Decoding {
                piece.resize(PIECE_BYTES, 0);
                match decoder.read(&mut piece) {
                    Ok(0) => *state = State::Ended,
                    Ok(length) => {
                        piece.truncate(length);
                        return Poll::Ready(Some(Ok(Frame::data(piece.into()))));
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Poll::Ready(Some(Err(error))),
                }
            }
            // Also after the end: a connection whose answer was read whole can be used again.
            match ready!(next(cx)) {
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else { continue };
                    if data.is_empty() {
                        continue;
                    }
                    if *state == State::Ended {
                        return Poll::Ready(Some(Err(super::malformed())));
                    }
                    *state = State::Decoding;
                    decoder.feed().push(data);
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None if *state == State::Decoding => decoder.feed().end(),
                None => return Poll::Ready(None),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.decoder.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match self.decoder {
            Some(_) => SizeHint::default(),
            None => self.body.size_hint(),
        }
    }
}
