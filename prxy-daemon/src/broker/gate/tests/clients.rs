//! Whose rules hold: the broker says that by the credential alone, whatever the gateway has masked by.

use super::*;
use crate::broker::Secret;
use crate::client::sum;
use crate::config::Client;
use crate::redact::{Action, Label, Rules};

/// `ward` blocks what is masked for all others, `desk` allows it.
fn told_apart(mut routes: Vec<Route>) -> Gate {
    routes.iter_mut().for_each(|route| route.client_keys.clear());
    let rules = |action| Rules {
        actions: [(Label::new("EMAIL").unwrap(), action)].into(),
        ..Rules::default()
    };
    let policy = Policy {
        clients: [
            ("ward".to_owned(), rules(Action::Block)),
            ("desk".to_owned(), rules(Action::Allow)),
        ]
        .into(),
        ..Policy::default()
    };
    let client = |name: &str| Client {
        name: name.to_owned(),
        keys: vec![sum(format!("key-of-{name}").as_bytes())],
        ..Client::default()
    };
    let clients = Clients::new(&[client("ward"), client("desk")]);
    Gate { clients, ..gate(routes, Some(&policy)) }
}

/// `ok`, or the reason, for a body with an address in it and for one that is masked.
fn said(gate: &Gate, route: usize, headers: &[(&str, &str)]) -> [String; 2] {
    ["to ada@corp.example", "to <EMAIL_1>"].map(|text| {
        let body = format!(r#"{{"messages":[{{"role":"user","content":"{text}"}}]}}"#);
        match gate.judge(&head(route, "", headers), Bytes::from(body)) {
            Ok(outgoing) => {
                let sent = outgoing.request.headers();
                assert!(!sent.contains_key("x-prxy-caller"), "{headers:?}");
                "ok".to_owned()
            }
            Err(refusal) => refusal.reason().to_owned(),
        }
    })
}

#[test]
fn a_gateway_that_masks_by_other_rules_than_the_credentials_is_refused() {
    let mut keyed = routes();
    keyed.iter_mut().for_each(|route| route.key = Secret::new("ours"));
    for gate in [told_apart(routes()), told_apart(keyed)] {
        for (headers, raw, masked) in [
            // What only `desk` may send is refused with anybody else's credential, and with none.
            (&[("x-api-key", "key-of-desk")][..], "ok", "ok"),
            (&[("authorization", "Bearer key-of-desk")], "ok", "ok"),
            // A key from the query of Google's clients comes in this header.
            (&[("x-goog-api-key", "key-of-desk")], "ok", "ok"),
            (&[("x-prxy-caller", "key-of-desk")], "ok", "ok"),
            (&[("x-api-key", "key-of-ward")], "unmasked-label", "ok"),
            (&[("x-api-key", "key-of-eve")], "unmasked-label", "ok"),
            (&[], "unmasked-label", "ok"),
            // Names and sums are no credentials.
            (&[("x-prxy-caller", "desk"), ("x-prxy-client", "desk")], "unmasked-label", "ok"),
            (&[("x-api-key", "desk")], "unmasked-label", "ok"),
            (
                &[("x-api-key", "key-of-ward"), ("authorization", "Bearer key-of-desk")],
                "two-clients",
                "two-clients",
            ),
            (
                &[("x-api-key", "key-of-ward"), ("x-prxy-caller", "key-of-desk")],
                "two-clients",
                "two-clients",
            ),
        ] {
            for route in [0, 1] {
                assert_eq!(said(&gate, route, headers), [raw, masked], "{route} {headers:?}");
            }
        }
    }
}
