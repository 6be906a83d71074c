//! Secrets in the arguments of tools: for those that are named, and for no others.

use std::sync::Arc;

use super::super::{KeptTools, Stream, whole};
use super::vault;
use crate::provider::Surface;

fn tools() -> KeptTools {
    let names = |name: &str| Arc::new([name.to_owned()].into());
    KeptTools { masked: names("Fetch"), secrets: Some(names("Bash")) }
}

fn streamed(surface: Surface, events: &[&str]) -> String {
    let given: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    let run = |size: usize| {
        let mut stream = Stream::new(surface, vault()).keeping(tools());
        let mut out = Vec::new();
        given.as_bytes().chunks(size).for_each(|chunk| stream.push(chunk, &mut out));
        stream.finish(&mut out);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(run(1), run(given.len()));
    run(7)
}

/// Whether the secret and the address came back.
#[track_caller]
fn check(what: &str, answer: &str, expected: (bool, bool)) {
    assert_eq!((answer.contains("break"), answer.contains("ada@")), expected, "{what}: {answer}");
}

#[test]
fn only_named_tools_are_given_secrets() {
    for (name, expected) in
        [("Bash", (true, true)), ("Write", (false, true)), ("Fetch", (false, false))]
    {
        let message = format!(
            r#"{{"content":[{{"type":"tool_use","name":"{name}","input":{{"a":"<API_KEY_1> <EMAIL_1>"}}}}]}}"#
        );
        let restored = whole(Surface::Messages, message.as_bytes(), &*vault(), &tools());
        let restored = restored.map_or(message.clone(), |body| String::from_utf8(body).unwrap());
        check(name, &restored, expected);

        let begin = format!(
            r#"{{"type":"content_block_start","index":1,"content_block":{{"type":"tool_use","name":"{name}","input":{{}}}}}}"#
        );
        let messages = streamed(
            Surface::Messages,
            &[
                &begin,
                r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"a\":\"<API_"}}"#,
                r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"KEY_1> <EMAIL_1>\"}"}}"#,
                r#"{"type":"content_block_stop","index":1}"#,
            ],
        );
        check(name, &messages, expected);

        let first = format!(
            r#"{{"choices":[{{"index":0,"delta":{{"tool_calls":[{{"index":0,"function":{{"name":"{name}","arguments":""}}}}]}}}}]}}"#
        );
        let chat = streamed(
            Surface::Chat,
            &[
                &first,
                r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\"<API_KEY_1"}}]}}]}"#,
                r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"> <EMAIL_1>\""}}]}}]}"#,
                r#"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#,
                "[DONE]",
            ],
        );
        check(name, &chat, expected);
    }
}

#[test]
fn a_person_reads_every_original() {
    let body = br#"{"content":[{"type":"text","text":"<API_KEY_1> <EMAIL_1>"}]}"#;
    let restored = whole(Surface::Messages, body, &*vault(), &tools()).unwrap();
    check("text", &String::from_utf8(restored).unwrap(), (true, true));
}

#[test]
fn a_call_with_two_names_is_given_nothing_more_than_the_least() {
    let body = br#"{"content":[{"type":"tool_use","name":"Bash","name":"Write","input":{"a":"<API_KEY_1>"}}]}"#;
    assert_eq!(whole(Surface::Messages, body, &*vault(), &tools()), None);
}

#[test]
fn a_call_of_google_may_be_named_behind_its_arguments() {
    for (name, expected) in
        [("Bash", (true, true)), ("Write", (false, true)), ("Fetch", (false, false))]
    {
        let document = format!(
            r#"{{"candidates":[{{"content":{{"parts":[{{"functionCall":{{"args":{{"u":{{"v":["<API_KEY_1> <EMAIL_1>"]}}}},"name":"{name}"}}}}]}}}}]}}"#
        );
        check(name, &streamed(Surface::Generate, &[&document]), expected);
        let mut stream = Stream::new(Surface::Generate, vault()).of_documents().keeping(tools());
        let mut out = Vec::new();
        stream.push(format!("[{document}]").as_bytes(), &mut out);
        stream.finish(&mut out);
        check(name, &String::from_utf8(out).unwrap(), expected);
    }
}
