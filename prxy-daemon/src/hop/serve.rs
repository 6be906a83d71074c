//! Serving one connection until it ends or the drain signal comes.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

/// What a peer may cost before its request is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// From the connection's beginning until its first request's head is complete.
    pub(crate) first_head: Option<Duration>,
    /// From the connection's or the last answer's end until the next request's head is complete.
    pub(crate) header_timeout: Option<Duration>,
    /// Number of header fields; over HTTP/2 their size is bounded instead.
    pub(crate) max_headers: usize,
    /// Requests at once on one HTTP/2 connection; `None`: HTTP/1.1 only.
    pub(crate) streams: Option<u32>,
}

/// The connections of one server, and the signal that drains them.
pub(crate) struct Tasks {
    connections: JoinSet<()>,
    drain: watch::Sender<()>,
    /// Those that have asked for nothing yet, oldest first.
    silent: Vec<Arc<Voice>>,
}

/// What one connection and the server have to tell each other.
pub(crate) struct Seat {
    drain: watch::Receiver<()>,
    voice: Arc<Voice>,
}

#[derive(Default)]
struct Voice {
    /// Whether a head has come.
    heard: AtomicBool,
    /// The server needs the place.
    leave: Notify,
    /// Requests whose answer has not ended.
    busy: watch::Sender<usize>,
}

impl Voice {
    fn is_silent(&self) -> bool {
        !self.heard.load(Ordering::Relaxed)
    }

    fn ask(self: &Arc<Self>) -> Busy {
        self.heard.store(true, Ordering::Relaxed);
        self.busy.send_modify(|requests| *requests += 1);
        Busy(Arc::clone(self))
    }
}

/// One request of a connection, until its answer has ended.
struct Busy(Arc<Voice>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.send_modify(|requests| *requests -= 1);
    }
}

/// A body that keeps something until it has ended.
pub(crate) struct Holding<B, T> {
    body: B,
    #[expect(dead_code, reason = "held, and dropped with the body")]
    held: T,
}

impl<B, T> Holding<B, T> {
    pub(crate) fn new(body: B, held: T) -> Self {
        Self { body, held }
    }
}

impl<B: Body + Unpin, T: Unpin> Body for Holding<B, T> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A body that tells how it broke off one turn late.
///
/// hyper throws away what it has not written when it hears of an error: the head of an answer that
/// breaks off at once, the last event of one that breaks off later. In between it writes.
struct Late<B: Body> {
    body: B,
    broken: Option<B::Error>,
}

impl<B: Body<Error: Unpin> + Unpin> Body for Late<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.get_mut();
        if let Some(error) = this.broken.take() {
            return Poll::Ready(Some(Err(error)));
        }
        match std::task::ready!(Pin::new(&mut this.body).poll_frame(cx)) {
            Some(Err(error)) => {
                this.broken = Some(error);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            other => Poll::Ready(other),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.broken.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Tasks {
    pub(crate) fn new() -> Self {
        Self { connections: JoinSet::new(), drain: watch::Sender::new(()), silent: Vec::new() }
    }

    /// The place of a connection that begins now.
    pub(crate) fn seat(&mut self) -> Seat {
        self.forget_heard();
        let voice = Arc::<Voice>::default();
        self.silent.push(Arc::clone(&voice));
        Seat { drain: self.drain.subscribe(), voice }
    }

    /// Closes the connection that has been silent longest, so that whoever opens many and asks for
    /// nothing locks nobody out.
    pub(crate) fn close_oldest_silent(&mut self) {
        self.forget_heard();
        if !self.silent.is_empty() {
            self.silent.remove(0).leave.notify_one();
        }
    }

    fn forget_heard(&mut self) {
        // The other one is the connection's.
        self.silent.retain(|voice| voice.is_silent() && Arc::strong_count(voice) > 1);
    }

    pub(crate) fn len(&self) -> usize {
        self.connections.len()
    }

    pub(crate) fn spawn(&mut self, connection: impl Future<Output = ()> + Send + 'static) {
        while self.connections.try_join_next().is_some() {}
        self.connections.spawn(connection);
    }

    /// Waits for one connection to end; pending for ever when there is none.
    pub(crate) async fn one_ended(&mut self) {
        if self.connections.join_next().await.is_none() {
            std::future::pending().await
        }
    }

    /// Lets running answers end, for at most `patience`; what is left then is cut.
    pub(crate) async fn drain(mut self, patience: Duration) {
        // No receiver left means no connection left.
        let _ = self.drain.send(());
        let all = async { while self.connections.join_next().await.is_some() {} };
        if tokio::time::timeout(patience, all).await.is_err() {
            tracing::warn!(
                left = self.connections.len(),
                "connections cut at the end of the drain"
            );
        }
    }
}

/// Answers the requests of one connection with `answer` until either side ends it. The first bytes
/// tell which version of HTTP is spoken.
pub(crate) async fn serve<I, A, F, B>(
    io: I,
    limits: Limits,
    Seat { mut drain, voice }: Seat,
    answer: A,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Fn(Request<Incoming>) -> F,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data: Send> + Unpin + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Unpin + Send,
{
    let service = service_fn(|request| {
        let busy = voice.ask();
        let answered = answer(request);
        async {
            let late = |body| Late { body, broken: None };
            Ok::<_, Infallible>(answered.await.map(|body| Holding::new(late(body), busy)))
        }
    });
    let builder = limits.builder();
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(io), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = silent_too_long(&voice, limits.first_head) => return,
        () = idle_too_long(&voice, limits.header_timeout) => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(LAST_CHANCE, connection.as_mut()).await {
                Ok(ended) => ended,
                // A request that came at the last moment.
                Err(_) if *voice.busy.borrow() > 0 => connection.await,
                Err(_) => return,
            }
        }
        _ = drain.changed() => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(LAST_CHANCE, connection.as_mut()).await {
                Ok(ended) => ended,
                Err(_) if !voice.is_silent() => connection.await,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = ended
        && let Some(error) = error.downcast_ref::<hyper::Error>()
        && !super::is_hangup(error)
        && !error.is_timeout()
    {
        tracing::debug!(parse = error.is_parse(), user = error.is_user(), "connection ended early");
    }
}

impl Limits {
    fn builder(self) -> auto::Builder<TokioExecutor> {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(self.header_timeout)
            .max_headers(self.max_headers);
        let Some(streams) = self.streams else { return builder.http1_only() };
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(streams)
            .max_header_list_size(MAX_HEADER_LIST_BYTES)
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT);
        builder
    }
}

/// Ends when a connection has to go that has not sent a head.
async fn silent_too_long(voice: &Voice, patience: Option<Duration>) {
    let leave = voice.leave.notified();
    match patience {
        Some(patience) => drop(tokio::time::timeout(patience, leave).await),
        None => leave.await,
    }
    if !voice.is_silent() {
        std::future::pending().await
    }
}

/// Ends when all of a connection's answers ended long ago. HTTP/1.1 has its own clock for that.
async fn idle_too_long(voice: &Voice, patience: Option<Duration>) {
    let Some(patience) = patience else { return std::future::pending().await };
    let mut busy = voice.busy.subscribe();
    loop {
        // The sender lives in `voice`.
        let _ = busy.wait_for(|requests| *requests == 0).await;
        if tokio::time::timeout(patience, busy.wait_for(|requests| *requests > 0)).await.is_err() {
            return;
        }
    }
}

/// Of one request, by HTTP/2's own count.
const MAX_HEADER_LIST_BYTES: u32 = 64 * 1024;
/// Whether the peer is still there is asked while it has requests open.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a drain waits for the rest of a connection's first head: whoever sends half of one must
/// not keep a restart waiting.
const LAST_CHANCE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::Full;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    use super::*;

    const HEAD: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

    /// Opens a connection and sends `bytes` on it.
    async fn open(tasks: &mut Tasks, first_head: Duration, bytes: &[u8]) -> DuplexStream {
        let (mut client, server) = tokio::io::duplex(4096);
        let limits = Limits {
            first_head: Some(first_head),
            header_timeout: Some(Duration::from_secs(60)),
            max_headers: 10,
            streams: Some(10),
        };
        let answer = |_| async { Response::new(Full::new(Bytes::from_static(b"hi"))) };
        let seat = tasks.seat();
        tasks.spawn(serve(server, limits, seat, answer));
        client.write_all(bytes).await.unwrap();
        client
    }

    async fn is_answered(client: &mut DuplexStream) -> bool {
        let mut bytes = [0; 256];
        matches!(client.read(&mut bytes).await, Ok(1..))
    }

    #[tokio::test]
    async fn who_sends_no_head_has_to_go_and_who_sent_one_may_stay() {
        let mut tasks = Tasks::new();
        let patience = Duration::from_millis(100);
        let mut half = open(&mut tasks, patience, &HEAD[..20]).await;
        let mut asking = open(&mut tasks, patience, HEAD).await;
        assert!(is_answered(&mut asking).await);
        assert!(!is_answered(&mut half).await);
        tokio::time::sleep(patience * 2).await;
        asking.write_all(HEAD).await.unwrap();
        assert!(is_answered(&mut asking).await);
    }

    /// Ends in an error as soon as it is asked for what follows its frames.
    struct Broken(Vec<&'static str>);

    impl Body for Broken {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
            Poll::Ready(Some(match self.0.pop() {
                Some(text) => Ok(Frame::data(Bytes::from_static(text.as_bytes()))),
                None => Err(std::io::ErrorKind::UnexpectedEof.into()),
            }))
        }
    }

    #[tokio::test]
    async fn what_comes_before_an_answer_breaks_off_is_sent() {
        for frames in [vec![], vec!["one"], vec!["two", "one"]] {
            let (mut client, server) = tokio::io::duplex(4096);
            let limits =
                Limits { first_head: None, header_timeout: None, max_headers: 10, streams: None };
            let mut tasks = Tasks::new();
            let mut expected: Vec<_> =
                frames.iter().rev().map(|text| format!("3\r\n{text}\r\n")).collect();
            let answer = move |_| {
                let frames = frames.clone();
                async { Response::new(Broken(frames)) }
            };
            let seat = tasks.seat();
            tasks.spawn(serve(server, limits, seat, answer));
            client.write_all(HEAD).await.unwrap();
            let mut read = String::new();
            client.read_to_string(&mut read).await.unwrap();
            let (head, body) = read.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
            // No last chunk: whoever reads it knows that it is not whole.
            assert_eq!(body, std::mem::take(&mut expected).concat());
        }
    }

    #[tokio::test]
    async fn the_oldest_silent_connection_makes_room() {
        let mut tasks = Tasks::new();
        let patience = Duration::from_secs(60);
        let mut asking = open(&mut tasks, patience, HEAD).await;
        assert!(is_answered(&mut asking).await);
        let mut oldest = open(&mut tasks, patience, &HEAD[..20]).await;
        let mut newest = open(&mut tasks, patience, b"").await;
        tasks.close_oldest_silent();
        assert!(!is_answered(&mut oldest).await);
        for client in [&mut asking, &mut newest] {
            client.write_all(HEAD).await.unwrap();
            assert!(is_answered(client).await);
        }
        // Nobody is silent any more.
        tasks.close_oldest_silent();
        for client in [&mut asking, &mut newest] {
            client.write_all(HEAD).await.unwrap();
            assert!(is_answered(client).await);
        }
    }
}
