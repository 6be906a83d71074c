//! HTTP/1.1 as bytes: heads, bodies and a client that shows them untouched.
//!
//! Written out here so that tests control and see every byte; the daemon uses hyper.

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The head of a request or an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The first line, without its end.
    pub first: String,
    /// Names in lower case, values trimmed, in their order.
    pub headers: Vec<(String, String)>,
    /// The head's exact bytes, with the empty line.
    pub raw: Vec<u8>,
}

impl Head {
    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The status code of an answer.
    pub fn status(&self) -> Result<u16> {
        let code = self.first.split(' ').nth(1).context("no status code")?;
        Ok(code.parse()?)
    }

    fn parse(raw: Vec<u8>) -> Result<Self> {
        let text = String::from_utf8(raw.clone()).context("head is not UTF-8")?;
        let mut lines = text.trim_end_matches("\r\n").split("\r\n");
        let first = lines.next().unwrap_or_default().to_owned();
        let headers = lines
            .map(|line| {
                let (name, value) = line.split_once(':').context("header without a colon")?;
                Ok((name.to_ascii_lowercase(), value.trim().to_owned()))
            })
            .collect::<Result<_>>()?;
        Ok(Self { first, headers, raw })
    }

    fn framing(&self, request: bool) -> Result<Framing> {
        if self.header("transfer-encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked")) {
            return Ok(Framing::Chunked);
        }
        if let Some(len) = self.header("content-length") {
            return Ok(Framing::Length(len.parse()?));
        }
        let bodiless = request || matches!(self.status()?, 100..=199 | 204 | 304);
        Ok(if bodiless { Framing::Length(0) } else { Framing::UntilClose })
    }
}

enum Framing {
    Length(usize),
    Chunked,
    UntilClose,
}

/// A connection that keeps what it has read too far.
pub struct Wire<S> {
    stream: S,
    buffer: Vec<u8>,
}

/// An answer, whole.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status line and headers.
    pub head: Head,
    /// The status code.
    pub status: u16,
    /// The body with its transfer coding taken off.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text; bytes that are not UTF-8 show as U+FFFD.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("not JSON: {}", self.text()))
    }

    /// The stable reason of a refusal.
    pub fn reason(&self) -> Option<&str> {
        self.head.header("x-prxy-error")
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// Takes over a connected stream.
    pub fn new(stream: S) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// Sends bytes as they are.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await?;
        Ok(())
    }

    /// Reads a head; `None` if the peer closes before its first byte.
    pub async fn head(&mut self) -> Result<Option<Head>> {
        let mut searched = 0;
        loop {
            let from = searched.min(self.buffer.len());
            if let Some(end) = find(&self.buffer[from..], b"\r\n\r\n") {
                let raw = self.buffer.drain(..from + end + 4).collect();
                return Head::parse(raw).map(Some);
            }
            searched = self.buffer.len().saturating_sub(3);
            if !self.more().await? {
                if self.buffer.is_empty() {
                    return Ok(None);
                }
                bail!("closed within a head");
            }
        }
    }

    /// Reads the body of a request.
    pub async fn request_body(&mut self, head: &Head) -> Result<Vec<u8>> {
        self.body(head.framing(true)?, &mut |_| ()).await
    }

    /// Reads the body of an answer and shows each piece as it comes.
    pub async fn answer_body(
        &mut self,
        head: &Head,
        seen: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<Vec<u8>> {
        self.body(head.framing(false)?, seen).await
    }

    /// Sends a request and reads its answer whole.
    pub async fn call(&mut self, request: &[u8]) -> Result<Answer> {
        self.send(request).await?;
        self.answer().await
    }

    /// Reads an answer whole.
    pub async fn answer(&mut self) -> Result<Answer> {
        let head = self.head().await?.context("closed before an answer")?;
        let body = self.answer_body(&head, &mut |_| ()).await?;
        Ok(Answer { status: head.status()?, head, body })
    }

    /// The stream, for callers that go on by themselves; bytes read too far are lost.
    pub fn into_inner(self) -> S {
        self.stream
    }

    /// The stream beneath.
    pub fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    async fn body(
        &mut self,
        framing: Framing,
        seen: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        match framing {
            Framing::Length(len) => {
                while body.len() < len {
                    self.take(len - body.len(), &mut body, seen).await?;
                }
            }
            Framing::Chunked => loop {
                let line = self.line().await?;
                let size = line.split(';').next().unwrap_or_default().trim();
                let size = usize::from_str_radix(size, 16).context("bad chunk size")?;
                let end = body.len() + size;
                while body.len() < end {
                    self.take(end - body.len(), &mut body, seen).await?;
                }
                if size == 0 {
                    while !self.line().await?.is_empty() {} // trailers
                    break;
                }
                if !self.line().await?.is_empty() {
                    bail!("chunk without its end");
                }
            },
            Framing::UntilClose => {
                while !self.buffer.is_empty() || self.more().await? {
                    seen(&self.buffer);
                    body.append(&mut self.buffer);
                }
            }
        }
        Ok(body)
    }

    async fn take(
        &mut self,
        limit: usize,
        body: &mut Vec<u8>,
        seen: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<()> {
        if self.buffer.is_empty() && !self.more().await? {
            bail!("closed within a body");
        }
        let len = limit.min(self.buffer.len());
        seen(&self.buffer[..len]);
        body.extend(self.buffer.drain(..len));
        Ok(())
    }

    async fn line(&mut self) -> Result<String> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..end + 2).collect();
                return Ok(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            if !self.more().await? {
                bail!("closed within a line");
            }
        }
    }

    async fn more(&mut self) -> Result<bool> {
        let mut chunk = [0; 16 * 1024];
        let len = self.stream.read(&mut chunk).await?;
        self.buffer.extend_from_slice(&chunk[..len]);
        Ok(len > 0)
    }
}

/// The bytes of a request with a body and its `content-length`.
pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{method} {path} HTTP/1.1\r\n").into_bytes();
    if !headers.iter().any(|(n, _)| n.eq_ignore_ascii_case("host")) {
        bytes.extend(b"host: localhost\r\n");
    }
    for (name, value) in headers {
        bytes.extend(format!("{name}: {value}\r\n").into_bytes());
    }
    bytes.extend(format!("content-length: {}\r\n\r\n", body.len()).into_bytes());
    bytes.extend(body);
    bytes
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|w| w == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_answer(bytes: &'static [u8]) -> Result<Answer> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        runtime.block_on(async {
            let (mut far, near) = tokio::io::duplex(7);
            tokio::spawn(async move { far.write_all(bytes).await });
            Wire::new(near).answer().await
        })
    }

    #[test]
    fn bodies_are_read_by_every_framing() {
        for bytes in [
            &b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"[..],
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n\r\nhello",
        ] {
            let answer = read_answer(bytes).unwrap();
            assert_eq!((answer.status, answer.text()), (200, "hello".into()));
        }
    }

    #[test]
    fn a_cut_body_is_an_error() {
        for bytes in [
            &b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello"[..],
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n",
            b"HTTP/1.1 200",
        ] {
            assert!(read_answer(bytes).is_err(), "{}", String::from_utf8_lossy(bytes));
        }
    }
}
