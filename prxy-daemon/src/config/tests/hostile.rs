//! Files that want to be misread, to leak a secret into the error text, or to cost too much.

use super::{errors, load, messages};

#[test]
fn a_key_in_the_wrong_place_is_never_printed() {
    const SECRET: &str = "sk-ant-api03-Zx9Qw8Er7Ty6Ui5Op4As3Df2";
    for text in [
        "providers:\n  anthropic: { key: KEY }\n",
        "providers:\n  anthropic: { key: hunter2, x: 1 }\n",
        "providers:\n  anthropic: { key: [hunter2], api_key: 'hunter2' }\n",
        "providers:\n  anthropic: { key: 'hunter2\n",
        "providers:\n  anthropic:\n    key: |\n      hunter2\n    key: hunter2\n",
        "providers: { openai: KEY }\n",
        "KEY: 1\n",
        "listen: KEY\n",
        "pipeline: [KEY]\n",
        "pipeline: [airgap: { allowedHosts: [KEY] }]\n",
        "pipeline: [airgap: { onViolation: KEY }]\n",
        "pipeline: [guardrails: { policy: { API_KEY: KEY, KEY: mask } }]\n",
        "providers: { x: { base_url: 'https://me:hunter2@example.com', api: openai } }\n",
        "providers: { x: { base_url: 'https://me:hunter2/KEY@example.com', api: KEY } }\n",
        "providers: { x: { base_url: 'https://KEY.example_.com', api: openai } }\n",
        "dns: { nameservers: [KEY] }\n",
        "key: hunter2: x\n",
        "a: *hunter2\nmy_password: [hunter2,\n",
    ] {
        let result =
            load(&text.replace("KEY", SECRET).replace(&format!("API_{SECRET}"), "API_KEY"));
        let debug = format!("{result:?}");
        let shown = errors(result);
        for secret in [SECRET, "Zx9Qw8", "hunter2"] {
            let alias = text.contains("*hunter2");
            assert!(alias || !shown.contains(secret), "{text}\n{shown}");
            assert!(alias || !debug.contains(secret), "{text}\n{debug}");
        }
    }
}

#[test]
fn yaml_that_can_be_read_in_two_ways_is_refused() {
    for (text, expected) in [
        ("listen: &a 127.0.0.1:1\n", "an anchor is not supported here"),
        ("listen: !!str 127.0.0.1:1\n", "a tag is not supported here"),
        (
            "enforcement: required\n---\nenforcement: best-effort\n",
            "a second document is not supported here",
        ),
        ("<<: { listen: 127.0.0.1:1 }\n", "a merge key is not supported here"),
        ("? [a, b]\n: 1\n", "a key must be a single word"),
        (
            "limits: { max_body_bytes: 4096, max_body_bytes: 5000 }\n",
            "duplicate key `max_body_bytes`, first on line 1",
        ),
        (
            "limits: { max_body_bytes: 4096, \"max_body\\u005fbytes\": 5000 }\n",
            "duplicate key `max_body_bytes`, first on line 1",
        ),
    ] {
        assert_eq!(messages(load(text)), [expected], "{text}");
    }
    for text in [
        "%YAML 1.1\n---\nlisten: 127.0.0.1:1\n",
        "listen: *nowhere\n",
        "listen: [\n",
        "a: b: c\n",
        "limits:\n\tmax_body_bytes: 4096\n",
        "listen: 'x\n",
        "listen: \0\n",
    ] {
        let all = messages(load(text));
        assert!(all.len() == 1 && all[0].starts_with("not valid YAML: "), "{text:?} {all:?}");
    }
}

#[test]
fn bombs_are_refused_at_once() {
    let aliases = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nlisten: *c\n";
    assert!(messages(load(aliases)).contains(&"an alias is not supported here".to_owned()));
    let labels = |n, value: &str| (0..n).map(|i| format!("L{i}X: {value},")).collect::<String>();
    let guardrails = |fields: String| format!("pipeline: [guardrails: {{ {fields} }}]");
    for text in [
        "[".repeat(200_000),
        "- ".repeat(200_000),
        "{a: ".repeat(200_000),
        "key: ".repeat(200_000),
        format!("'{}'", "a@".repeat(200_000)),
        format!("pipeline: [{}]", "x,".repeat(400_000)),
        format!("pipeline: [airgap: {{ allowedHosts: [{}] }}]", "a.b,".repeat(40_000)),
        format!("dns: {{ nameservers: [{}] }}", "10.0.0.1,".repeat(40_000)),
        guardrails(format!("patterns: {{ {} }}", labels(10_000, r"'\w{50}'"))),
        guardrails(format!(
            "patterns: {{ {} }}, policy: {{ {} }}",
            labels(100, "x"),
            labels(15_000, "x")
        )),
        format!("providers: {{ {} }}", labels(10_000, "{}")),
        labels(20_000, "1").replace(',', "\n"),
    ] {
        // Linear work ends in seconds; quadratic work would be noticed by everybody who runs this.
        let lines = errors(load(&text)).lines().count();
        assert!(lines <= 151, "{lines}");
    }
}
