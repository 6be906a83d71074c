//! An answer that is read by several: everybody gets all of it, and the provider is asked once.
//!
//! Whoever has read everything that is there asks for more; who is slower reads what was kept. When
//! the last reader is gone, so is the connection to the provider: nobody pays for what nobody reads.
//! Listeners are told what was read when it is over.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body::{Body, Frame};
use tokio::sync::Notify;

use super::coding::Decoded;
use crate::hop::{self, Answer};
use crate::pipeline::{Answered, End, Listener};
use crate::redact::Name;
use crate::redact::rehydrate::Form;

/// What a provider answers, with everybody who reads it.
struct Shared {
    state: Mutex<State>,
    waiting: Arc<Waiting>,
}

struct State {
    /// `None` once it has ended.
    upstream: Option<Decoded<Answer>>,
    /// What at least one reader has not read, or what listeners are to be told.
    pieces: VecDeque<Bytes>,
    /// How many pieces were dropped before these.
    dropped: usize,
    /// Of all pieces.
    bytes: usize,
    /// Of those that are kept.
    held: usize,
    /// How it broke off.
    broken: Option<io::ErrorKind>,
    /// Where every reader stands.
    readers: HashMap<u64, usize>,
    next_reader: u64,
    listening: Option<Listening>,
}

/// Who is told, and what of the answer's head.
struct Listening {
    listeners: Vec<Listener>,
    status: StatusCode,
    form: Form,
    /// Nobody joins any more once the answer is over.
    _lead: Option<Lead>,
}

/// The tasks that wait for more; woken together, as any of them may have asked.
#[derive(Default)]
struct Waiting(Mutex<HashMap<u64, Waker>>);

impl Waiting {
    fn tasks(&self) -> MutexGuard<'_, HashMap<u64, Waker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Waiting {
    fn wake(self: Arc<Self>) {
        let woken = mem::take(&mut *self.tasks());
        woken.into_values().for_each(Waker::wake);
    }
}

/// One who reads a shared answer, from its beginning.
pub(super) struct Reader {
    shared: Arc<Shared>,
    number: u64,
}

/// Lets the answer be read by several, and `listeners` be told of it.
pub(super) fn share(
    answer: Decoded<Answer>,
    status: StatusCode,
    form: Form,
    listeners: Vec<Listener>,
    lead: Option<(Lead, Head)>,
) -> Reader {
    let listening = Some(Listening { listeners, status, form, _lead: None });
    let state = State {
        upstream: Some(answer),
        pieces: VecDeque::new(),
        dropped: 0,
        bytes: 0,
        held: 0,
        broken: None,
        readers: HashMap::from([(0, 0)]),
        next_reader: 1,
        listening,
    };
    let shared = Arc::new(Shared { state: Mutex::new(state), waiting: Arc::default() });
    if let Some((mut lead, head)) = lead {
        lead.open(head, &shared);
        if let Some(listening) = &mut shared.state().listening {
            listening._lead = Some(lead);
        }
    }
    Reader { shared, number: 0 }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more reader; `None` when what came first is no longer there, or it broke off.
    fn join(self: &Arc<Self>) -> Option<Reader> {
        let mut state = self.state();
        if state.dropped > 0 || state.broken.is_some() {
            return None;
        }
        let number = state.next_reader;
        state.next_reader += 1;
        state.readers.insert(number, 0);
        drop(state);
        Some(Reader { shared: Arc::clone(self), number })
    }

    /// The next piece for a reader.
    fn poll(&self, number: u64, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let mut state = self.state();
        loop {
            let Some(at) = state.readers.get(&number).copied() else {
                return Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())));
            };
            if let Some(piece) = at.checked_sub(state.dropped).and_then(|at| state.pieces.get(at)) {
                let piece = piece.clone();
                state.readers.insert(number, at + 1);
                state.forget_read();
                // The end is told before the last piece is handed out, if it is known by then: a
                // client that asks again at once finds the answer kept.
                self.read_on(&mut state, number, cx);
                return Poll::Ready(Some(Ok(piece)));
            }
            if state.upstream.is_none() {
                return Poll::Ready(state.broken.map(|kind| Err(kind.into())));
            }
            if !self.read_on(&mut state, number, cx) {
                return Poll::Pending;
            }
        }
    }

    /// Takes what the provider has sent, if anything; else this reader's task is woken later.
    fn read_on(&self, state: &mut State, number: u64, cx: &mut Context<'_>) -> bool {
        // Never far ahead of whoever reads fastest.
        if state.upstream.is_none() || state.is_ahead() {
            return false;
        }
        self.waiting.tasks().insert(number, cx.waker().clone());
        let waker = Waker::from(Arc::clone(&self.waiting));
        loop {
            let Some(upstream) = &mut state.upstream else { return true };
            match Pin::new(upstream).poll_frame(&mut Context::from_waker(&waker)) {
                Poll::Pending => return false,
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) if data.is_empty() => continue,
                    Ok(data) => {
                        state.bytes += data.len();
                        state.held += data.len();
                        state.pieces.push_back(data);
                        break;
                    }
                    // Trailers say nothing to a client of an event stream.
                    Err(_) => continue,
                },
                Poll::Ready(ended) => {
                    state.broken = ended.and_then(Result::err).map(|error| error.kind());
                    state.upstream = None;
                    state.tell();
                    break;
                }
            }
        }
        self.waiting.tasks().remove(&number);
        waker.wake();
        true
    }
}

impl State {
    /// Whether every reader has something to read yet.
    fn is_ahead(&self) -> bool {
        let fastest = self.readers.values().copied().max().unwrap_or(0);
        self.dropped + self.pieces.len() > fastest
    }

    /// Drops what all have read, once it is too much to be told or joined.
    fn forget_read(&mut self) {
        if self.bytes <= MAX_KEPT_BYTES {
            return;
        }
        if let Some(listening) = self.listening.take() {
            listening.tell(self.kept(), End::Left);
        }
        // Nobody makes this process keep more: who is further behind gets no more.
        loop {
            let slowest = self.readers.values().copied().min().unwrap_or(usize::MAX);
            while self.dropped < slowest
                && let Some(piece) = self.pieces.pop_front()
            {
                self.dropped += 1;
                self.held -= piece.len();
            }
            let fastest = self.readers.values().copied().max().unwrap_or(usize::MAX);
            if self.held <= MAX_KEPT_BYTES || slowest == fastest {
                return;
            }
            self.readers.retain(|_, at| *at > slowest);
        }
    }

    fn kept(&self) -> Bytes {
        if let ([one], []) | ([], [one]) = self.pieces.as_slices() {
            return one.clone();
        }
        let mut body = BytesMut::with_capacity(self.bytes);
        self.pieces.iter().for_each(|piece| body.extend_from_slice(piece));
        body.freeze()
    }

    fn tell(&mut self) {
        if let Some(listening) = self.listening.take() {
            let end = match (&self.upstream, self.broken) {
                (_, Some(_)) => End::Broken,
                (Some(_), None) => End::Left,
                (None, None) => End::Whole,
            };
            listening.tell(self.kept(), end);
        }
    }
}

impl Listening {
    fn tell(self, body: Bytes, end: End) {
        let Self { listeners, status, form, _lead } = self;
        let answered = Answered { status, form, body, end };
        hop::on_cpu(answered.body.len(), || {
            listeners.into_iter().for_each(|listener| listener(&answered));
        });
    }
}

/// Everybody has gone before the end: what came is told, and the provider is left.
impl Drop for State {
    fn drop(&mut self) {
        self.tell();
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.shared.state().readers.remove(&self.number);
        self.shared.waiting.tasks().remove(&self.number);
        // Who is left may be the one to ask now.
        Waker::from(Arc::clone(&self.shared.waiting)).wake();
    }
}

impl Body for Reader {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.shared.poll(self.number, cx).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

/// The requests that are on their way, by what they ask.
#[derive(Default)]
pub(super) struct Flights(Mutex<HashMap<[u8; 32], Arc<Entry>>>);

/// One of them, for those who ask the same.
struct Entry {
    landing: Mutex<Landing>,
    landed: Notify,
}

/// What is known of the answer.
enum Landing {
    /// Nothing yet; so many wait for it.
    Pending(usize),
    /// It is nothing that anybody else could use.
    Failed,
    /// The first has left before there was one: another one must ask.
    Left,
    Open {
        head: Head,
        shared: Weak<Shared>,
        /// For those who have waited: the answer may be over before they look.
        reserved: Vec<Reader>,
    },
}

/// What is shared of an answer beside its body.
#[derive(Clone)]
pub(super) struct Head {
    pub(super) content_type: Option<http::HeaderValue>,
    /// The placeholders of the request that was sent, in the order of its key.
    pub(super) names: Vec<Name>,
}

/// The place of the one whose request is sent; others are told what comes of it.
pub(super) struct Lead {
    key: [u8; 32],
    entry: Arc<Entry>,
    flights: Arc<Flights>,
    opened: bool,
}

/// How a request goes on that others may be asking at the same time.
pub(super) enum Place {
    /// It is the first.
    First(Lead),
    /// Another one is on its way.
    Behind(Behind),
}

/// Waits for the answer to another request.
pub(super) struct Behind {
    entry: Arc<Entry>,
    waits: bool,
}

impl Flights {
    pub(super) fn join(self: &Arc<Self>, key: [u8; 32]) -> Place {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = flights.get(&key) {
            let mut landing = entry.landing();
            let waits = match &mut *landing {
                Landing::Pending(waiting) => {
                    *waiting += 1;
                    true
                }
                _ => false,
            };
            drop(landing);
            return Place::Behind(Behind { entry: Arc::clone(entry), waits });
        }
        let entry = Entry { landing: Mutex::new(Landing::Pending(0)), landed: Notify::new() };
        let entry = Arc::new(entry);
        flights.insert(key, Arc::clone(&entry));
        Place::First(Lead { key, entry, flights: Arc::clone(self), opened: false })
    }
}

impl Entry {
    fn landing(&self) -> MutexGuard<'_, Landing> {
        self.landing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lead {
    /// The answer is nothing that others could use.
    pub(super) fn failed(mut self) {
        *self.entry.landing() = Landing::Failed;
        self.opened = true;
        self.entry.landed.notify_waiters();
    }

    /// Before anybody else knows of `shared`.
    fn open(&mut self, head: Head, shared: &Arc<Shared>) {
        let mut landing = self.entry.landing();
        let waiting = if let Landing::Pending(waiting) = *landing { waiting } else { 0 };
        let reserved = (0..waiting).filter_map(|_| shared.join()).collect();
        *landing = Landing::Open { head, shared: Arc::downgrade(shared), reserved };
        drop(landing);
        self.opened = true;
        self.entry.landed.notify_waiters();
    }
}

/// It is over, or came to nothing: whoever asks next is the first again.
impl Drop for Lead {
    fn drop(&mut self) {
        let mut flights = self.flights.0.lock().unwrap_or_else(PoisonError::into_inner);
        flights.remove(&self.key);
        drop(flights);
        // Not the entry's lock if it is open: who holds that may want the answer's.
        if !self.opened {
            *self.entry.landing() = Landing::Left;
            self.entry.landed.notify_waiters();
        }
    }
}

/// What comes of waiting.
pub(super) enum Waited {
    /// The answer, to be read with the others.
    Shared(Head, Reader),
    /// None that can be shared.
    Alone,
    /// None at all: somebody must ask again.
    Again,
}

impl Behind {
    /// The answer to the other request.
    pub(super) async fn answer(mut self) -> Waited {
        loop {
            let landed = self.entry.landed.notified();
            let mut landed = std::pin::pin!(landed);
            landed.as_mut().enable();
            let (head, reserved, shared) = match &mut *self.entry.landing() {
                Landing::Pending(_) => (None, None, None),
                Landing::Failed => return Waited::Alone,
                Landing::Left => return Waited::Again,
                Landing::Open { head, shared, reserved } => {
                    let mine = if self.waits { reserved.pop() } else { None };
                    (Some(head.clone()), mine, Some(Weak::clone(shared)))
                }
            };
            if let (Some(head), Some(shared)) = (head, shared) {
                self.waits = false;
                return match reserved.or_else(|| shared.upgrade()?.join()) {
                    Some(reader) => Waited::Shared(head, reader),
                    None => Waited::Alone,
                };
            }
            landed.await;
        }
    }
}

/// Its client has left: nothing is kept for it.
impl Drop for Behind {
    fn drop(&mut self) {
        if !self.waits {
            return;
        }
        let reader = match &mut *self.entry.landing() {
            Landing::Pending(waiting) => {
                *waiting -= 1;
                None
            }
            Landing::Failed | Landing::Left => None,
            Landing::Open { reserved, .. } => reserved.pop(),
        };
        // Behind the lock: the last reader ends the answer.
        drop(reader);
    }
}

/// Of one answer: what is longer is told in part, and joined by nobody.
const MAX_KEPT_BYTES: usize = 8 << 20;
