//! The same answers over HTTP/2: one head, then each write as a frame of its own.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Ending, Exchange, Prepared, Shared, answer, locked};
use crate::http::{Head, Wire};

/// Serves a connection whose client has agreed on HTTP/2.
pub(super) async fn serve<S>(stream: S, shared: Arc<Shared>) -> Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut connection = h2::server::handshake(stream).await?;
    while let Some(accepted) = connection.accept().await {
        let (request, respond) = accepted?;
        tokio::spawn(exchange(request, respond, shared.clone()));
    }
    Ok(())
}

async fn exchange(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    shared: Arc<Shared>,
) -> Result<()> {
    let (parts, mut incoming) = request.into_parts();
    let mut body = Vec::new();
    while let Some(data) = incoming.data().await {
        let data = data?;
        incoming.flow_control().release_capacity(data.len())?;
        body.extend_from_slice(&data);
    }
    let head = head(&parts);
    let script = locked(&shared.script).clone();
    let prepared = answer(&head, &body, &script);
    let slot = shared.record(head, body);
    let state = send(&mut respond, prepared, &script.ending, script.split.pause).await?;
    shared.settle(slot, state);
    Ok(())
}

/// The request as it would be told in HTTP/1.1, so that tests need not care.
fn head(parts: &http::request::Parts) -> Head {
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let first = format!("{} {path} HTTP/2", parts.method);
    let authority = parts.uri.authority().map(|name| (":authority".into(), name.to_string()));
    let fields = parts.headers.iter().map(|(name, value)| {
        (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let headers: Vec<(String, String)> = authority.into_iter().chain(fields).collect();
    let lines = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
    let raw = format!("{first}\r\n{}\r\n", lines.collect::<String>()).into_bytes();
    Head { first, headers, raw }
}

async fn send(
    respond: &mut SendResponse<Bytes>,
    prepared: Prepared,
    ending: &Ending,
    pause: Duration,
) -> Result<Exchange> {
    let Some((first, rest)) = prepared.writes.split_first() else {
        poll_fn(|cx| respond.poll_reset(cx)).await?;
        return Ok(Exchange::Cancelled);
    };
    let (head, mut part) = read_head(first).await?;
    let mut response = Response::builder().status(head.status()?);
    for (name, value) in &head.headers {
        if name != "transfer-encoding" {
            response = response.header(name, value);
        }
    }
    let mut stream = respond.send_response(response.body(())?, false)?;
    let chunked = head.header("transfer-encoding").is_some();
    for (index, write) in std::iter::once(None).chain(rest.iter().map(Some)).enumerate() {
        if let Some(write) = write {
            part = if chunked { unchunked(write)? } else { write.clone() };
        }
        match ending {
            Ending::HangAfter(writes) if index >= *writes => {
                poll_fn(|cx| stream.poll_reset(cx)).await?;
                return Ok(Exchange::Cancelled);
            }
            Ending::CutAfter(_) if index > 0 => {
                stream.send_reset(Reason::INTERNAL_ERROR);
                return Ok(Exchange::Done);
            }
            _ => {}
        }
        if send_part(&mut stream, std::mem::take(&mut part), pause).await == Exchange::Cancelled {
            return Ok(Exchange::Cancelled);
        }
    }
    stream.send_data(Bytes::new(), true)?;
    Ok(Exchange::Done)
}

async fn send_part(stream: &mut SendStream<Bytes>, part: Vec<u8>, pause: Duration) -> Exchange {
    if !part.is_empty() && stream.send_data(part.into(), false).is_err() {
        return Exchange::Cancelled;
    }
    if !pause.is_zero() {
        let gone = poll_fn(|cx| stream.poll_reset(cx));
        if tokio::time::timeout(pause, gone).await.is_ok() {
            return Exchange::Cancelled;
        }
    }
    Exchange::Done
}

async fn read_head(write: &[u8]) -> Result<(Head, Vec<u8>)> {
    let end = write.windows(4).position(|bytes| bytes == b"\r\n\r\n").context("no head")? + 4;
    let (head, body) = write.split_at(end);
    let mut wire = Wire::new(tokio::io::join(head, tokio::io::sink()));
    Ok((wire.head().await?.context("no head")?, body.to_vec()))
}

fn unchunked(write: &[u8]) -> Result<Vec<u8>> {
    let start = write.windows(2).position(|bytes| bytes == b"\r\n").context("no chunk")? + 2;
    let end = write.len().saturating_sub(2).max(start);
    Ok(write[start..end].to_vec())
}
