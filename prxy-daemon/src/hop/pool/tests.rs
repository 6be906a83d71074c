//! What an HTTP/2 peer may say instead of an answer, and which requests are sent again.

use std::convert::Infallible;
use std::sync::atomic::AtomicUsize;

use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::shared::{MAX_STREAMS, absolute};
use super::*;

/// Acts for each connection in its turn, the last one for all that follow.
struct Peer {
    acts: Vec<Act>,
    opened: AtomicUsize,
    answered: Arc<AtomicUsize>,
}

#[derive(Clone)]
enum Act {
    Answers,
    /// Frames to send as soon as a request is there, and then the end.
    Says(Vec<u8>),
}

impl Connect for Peer {
    type Io = DuplexStream;
    type Error = Infallible;

    async fn connect(&self) -> Result<(DuplexStream, Protocol), Infallible> {
        let turn = self.opened.fetch_add(1, Ordering::SeqCst);
        let act = self.acts[turn.min(self.acts.len() - 1)].clone();
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        tokio::spawn(play(act, theirs, Arc::clone(&self.answered)));
        Ok((ours, Protocol::Http2))
    }
}

async fn play(act: Act, mut stream: DuplexStream, answered: Arc<AtomicUsize>) {
    match act {
        Act::Answers => {
            let mut connection = h2::server::handshake(stream).await.unwrap();
            while let Some(Ok((_, mut respond))) = connection.accept().await {
                answered.fetch_add(1, Ordering::SeqCst);
                respond.send_response(Response::new(()), true).unwrap();
            }
        }
        Act::Says(frames) => {
            stream.read_exact(&mut [0; 24]).await.unwrap();
            stream.write_all(&frame(4, 0, &[])).await.unwrap();
            loop {
                let mut head = [0; 9];
                stream.read_exact(&mut head).await.unwrap();
                let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
                let mut payload = vec![0; usize::try_from(length).unwrap()];
                stream.read_exact(&mut payload).await.unwrap();
                if head[3] == 1 {
                    break;
                }
            }
            stream.write_all(&frames).await.unwrap();
            stream.flush().await.unwrap();
        }
    }
}

fn frame(kind: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    [&[0, 0, length, kind, 0, 0, 0, 0, stream][..], payload].concat()
}

fn reset(reason: u8) -> Act {
    Act::Says(frame(3, 1, &[0, 0, 0, reason]))
}

fn goodbye(last: u8, reason: u8) -> Act {
    Act::Says(frame(7, 0, &[0, 0, 0, last, 0, 0, 0, reason]))
}

fn request() -> Request<Full<Bytes>> {
    let body = Full::new(Bytes::from_static(b"{}"));
    Request::post("/v1/messages").header("host", "api.example.com").body(body).unwrap()
}

#[tokio::test]
async fn only_what_was_certainly_not_processed_is_sent_again() {
    const NO_ERROR: u8 = 0;
    const INTERNAL_ERROR: u8 = 2;
    const REFUSED_STREAM: u8 = 7;
    const ENHANCE_YOUR_CALM: u8 = 11;
    for (case, act, again) in [
        ("refused", reset(REFUSED_STREAM), true),
        ("a goodbye that leaves it out", goodbye(0, NO_ERROR), true),
        ("broken", reset(INTERNAL_ERROR), false),
        ("reset without an error", reset(NO_ERROR), false),
        ("a goodbye that counts it in", goodbye(1, NO_ERROR), false),
        ("thrown out", goodbye(0, ENHANCE_YOUR_CALM), false),
        ("hung up on", Act::Says(Vec::new()), false),
    ] {
        let answered = Arc::new(AtomicUsize::new(0));
        let acts = vec![act, Act::Answers];
        let peer = Peer { acts, opened: AtomicUsize::new(0), answered: Arc::clone(&answered) };
        let pool = Pool::new(peer);
        // A connection that is there, so that its failure can be made good.
        let io = TokioIo::new(pool.connector.connect().await.unwrap().0);
        drop(pool.shelf.share(io).await.unwrap());
        let sent = pool.send(request()).await;
        assert_eq!(sent.is_ok(), again, "{case}: {:?}", sent.err());
        assert_eq!(answered.load(Ordering::SeqCst), usize::from(again), "{case}");
        let opened = pool.connector.opened.load(Ordering::SeqCst);
        assert_eq!(opened, 1 + usize::from(again), "{case}");
    }
}

#[tokio::test]
async fn many_at_once_open_one_connection_and_a_retired_pool_keeps_none() {
    let acts = vec![Act::Answers];
    let peer = Peer { acts, opened: AtomicUsize::new(0), answered: Arc::default() };
    let pool = Arc::new(Pool::new(peer));
    pool.shelf.shares.store(true, Ordering::SeqCst);
    let mut asked = JoinSet::new();
    for _ in 0..MAX_STREAMS {
        let pool = Arc::clone(&pool);
        asked.spawn(async move { pool.send(request()).await.unwrap().collect().await.unwrap() });
    }
    while let Some(ended) = asked.join_next().await {
        ended.unwrap();
    }
    assert_eq!(pool.connector.opened.load(Ordering::SeqCst), 1);
    assert_eq!(lock(&pool.shelf.shared)[0].streams.load(Ordering::SeqCst), 0);
    pool.retire();
    for turn in 2..4 {
        pool.send(request()).await.unwrap();
        assert_eq!(pool.connector.opened.load(Ordering::SeqCst), turn);
        assert!(lock(&pool.shelf.shared).is_empty());
    }
}

#[test]
fn http_2_names_its_target_in_the_uri() {
    let sent = absolute(request());
    assert_eq!(sent.uri(), "https://api.example.com/v1/messages");
    assert!(sent.headers().is_empty());
}
