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

/// One event of a chat with a call of a tool in it.
fn call(members: &str) -> String {
    format!(r#"{{"choices":[{{"index":0,"delta":{{"tool_calls":[{{"index":0,{members}}}]}}}}]}}"#)
}

#[test]
fn a_name_may_come_in_pieces_again_empty_late_or_for_another_call() {
    let given = r#""function":{"arguments":"<API_KEY_1> <EMAIL_1>"}"#;
    let named = |name: &str| format!(r#""function":{{"name":"{name}"}}"#);
    let with_id = |id: &str, name: &str| format!(r#""id":"{id}",{}"#, named(name));
    for (what, events, expected) in [
        ("whole", vec![named("Bash"), given.into()], (true, true)),
        ("in pieces", vec![named("Ba"), named("sh"), given.into()], (true, true)),
        ("again", vec![named("Bash"), named("Bash"), given.into()], (true, true)),
        ("more than the name", vec![named("Bash"), named("Output"), given.into()], (false, true)),
        ("empty behind it", vec![named("Fetch"), named(""), given.into()], (false, false)),
        ("masked, in pieces", vec![named("Fet"), named("ch"), given.into()], (false, false)),
        ("masked, and more", vec![named("Fetch"), named("Url"), given.into()], (false, false)),
        ("not yet named", vec![given.into(), named("Bash")], (false, false)),
        ("never named", vec![given.into()], (false, false)),
        ("the same call", vec![with_id("a", "Ba"), with_id("a", "sh"), given.into()], (true, true)),
        (
            "another call",
            vec![with_id("a", "Fetch"), with_id("b", "Bash"), given.into()],
            (true, true),
        ),
        (
            "the other way",
            vec![with_id("a", "Bash"), with_id("b", "Fetch"), given.into()],
            (false, false),
        ),
        (
            "no other name",
            vec![with_id("a", "Bash"), r#""id":"b""#.into(), given.into()],
            (false, false),
        ),
    ] {
        let events: Vec<String> = events.iter().map(|members| call(members)).collect();
        let events: Vec<&str> = events.iter().map(String::as_str).collect();
        check(what, &streamed(Surface::Chat, &events), expected);
    }
}

#[test]
fn what_is_held_of_a_call_does_not_go_to_the_next_under_its_index() {
    let events = [
        call(r#""id":"a","function":{"name":"Bash","arguments":"x <EMAIL_"}"#),
        call(r#""id":"b","function":{"name":"Bash","arguments":"1>"}"#),
    ];
    let met = streamed(Surface::Chat, &[&events[0], &events[1]]);
    let (first, second) = met.split_once(r#""id":"b""#).unwrap();
    assert!(first.contains("<EMAIL_") && second.contains(r#""arguments":"1>""#), "{met}");
}

#[test]
fn calls_without_a_name_are_named_by_their_kind() {
    let said = "<API_KEY_1> <EMAIL_1>";
    let named = |name: &str| KeptTools {
        masked: Arc::default(),
        secrets: Some(Arc::new([name.to_owned()].into())),
    };
    for (kind, name, member) in [
        ("local_shell_call", "local_shell", format!(r#""action":{{"command":["{said}"]}}"#)),
        ("shell_call", "shell", format!(r#""action":{{"commands":["{said}"]}}"#)),
        ("apply_patch_call", "apply_patch", format!(r#""operation":{{"diff":"{said}"}}"#)),
        ("code_interpreter_call", "code_interpreter", format!(r#""code":"{said}""#)),
    ] {
        let item = format!(r#"{{"type":"{kind}",{member}}}"#);
        let body = format!(r#"{{"output":[{item}]}}"#);
        let event =
            format!(r#"{{"type":"response.output_item.done","output_index":0,"item":{item}}}"#);
        for (allowed, expected) in [(name, (true, true)), ("Bash", (false, true))] {
            let kept = named(allowed);
            let restored = whole(Surface::Responses, body.as_bytes(), &*vault(), &kept).unwrap();
            check(kind, &String::from_utf8(restored).unwrap(), expected);
            let mut stream = Stream::new(Surface::Responses, vault()).keeping(kept);
            let mut out = Vec::new();
            stream.push(format!("data: {event}\n\n").as_bytes(), &mut out);
            check(kind, &String::from_utf8(out).unwrap(), expected);
        }
    }
    for (allowed, expected) in [("code_execution", (true, true)), ("Bash", (false, true))] {
        let body = format!(
            r#"{{"candidates":[{{"content":{{"parts":[{{"executableCode":{{"language":"PYTHON","code":"{said}"}}}}]}}}}]}}"#
        );
        let restored =
            whole(Surface::Generate, body.as_bytes(), &*vault(), &named(allowed)).unwrap();
        check("executableCode", &String::from_utf8(restored).unwrap(), expected);
    }
}

#[test]
fn code_and_commands_that_run_over_events_are_for_the_tool_of_their_item() {
    for (kind, name, delta, member) in [
        ("code_interpreter_call", "code_interpreter", "code_interpreter_call_code", "code"),
        ("apply_patch_call", "apply_patch", "apply_patch_call_operation_diff", "diff"),
        ("shell_call", "shell", "shell_call_command", "command"),
    ] {
        for (allowed, expected) in [(name, (true, true)), ("Bash", (false, true))] {
            let kept = KeptTools {
                masked: Arc::default(),
                secrets: Some(Arc::new([allowed.to_owned()].into())),
            };
            let piece = |text: &str| {
                format!(r#"{{"type":"response.{delta}.delta","output_index":3,"delta":"{text}"}}"#)
            };
            let start = format!(
                r#"{{"type":"response.output_item.added","output_index":3,"item":{{"type":"{kind}"}}}}"#
            );
            let done = format!(
                r#"{{"type":"response.{delta}.done","output_index":3,"{member}":"<API_KEY_1> <EMAIL_1>"}}"#
            );
            let mut stream = Stream::new(Surface::Responses, vault()).keeping(kept);
            let (mut pieces, mut whole) = (Vec::new(), Vec::new());
            for event in [&start, &piece("<API_KEY"), &piece("_1> <EMA"), &piece("IL_1> ")] {
                stream.push(format!("data: {event}\n\n").as_bytes(), &mut pieces);
            }
            stream.push(format!("data: {done}\n\n").as_bytes(), &mut whole);
            check(delta, &String::from_utf8(pieces).unwrap(), expected);
            check(delta, &String::from_utf8(whole).unwrap(), expected);
        }
    }
}

#[test]
fn a_block_without_a_name_does_not_inherit_that_of_its_index() {
    let named = r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","name":"Bash","input":{}}}"#;
    let unnamed = r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","input":{}}}"#;
    let given = r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"\"<API_KEY_1> <EMAIL_1>\""}}"#;
    check("named", &streamed(Surface::Messages, &[named, given]), (true, true));
    check("unnamed", &streamed(Surface::Messages, &[named, unnamed, given]), (false, false));
}
