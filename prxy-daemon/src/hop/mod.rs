//! One HTTP hop: what the gateway and the broker have in common towards either side.
//!
//! Header rules, bounded bodies, pooled client connections, the loop that serves a connection.
//! Not for policy: what may pass is decided in `gateway`, `pipeline` and `broker::gate`.

mod body;
mod pool;
mod serve;

use http::header::{self, HeaderMap, HeaderName};
use tokio::runtime::{Handle, RuntimeFlavor};

pub(crate) use body::{Answer, CollectError, collect, content_length, discard};
pub(crate) use pool::{Connect, Pool, Protocol, SendError};
pub(crate) use serve::{Holding, Limits, Seat, Tasks, serve};

/// Names the route as a [`RouteId`](crate::link::RouteId); set by the gateway, read by the broker, never sent on.
pub(crate) const ROUTE: HeaderName = HeaderName::from_static("x-prxy-route");
/// A credential that tells whose request it is, and goes nowhere; set by the gateway, read by the broker.
pub(crate) const CALLER: HeaderName = HeaderName::from_static("x-prxy-caller");
/// Whose request it is, by who has connected; set by the gateway, read by the broker.
pub(crate) const CLIENT: HeaderName = HeaderName::from_static("x-prxy-client");
/// Why a request was refused or failed: a stable kebab-case word.
pub(crate) const ERROR: HeaderName = HeaderName::from_static("x-prxy-error");
/// How many values of each label were masked, such as `EMAIL=2,PHONE=1`.
pub(crate) const MASKED: HeaderName = HeaderName::from_static("x-prxy-masked");
/// The kinds of declarations that were taken out, such as `web-tool`.
pub(crate) const STRIPPED: HeaderName = HeaderName::from_static("x-prxy-stripped");
/// The local provider that answered in place of the one that was asked.
pub(crate) const ROUTED: HeaderName = HeaderName::from_static("x-prxy-routed");
/// What the caches made of a request: the module that answered, `shared`, `miss` or `bypass`.
pub(crate) const CACHE: HeaderName = HeaderName::from_static("x-prxy-cache");
/// The patterns that were offered, by their numbers: `12,15`.
pub(crate) const PATTERNS: HeaderName = HeaderName::from_static("x-prxy-patterns");
/// Of a request: the modules that it wants to pass, beside those that protect.
pub(crate) const PIPE: HeaderName = HeaderName::from_static("x-prxy-pipe");
/// The pipeline that the request passed, such as `airgap,guardrails`, with what modules say of it.
pub(crate) const MODULES: HeaderName = HeaderName::from_static("x-prxy-modules");
/// Says on every answer that the airgap does not protect; else absent.
pub(crate) const AIRGAP: HeaderName = HeaderName::from_static("x-prxy-airgap");

/// Every header that begins like this is ours and never crosses to or from a provider.
pub(crate) const OWN_PREFIX: &str = "x-prxy-";

/// Whether `error` was caused by the other side closing early, which is worth no more than a debug line.
pub(crate) fn is_hangup(error: &hyper::Error) -> bool {
    error.is_incomplete_message()
        || error.is_closed()
        || error.is_canceled()
        || error.is_body_write_aborted()
}

/// Removes what belongs to one connection only (RFC 9110 §7.6.1), and what is ours.
///
/// What a body is never belongs to the connection, whoever says so: what is not known for JSON would
/// be neither scanned nor restored.
pub(crate) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .filter(|name| *name != header::CONTENT_TYPE && *name != header::CONTENT_ENCODING)
        .collect();
    let own = headers.keys().filter(|name| name.as_str().starts_with(OWN_PREFIX)).cloned();
    let gone: Vec<HeaderName> = own.chain(named).chain(HOP_BY_HOP).collect();
    for name in gone {
        headers.remove(name);
    }
}

/// Runs `work` on `bytes` of input; a large input leaves the reactor to the other tasks.
pub(crate) fn on_cpu<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    let can_move = Handle::try_current()
        .is_ok_and(|handle| handle.runtime_flavor() == RuntimeFlavor::MultiThread);
    if bytes > MAX_BYTES_ON_REACTOR && can_move {
        tokio::task::block_in_place(work)
    } else {
        work()
    }
}

/// About a millisecond of scanning and writing.
const MAX_BYTES_ON_REACTOR: usize = 32 * 1024;

const HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn strips_what_belongs_to_one_connection() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, x-odd, Content-Type"),
            ("connection", "content-encoding"),
            ("content-type", "application/json"),
            ("content-encoding", "gzip"),
            ("x-odd", "1"),
            ("te", "trailers"),
            ("x-prxy-error", "forged"),
            ("request-id", "kept"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        strip_hop_by_hop(&mut headers);
        let mut kept: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        kept.sort_unstable();
        assert_eq!(kept, ["content-encoding", "content-type", "request-id"]);
    }
}
