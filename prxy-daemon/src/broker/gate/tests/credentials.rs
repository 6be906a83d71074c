//! Whose key goes out, and which of the client's headers.

use sha2::{Digest, Sha256};

use super::*;

/// The headers that are sent, but for those that are always the same; or the reason.
fn sent(route: Route, headers: &[(&str, &str)]) -> String {
    let number = usize::from(route.api == Api::OpenAi);
    let mut all = routes();
    all[number] = route;
    match gate(all, None).judge(&head(number, "", headers), Bytes::from_static(b"{}")) {
        Err(refusal) => refusal.reason().to_owned(),
        Ok(outgoing) => {
            let usual = ["host", "content-type", "accept", "accept-encoding", "user-agent"];
            let mut lines: Vec<_> = outgoing
                .request
                .headers()
                .iter()
                .filter(|(name, _)| !usual.contains(&name.as_str()))
                .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
                .collect();
            lines.sort();
            lines.join(", ")
        }
    }
}

fn pinned(route: usize, keys: &[&str]) -> Route {
    let mut route = routes().swap_remove(route);
    route.client_keys = keys.iter().map(|key| Sha256::digest(key).into()).collect();
    route
}

#[test]
fn only_listed_keys_of_clients_are_passed_on() {
    for (headers, expected) in [
        (&[("x-api-key", "good")][..], "x-api-key: good"),
        (&[("x-api-key", "other")], "x-api-key: other"),
        (&[("authorization", "Bearer good")], "authorization: Bearer good"),
        (&[("authorization", "bearer  good ")], "authorization: bearer  good "),
        (
            &[("x-api-key", "good"), ("authorization", "Bearer other")],
            "authorization: Bearer other, x-api-key: good",
        ),
        (&[("x-api-key", "attacker")], "credential-not-allowed"),
        (&[("authorization", "Bearer attacker")], "credential-not-allowed"),
        (&[("x-api-key", "good"), ("authorization", "Bearer attacker")], "credential-not-allowed"),
        (&[("authorization", "Basic good")], "credential-not-allowed"),
        (&[("x-api-key", "good attacker")], "credential-not-allowed"),
        (&[("x-api-key", "")], "credential-not-allowed"),
        (&[], "credential-not-allowed"),
        // One that does not go out is not looked at.
        (
            &[("x-goog-api-key", "attacker"), ("api-key", "attacker"), ("x-api-key", "good")],
            "x-api-key: good",
        ),
        (&[("x-api-key", "good"), ("x-api-key", "good")], "bad-header"),
    ] {
        assert_eq!(sent(pinned(0, &["good", "other"]), headers), expected, "{headers:?}");
    }
    assert_eq!(
        sent(pinned(1, &["good"]), &[("authorization", "Bearer good")]),
        "authorization: Bearer good"
    );
    assert_eq!(sent(pinned(1, &["good"]), &[("x-api-key", "good")]), "credential-not-allowed");
    // Without a list whatever the client brings is passed on, or nothing.
    assert_eq!(sent(pinned(0, &[]), &[("x-api-key", "attacker")]), "x-api-key: attacker");
    assert_eq!(sent(pinned(0, &[]), &[]), "");
    assert_eq!(sent(pinned(0, &[]), &[("authorization", " "), ("x-api-key", "")]), "");
}

#[test]
fn where_we_have_a_key_none_of_the_clients_goes_out() {
    let every = [
        ("x-api-key", "client"),
        ("authorization", "Bearer client"),
        ("proxy-authorization", "Basic client"),
        ("x-goog-api-key", "client"),
        ("api-key", "client"),
        ("cookie", "key=client"),
        ("x-amz-security-token", "client"),
    ];
    for (number, expected) in [(0, "x-api-key: ours"), (1, "authorization: Bearer ours")] {
        for keys in [&[][..], &["somebody"]] {
            let mut route = pinned(number, keys);
            route.key = Secret::new("ours");
            assert_eq!(sent(route, &every), expected);
        }
    }
}

#[test]
fn features_that_fetch_are_not_switched_on_unless_allowed() {
    let list = "claude-code-20250219,mcp-client-2025-11-20, web-fetch-2025-09-10,files-api-2025-04-14,context-1m-2025-08-07";
    let with = |kinds: &[fetch::Kind]| {
        let mut route = routes().swap_remove(0);
        route.fetch = kinds.iter().copied().collect();
        sent(route, &[("anthropic-beta", list)])
    };
    assert_eq!(with(&[]), "anthropic-beta: claude-code-20250219,context-1m-2025-08-07");
    assert_eq!(
        with(&[fetch::Kind::WebTool]),
        "anthropic-beta: claude-code-20250219,web-fetch-2025-09-10,context-1m-2025-08-07"
    );
    assert_eq!(with(&fetch::Kind::ALL), format!("anthropic-beta: {}", list.replace(' ', "")));
    for (list, expected) in [
        ("MCP-client-2025-11-20", ""),
        ("a=mcp-client-x", "anthropic-beta: a"),
        ("computer-use-2025-01-24 web-fetch-2025-09-10", "anthropic-beta: computer-use-2025-01-24"),
        (",Context-1M-2025-08-07, ,", "anthropic-beta: context-1m-2025-08-07"),
        ("4111,1111,1111,1111", "bad-header"),
        ("context-1m-2025-08-07,4111", "bad-header"),
        ("-a", "bad-header"),
        ("a.b", "bad-header"),
        ("a_b", "bad-header"),
    ] {
        let route = routes().swap_remove(0);
        assert_eq!(sent(route, &[("anthropic-beta", list)]), expected, "{list}");
    }
    let mut route = routes().swap_remove(0);
    route.fetch = Kinds::NONE;
    assert_eq!(sent(route, &[("anthropic-beta", "mcp-client-2025-11-20")]), "");
}
