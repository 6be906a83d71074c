//! Bodies: collected with a bound, discarded with a bound, or leased from a pooled connection.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use thiserror::Error;

use super::pool::Lease;

/// A body could not be read whole.
#[derive(Debug, Error)]
pub(crate) enum CollectError {
    /// More bytes than the limit were announced or came.
    #[error("body exceeds the limit")]
    TooLarge,
    /// The other side went away or broke the framing.
    #[error("body broke off")]
    Broken,
    /// Nothing came for too long.
    #[error("body came too slowly")]
    Stalled,
}

/// Reads `body` into one buffer of at most `limit` bytes, sized beforehand where the length is announced.
///
/// Gives up when nothing comes for `patience`.
pub(crate) async fn collect<B>(
    body: &mut B,
    limit: usize,
    patience: Duration,
) -> Result<Bytes, CollectError>
where
    B: Body<Data = Bytes> + Unpin,
{
    let hint = body.size_hint();
    let limit_u64 = u64::try_from(limit).unwrap_or(u64::MAX);
    if hint.lower() > limit_u64 {
        return Err(CollectError::TooLarge);
    }
    let announced = usize::try_from(hint.lower()).unwrap_or(0);
    let mut whole = Whole::Empty;
    while let Some(frame) =
        tokio::time::timeout(patience, body.frame()).await.map_err(|_| CollectError::Stalled)?
    {
        let Ok(data) = frame.map_err(|_| CollectError::Broken)?.into_data() else { continue };
        if whole.len() + data.len() > limit {
            return Err(CollectError::TooLarge);
        }
        whole = whole.and(data, announced);
    }
    Ok(whole.into_bytes())
}

/// Reads and drops what a client still sends, so that it gets to see the refusal instead of a reset.
///
/// Gives up after `limit` bytes or two seconds.
pub(crate) async fn discard(mut body: Incoming, limit: usize) {
    let read = async {
        let mut seen = 0usize;
        while let Some(Ok(frame)) = body.frame().await {
            seen = seen.saturating_add(frame.data_ref().map_or(0, Bytes::len));
            if seen > limit {
                break;
            }
        }
    };
    // Whether it ended or not: the refusal goes out next.
    let _ = tokio::time::timeout(DISCARD_TIMEOUT, read).await;
}

/// The announced length of a body, if the header is there and is one number.
pub(crate) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// A body that arrives on a pooled connection; dropped before its end, it closes the connection.
///
/// That is how a client that goes away cancels the work upstream, hop by hop.
pub(crate) struct Answer {
    incoming: Incoming,
    lease: Option<Lease>,
}

impl Answer {
    pub(super) fn new(incoming: Incoming, lease: Lease) -> Self {
        let mut answer = Self { incoming, lease: Some(lease) };
        answer.settle();
        answer
    }

    /// Hands the connection back once nothing more of this body can come.
    fn settle(&mut self) {
        if self.incoming.is_end_stream()
            && let Some(lease) = self.lease.take()
        {
            lease.release();
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.incoming).poll_frame(cx);
        match &polled {
            Poll::Pending => {}
            Poll::Ready(Some(Ok(_))) => this.settle(),
            // Dropping a lease closes its connection.
            Poll::Ready(Some(Err(_))) => this.lease = None,
            Poll::Ready(None) => {
                if let Some(lease) = this.lease.take() {
                    lease.release();
                }
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

/// One chunk is kept as it came; only a second one makes a buffer.
enum Whole {
    Empty,
    One(Bytes),
    Many(BytesMut),
}

impl Whole {
    fn len(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::One(data) => data.len(),
            Self::Many(data) => data.len(),
        }
    }

    fn and(self, data: Bytes, announced: usize) -> Self {
        match self {
            Self::Empty => Self::One(data),
            Self::One(first) => {
                let mut buffer = BytesMut::with_capacity(announced.max(first.len() + data.len()));
                buffer.extend_from_slice(&first);
                buffer.extend_from_slice(&data);
                Self::Many(buffer)
            }
            Self::Many(mut buffer) => {
                buffer.extend_from_slice(&data);
                Self::Many(buffer)
            }
        }
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::Empty => Bytes::new(),
            Self::One(data) => data,
            Self::Many(buffer) => buffer.freeze(),
        }
    }
}

const DISCARD_TIMEOUT: Duration = Duration::from_secs(2);
