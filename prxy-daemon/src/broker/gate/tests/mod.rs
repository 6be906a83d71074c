//! The gate on requests that a gateway under somebody else's control might send.

mod attempts;
mod clients;
mod credentials;
mod everywhere;
mod throughput;

use super::*;
use crate::broker::Secret;
use crate::broker::config::Identity;
use crate::config::{self, Bundles, Sources};
use crate::provider::fetch::Kinds;
use crate::provider::{Api, Surface};
use crate::redact::{Attachments, Policy};

/// Anthropic is route 0, OpenAI route 1, Google route 2; none has a key of its own.
fn routes() -> Vec<Route> {
    let route = |name: &str, api| Route {
        name: name.to_owned(),
        api,
        authority: HeaderValue::from_static("provider.example"),
        path_prefix: String::new(),
        tls: None,
        key: None,
        fetch: fetch::Policy::default().allow,
        client_keys: Vec::new(),
        identity: identity(),
    };
    vec![
        route("anthropic", Api::Anthropic),
        route("openai", Api::OpenAi),
        route("google", Api::Google),
    ]
}

fn identity() -> Identity {
    Identity::of(&provider(), &Bundles::default())
}

fn provider() -> config::Provider {
    let env = |_: &str| None;
    let nowhere = Some("/nonexistent".into());
    let sources = Sources { config: None, listen: None, data_dir: nowhere, env: &env, root: false };
    config::Config::load(&sources).unwrap().providers.remove(0)
}

fn gate(routes: Vec<Route>, policy: Option<&Policy>) -> Gate {
    let names = || routes.iter().map(|route| route.name.as_str());
    let maskers = policy.map(|policy| Arc::new(Maskers::new(policy, names()).unwrap()));
    Gate { epoch: 1, routes, maskers, clients: Clients::default() }
}

/// The head of a request for a route, with these headers beside the usual ones.
fn head(route: usize, query: &str, headers: &[(&str, &str)]) -> Parts {
    let path = ["/v1/messages", "/v1/chat/completions"].get(route).copied().unwrap_or("/");
    let mut request = Request::builder()
        .method("POST")
        .uri(format!("{path}{query}"))
        .header("x-prxy-route", format!("1.{route}"))
        .header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

/// `ok`, or the reason.
fn judged(gate: &Gate, route: usize, body: &[u8]) -> String {
    match gate.judge(&head(route, "", &[]), Bytes::copy_from_slice(body)) {
        Ok(outgoing) => {
            assert_eq!(outgoing.route, route);
            "ok".to_owned()
        }
        Err(refusal) => refusal.reason().to_owned(),
    }
}
