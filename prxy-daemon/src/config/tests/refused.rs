//! What is refused, and how it is told: whole texts where the layout matters, messages elsewhere.

use super::{errors, load, load_with, messages};
use crate::config::{modules, pipeline};

#[test]
fn every_problem_of_a_file_is_told_at_once_with_its_place() {
    let text = r"listen: localhost:3099
pipline: [airgap]
pipeline:
  - guardrail
  - airgap: { allowedHost: [], onViolation: log }
  - guardrails:
      policy: { EMAL: mask, API_KEY: redact, JWT: 1 }
      patterns: { EMPLOYEE_ID: 'E-(\d{6}', ANY: 'a*', lower: x }
providers:
  antropic: {}
  lab: { base_url: 'http://127.0.0.1:9100', api: anthropic, private: yes }
  lab: {}
";
    assert_eq!(
        errors(load(text)),
        r"config.yaml:1:9: error: bad listen address `localhost:3099`: expected ADDRESS:PORT, such as 127.0.0.1:3099 or [::1]:3099, or unix:PATH
1 | listen: localhost:3099
  |         ^^^^^^^^^^^^^^
config.yaml:2:1: error: unknown key `pipline`; did you mean `pipeline`?
2 | pipline: [airgap]
  | ^^^^^^^
config.yaml:4:5: error: unknown module `guardrail`; did you mean `guardrails`?
4 |   - guardrail
  |     ^^^^^^^^^
config.yaml:5:15: error: unknown key `allowedHost`; did you mean `allowedHosts`?
5 |   - airgap: { allowedHost: [], onViolation: log }
  |               ^^^^^^^^^^^
config.yaml:5:45: error: unknown violation `log`; did you mean `log-only`?
5 |   - airgap: { allowedHost: [], onViolation: log }
  |                                             ^^^
config.yaml:7:17: error: unknown label `EMAL`; did you mean `EMAIL`?
7 |       policy: { EMAL: mask, API_KEY: redact, JWT: 1 }
  |                 ^^^^
config.yaml:7:38: error: unknown action `redact`; known: `allow`, `mask`, `route_local`, `block`
7 |       policy: { EMAL: mask, API_KEY: redact, JWT: 1 }
  |                                      ^^^^^^
config.yaml:7:51: error: expected a word, found a number
7 |       policy: { EMAL: mask, API_KEY: redact, JWT: 1 }
  |                                                   ^
config.yaml:8:32: error: bad regex: unclosed group
8 |       patterns: { EMPLOYEE_ID: 'E-(\d{6}', ANY: 'a*', lower: x }
  |                                ^^^^^^^^^^
config.yaml:8:49: error: regex matches the empty string
8 |       patterns: { EMPLOYEE_ID: 'E-(\d{6}', ANY: 'a*', lower: x }
  |                                                 ^^^^
config.yaml:8:55: error: `lower` is no label: use A to Z, 0 to 9 and `_`, a letter first and last, at most 32
8 |       patterns: { EMPLOYEE_ID: 'E-(\d{6}', ANY: 'a*', lower: x }
  |                                                       ^^^^^
config.yaml:10:3: error: provider `antropic` needs `base_url` and `api`; did you mean `anthropic`?
10 |   antropic: {}
   |   ^^^^^^^^
config.yaml:11:20: error: plain HTTP needs `private: true` and `dangerously_allow_plaintext: true` on this provider
11 |   lab: { base_url: 'http://127.0.0.1:9100', api: anthropic, private: yes }
   |                    ^^^^^^^^^^^^^^^^^^^^^^^
config.yaml:11:70: error: expected true or false, found a string: take the quotes or letters away
11 |   lab: { base_url: 'http://127.0.0.1:9100', api: anthropic, private: yes }
   |                                                                      ^^^
config.yaml:12:3: error: duplicate key `lab`, first on line 11
12 |   lab: {}
   |   ^^^
"
    );
}

#[test]
fn carets_stand_below_what_they_mean_after_tabs_wide_and_hidden_text() {
    let text = "listen: 127.0.0.1:1\t#\nproviders:\n  lab: { name: '漢字é́',\tbase_uri: x, api_key: hunter2, private: 漢字 }\n";
    assert_eq!(
        errors(load(text)),
        "\
config.yaml:3:3: error: provider `lab` needs `base_url` and `api`
3 |   lab: { name: '漢字é́',    base_uri: x, api_key: [hidden], private: 漢字 }
  |   ^^^
config.yaml:3:10: error: unknown key `name`; known: `base_url`, `api`, `path_prefix`, `private`, `dangerously_allow_plaintext`, `ca_file`, `spki_sha256`, `pinned`, `resolve`, `key`, `client_key_sha256`, `provider_fetch`, `policy`, `positions`, `models`
3 |   lab: { name: '漢字é́',    base_uri: x, api_key: [hidden], private: 漢字 }
  |          ^^^^
config.yaml:3:24: error: unknown key `base_uri`; did you mean `base_url`?
3 |   lab: { name: '漢字é́',    base_uri: x, api_key: [hidden], private: 漢字 }
  |                            ^^^^^^^^
config.yaml:3:37: error: unknown key `api_key`; did you mean `key`?
3 |   lab: { name: '漢字é́',    base_uri: x, api_key: [hidden], private: 漢字 }
  |                                         ^^^^^^^
config.yaml:3:64: error: expected true or false, found a string: take the quotes or letters away
3 |   lab: { name: '漢字é́',    base_uri: x, api_key: [hidden], private: 漢字 }
  |                                                                     ^^^^
"
    );
}

#[test]
fn a_long_line_is_cut_around_its_carets() {
    let blank = |n| " ".repeat(n);
    let text = format!("{}{{ 'bad': 1 }}{}", blank(300), blank(300));
    let known = "known: `listen`, `pipeline`, `providers`, `clients`, `dns`, `enforcement`, `limits`, `audit`, `vault`, `encrypt`, `metrics`, `embeddings`";
    let told = format!("config.yaml:1:303: error: unknown key `bad`; {known}\n");
    assert_eq!(
        errors(load(&text)),
        format!("{told}1 | …{}{{ 'bad': 1 }}\n  | {}^^^^^\n", blank(28), blank(31))
    );
    let text = format!("{{ 'bad': 1,{}dns: {{}} }}", blank(300));
    let told = told.replace("303", "3");
    assert_eq!(
        errors(load(&text)),
        format!("{told}1 | {{ 'bad': 1,{}…\n  |   ^^^^^\n", blank(109))
    );
}

#[test]
fn each_wrong_value_has_its_own_message() {
    let lab = |fields: &str| format!("providers: {{ lab: {{ api: openai, {fields} }} }}");
    let airgap = |fields: &str| format!("pipeline: [airgap: {{ {fields} }}]");
    let guardrails = |fields: &str| format!("pipeline: [guardrails: {{ {fields} }}]");
    let cases: Vec<(String, &str)> = vec![
        ("[]".into(), "expected a mapping, found a list"),
        ("listen: 3099".into(), "expected an address, found a number"),
        (
            "listen: ':3099'".into(),
            "bad listen address `:3099`: expected ADDRESS:PORT, such as 127.0.0.1:3099 or [::1]:3099, or unix:PATH",
        ),
        ("listen:".into(), "expected an address, found nothing"),
        (
            "providers:".into(),
            "expected a mapping, found nothing: give it a value, or remove the key",
        ),
        (
            "providers: {}".into(),
            "`providers` names no provider: add one, or remove the key for the built-in ones",
        ),
        (
            "providers: { Lab: { base_url: 'https://x.example', api: openai } }".into(),
            "`Lab` is no provider name: use a to z, 0 to 9, `-` and `_`, a letter first, at most 32",
        ),
        (
            "providers: { v1: { base_url: 'https://x.example', api: openai } }".into(),
            "provider name `v1` is reserved for a path of prxy's own",
        ),
        (
            "providers: { x: { base_url: 'https://x.example' } }".into(),
            "provider `x` needs `api`: anthropic, openai or google",
        ),
        ("providers: { x: { api: openai } }".into(), "provider `x` needs `base_url`"),
        (
            "providers: { x: { base_url: 'https://x.example', api: open-ai } }".into(),
            "unknown API `open-ai`; did you mean `openai`?",
        ),
        (
            "providers: { anthropic: { api: openai } }".into(),
            "the built-in provider `anthropic` speaks `anthropic`: define a provider of another name instead",
        ),
        (lab("base_url: ''"), "bad URL: expected https://HOST or http://HOST"),
        (
            lab("base_url: 'https://bücher.example'"),
            "bad URL: the host must be ASCII: write an international name as `xn--…`",
        ),
        (
            lab("base_url: 'https://10.0.0.1'"),
            "a private address needs `private: true` on this provider",
        ),
        (
            lab("base_url: 'https://[::1]'"),
            "a private address needs `private: true` on this provider",
        ),
        (
            lab("base_url: 'https://169.254.169.254', private: false"),
            "a private address needs `private: true` on this provider",
        ),
        (
            lab("base_url: 'http://x.example'"),
            "plain HTTP needs `private: true` and `dangerously_allow_plaintext: true` on this provider",
        ),
        (
            lab("base_url: 'http://10.0.0.1', private: true"),
            "plain HTTP needs `dangerously_allow_plaintext: true` on this provider",
        ),
        (
            lab("base_url: 'http://10.0.0.1', dangerously_allow_plaintext: true"),
            "plain HTTP needs `private: true` on this provider",
        ),
        (
            lab(
                "base_url: 'http://10.0.0.1', private: true, dangerously_allow_plaintext: true, ca_file: x",
            ),
            "`ca_file` has no effect without TLS: use https, or remove it",
        ),
        (
            lab("base_url: 'https://x.example', pinned: 10.0.0.1"),
            "expected a list of addresses and ranges, found a string",
        ),
        (
            lab("base_url: 'https://x.example', pinned: []"),
            "`pinned` is empty: nothing would be allowed; list something, or remove the key",
        ),
        (
            lab("base_url: 'https://x.example', pinned: [7]"),
            "expected an address or a range, found a number",
        ),
        (
            lab("base_url: 'https://x.example', pinned: [10.0.0.1/8]"),
            "`10.0.0.1/8` is no address or range: expected 203.0.113.7, 203.0.113.0/24 or 2001:db8::/32, no bits set beyond the length, and no wider than /8 (IPv6: /16)",
        ),
        (
            lab("base_url: 'https://x.example', pinned: [1.1.1.1, 1.1.1.1/32]"),
            "`1.1.1.1/32` stands twice",
        ),
        (
            lab("base_url: 'https://x.example', pinned: [10.0.0.0/8]"),
            "a private address needs `private: true` on this provider",
        ),
        (
            lab("base_url: 'https://x.example', pinned: [100.127.0.0/17]"),
            "a private address needs `private: true` on this provider",
        ),
        (
            lab("base_url: 'https://1.1.1.1', pinned: [1.1.1.1]"),
            "`pinned` has no effect: `base_url` holds an address, and no other is used",
        ),
        (
            lab("base_url: 'https://1.1.1.1', resolve: false"),
            "`resolve` has no effect: `base_url` holds an address, and no other is used",
        ),
        (
            lab("base_url: 'https://x.example', resolve: false"),
            "`resolve: false` needs `pinned` with the addresses to use",
        ),
        (
            lab("base_url: 'https://x.example', resolve: false, pinned: [1.1.1.1, 1.1.2.0/24]"),
            "with `resolve: false`, `pinned` must list single addresses, not ranges",
        ),
        (
            lab("base_url: 'https://x.example', spki_sha256: abc"),
            "expected a list of hashes, found a string",
        ),
        (
            lab("base_url: 'https://x.example', spki_sha256: []"),
            "`spki_sha256` is empty: nothing would be allowed; list something, or remove the key",
        ),
        (
            lab("base_url: 'https://x.example', spki_sha256: [abc]"),
            "expected the SHA-256 of a public key: 64 hexadecimal digits, or 44 characters of base64",
        ),
        (
            lab(
                "base_url: 'http://10.0.0.1', private: true, dangerously_allow_plaintext: true, spki_sha256: ['AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=']",
            ),
            "`spki_sha256` has no effect without TLS: use https, or remove it",
        ),
        (
            lab("base_url: 'https://x.example', private: 1"),
            "expected true or false, found a number",
        ),
        (
            lab("base_url: 'https://x.example', private: 'true'"),
            "expected true or false, found a string: take the quotes or letters away",
        ),
        (lab("base_url: 'https://x.example', ca_file: ''"), "expected a path"),
        (
            lab("base_url: 'https://x.example', path_prefix: x"),
            "bad path prefix: expected `/` and path segments of letters, digits, `-`, `.`, `_` and `~`",
        ),
        (
            lab("base_url: 'https://x.example/a', path_prefix: /b"),
            "the path stands in `base_url` and in `path_prefix`: keep one",
        ),
        (lab("base_url: 'https://x.example/v1'"), "requests carry `/v1` already: leave it out"),
        (
            lab("base_url: 'https://x.example', path_prefix: /a/v1beta/"),
            "requests carry `/v1beta` already: leave it out",
        ),
        (
            lab("base_url: 'https://x.example', key: lower"),
            "expected the name of an environment variable or credential, such as OPENAI_API_KEY; the key itself does not belong here",
        ),
        ("pipeline: airgap".into(), "expected a list of modules, found a string"),
        ("pipeline: []".into(), "the pipeline is empty: name at least one module"),
        ("pipeline: [1]".into(), "expected one module with its options, found a number"),
        ("pipeline: [{}]".into(), "expected one module with its options, found nothing"),
        (
            "pipeline:\n  - airgap:\n    onViolation: block".into(),
            "expected one module with its options; `onViolation` stands beside it: indent its options further",
        ),
        ("pipeline: [guardrails, airgap]".into(), "`airgap` must be the first module"),
        (
            "pipeline: [airgap, guardrails, guardrails]".into(),
            "module `guardrails` stands twice in the pipeline",
        ),
        (
            "pipeline: [airgap, exact_cache]".into(),
            "unknown module `exact_cache`; did you mean `exact-cache`?",
        ),
        (airgap("allowedHosts: api.openai.com"), "expected a list of hosts, found a string"),
        (airgap("allowedHosts: [1]"), "expected a host, found a number"),
        (
            airgap("allowedHosts: ['*.openai.com']"),
            "bad host: a host name is labels of a to z, 0 to 9 and `-`, at most 63 each and 253 in all",
        ),
        (
            airgap("allowedHosts: ['https://api.openai.com']"),
            "bad host: this is a URL: write its host alone",
        ),
        (
            airgap("allowedHosts: [api.openai.com, API.openai.com]"),
            "host `API.openai.com` stands twice",
        ),
        (
            airgap("allowedHosts: [openai.com]"),
            "no configured provider has the host `openai.com`; did you mean `api.openai.com`?",
        ),
        (airgap("onViolation: warn"), "unknown violation `warn`; known: `block`, `log-only`"),
        (guardrails("policy: { email: mask }"), "unknown label `email`; did you mean `EMAIL`?"),
        (guardrails("policy: { EMAIL: true }"), "expected a word, found true or false"),
        (
            guardrails("positions: { users: { EMAIL: mask } }"),
            "unknown position `users`; did you mean `user`?",
        ),
        (
            guardrails("positions: { user: { EMIAL: mask } }"),
            "unknown label `EMIAL`; did you mean `EMAIL`?",
        ),
        (guardrails("profile: lax"), "unknown profile `lax`; known: `strict`, `agent`"),
        (guardrails("merge_gap: { EMAIL: 17 }"), "out of range: 0 to 16"),
        (
            guardrails("deny: { CLIENT: [x] }"),
            "expected 2 to 256 characters, without blanks at the ends",
        ),
        (guardrails("deny: { CLIENT: [Ada], TEAM: [ADA] }"), "this text stands twice"),
        (
            guardrails("deny: { client: [Ada] }"),
            "`client` is no label: use A to Z, 0 to 9 and `_`, a letter first and last, at most 32",
        ),
        (
            guardrails("allow: [ada], deny: { CLIENT: [Ada] }"),
            "this text stands in `deny` as well: keep one",
        ),
        (
            guardrails("local_model: 'a b'"),
            "bad model name: expected letters, digits, `-`, `_` and `.`, with single `:` and `/` between",
        ),
        (
            guardrails("local_model: a/../b"),
            "bad model name: expected letters, digits, `-`, `_` and `.`, with single `:` and `/` between",
        ),
        (
            guardrails("local_provider: olama"),
            "unknown provider `olama`; known: `anthropic`, `openai`, `google`, `groq`",
        ),
        (
            guardrails("local_provider: openai"),
            "a local provider must be `private: true` and have a private address, or private ranges in `pinned`",
        ),
        (guardrails("policy: [EMAIL]"), "expected a mapping, found a list"),
        (guardrails("patterns: { LITERAL: x }"), "label `LITERAL` is reserved"),
        (guardrails("patterns: { PIN: 1234 }"), "expected a regex, found a number: quote it"),
        (guardrails("patterns: { PIN: '' }"), "regex matches the empty string"),
        (guardrails(r"patterns: { PIN: '\b' }"), "regex matches the empty string"),
        (guardrails(r"patterns: { PIN: '(?:a|)' }"), "regex matches the empty string"),
        (guardrails(r"patterns: { PIN: '[^\s\S]' }"), "regex can never match"),
        (
            guardrails(r"patterns: { PIN: '(?:\w{100}){100}' }"),
            "bad regex: too large when compiled",
        ),
        (
            guardrails(r"patterns: { PIN: '(?=a)b' }"),
            "bad regex: look-around, including look-ahead and look-behind, is not supported",
        ),
        ("dns: { nameservers: 10.0.0.1 }".into(), "expected a list of addresses, found a string"),
        (
            "dns: { nameservers: [ns.example] }".into(),
            "bad nameserver `ns.example`: expected an address, such as 10.0.0.1, 10.0.0.1:53 or [fd00::1]:53",
        ),
        (
            "dns: { nameservers: [0.0.0.0] }".into(),
            "bad nameserver `0.0.0.0`: expected an address, such as 10.0.0.1, 10.0.0.1:53 or [fd00::1]:53",
        ),
        (
            "dns: { nameservers: [10.0.0.1, '10.0.0.1:53'] }".into(),
            "nameserver `10.0.0.1:53` stands twice",
        ),
        (
            "dns: { nameserver: [10.0.0.1] }".into(),
            "unknown key `nameserver`; did you mean `nameservers`?",
        ),
        ("enforcement: off".into(), "unknown enforcement `off`; known: `required`, `best-effort`"),
        (
            "limits: { max_body_bytes: 64MiB }".into(),
            "expected a whole number, found a string: take the quotes or letters away",
        ),
        ("limits: { max_body_bytes: 1.5 }".into(), "expected a whole number, found a number"),
        ("limits: { max_body_bytes: -1 }".into(), "expected a whole number, found a number"),
        ("audit: { max_bytes: 10 }".into(), "out of range: 65536 to 1099511627776"),
        ("audit: { on_full: halt }".into(), "unknown on_full `halt`; known: `continue`, `stop`"),
        ("limits: { max_body_bytes: 10 }".into(), "out of range: 1024 to 1073741824"),
        (
            "limits: { max_body_bytes: 99999999999999999999 }".into(),
            "out of range: 1024 to 1073741824",
        ),
    ];
    let mut wrong = String::new();
    for (text, expected) in cases {
        let all = match load(&text) {
            Ok(_) => vec!["(accepted)".to_owned()],
            refused => messages(refused),
        };
        if all != [expected] {
            wrong.push_str(&format!("{text}\n  expected {expected}\n  told     {all:?}\n"));
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn what_keeps_text_comes_after_what_masks_it() {
    let anywhere = ["cost-guard", "local-encrypt"];
    for row in modules::ROWS.iter().filter(|row| !anywhere.contains(&row.name)) {
        let module = row.name;
        let told =
            format!("`{module}` must come after `guardrails`: what it keeps is never raw text");
        for pipeline in [format!("airgap,{module}"), format!("airgap,{module},guardrails")] {
            assert_eq!(messages(load(&format!("pipeline: [{pipeline}]"))), [told.as_str()]);
            assert_eq!(messages(load_with("", &[("PRXY_PIPE", &pipeline)])), [told.as_str()]);
        }
        assert!(load(&format!("pipeline: [airgap, guardrails, {module}]")).is_ok());
        let unknown = messages(load(&format!("pipeline: [guardrails, {module}: {{ x: 1 }}]")));
        assert!(unknown[0].starts_with("unknown key `x`"), "{unknown:?}");
    }
}

#[test]
fn the_environment_is_checked_like_the_file_and_with_it() {
    let env =
        [("PRXY_PIPE", "airgap, gaurdrails,exact-cache,,airgap"), ("PRXY_LISTEN", "everywhere")];
    let known: Vec<_> = pipeline::names().map(|name| format!("`{name}`")).collect();
    let known = known.join(", ");
    assert_eq!(
        errors(load_with("listen: nowhere\n", &env)),
        format!("\
config.yaml:1:9: error: bad listen address `nowhere`: expected ADDRESS:PORT, such as 127.0.0.1:3099 or [::1]:3099, or unix:PATH
1 | listen: nowhere
  |         ^^^^^^^
PRXY_PIPE: error: unknown module `gaurdrails`; did you mean `guardrails`?
 | airgap, gaurdrails,exact-cache,,airgap
 |         ^^^^^^^^^^
PRXY_PIPE: error: unknown module ``; known: {known}
 | airgap, gaurdrails,exact-cache,,airgap
 |                                ^
PRXY_PIPE: error: module `airgap` stands twice in the pipeline
 | airgap, gaurdrails,exact-cache,,airgap
 |                                 ^^^^^^
PRXY_LISTEN: error: bad listen address `everywhere`: expected ADDRESS:PORT, such as 127.0.0.1:3099 or [::1]:3099, or unix:PATH
 | everywhere
 | ^^^^^^^^^^
")
    );
    for name in ["PRXY_PIPE", "PRXY_LISTEN"] {
        let told = errors(load_with("", &[(name, " ")]));
        assert_eq!(told, format!("{name}: error: set, but empty: unset it, or give it a value\n"));
    }
}

#[test]
fn a_configured_provider_that_the_airgap_leaves_out_is_a_problem() {
    let text = "\
pipeline:
  - airgap: { allowedHosts: [api.anthropic.com, api.antropic.com] }
providers:
  anthropic:
  openai:
";
    assert_eq!(
        errors(load(text)),
        "\
config.yaml:2:49: error: no configured provider has the host `api.antropic.com`; did you mean `api.anthropic.com`?
2 |   - airgap: { allowedHosts: [api.anthropic.com, api.antropic.com] }
  |                                                 ^^^^^^^^^^^^^^^^
config.yaml:5:3: error: `airgap.allowedHosts` leaves out `api.openai.com`, the host of this provider: add it there, or remove the provider
5 |   openai:
  |   ^^^^^^
"
    );
}

#[test]
fn what_makes_no_sense_of_fetching_and_of_keys_is_refused_without_showing_a_key() {
    let told = |keys: &str| messages(load(&format!("providers: {{ openai: {{ {keys} }} }}\n")));
    for (keys, expected) in [
        ("provider_fetch: [web-tool]", "expected a mapping, found a list"),
        ("provider_fetch: { allow: web-tool }", "expected a list of words, found a string"),
        ("provider_fetch: { alow: [] }", "unknown key `alow`; did you mean `allow`?"),
        (
            "provider_fetch: { allow: [web-tools] }",
            "unknown kind `web-tools`; did you mean `web-tool`?",
        ),
        ("provider_fetch: { allow: [web-tool, web-tool] }", "`web-tool` stands twice"),
        (
            "provider_fetch: { allow: [web-tool], strip: [web-tool] }",
            "`web-tool` is allowed already, so there is nothing to strip: keep one",
        ),
        (
            "provider_fetch: { strip: [url-source] }",
            "`url-source` cannot be stripped: a request without it would mean something else",
        ),
        ("client_key_sha256: x", "expected a list of SHA-256 sums, found a string"),
        (
            "client_key_sha256: [sk-ant-not-a-sum]",
            "expected the SHA-256 of a key, as 64 hexadecimal digits; the key itself does not belong here",
        ),
    ] {
        assert_eq!(told(keys), [expected], "{keys}");
    }
    assert_eq!(told("client_key_sha256: []").len(), 1);
    let text = "providers: { openai: { client_key_sha256: [sk-ant-not-a-sum] } }\n";
    assert!(!errors(load(text)).contains("not-a-sum"));
}

#[test]
fn clients_that_cannot_be_told_apart_are_refused_without_showing_a_key() {
    let (a, b) = ("ab".repeat(32), "cd".repeat(32));
    let told = |clients: &str| messages(load(&format!("clients: {{ {clients} }}\n")));
    let twice = "this key stands twice: a request with it must be one client's";
    let no_name = "use a to z, 0 to 9, `-` and `_`, a letter first, at most 32";
    for (clients, expected) in [
        ("ward: {}", "client `ward` needs `key_sha256`, `uid` or `gid`: it is told by that alone".to_owned()),
        ("ward: { key_sha256: x }", "expected a list of SHA-256 sums, found a string".to_owned()),
        (
            "ward: { key_sha256: [sk-ant-not-a-sum] }",
            "expected the SHA-256 of a key, as 64 hexadecimal digits; the key itself does not belong here"
                .to_owned(),
        ),
        (&format!("a: {{ key_sha256: ['{a}'] }}, b: {{ key_sha256: ['{b}', '{a}'] }}"), twice.into()),
        (&format!("a: {{ key_sha256: ['{a}', '{}'] }}", a.to_uppercase()), twice.into()),
        (&format!("Ward: {{ key_sha256: ['{a}'] }}"), format!("`Ward` is no client name: {no_name}")),
        (&format!("7-w: {{ key_sha256: ['{a}'] }}"), format!("`7-w` is no client name: {no_name}")),
        (
            &format!("a: {{ key_sha256: ['{a}'], policy: {{ EMAIL: bloc }} }}"),
            "unknown action `bloc`; did you mean `block`?".to_owned(),
        ),
        (
            &format!("a: {{ key_sha256: ['{a}'], policy: {{ EMIAL: block }} }}"),
            "unknown label `EMIAL`; did you mean `EMAIL`?".to_owned(),
        ),
        (
            &format!("a: {{ key_sha256: ['{a}'], positions: {{ user: {{ EMAILS: block }} }} }}"),
            "unknown label `EMAILS`; did you mean `EMAIL`?".to_owned(),
        ),
        (
            &format!("a: {{ key_sha256: ['{a}'], positions: {{ usr: {{ EMAIL: block }} }} }}"),
            "unknown position `usr`; did you mean `user`?".to_owned(),
        ),
        (
            &format!("a: {{ key_sha256: ['{a}'] }}, a: {{ key_sha256: ['{b}'] }}"),
            "duplicate key `a`, first on line 1".to_owned(),
        ),
        (
            &format!("a: {{ key_sha256: ['{a}'], polcy: {{}} }}"),
            "unknown key `polcy`; did you mean `policy`?".to_owned(),
        ),
    ] {
        assert_eq!(told(clients), [expected], "{clients}");
    }
    assert_eq!(told("a: { key_sha256: [] }").len(), 1);
    let text = "clients: { a: { key_sha256: [sk-ant-not-a-sum] } }\n";
    assert!(!errors(load(text)).contains("not-a-sum"));
    // As many different rules as there are combinations of actions.
    let many = |most: usize| {
        let one = |i: usize| {
            let labels = ["EMAIL", "PHONE", "IBAN", "JWT", "PERSON"];
            let actions = ["allow", "mask", "block", "route_local"];
            let policy: Vec<_> = (0..5)
                .map(|at| format!("{}: {}", labels[at], actions[i / 4_usize.pow(at as u32) % 4]))
                .collect();
            format!("c{i}: {{ key_sha256: ['{i:064x}'], policy: {{ {} }} }}", policy.join(", "))
        };
        told_of(&(0..most).map(one).collect::<Vec<_>>().join(", "))
    };
    fn told_of(clients: &str) -> Vec<String> {
        match load(&format!("clients: {{ {clients} }}\n")) {
            Ok(_) => Vec::new(),
            Err(errors) => messages(Err(errors)),
        }
    }
    assert_eq!(many(255), Vec::<String>::new());
    assert_eq!(
        many(256),
        ["more than 256 different sets of rules, those of providers times those of clients"]
    );
}
