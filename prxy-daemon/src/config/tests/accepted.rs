//! What is accepted, and what it comes to.

use proptest::prelude::*;

use super::{errors, load, load_with, shown};
use crate::config::{Config, Host, Module, Transport};
use crate::provider::place::Place;
use crate::redact::{Action, Label};

const DEFAULTS: &str = "\
listen: '127.0.0.1:3099'
pipeline:
  - airgap: { allowedHosts: [], onViolation: block }
  - guardrails
providers:
  anthropic:
    base_url: 'https://api.anthropic.com:443'
    api: anthropic
    path_prefix: ''
    key: ANTHROPIC_API_KEY
  openai:
    base_url: 'https://api.openai.com:443'
    api: openai
    path_prefix: ''
    key: OPENAI_API_KEY
  google:
    base_url: 'https://generativelanguage.googleapis.com:443'
    api: google
    path_prefix: ''
    key: GOOGLE_API_KEY
  groq:
    base_url: 'https://api.groq.com:443'
    api: openai
    path_prefix: '/openai'
    key: GROQ_API_KEY
    models: ['llama*', 'meta-llama/*', 'mixtral*', 'gemma*', 'groq/*']
enforcement: required
limits: { max_body_bytes: 67108864 }
audit: { max_bytes: 67108864, keep: 64, on_full: continue }
vault: { scope: persistent, tenant_by: none }
";

#[test]
fn a_file_that_says_nothing_gives_the_defaults() {
    for text in ["", "\n", "# nothing\n", "{}", "---\n", "---\n...\n", "~"] {
        assert_eq!(shown(load(text)), DEFAULTS, "{text:?}");
    }
}

#[test]
fn every_shape_of_the_pipeline_is_read() {
    let mapped =
        "pipeline:\n  - airgap: { allowedHosts: [], onViolation: block }\n  - guardrails: {}\n";
    let nested = "pipeline:\n - airgap:\n     allowedHosts: []\n     onViolation: 'block' # comment\n - guardrails\n";
    let words = "pipeline:\n- airgap\n- guardrails\n";
    let bare = "pipeline:\n  - airgap:\n  - guardrails:\n";
    let flow = "pipeline: [airgap, guardrails]\n";
    let json = "{\"pipeline\": [{\"airgap\": {\"allowedHosts\": []}}, \"guardrails\"]}";
    let windows = "pipeline:\r\n  - airgap\r\n  - guardrails\r\n";
    let marked = "\u{feff}pipeline:\n  - airgap\n  - guardrails\n";
    for text in [mapped, nested, words, bare, flow, json, windows, marked] {
        assert_eq!(shown(load(text)), DEFAULTS, "{text}");
    }
}

#[test]
fn the_pipeline_of_the_local_mode_page_keeps_the_providers_that_it_lists() {
    let text = "
pipeline:
  - airgap:
      allowedHosts:
        - api.anthropic.com
        - api.openai.com # if you use both
      onViolation: 'block' # 'block' | 'log-only'
";
    let config = load(text).unwrap();
    let names: Vec<&str> = config.providers.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["anthropic", "openai"]);
    let modules: Vec<&str> = config.pipeline.iter().map(Module::name).collect();
    assert_eq!(modules, ["airgap"]);
}

#[test]
fn in_log_only_mode_providers_that_the_list_leaves_out_stay() {
    let listed = |word| {
        load(&format!(
            "pipeline: [airgap: {{ allowedHosts: [api.openai.com], onViolation: {word} }}]"
        ))
        .unwrap()
    };
    let names = |config: &Config| -> Vec<String> {
        config.providers.iter().map(|provider| provider.name.clone()).collect()
    };
    let (block, log_only) = (listed("block"), listed("log-only"));
    assert_eq!(names(&block), ["openai"]);
    assert!(names(&log_only).contains(&"anthropic".to_owned()), "{:?}", names(&log_only));
    assert_eq!((block.is_log_only(), log_only.is_log_only()), (false, true));
    let text = "  - airgap: { allowedHosts: ['api.openai.com'], onViolation: log-only } \
                # the kernel's policy does not protect\n";
    assert!(shown(Ok(log_only)).contains(text));
    // Without the module nothing relaxes the kernel, and the list is what it was.
    let file = "pipeline: [airgap: { allowedHosts: [api.openai.com], onViolation: log-only }]";
    let config = load_with(file, &[("PRXY_PIPE", "guardrails")]).unwrap();
    assert_eq!((config.is_log_only(), names(&config)), (false, vec!["openai".to_owned()]));
}

const FULL: &str = r"
listen: '[::1]:3100'
pipeline:
  - airgap: { allowedHosts: [API.anthropic.com., 127.0.0.1, '[fd00::9]', models.example], onViolation: block }
  - guardrails: { policy: { EMAIL: allow, API_KEY: mask, EMPLOYEE_ID: block }, patterns: { EMPLOYEE_ID: 'E-\d{6}', BADGE: 'it''s \d', PHONE: '0800 \d+' } }
providers:
  anthropic:
  lab: { base_url: 'http://127.0.0.1:9100', api: anthropic, private: true, dangerously_allow_plaintext: true }
  inner: { base_url: 'https://[FD00::9]/llm/', api: openai, private: true, ca_file: /etc/ssl/inner.pem, key: INNER_KEY }
  models: { base_url: 'https://Models.Example:8443', api: google, path_prefix: /a/b/, ca_file: ca.pem }
dns: { nameservers: [10.0.0.1, '10.0.0.2:5353', '[fd00::1]:53', 'fd00::2', '[fd00::3]'] }
enforcement: best-effort
limits: { max_body_bytes: 1048576 }
audit: { max_bytes: 65536, keep: 0, on_full: stop }
vault: { scope: persistent, tenant_by: none }
";

const FULL_SHOWN: &str = r"listen: '[::1]:3100'
pipeline:
  - airgap: { allowedHosts: ['api.anthropic.com', '127.0.0.1', '[fd00::9]', 'models.example'], onViolation: block }
  - guardrails:
      policy:
        API_KEY: mask
        BADGE: mask
        EMAIL: allow
        EMPLOYEE_ID: block
      patterns:
        EMPLOYEE_ID: 'E-\d{6}'
        BADGE: 'it''s \d'
        PHONE: '0800 \d+'
providers:
  anthropic:
    base_url: 'https://api.anthropic.com:443'
    api: anthropic
    path_prefix: ''
    key: ANTHROPIC_API_KEY
  lab:
    base_url: 'http://127.0.0.1:9100'
    api: anthropic
    path_prefix: ''
    private: true
    dangerously_allow_plaintext: true
    key: null
  inner:
    base_url: 'https://[fd00::9]:443'
    api: openai
    path_prefix: '/llm'
    private: true
    ca_file: '/etc/ssl/inner.pem'
    key: INNER_KEY
  models:
    base_url: 'https://models.example:8443'
    api: google
    path_prefix: '/a/b'
    ca_file: '/base/ca.pem'
    key: null
dns: { nameservers: ['10.0.0.1:53', '10.0.0.2:5353', '[fd00::1]:53', '[fd00::2]:53', '[fd00::3]:53'] }
enforcement: best-effort
limits: { max_body_bytes: 1048576 }
audit: { max_bytes: 65536, keep: 0, on_full: stop }
vault: { scope: persistent, tenant_by: none }
";

#[test]
fn a_full_file_is_shown_as_it_takes_effect_and_the_summary_says_the_same_again() {
    let config = load(FULL).unwrap();
    let base = config.data_dir.to_string_lossy().into_owned();
    let summary = shown(Ok(config));
    assert_eq!(summary.replace(&base, "/base"), FULL_SHOWN);
    assert_eq!(shown(load(&summary)), summary);
    assert_eq!(shown(load(DEFAULTS)), DEFAULTS);
}

#[test]
fn a_listener_that_other_machines_reach_is_marked() {
    let first = |text: &str| shown(load(text)).lines().next().unwrap().to_owned();
    let key = "ab".repeat(32);
    let open = format!("listen: 0.0.0.0:0\nclients: {{ ward: {{ key_sha256: ['{key}'] }} }}");
    assert_eq!(first(&open), "listen: '0.0.0.0:0' # other machines can reach it");
    assert_eq!(first("listen: 127.0.0.2:80"), "listen: '127.0.0.2:80'");
}

#[test]
fn a_built_in_provider_can_be_pointed_elsewhere_and_keeps_the_rest() {
    let text = "providers:\n  groq: { base_url: 'https://10.0.0.7:444', private: true, ca_file: /ca.pem }\n  openai: { key: ~ }\n";
    let config = load(text).unwrap();
    let groq = &config.providers[0];
    assert_eq!(groq.host, Host::Address("10.0.0.7".parse().unwrap()));
    assert_eq!((groq.port, groq.path_prefix.as_str(), groq.private), (444, "/openai", true));
    assert_eq!(groq.key_name.as_deref(), Some("GROQ_API_KEY"));
    assert_eq!(
        groq.transport,
        Transport::Tls { ca_file: Some("/ca.pem".into()), keys: Vec::new() }
    );
    assert_eq!(
        (config.providers[1].name.as_str(), &config.providers[1].key_name),
        ("openai", &None)
    );
    let text = "providers: { groq: { base_url: 'https://proxy.example/groq' } }";
    assert_eq!(load(text).unwrap().providers[0].path_prefix, "/groq");
}

#[test]
fn pins_are_read_and_shown_in_their_usual_form() {
    let text = "providers:
  openai: { pinned: [203.0.113.0/24, '2001:DB8:0::/32', 198.51.100.7/32], resolve: true }
  groq: { pinned: [203.0.113.7], resolve: false, spki_sha256: ['AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=', 'FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF'] }
";
    let summary = shown(load(text));
    let (zeros, ones) = ("0".repeat(64), "f".repeat(64));
    for line in [
        "    pinned: ['203.0.113.0/24', '2001:db8::/32', '198.51.100.7']\n    key:",
        &format!(
            "    pinned: ['203.0.113.7']\n    resolve: false\n    spki_sha256: ['{zeros}', '{ones}']\n"
        ),
    ] {
        assert!(summary.contains(line), "{summary}");
    }
    assert_eq!(shown(load(&summary)), summary);
    let config = load(text).unwrap();
    let names: Vec<_> = config.providers.iter().map(|p| p.name_to_resolve()).collect();
    assert_eq!(names, [Some("api.openai.com"), None]);
}

#[test]
fn the_environment_gives_the_order_and_the_file_the_options() {
    let file = "pipeline:\n  - airgap\n  - guardrails: { policy: { EMAIL: block } }\n";
    let pipeline = |pipe| {
        let text = shown(load_with(file, &[("PRXY_PIPE", pipe)]));
        let (pipeline, _) = text.split_once("providers:").unwrap();
        pipeline.split_once("pipeline:\n").unwrap().1.to_owned()
    };
    let guardrails = "  - guardrails:\n      policy:\n        EMAIL: block\n";
    assert_eq!(pipeline("guardrails"), guardrails);
    let airgap = "  - airgap: { allowedHosts: [], onViolation: block }\n";
    assert_eq!(pipeline(" airgap , guardrails "), format!("{airgap}{guardrails}"));
    assert_eq!(pipeline("airgap"), airgap);
    let env = [("PRXY_PIPE", "guardrails"), ("PRXY_LISTEN", "127.0.0.1:1")];
    let text = shown(load_with("pipeline: [airgap]\nlisten: 127.0.0.1:2", &env));
    assert!(
        text.starts_with("listen: '127.0.0.1:1'\npipeline:\n  - guardrails\nproviders:"),
        "{text}"
    );
}

proptest! {
    #[test]
    fn any_regex_comes_back_from_the_summary(text in "\\PC{1,12}|[ -~\n\t\u{85}\u{202e}]{1,12}") {
        let text = if regex::Regex::new(&text).is_ok() { text } else { regex::escape(&text) };
        let json = serde_json::to_string(&text).unwrap();
        let file = format!("pipeline: [guardrails: {{ patterns: {{ BADGE: {json} }} }}]");
        if let Ok(config) = load(&file) {
            let Module::Guardrails(policy) = &config.pipeline[0] else { panic!() };
            prop_assert_eq!(policy.patterns[0].1.as_str(), text.as_str());
            let summary = shown(Ok(config));
            prop_assert_eq!(shown(load(&summary)), summary);
        }
    }

    #[test]
    fn no_damage_to_a_file_makes_the_loader_panic(at in 0..FULL.len(), cut in 0usize..9, put in "[\\[\\]{}:,&*!|>'\"#@ \n\t%-]{0,3}|\\PC{0,2}") {
        let end = (at + cut).min(FULL.len());
        let text = format!("{}{put}{}", &FULL[..at], &FULL[end..]);
        let _ = load(&text).map_err(|errors| errors.to_string());
    }

    #[test]
    fn no_text_makes_the_loader_panic(text in "[a-z\\[\\]{}:,&*!|>'\"# \n\t-]{0,60}|\\PC{0,40}") {
        let _ = load(&text).map_err(|errors| errors.to_string());
        let _ = load_with(&format!("providers: {{ x: {text} }}"), &[("PRXY_PIPE", &text.replace('\0', ""))])
            .map_err(|errors| errors.to_string());
    }
}

#[test]
fn the_guide_names_everything_and_its_example_loads() {
    use crate::config::{
        clients, decode, embeddings, encrypt, guardrails, metrics, pipeline, providers, vault,
    };

    let guide = include_str!("../../../../docs/configuration.md");
    for (prefix, keys) in [
        ("", decode::TOP_KEYS),
        ("dns.", decode::DNS_KEYS),
        ("limits.", decode::LIMIT_KEYS),
        ("audit.", decode::AUDIT_KEYS),
        ("vault.", vault::KEYS),
        ("encrypt.", encrypt::KEYS),
        ("metrics.", metrics::KEYS),
        ("embeddings.", embeddings::KEYS),
        ("provider_fetch.", providers::FETCH_KEYS),
        ("airgap.", pipeline::AIRGAP_KEYS),
        ("guardrails.", guardrails::GUARDRAILS_KEYS),
        ("", providers::PROVIDER_KEYS),
        ("clients.", clients::KEYS),
        ("clients.limits.", clients::LIMIT_KEYS),
    ] {
        for key in keys {
            let row = format!("\n| `{prefix}{key}` |");
            let sections =
                ["clients", "dns", "limits", "audit", "vault", "embeddings", "encrypt", "metrics"];
            let section = sections.contains(key);
            assert!(section || guide.contains(&row), "{row}");
        }
    }
    for row in crate::config::modules::ROWS {
        for key in row.keys {
            let row = format!("\n| `{}.{key}` |", row.name);
            assert!(guide.contains(&row), "{row}");
        }
    }
    for (label, _) in crate::redact::detect::labels() {
        assert!(guide.contains(label), "{label}");
    }
    let example = guide.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    assert_eq!(load(example).unwrap().providers.len(), 2);
}

#[test]
fn what_a_provider_may_fetch_and_whose_keys_pass_is_read_and_shown() {
    use crate::provider::fetch::{Kind, Policy};
    let config = |keys: &str| load(&format!("providers: {{ openai: {{ {keys} }} }}\n")).unwrap();
    let fetch = |keys: &str| config(keys).providers[0].fetch;
    assert_eq!(fetch(""), Policy::default());
    assert_eq!(fetch("provider_fetch: {}"), Policy::default());
    let strip = fetch("provider_fetch: { strip: [web-tool, unknown-tool] }");
    assert_eq!(strip.allow, Policy::default().allow);
    assert_eq!(strip.strip, [Kind::UnknownTool, Kind::WebTool].into_iter().collect());
    assert!(fetch("provider_fetch: { allow: [] }").allow.is_empty());
    let all: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    let every = format!("provider_fetch: {{ allow: [{}] }}", all.join(", "));
    assert_eq!(fetch(&every).allow, Kind::ALL.into_iter().collect());
    let sum = "ab".repeat(32);
    let keys = format!("client_key_sha256: ['{}', {}]", sum.to_uppercase(), "01".repeat(32));
    assert_eq!(config(&keys).providers[0].client_keys, [[0xab; 32], [1; 32]]);
    // What is shown is read again as the same.
    let text = format!(
        "providers: {{ openai: {{ client_key_sha256: ['{sum}'], provider_fetch: {{ allow: [], strip: [web-tool] }} }} }}"
    );
    let once = shown(load(&text));
    assert!(
        once.contains(&sum) && once.contains("provider_fetch: { allow: [], strip: [web-tool] }"),
        "{once}"
    );
    assert_eq!(shown(load(&once)), once);
}

#[test]
fn rules_of_all_kinds_are_read_and_shown() {
    let text = r"
pipeline:
  - guardrails:
      profile: agent
      tools_restore_secrets: ['Bash']
      local_provider: ['box', 'pinned']
      local_model: 'small:8b'
      policy:
        CLIENT: block
        EMAIL: route_local
      positions:
        user:
          PHONE: allow
        tool_result:
          CLIENT: mask
      ignore_labels: [PERSON]
      merge_gap:
        PERSON: 1
      allow: ['support@corp.example']
      deny:
        CLIENT: ['4711', 'Ada Lovelace']
providers:
  openai: { policy: { EMAIL: mask }, positions: { history: { CLIENT: mask } } }
  box: { base_url: 'http://127.0.0.1:11434', api: openai, private: true, dangerously_allow_plaintext: true }
  pinned: { base_url: 'https://llm.example', api: anthropic, private: true, pinned: [10.1.0.0/16] }
";
    let config = load(text).unwrap();
    let once = shown(Ok(config.clone()));
    let guardrails = text.split("providers:").next().unwrap().trim();
    assert!(once.contains(guardrails), "{once}");
    assert!(
        once.contains("    policy:\n      EMAIL: mask\n    positions:\n      history:"),
        "{once}"
    );
    assert_eq!(shown(load(&once)), once);
    // What is listed is somebody's: no log has it.
    let logged = config.summary_for_log().to_string();
    assert!(!logged.contains("Lovelace") && !logged.contains("support@"), "{logged}");
    assert!(logged.contains("# allow: 1 texts") && logged.contains("# deny: 2 texts"), "{logged}");
    let wrong = text.replace("Lovelace']", "Lovelace', x]");
    let told = errors(load(&wrong));
    assert!(told.contains("expected 2 to 256") && !told.contains("Lovelace"), "{told}");
    // A public address is not local, whatever its provider is called.
    for other in ["[10.1.0.0/16, 192.0.2.0/24]", "[10.0.0.0/8, 203.0.113.7]"] {
        let wrong = errors(load(&text.replace("[10.1.0.0/16]", other)));
        assert!(wrong.contains("a local provider must be"), "{other}: {wrong}");
    }
    let wrong = errors(load(&text.replace(", pinned: [10.1.0.0/16]", "")));
    assert!(wrong.contains("a local provider must be"), "{wrong}");
}

#[test]
fn the_examples_of_the_guide_to_policy_load() {
    let guide = include_str!("../../../../docs/policy.md");
    let examples: Vec<_> = guide.split("```yaml\n").skip(1).collect();
    assert_eq!(examples.len(), 6);
    for example in examples {
        shown(load(example.split("```").next().unwrap()));
    }
}

#[test]
fn of_two_rules_the_one_wins_that_the_guide_to_policy_says() {
    let guide = include_str!("../../../../docs/policy.md");
    let section = guide.split("## Clients").nth(1).unwrap();
    let example = section.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let config = load(example).unwrap();
    let Module::Guardrails(policy) = &config.pipeline[1] else { panic!("no guardrails") };
    let email = Label::new("EMAIL").unwrap();
    let row = |client: &str, provider: &str| {
        let own = config.clients.iter().find(|it| it.name == client).map(|it| it.name.as_str());
        let policy = policy.of(provider, own);
        let actions =
            [Place::User, Place::ToolResult, Place::System, Place::Other].map(|place| match policy
                .action(&email, place)
            {
                Action::Allow => "allow",
                Action::Mask => "mask",
                Action::RouteLocal => "route_local",
                Action::Block => "block",
            });
        format!("| {client} | {provider} | {} |\n", actions.join(" | "))
    };
    let clients = ["any other", "audit", "desk"];
    let rows =
        clients.map(|client| ["openai", "groq"].map(|provider| row(client, provider)).concat());
    let table = section.split("elsewhere |\n|---|---|---|---|---|---|\n").nth(1).unwrap();
    assert_eq!(table.split("\n\n").next().unwrap(), rows.concat().trim_end());
}

#[test]
fn clients_are_read_shown_and_told_by_their_keys() {
    let (old, new, other) = ("ab".repeat(32), "cd".repeat(32), "01".repeat(32));
    let text = format!(
        "pipeline: [guardrails: {{ deny: {{ CASE: ['4711'] }} }}]\n\
         providers: {{ openai: {{}} }}\n\
         clients:\n\
         \x20 ward-7: {{ key_sha256: ['{old}', {}], policy: {{ EMAIL: block }}, positions: {{ user: {{ CASE: allow }} }} }}\n\
         \x20 lab: {{ key_sha256: ['{other}'] }}\n",
        new.to_uppercase()
    );
    let config = load(&text).unwrap();
    let clients: Vec<_> =
        config.clients.iter().map(|it| (it.name.as_str(), it.keys.clone())).collect();
    assert_eq!(clients, [("ward-7", vec![[0xab; 32], [0xcd; 32]]), ("lab", vec![[1; 32]])]);
    let once = shown(Ok(config.clone()));
    let section = format!(
        "clients:\n  ward-7:\n    key_sha256:\n      - '{old}'\n      - '{new}'\n    policy:\n      \
         EMAIL: block\n    positions:\n      user:\n        CASE: allow\n  lab:\n    key_sha256:\n      - '{other}'\n"
    );
    assert!(once.contains(&section), "{once}");
    assert_eq!(shown(load(&once)), once);
    assert!(config.summary_for_log().to_string().contains(&section));
}
