//! Bodies that are no JSON, queries that say more than is listed, heads that name something else.

use super::*;
use crate::config::Addresses;

#[test]
fn what_is_not_one_json_document_is_refused_with_and_without_guardrails() {
    let policy = Policy::default();
    let deep = |n: usize| format!("{}1{}", "[".repeat(n), "]".repeat(n));
    for gate in [gate(routes(), Some(&policy)), gate(routes(), None)] {
        for (what, body, expected) in [
            ("clean", b"{\"messages\":[]}".to_vec(), "ok"),
            ("space around", b" \r\n\t{} \n".to_vec(), "ok"),
            ("empty", b"".to_vec(), "not-json"),
            ("byte order mark", b"\xef\xbb\xbf{}".to_vec(), "not-json"),
            ("UTF-16", b"\xff\xfe{\0}\0".to_vec(), "not-json"),
            ("invalid UTF-8", b"{\"a\":\"\xc0\xaf\"}".to_vec(), "not-json"),
            ("surrogates in UTF-8", b"{\"a\":\"\xed\xa0\x80\"}".to_vec(), "not-json"),
            ("NUL after it", b"{}\0".to_vec(), "not-json"),
            ("NUL in a string", b"{\"a\":\"\0\"}".to_vec(), "not-json"),
            ("escaped NUL", b"{\"a\":\"\\u0000\"}".to_vec(), "ok"),
            ("two documents", b"{}{}".to_vec(), "not-json"),
            ("lines of documents", b"{}\n{}\n".to_vec(), "not-json"),
            ("record separator", b"\x1e{}".to_vec(), "not-json"),
            ("comment", b"{/*x*/}".to_vec(), "not-json"),
            ("line comment", b"{} // x".to_vec(), "not-json"),
            ("trailing comma", b"{\"a\":1,}".to_vec(), "not-json"),
            ("single quotes", b"{'a':1}".to_vec(), "not-json"),
            ("bare key", b"{a:1}".to_vec(), "not-json"),
            ("NaN", b"{\"a\":NaN}".to_vec(), "not-json"),
            ("hex number", b"{\"a\":0x10}".to_vec(), "not-json"),
            ("plus sign", b"{\"a\":+1}".to_vec(), "not-json"),
            ("leading zero", b"{\"a\":01}".to_vec(), "not-json"),
            ("hex escape", b"{\"a\":\"\\x41\"}".to_vec(), "not-json"),
            ("line break in a string", b"{\"a\":\"\n\"}".to_vec(), "not-json"),
            ("form", b"messages=hi".to_vec(), "not-json"),
            ("as deep as may be", deep(128).into_bytes(), "ok"),
            ("too deep", deep(129).into_bytes(), "too-deep"),
            ("much too deep", b"[".repeat(1 << 20), "too-deep"),
            ("key twice", b"{\"a\":1,\"a\":2}".to_vec(), "duplicate-key"),
        ] {
            assert_eq!(judged(&gate, 0, &body), expected, "{what}");
        }
    }
}

#[test]
fn numbers_count_as_what_they_mean() {
    let gate = gate(routes(), Some(&Policy::default()));
    for (number, expected) in [
        ("4111111111111111", "unmasked-label"),
        ("-4111111111111111", "unmasked-label"),
        ("4.111111111111111e15", "unmasked-label"),
        ("4111111111111111.0", "unmasked-label"),
        ("41111111111111110E-1", "unmasked-label"),
        ("0.4111111111111111e+16", "unmasked-label"),
        ("4111111111111112", "ok"),
        ("-0", "ok"),
        ("1e308", "ok"),
        ("1.7976931348623157e308", "ok"),
        ("0.30000000000000004", "ok"),
        // Nobody reads a card number out of an array of digits.
        ("[4,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", "ok"),
    ] {
        let body = format!("{{\"x\":{number}}}");
        assert_eq!(judged(&gate, 0, body.as_bytes()), expected, "{number}");
    }
}

#[test]
fn escapes_are_read_to_any_depth_in_linear_time() {
    let gate = gate(routes(), Some(&Policy::default()));
    let chain = |n: usize| {
        format!("{{\"a\":\"{}u0040corp.com\"}}", r"ada\\u005c".to_owned() + &"u005c".repeat(n))
    };
    for (what, body, expected) in [
        ("once", r#"{"a":"ada\u0040corp.com"}"#.to_owned(), "unmasked-label"),
        ("twice", r#"{"a":"ada\\u0040corp.com"}"#.to_owned(), "unmasked-label"),
        ("three times", r#"{"a":"ada\\\\u0040corp.com"}"#.to_owned(), "unmasked-label"),
        (
            "six times",
            format!("{{\"a\":\"ada{}u0040corp.com\"}}", "\\".repeat(64)),
            "unmasked-label",
        ),
        (
            "ten times",
            format!("{{\"a\":\"ada{}u0040corp.com\"}}", "\\".repeat(1024)),
            "unmasked-label",
        ),
        ("in a key", r#"{"ada\\u0040corp.com":1}"#.to_owned(), "unmasked-label"),
        ("escaped backslash", chain(0), "unmasked-label"),
        ("escaped backslashes", chain(2), "unmasked-label"),
        ("more of them than anybody writes", chain(1000), "too-deep"),
        ("only backslashes", format!("{{\"a\":\"{}\"}}", "\\\\".repeat(100_000)), "ok"),
        ("paths and patterns", r#"{"a":"C:\\Users\\u1 ^\\d{3}\\b \\\\srv\\new"}"#.to_owned(), "ok"),
        ("code", r#"{"a":"println!(\"a\\n\\tb\\u00e9 {x:?}\\\\n\");"}"#.to_owned(), "ok"),
    ] {
        assert_eq!(judged(&gate, 0, body.as_bytes()), expected, "{what}");
    }
}

#[test]
fn a_query_says_what_is_listed_and_nothing_else() {
    let gate = gate(routes(), None);
    for (route, query, expected) in [
        (0, "", "/v1/messages"),
        (0, "?", "/v1/messages"),
        (0, "?beta=true", "/v1/messages?beta=true"),
        (0, "?beta=true&beta=true", "bad-query"),
        (0, "?beta=true&key=abc", "bad-query"),
        (0, "?key=abc", "bad-query"),
        (0, "?api_key=abc", "bad-query"),
        (0, "?beta=TRUE", "bad-query"),
        (0, "?beta=true;x", "bad-query"),
        (0, "?%62eta=true", "bad-query"),
        (1, "?beta=true", "bad-query"),
        (1, "?api-version=1", "bad-query"),
    ] {
        let outcome = gate.judge(&head(route, query, &[]), Bytes::from_static(b"{}"));
        let met = match outcome {
            Ok(outgoing) => outgoing.request.uri().to_string(),
            Err(refusal) => refusal.reason().to_owned(),
        };
        assert_eq!(met, expected, "{query}");
    }
}

#[test]
fn no_other_path_method_or_form_of_a_path_leaves() {
    let gate = gate(routes(), None);
    let met = |method: &str, uri: &str, headers: &[(&str, &str)]| {
        let mut head = head(0, "", headers);
        head.method = method.parse().unwrap();
        let Ok(uri) = uri.parse() else { return "no-uri".to_owned() };
        head.uri = uri;
        match gate.judge(&head, Bytes::from_static(b"{}")) {
            Ok(outgoing) => outgoing.request.uri().to_string(),
            Err(refusal) => refusal.reason().to_owned(),
        }
    };
    assert_eq!(met("POST", "/v1/messages", &[]), "/v1/messages");
    assert_eq!(met("POST", "http://evil.example/v1/messages", &[]), "/v1/messages");
    assert_eq!(met("POST", "/v1/messages#x", &[]), "/v1/messages");
    for path in [
        "/v1/files",
        "/v1/messages/",
        "//v1/messages",
        "/v1//messages",
        "/v1/./messages",
        "/v1/messages/../files",
        "/v1/messages/%2e%2e/files",
        "/v1/%6dessages",
        "/v1/messages%00",
        "/v1/messages%2f",
        "/v1/messages;x=1",
        "/V1/messages",
        "/v1/Messages",
        "/v1/messages.json",
        "/v1\\messages",
        "/v1/messages/batches/",
        "/v1/messages/batches/a@b.co/cancel",
        "/v1/messages/batches/x1",
        "/v1/messages/count_tokens/",
        "/v1/models",
        "/v1/chat/completions",
        "*",
        "evil.example:443",
    ] {
        let met = met("POST", path, &[]);
        assert!(matches!(&*met, "forbidden-path" | "no-uri"), "{path}: {met}");
    }
    for method in
        ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "post", "PROPFIND"]
    {
        assert_eq!(met(method, "/v1/messages", &[]), "forbidden-path", "{method}");
        for name in ["x-http-method-override", "x-method-override", "x-original-url"] {
            assert_eq!(
                met(method, "/v1/messages", &[(name, "POST")]),
                "forbidden-path",
                "{method}"
            );
        }
    }
}

/// `path headers`, or the reason, of a request that comes with these headers.
fn judged_at(
    route: usize,
    method: &str,
    uri: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> String {
    let gate = gate(routes(), Some(&Policy::default()));
    let mut head = head(route, "", headers);
    head.method = method.parse().unwrap();
    head.uri = uri.parse().unwrap();
    match gate.judge(&head, Bytes::copy_from_slice(body.as_bytes())) {
        Ok(outgoing) => {
            let request = outgoing.request;
            let mut names: Vec<_> = request.headers().keys().map(HeaderName::as_str).collect();
            names.sort_unstable();
            format!("{} {}", request.uri(), names.join(" "))
        }
        Err(refusal) => refusal.reason().to_owned(),
    }
}

#[test]
fn a_model_with_an_owner_or_a_tag_is_asked_for_where_all_addresses_are_private() {
    let judged = |private: bool, path: &str| {
        let mut routes = routes();
        let addresses = Addresses::Fixed(vec![std::net::Ipv4Addr::LOCALHOST.into()]);
        let local = config::Provider { private, addresses, ..provider() };
        routes[2].identity = Identity::of(&local, &Bundles::default());
        let gate = gate(routes, Some(&Policy::default()));
        let mut head = head(2, "", &[]);
        head.uri = path.parse().unwrap();
        let judged = gate.judge(&head, Bytes::from_static(b"{}"));
        judged.map(|it| it.request.uri().to_string()).map_err(|refusal| refusal.reason())
    };
    let path = "/v1beta/models/org%2Fmodel%3Atag:generateContent";
    assert_eq!(judged(true, path), Ok(path.to_owned()));
    assert_eq!(judged(false, path), Err("forbidden-path"));
    let secret = concat!("/v1beta/models/org%2Fsk-proj-", "Ab1Cd2Ef3Gh4Ij5Kl6Mn7:generateContent");
    assert_eq!(judged(true, secret), Err("unclean-path"));
}

#[test]
fn paths_with_parameters_and_without_bodies_are_judged_like_all_others() {
    let usual = "accept accept-encoding host user-agent";
    let with = |path: &str, more: &str| format!("{path} {usual}{more}");
    let typed = "accept accept-encoding content-type host user-agent";
    let key = concat!("sk-proj-", "Ab1Cd2Ef3Gh4Ij5Kl6Mn7");
    for (route, method, uri, body, expected) in [
        (0, "GET", "/v1/models".to_owned(), "", with("/v1/models", "")),
        (0, "GET", "/v1/models?limit=5".to_owned(), "", with("/v1/models?limit=5", "")),
        (0, "GET", "/v1/models".to_owned(), "{}", "unexpected-body".to_owned()),
        (
            0,
            "POST",
            "/v1/messages/batches/x/cancel".to_owned(),
            "",
            with("/v1/messages/batches/x/cancel", ""),
        ),
        (1, "GET", format!("/v1/responses/{key}"), "", "unclean-path".to_owned()),
        (
            1,
            "GET",
            format!("/v1/responses/r/input_items?after={key}"),
            "",
            "unclean-path".to_owned(),
        ),
        (1, "GET", "/v1/models/a@b.co".to_owned(), "", "forbidden-path".to_owned()),
        (1, "DELETE", "/v1/models/x".to_owned(), "", "forbidden-path".to_owned()),
        (
            2,
            "POST",
            "/v1beta/models/g:generateContent?key=x".to_owned(),
            "{}",
            "bad-query".to_owned(),
        ),
        (
            2,
            "POST",
            "/v1beta/models/g:generateContent".to_owned(),
            "{}",
            format!("/v1beta/models/g:generateContent {typed}"),
        ),
        (
            2,
            "POST",
            "/v1beta/models/g:generateContent".to_owned(),
            r#"{"contents":[{"parts":[{"text":"a@b.co"}]}]}"#,
            "unmasked-label".to_owned(),
        ),
        (2, "POST", "/v1beta/models/g:predict".to_owned(), "{}", "forbidden-path".to_owned()),
        (
            2,
            "POST",
            "/v1beta/models/org%2Fg:countTokens".to_owned(),
            "{}",
            "forbidden-path".to_owned(),
        ),
    ] {
        assert_eq!(judged_at(route, method, &uri, &[], body), expected, "{method} {uri}");
    }
}

#[test]
fn googles_compatible_paths_take_the_credential_that_openai_takes() {
    let both = [("authorization", "Bearer clients"), ("x-goog-api-key", "clients")];
    for (path, expected) in [
        ("/v1beta/openai/chat/completions", "authorization content-type host user-agent"),
        (
            "/v1beta/models/g:countTokens",
            "authorization content-type host user-agent x-goog-api-key",
        ),
    ] {
        let met = judged_at(2, "POST", path, &both, "{}");
        assert_eq!(met, format!("{path} accept accept-encoding {expected}"));
    }
}
