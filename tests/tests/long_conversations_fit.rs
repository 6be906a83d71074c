//! `ipc` and `mcp-optimizer`: a conversation that grows past the model's window is sent inside it, by
//! the API's own rules, and begins as it began the time before.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::fs;
use std::time::{Duration, UNIX_EPOCH};

use prxy_tests::http::Answer;
use prxy_tests::provider::{Format, Recorded, Script};
use prxy_tests::samples;
use prxy_tests::scene::{Scene, Setting};
use prxy_tests::session::{Session, Shape};
use prxy_tests::strict::{self, Rules};
use prxy_tests::{agent, eventually};
use serde_json::{Value, json};

const SHAPE: Shape = Shape { turns: 30, rounds: 3, words: 60, said: 200, pictures: 0, topics: &[] };
const FORMATS: [(Rules, Format); 2] =
    [(Rules::Messages, Format::Anthropic), (Rules::Chat, Format::OpenAi)];

fn scene(pipeline: &str) -> Scene {
    let scene = Scene::start_with(&Setting { pipeline: pipeline.into(), ..Setting::default() });
    let scene = scene.unwrap();
    for (_, format) in FORMATS {
        scene.provider(format).script(Script::default());
    }
    scene
}

fn send(scene: &Scene, format: Format, body: &[u8]) -> (Answer, Recorded) {
    let body: Value = serde_json::from_slice(body).unwrap();
    let answer = scene.post(samples::path(format), &body).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    (answer, scene.provider(format).last().unwrap())
}

/// What a module says of a request, `left-out=12` say.
fn said<'a>(answer: &'a Answer, module: &str, what: &str) -> Option<&'a str> {
    let modules = answer.head.header("x-prxy-modules")?.split(',');
    let own = modules.filter_map(|said| said.strip_prefix(module)).next()?;
    own.split(';').find_map(|said| said.strip_prefix(what)?.strip_prefix('='))
}

fn turns(body: &Value) -> Vec<String> {
    body["messages"].as_array().unwrap().iter().map(Value::to_string).collect()
}

#[test]
fn a_growing_conversation_fits_and_begins_as_it_began() {
    let scene = scene("[airgap, guardrails, ipc: { contextSize: 8100, recallTokens: 0 }]");
    for (rules, format) in FORMATS {
        let mut session = Session::new(rules, 7, SHAPE, &["read_file", "search"]);
        let first = session.items.iter_mut().find(|item| item["role"] == "user").unwrap();
        first["content"] = "Write to ada@x-mail.com when the build is green.".into();
        let (mut last, mut steps, mut cut) = (None::<(usize, Vec<String>)>, 0, 0);
        for end in &session.requests {
            let body = session.unmarked(*end);
            let (answer, sent) = send(&scene, format, &body);
            assert_eq!(said(&answer, "ipc", "left-alone"), None);
            strict::check(rules, &sent.body).unwrap();
            let left = said(&answer, "ipc", "left-out").map_or(0, |left| left.parse().unwrap());
            // Four letters are a token at most: far below the window, and never above it.
            assert!(sent.body.len() < 8_000 * 6, "{}", sent.body.len());
            let sent = turns(&sent.json().unwrap());
            assert!(sent.iter().any(|turn| turn.contains("Write to <EMAIL_")), "the task stays");
            if let Some((left_before, before)) = &last {
                match left == *left_before {
                    true => assert_eq!(sent[..before.len()], before[..]),
                    false => steps += 1,
                }
            }
            cut += usize::from(left > 0);
            last = Some((left, sent));
        }
        assert!(cut > 5 && (1..=cut / 2).contains(&steps), "{format:?}: {steps} of {cut}");
    }
    let kept = fs::read_dir(scene.data().join("state/blob")).unwrap().count();
    assert!(kept > 0, "what left is kept");
}

/// Two sentences that the broker reads as a patient's number once they stand side by side.
fn touchy() -> Value {
    let filler = "Plain filler words without any meaning at all here. ".repeat(60);
    let mut turns = vec![
        json!({"role": "user", "content": "Write the report."}),
        json!({"role": "assistant", "content": "We decided to sort by MRN:"}),
        json!({"role": "user", "content": "00482913 must be the smallest."}),
    ];
    for _ in 0..10 {
        turns.push(json!({"role": "assistant", "content": filler}));
        turns.push(json!({"role": "user", "content": filler}));
    }
    json!({"model": "claude-sonnet-4-5", "max_tokens": 100, "messages": turns})
}

#[test]
fn a_conversation_is_not_refused_for_what_its_digest_says() {
    let scene = scene("[airgap, guardrails, ipc: { contextSize: 8100, recallTokens: 0 }]");
    let (answer, sent) = send(&scene, Format::Anthropic, touchy().to_string().as_bytes());
    assert!(said(&answer, "ipc", "left-out").is_some());
    let sent = String::from_utf8(sent.body).unwrap();
    assert!(sent.contains("sort by MRN:") && !sent.contains("00482913"), "{sent}");
}

#[test]
fn the_archive_keeps_its_limit_and_what_it_has_over_a_restart() {
    let pipeline = |most| {
        format!(
            "[airgap, guardrails, ipc: {{ contextSize: 8100, recallTokens: 0, archiveMaxBytes: {most} }}]"
        )
    };
    let files = |scene: &Scene| -> Vec<(String, u64)> {
        let all = fs::read_dir(scene.data().join("state/blob")).unwrap().map(Result::unwrap);
        let named = |file: fs::DirEntry| {
            (file.file_name().into_string().unwrap(), file.metadata().unwrap().len())
        };
        let mut all: Vec<_> = all.map(named).collect();
        all.sort();
        all
    };
    let bytes = |scene: &Scene| files(scene).iter().map(|(_, bytes)| bytes).sum::<u64>();
    let mut scene = scene(&pipeline(1 << 20));
    let session = Session::new(Rules::Messages, 11, SHAPE, &["read_file", "search"]);
    let whole = session.unmarked(*session.requests.last().unwrap());
    let spoken = |scene: &Scene| drop(send(scene, Format::Anthropic, &whole));
    spoken(&scene);
    let (before, all) = (files(&scene), bytes(&scene));
    assert!(before.len() > 3, "{before:?}");
    scene.stop().unwrap();
    let old = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    for (name, _) in &before {
        let file = fs::File::open(scene.data().join("state/blob").join(name)).unwrap();
        file.set_modified(old).unwrap();
    }
    // They are older than the usual limit, which is looked at from the start on.
    let long = pipeline(1 << 20).replace("}]", ", archiveTtlSeconds: 300000000 }]");
    scene.launch(&Setting { pipeline: long, ..Setting::default() }).unwrap();
    spoken(&scene);
    assert_eq!(files(&scene), before, "the same turns are kept once");
    let modified = |name: &str| {
        let of = scene.data().join("state/blob").join(name);
        fs::metadata(of).unwrap().modified().unwrap()
    };
    assert!(before.iter().all(|(name, _)| modified(name) > old), "a use is noted");
    scene.stop().unwrap();
    let most = all / 2;
    scene.launch(&Setting { pipeline: pipeline(most), ..Setting::default() }).unwrap();
    eventually!(bytes(&scene) <= most, "{} of {most}", bytes(&scene));
    spoken(&scene);
    assert!((1..=most).contains(&bytes(&scene)), "{} of {most}", bytes(&scene));
}

#[test]
fn without_the_module_the_same_conversation_is_sent_whole() {
    let scene = scene("[airgap, guardrails]");
    for (rules, format) in FORMATS {
        let session = Session::new(rules, 7, SHAPE, &["read_file", "search"]);
        let body = session.unmarked(*session.requests.last().unwrap());
        let (_, sent) = send(&scene, format, &body);
        assert!(sent.body.len() > 8_000 * 6, "{}", sent.body.len());
    }
}

#[test]
fn of_sixty_tools_those_are_sent_that_matter() {
    let scene = scene("[airgap, guardrails, mcp-optimizer]");
    for (rules, format) in FORMATS {
        let tools = agent::tools(rules);
        let declared: Vec<String> =
            tools.as_array().unwrap().iter().map(Value::to_string).collect();
        let body = json!({"model": agent::model(rules), "max_tokens": 100, "tools": tools,
            "messages": [{"role": "user", "content": "Which issues are open in the repository?"}]});
        let (answer, sent) = send(&scene, format, body.to_string().as_bytes());
        let sent = sent.json().unwrap();
        let kept: Vec<String> =
            sent["tools"].as_array().unwrap().iter().map(Value::to_string).collect();
        assert!((1..20).contains(&kept.len()), "{}", kept.len());
        assert!(kept[0].contains("mcp__github__list_issues"), "{}", kept[0]);
        let ordered: Vec<_> = declared.into_iter().filter(|tool| kept.contains(tool)).collect();
        assert_eq!(kept, ordered, "in order, and as they were");
        let told = format!("{}/60", kept.len());
        assert_eq!(said(&answer, "mcp-optimizer", "tools"), Some(told.as_str()));
    }
}
