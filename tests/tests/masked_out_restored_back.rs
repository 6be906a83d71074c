//! What policy masks does not reach a provider, and comes back whole in the answer, wherever the
//! value stands and however the stream is cut.

use prxy::redact::note::NOTE;
use prxy_tests::provider::wire::placeholders;
use prxy_tests::provider::{Brackets, Format, Reply, Script, Split};
use prxy_tests::reader;
use prxy_tests::samples::{self, Delivery, HARMLESS, PERSONAL, TICKET};
use prxy_tests::scene::Scene;
use serde_json::{Value, json};

const FORMATS: [Format; 2] = [Format::Anthropic, Format::OpenAi];

#[test]
fn the_provider_sees_placeholders_and_the_client_its_own_words() {
    let scene = Scene::start().unwrap();
    for format in FORMATS {
        for delivery in [Delivery::Whole, Delivery::Streamed] {
            let answer = scene.ask(format, TICKET, delivery).unwrap();
            assert_eq!(answer.status, 200, "{}", answer.text());
            let seen = scene.provider(format).last().unwrap();
            for (label, value) in PERSONAL {
                assert!(!seen.contains(value), "{label} reached the provider");
                assert!(seen.text().contains(&format!("<{label}_")), "{label}: {}", seen.text());
            }
            for harmless in HARMLESS {
                let spelled = json!(harmless).to_string();
                assert!(seen.contains(spelled.trim_matches('"')), "{harmless}");
            }
            let reading = match delivery {
                Delivery::Whole => reader::whole(format, &answer.body).unwrap(),
                Delivery::Streamed => reader::stream(format, &answer.body).unwrap(),
            };
            assert_eq!(reading.text, TICKET, "{format:?} {delivery:?}");
        }
    }
}

#[test]
fn the_same_value_gets_the_same_placeholder_and_others_get_others() {
    let scene = Scene::start().unwrap();
    let text = "a@x-mail.com b@x-mail.com a@x-mail.com";
    for format in FORMATS {
        scene.ask(format, text, Delivery::Whole).unwrap();
        let seen = scene.provider(format).last().unwrap().json().unwrap();
        let masked = prxy_tests::provider::wire::last_user_text(&seen);
        let words: Vec<_> = masked.split(' ').collect();
        assert_eq!(words.len(), 3, "{masked}");
        assert!(words[0] == words[2] && words[0] != words[1], "{masked}");
        assert_eq!(placeholders(&masked).len(), 2);
    }
}

#[test]
fn streams_come_back_whole_however_they_are_cut() {
    let scene = Scene::start().unwrap();
    for split in Split::all() {
        for format in FORMATS {
            scene.provider(format).script(Script::echo(split.clone()));
            let answer = scene.ask(format, TICKET, Delivery::Streamed).unwrap();
            let reading = reader::stream(format, &answer.body).unwrap();
            assert_eq!(reading.text, TICKET, "{format:?} {split:?}");
        }
    }
}

#[test]
fn a_stream_may_be_cut_in_two_at_any_byte() {
    let scene = Scene::start().unwrap();
    let text = "to jane@x-mail.com, please";
    for format in FORMATS {
        let provider = scene.provider(format);
        let split = Split { delta: prxy_tests::provider::Delta::Whole, ..Split::default() };
        provider.script(Script::echo(split.clone()));
        let length = scene.ask(format, text, Delivery::Streamed).unwrap().body.len();
        for at in 1..length {
            let write = prxy_tests::provider::Write::At(at);
            provider.script(Script::echo(Split { write, ..split.clone() }));
            let answer = scene.ask(format, text, Delivery::Streamed).unwrap();
            assert_eq!(reader::stream(format, &answer.body).unwrap().text, text, "cut at {at}");
        }
    }
}

#[test]
fn text_that_only_looks_like_a_beginning_is_delivered() {
    let scene = Scene::start().unwrap();
    for format in FORMATS {
        for text in
            ["a < b", "ends with <", "<EMAIL_", "<EMAIL_999>", "if x<y && y>z", "[[", "<<>>"]
        {
            for split in [
                Split::default(),
                Split { delta: prxy_tests::provider::Delta::Char, ..Split::default() },
            ] {
                let script = Script { split, ..Script::reply(Reply::Text(text.into())) };
                scene.provider(format).script(script);
                let answer = scene.ask(format, "hello", Delivery::Streamed).unwrap();
                assert_eq!(reader::stream(format, &answer.body).unwrap().text, text);
            }
        }
    }
}

#[test]
fn a_placeholder_typed_by_the_user_comes_back_as_typed() {
    let scene = Scene::start().unwrap();
    let text = "what does <EMAIL_1> mean? mine is jane@x-mail.com";
    for format in FORMATS {
        let answer = scene.ask(format, text, Delivery::Streamed).unwrap();
        assert_eq!(reader::stream(format, &answer.body).unwrap().text, text);
    }
}

#[test]
fn tool_arguments_are_restored_as_valid_json() {
    let scene = Scene::start().unwrap();
    let text = "mail jane.doe@acme-mail.com \"now\" \\ or call +1 415-555-2671";
    for format in FORMATS {
        for brackets in [Brackets::Plain, Brackets::Escaped] {
            for delivery in [Delivery::Whole, Delivery::Streamed] {
                for split in Split::all().into_iter().step_by(3) {
                    scene.provider(format).script(Script::tool("mail", brackets, split.clone()));
                    let answer = scene.ask(format, text, delivery).unwrap();
                    let reading = match delivery {
                        Delivery::Whole => reader::whole(format, &answer.body),
                        Delivery::Streamed => reader::stream(format, &answer.body),
                    };
                    let got: Value = serde_json::from_str(&reading.unwrap().arguments).unwrap();
                    let seen = json!(["jane.doe@acme-mail.com", "+1 415-555-2671"]);
                    let expected = json!({"text": text, "seen": seen, "n": 1});
                    assert_eq!(got, expected, "{format:?} {brackets:?} {split:?}");
                }
            }
        }
    }
}

#[test]
fn a_value_with_quotes_and_newlines_is_escaped_for_the_arguments_it_stands_in() {
    let setting = prxy_tests::scene::Setting {
        pipeline: r#"[{ airgap: {} }, { guardrails: { patterns: { QUOTED: 'Q"[a-z]+\\?"' } } }]"#
            .into(),
        ..Default::default()
    };
    let scene = Scene::start_with(&setting).unwrap();
    let text = "keep Q\"secret\" safe";
    for format in FORMATS {
        scene.provider(format).script(Script::tool("mail", Brackets::Plain, Split::default()));
        let answer = scene.ask(format, text, Delivery::Streamed).unwrap();
        assert!(!scene.provider(format).last().unwrap().text().contains("secret"));
        let arguments = reader::stream(format, &answer.body).unwrap().arguments;
        let got: Value = serde_json::from_str(&arguments).unwrap();
        assert_eq!(got["text"], text);
    }
}

#[test]
fn every_place_that_a_provider_reads_is_masked() {
    let scene = Scene::start().unwrap();
    let value = "jane.doe@acme-mail.com";
    for format in FORMATS {
        let text = format!("write to {value} \"today\"");
        for (place, request) in samples::everywhere(format, &text) {
            scene.provider(format).forget();
            let answer = scene.post(samples::path(format), &request).unwrap();
            assert_eq!(answer.status, 200, "{format:?} {place}: {}", answer.text());
            let seen = scene.provider(format).last().unwrap();
            assert!(!seen.contains(value), "{format:?} {place}: {}", seen.text());
            assert!(seen.contains("<EMAIL_1>") || seen.contains("\\u003cEMAIL_1"), "{place}");
        }
    }
}

#[test]
fn what_is_not_masked_stays_byte_identical() {
    let scene = Scene::start().unwrap();
    let body = "{ \"model\":\"m\",\"max_tokens\":1e3 ,\"x\":1.50,\"unknown\":{\"b\":1,\"a\":[ ]},\
        \"messages\":[{\"role\":\"user\",\"content\":\"caf\\u00e9 \\/ jane@x-mail.com\"}] }\n";
    for format in FORMATS {
        let path = samples::path(format);
        let headers = [("content-type", "application/json")];
        let bytes = prxy_tests::http::request("POST", path, &headers, body.as_bytes());
        assert_eq!(scene.send(bytes).unwrap().status, 200);
        let (before, after) = body.split_once("\"caf\\u00e9 \\/ jane@x-mail.com\"").unwrap();
        let seen = scene.provider(format).last().unwrap().text();
        // But for the note to the model, which is one member, or one message in front.
        let note = match format {
            Format::Anthropic => format!(",\"system\":\"{NOTE}\""),
            Format::OpenAi => format!("{{\"role\":\"system\",\"content\":\"{NOTE}\"}},"),
        };
        assert_eq!(seen.matches(&note).count(), 1, "{seen}");
        let seen = seen.replace(&note, "");
        assert!(seen.starts_with(before), "{seen}");
        assert!(seen.ends_with(after), "{seen}");
        assert!(seen.contains("<EMAIL_1>"), "{seen}");
    }
}

#[test]
fn the_provider_named_in_the_path_is_the_one_that_is_asked() {
    let scene = Scene::start().unwrap();
    for (path, format) in [
        ("/anthropic/v1/messages", Format::Anthropic),
        ("/openai/v1/chat/completions", Format::OpenAi),
    ] {
        let body = samples::ask(format, "hello", Delivery::Whole);
        assert_eq!(scene.post(path, &body).unwrap().status, 200);
        let head = scene.provider(format).last().unwrap().head;
        let host = match format {
            Format::Anthropic => prxy_tests::scene::ANTHROPIC,
            Format::OpenAi => prxy_tests::scene::OPENAI,
        };
        assert_eq!(head.header("host"), Some(host));
        assert_eq!(head.first, format!("POST {} HTTP/1.1", samples::path(format)));
    }
}

#[test]
fn a_providers_own_error_passes_whole() {
    let scene = Scene::start().unwrap();
    for format in FORMATS {
        let body = r#"{"type":"error","error":{"type":"not_found_error","message":"no","details":{"error_code":"thread_not_found"}}}"#;
        scene.provider(format).script(Script::reply(Reply::Status(404, body.into())));
        let answer = scene.ask(format, "hello", Delivery::Whole).unwrap();
        assert_eq!((answer.status, answer.text()), (404, body.to_owned()));
        scene.provider(format).script(Script::default());
    }
}

#[test]
fn two_thousand_values_come_back_each_in_its_place() {
    let scene = Scene::start().unwrap();
    let text: Vec<_> = (0..2_000).map(|n| format!("user{n}@x-mail.com")).collect();
    let text = text.join(", ");
    for format in FORMATS {
        let answer = scene.ask(format, &text, Delivery::Streamed).unwrap();
        let seen = scene.provider(format).last().unwrap();
        assert!(!seen.contains("@x-mail.com"));
        assert_eq!(placeholders(&seen.text()).len(), 2_000);
        assert_eq!(reader::stream(format, &answer.body).unwrap().text, text);
    }
}

#[test]
fn the_provider_is_not_asked_to_compress() {
    let scene = Scene::start().unwrap();
    for format in FORMATS {
        let body = samples::ask(format, "hello", Delivery::Whole).to_string();
        let headers = [("content-type", "application/json"), ("accept-encoding", "gzip, br, zstd")];
        let path = samples::path(format);
        let bytes = prxy_tests::http::request("POST", path, &headers, body.as_bytes());
        assert_eq!(scene.send(bytes).unwrap().status, 200);
        let head = scene.provider(format).last().unwrap().head;
        let asked = head.header("accept-encoding").unwrap_or("identity");
        assert_eq!(asked, "identity", "an answer that cannot be read cannot be restored");
    }
}
