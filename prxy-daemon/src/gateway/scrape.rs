//! Where the metrics are read: `GET /metrics`, with `/health` and `/ready` beside it.
//!
//! A server of its own, so that full house at the clients' door keeps no monitoring out.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;

use super::{BrokerLink, Doors, Gateway, LIMITS, Visit, admit, answer, welcome};
use crate::hop::{self, Seat, serve};
use crate::metrics::CONTENT_TYPE;

/// Serves what is counted on `doors` until `shutdown`.
pub async fn run<L: BrokerLink>(
    gateway: Arc<Gateway<L>>,
    doors: Doors,
    shutdown: impl Future<Output = ()>,
) {
    let visit = |Visit { line, .. }: Visit, seat: Seat| {
        let gateway = Arc::clone(&gateway);
        let answer = move |request: Request<Incoming>| {
            let gateway = Arc::clone(&gateway);
            async move { read(&gateway, &request) }
        };
        serve(line, LIMITS, seat, answer)
    };
    welcome(doors, MAX_READERS, shutdown, visit).await;
}

fn read<L: BrokerLink>(
    gateway: &Gateway<L>,
    request: &Request<Incoming>,
) -> Response<answer::Reply> {
    let empty = |status: StatusCode| {
        let mut response = Response::new(answer::whole(Full::default()));
        *response.status_mut() = status;
        response
    };
    // Names that cannot be rebound, as for clients: a web page is no monitoring.
    let loopback = ([127, 0, 0, 1], 0).into();
    if admit::admit(loopback, request.version(), request.uri(), request.headers()).is_err() {
        return empty(StatusCode::MISDIRECTED_REQUEST);
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return empty(StatusCode::METHOD_NOT_ALLOWED);
    }
    match request.uri().path() {
        "/metrics" => {
            // It asks the database.
            let text = hop::on_cpu(usize::MAX, || gateway.report());
            let mut response = Response::new(answer::whole(Full::new(Bytes::from(text))));
            let content_type = HeaderValue::from_static(CONTENT_TYPE);
            response.headers_mut().insert(header::CONTENT_TYPE, content_type);
            response
        }
        "/health" => answer::alive(),
        "/ready" => answer::ready(gateway.metrics().readiness()),
        _ => empty(StatusCode::NOT_FOUND),
    }
}

/// Monitoring is one reader, or a few.
const MAX_READERS: usize = 8;
