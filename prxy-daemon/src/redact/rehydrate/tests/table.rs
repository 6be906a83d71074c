//! Every API, whole and streamed, every place, every form, every cut.

use serde_json::{Value, json};

use super::super::{KeptTools, Stream, whole};
use super::vault;
use crate::provider::Surface;
use Kind::{Arguments, Prose};
use Surface::{Chat, Completions, Generate, Inputs, MessageBatch, Messages, Responses};

/// How a text is spelled where it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Prose,
    /// As a string in a document of its own.
    Arguments,
}

impl Kind {
    fn spell(self, text: &str) -> String {
        match self {
            Prose => text.to_owned(),
            Arguments => json!({ "a": text }).to_string(),
        }
    }

    fn read(self, spelled: &str) -> String {
        match self {
            Prose => spelled.to_owned(),
            Arguments => {
                serde_json::from_str::<Value>(spelled).unwrap()["a"].as_str().unwrap().to_owned()
            }
        }
    }
}

/// What models say, and what a reader gets.
const FORMS: &[(&str, &str)] = &[
    ("to <EMAIL_1>, <PERSON_12>", "to ada@example.org, Person Number 12"),
    ("<email_1> <Person_1>", "ada@example.org Person Number 1"),
    (
        "&lt;EMAIL_1&gt; &LT;EMAIL_2&GT; &#60;EMAIL_1&#62; &#x3C;EMAIL_1&#x3E;",
        "ada@example.org x@y.zw ada@example.org ada@example.org",
    ),
    (
        "**<EMAIL_1>** **EMAIL_1** *EMAIL_1* `EMAIL_1` `<EMAIL_1>`",
        "**ada@example.org** **ada@example.org** *ada@example.org* `ada@example.org` `ada@example.org`",
    ),
    ("<EMAIL\\_1> C:\\<PERSON_1>\\x", "ada@example.org C:\\Person Number 1\\x"),
    (
        "<PERSON_1>'s <PERSON_1's> <PERSON_1\u{2019}s> <PERSON_1s> <PERSON_1>s",
        "Person Number 1's Person Number 1's Person Number 1\u{2019}s Person Number 1s Person Number 1s",
    ),
    ("< EMAIL_1 > < EMAIL_1> <EMAIL_1 >", "ada@example.org ada@example.org <ada@example.org >"),
    (
        "\u{ff1c}EMAIL_1\u{ff1e}\u{3008}EMAIL_2\u{3009}\u{300a}EMAIL_1\u{300b}",
        "ada@example.orgx@y.zw\u{300a}ada@example.org\u{300b}",
    ),
    (
        "(EMAIL_1) [EMAIL_1] \"EMAIL_1\", EMAIL_2.",
        "(ada@example.org) [ada@example.org] \"ada@example.org\", x@y.zw.",
    ),
    ("\u{8bf7}EMAIL_1\u{3002}", "\u{8bf7}ada@example.org\u{3002}"),
    // An original of every awkward kind, and one that looks like a placeholder itself.
    (
        "=<API_KEY_1>= <API_KEY_2> <LITERAL_1>",
        "=line\nbreak \"quoted\" back\\slash= \u{2028}\u{1F600}\u{0} <EMAIL_1>",
    ),
    // Code and what nobody made.
    (
        "EMAIL_1_TEMPLATE MY_EMAIL_1 $EMAIL_1 EMAIL_1() x.EMAIL_1 EMAIL_1=2",
        "EMAIL_1_TEMPLATE MY_EMAIL_1 $EMAIL_1 EMAIL_1() x.EMAIL_1 EMAIL_1=2",
    ),
    (
        "a < b && c > d; Vec<T>; < email_1 > <EMAIL_9> <b>",
        "a < b && c > d; Vec<T>; < email_1 > <EMAIL_9> <b>",
    ),
    ("ends in <EMAIL_", "ends in <EMAIL_"),
    ("ends in \u{ff1c}", "ends in \u{ff1c}"),
];

/// A place in a whole answer: `@` is the text.
const WHOLES: &[(Surface, &str, Kind)] = &[
    (Messages, r#"{"content":[{"type":"text","text":"@"}]}"#, Prose),
    (Messages, r#"{"content":[{"type":"tool_use","name":"n","input":{"a":[{"b":"@"}]}}]}"#, Prose),
    (Messages, r#"{"content":[{"type":"server_tool_use","name":"n","input":{"q":"@"}}]}"#, Prose),
    (Messages, r#"{"content":[{"type":"mcp_tool_use","name":"n","input":{"q":"@"}}]}"#, Prose),
    (Messages, r#"{"content":[{"text":"x","citations":[{"cited_text":"@"}]}]}"#, Prose),
    (Messages, r#"{"content":[{"text":"x","citations":[{"document_title":"@"}]}]}"#, Prose),
    (Messages, r#"{"content":[{"text":"x","citations":[{"title":"@","url":"u"}]}]}"#, Prose),
    (
        Messages,
        r#"{"content":[{"type":"mcp_tool_result","content":[{"type":"text","text":"@"}]}]}"#,
        Prose,
    ),
    (Messages, r#"{"content":[{"type":"mcp_tool_result","content":"@"}]}"#, Prose),
    (
        Messages,
        r#"{"content":[{"type":"web_search_tool_result","content":[{"title":"@"}]}]}"#,
        Prose,
    ),
    (
        Messages,
        r#"{"content":[{"type":"web_fetch_tool_result","content":{"content":{"source":{"type":"text","data":"@"}}}}]}"#,
        Prose,
    ),
    (
        Messages,
        r#"{"content":[{"type":"bash_code_execution_tool_result","content":{"stdout":"@"}}]}"#,
        Prose,
    ),
    (
        Messages,
        r#"{"content":[{"type":"bash_code_execution_tool_result","content":{"stderr":"@"}}]}"#,
        Prose,
    ),
    (
        Messages,
        r#"{"content":[{"type":"text_editor_code_execution_tool_result","content":{"content":"@"}}]}"#,
        Prose,
    ),
    (Messages, r#"{"content":[],"stop_sequence":"@"}"#, Prose),
    (Messages, r#"{"type":"error","error":{"type":"x","message":"@"}}"#, Prose),
    (MessageBatch, r#"{"result":{"message":{"content":[{"text":"@"}]}}}"#, Prose),
    (MessageBatch, r#"{"result":{"message":{"content":[{"name":"n","input":{"x":"@"}}]}}}"#, Prose),
    (MessageBatch, r#"{"result":{"error":{"error":{"message":"@"}}}}"#, Prose),
    (Chat, r#"{"choices":[{},{"index":1,"message":{"content":"@"}}]}"#, Prose),
    (Chat, r#"{"choices":[{"message":{"content":[{"type":"text","text":"@"}]}}]}"#, Prose),
    (Chat, r#"{"choices":[{"message":{"refusal":"@"}}]}"#, Prose),
    (Chat, r#"{"choices":[{"message":{"reasoning_content":"@"}}]}"#, Prose),
    (Chat, r#"{"choices":[{"message":{"reasoning":"@"}}]}"#, Prose),
    (Chat, r#"{"choices":[{"message":{"audio":{"transcript":"@"}}}]}"#, Prose),
    (
        Chat,
        r#"{"choices":[{"message":{"tool_calls":[{},{"function":{"name":"n","arguments":"@"}}]}}]}"#,
        Arguments,
    ),
    (
        Chat,
        r#"{"choices":[{"message":{"tool_calls":[{"function":{"name":"n","arguments":{"a":"@"}}}]}}]}"#,
        Prose,
    ),
    (
        Chat,
        r#"{"choices":[{"message":{"tool_calls":[{"custom":{"name":"n","input":"@"}}]}}]}"#,
        Prose,
    ),
    (
        Chat,
        r#"{"choices":[{"message":{"function_call":{"name":"n","arguments":"@"}}}]}"#,
        Arguments,
    ),
    (
        Chat,
        r#"{"choices":[{"message":{"executed_tools":[{"name":"n","arguments":"@"}]}}]}"#,
        Arguments,
    ),
    (Chat, r#"{"choices":[{"message":{"executed_tools":[{"output":"@"}]}}]}"#, Prose),
    (Chat, r#"{"error":{"message":"@"}}"#, Prose),
    (Chat, r#"{"error":"@"}"#, Prose),
    (Chat, r#"{"detail":[{"msg":"@"}]}"#, Prose),
    (Chat, r#"{"object":"error","message":"@"}"#, Prose),
    (Completions, r#"{"choices":[{"text":"@"}]}"#, Prose),
    (Inputs, r#"{"error":{"message":"@"}}"#, Prose),
    (
        Responses,
        r#"{"output":[{},{"type":"message","content":[{"type":"output_text","text":"@"}]}]}"#,
        Prose,
    ),
    (Responses, r#"{"output":[{"content":[{"type":"refusal","refusal":"@"}]}]}"#, Prose),
    (Responses, r#"{"output":[{"content":[{"annotations":[{"title":"@"}]}]}]}"#, Prose),
    (Responses, r#"{"output":[{"type":"reasoning","summary":[{"text":"@"}]}]}"#, Prose),
    (
        Responses,
        r#"{"output":[{"type":"reasoning","content":[{"type":"reasoning_text","text":"@"}]}]}"#,
        Prose,
    ),
    (Responses, r#"{"output":[{"type":"function_call","name":"n","arguments":"@"}]}"#, Arguments),
    (Responses, r#"{"output":[{"type":"mcp_call","name":"n","arguments":"@"}]}"#, Arguments),
    (Responses, r#"{"output":[{"type":"mcp_call","output":"@"}]}"#, Prose),
    (Responses, r#"{"output":[{"type":"custom_tool_call","name":"n","input":"@"}]}"#, Prose),
    (Responses, r#"{"output":[{"type":"local_shell_call","action":{"command":["@"]}}]}"#, Prose),
    (Responses, r#"{"output":[{"type":"apply_patch_call","operation":{"diff":"@"}}]}"#, Prose),
    (Responses, r#"{"output":[{"type":"code_interpreter_call","code":"@"}]}"#, Prose),
    (Responses, r#"{"output":[{"outputs":[{"logs":"@"}]}]}"#, Prose),
    (Responses, r#"{"output":[{"type":"image_generation_call","revised_prompt":"@"}]}"#, Prose),
    (Responses, r#"{"output":[],"instructions":"@"}"#, Prose),
    (Responses, r#"{"data":[{"content":[{"type":"input_text","text":"@"}]}]}"#, Prose),
    (Responses, r#"{"error":{"message":"@"}}"#, Prose),
    (Generate, r#"{"candidates":[{},{"content":{"parts":[{},{"text":"@"}]}}]}"#, Prose),
    (
        Generate,
        r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"n","args":{"a":["@"]}}}]}}]}"#,
        Prose,
    ),
    (
        Generate,
        r#"{"candidates":[{"content":{"parts":[{"executableCode":{"code":"@"}}]}}]}"#,
        Prose,
    ),
    (
        Generate,
        r#"{"candidates":[{"content":{"parts":[{"codeExecutionResult":{"output":"@"}}]}}]}"#,
        Prose,
    ),
    (Generate, r#"{"candidates":[{"groundingMetadata":{"webSearchQueries":["@"]}}]}"#, Prose),
    (Generate, r#"{"candidates":[{"finishMessage":"@"}]}"#, Prose),
    (Generate, r#"{"error":{"message":"@","details":[{"description":"x"}]}}"#, Prose),
    (Generate, r#"{"error":{"message":"x","details":[{"description":"@"}]}}"#, Prose),
];

/// Whatever is signed, encrypted, or an identity.
const UNTOUCHED: &[(Surface, &str)] = &[
    (Messages, r#"{"id":"@","model":"@","content":[{"id":"@","name":"@","type":"tool_use"}]}"#),
    (
        Messages,
        r#"{"content":[{"type":"thinking","thinking":"@","signature":"@"},{"type":"redacted_thinking","data":"@"}]}"#,
    ),
    (
        Messages,
        r#"{"content":[{"content":[{"encrypted_content":"@","url":"@"}],"citations":[{"encrypted_index":"@"}]}]}"#,
    ),
    (
        Chat,
        r#"{"choices":[{"message":{"tool_calls":[{"id":"@","function":{"name":"@"}}],"reasoning_details":[{"data":"@"}]}}]}"#,
    ),
    (
        Chat,
        r#"{"choices":[{"logprobs":{"content":[{"token":"@","top_logprobs":[{"token":"@"}]}]}}]}"#,
    ),
    (
        Responses,
        r#"{"id":"@","output":[{"id":"@","call_id":"@","name":"@","encrypted_content":"@","result":"@"}]}"#,
    ),
    (
        Generate,
        r#"{"responseId":"@","candidates":[{"content":{"parts":[{"thoughtSignature":"@","functionCall":{"name":"@","id":"@"}}]}}]}"#,
    ),
    (Inputs, r#"{"data":[{"embedding":"@"}],"model":"@"}"#),
];

/// `template` with `text` in place of every `@`.
fn fill(template: &str, text: &str) -> String {
    template.replace("\"@\"", &json!(text).to_string())
}

#[test]
fn every_place_of_a_whole_answer_takes_every_form() {
    let none = KeptTools::default();
    for (surface, template, kind) in WHOLES {
        for (said, expected) in FORMS {
            let given = fill(template, &kind.spell(said));
            let met = whole(*surface, given.as_bytes(), &*vault(), &none);
            let met = met.map_or(given, |met| String::from_utf8(met).unwrap());
            let (before, after) = template.split_once("\"@\"").unwrap();
            let value = met.strip_prefix(before).and_then(|rest| rest.strip_suffix(after)).unwrap();
            let value: String = serde_json::from_str(value).unwrap();
            assert_eq!(kind.read(&value), *expected, "{surface:?} {template}: {said}");
        }
    }
}

#[test]
fn what_is_signed_or_names_something_takes_none() {
    for (surface, template) in UNTOUCHED {
        let given = fill(template, "<EMAIL_1> EMAIL_1");
        assert_eq!(
            whole(*surface, given.as_bytes(), &*vault(), &KeptTools::default()),
            None,
            "{template}"
        );
        let stream = format!("data: {given}\n\n");
        assert_eq!(feed(*surface, &stream), stream);
    }
}

/// A text that runs over events: what each event is, what ends it, and where the text stands.
const STREAMS: &[(Surface, &str, &str, &str, Kind)] = &[
    (
        Messages,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"@"}}"#,
        r#"{"type":"content_block_stop","index":2}"#,
        "/delta/text",
        Prose,
    ),
    (
        Messages,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"@"}}"#,
        r#"{"type":"message_stop"}"#,
        "/delta/partial_json",
        Arguments,
    ),
    (
        Chat,
        r#"{"choices":[{"index":3,"delta":{"content":"@"}}]}"#,
        r#"{"choices":[{"index":3,"delta":{},"finish_reason":"stop"}]}"#,
        "/choices/0/delta/content",
        Prose,
    ),
    (
        Chat,
        r#"{"choices":[{"index":0,"delta":{"refusal":"@"}}]}"#,
        "[DONE]",
        "/choices/0/delta/refusal",
        Prose,
    ),
    (
        Chat,
        r#"{"choices":[{"index":0,"delta":{"reasoning_content":"@"}}]}"#,
        "[DONE]",
        "/choices/0/delta/reasoning_content",
        Prose,
    ),
    (
        Chat,
        r#"{"choices":[{"index":0,"delta":{"reasoning":"@"}}]}"#,
        "[DONE]",
        "/choices/0/delta/reasoning",
        Prose,
    ),
    (
        Chat,
        r#"{"choices":[{"index":0,"delta":{"audio":{"transcript":"@"}}}]}"#,
        "[DONE]",
        "/choices/0/delta/audio/transcript",
        Prose,
    ),
    (
        Chat,
        r#"{"choices":[{"index":1,"delta":{"tool_calls":[{"index":4,"function":{"arguments":"@"}}]}}]}"#,
        r#"{"choices":[{"index":1,"delta":{},"finish_reason":"tool_calls"}]}"#,
        "/choices/0/delta/tool_calls/0/function/arguments",
        Arguments,
    ),
    (
        Chat,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"custom":{"input":"@"}}]}}]}"#,
        r#"{"error":{"message":"x"}}"#,
        "/choices/0/delta/tool_calls/0/custom/input",
        Prose,
    ),
    (
        Chat,
        r#"{"choices":[{"index":0,"delta":{"function_call":{"arguments":"@"}}}]}"#,
        "[DONE]",
        "/choices/0/delta/function_call/arguments",
        Arguments,
    ),
    (
        Completions,
        r#"{"choices":[{"index":2,"text":"@"}]}"#,
        r#"{"choices":[{"index":2,"text":"","finish_reason":"stop"}]}"#,
        "/choices/0/text",
        Prose,
    ),
    (
        Responses,
        r#"{"type":"response.output_text.delta","output_index":1,"content_index":2,"delta":"@"}"#,
        r#"{"type":"response.output_text.done","output_index":1,"content_index":2,"text":"x"}"#,
        "/delta",
        Prose,
    ),
    (
        Responses,
        r#"{"type":"response.refusal.delta","output_index":0,"content_index":0,"delta":"@"}"#,
        r#"{"type":"response.content_part.done","output_index":0,"content_index":0,"part":{"type":"refusal","refusal":"x"}}"#,
        "/delta",
        Prose,
    ),
    (
        Responses,
        r#"{"type":"response.reasoning_summary_text.delta","output_index":0,"summary_index":1,"delta":"@"}"#,
        r#"{"type":"response.reasoning_summary_part.done","output_index":0,"summary_index":1,"part":{"text":"x"}}"#,
        "/delta",
        Prose,
    ),
    (
        Responses,
        r#"{"type":"response.reasoning_text.delta","output_index":0,"content_index":0,"delta":"@"}"#,
        r#"{"type":"response.failed","response":{"output":[]}}"#,
        "/delta",
        Prose,
    ),
    (
        Responses,
        r#"{"type":"response.function_call_arguments.delta","output_index":3,"delta":"@"}"#,
        r#"{"type":"response.function_call_arguments.done","output_index":3,"arguments":"{}"}"#,
        "/delta",
        Arguments,
    ),
    (
        Responses,
        r#"{"type":"response.mcp_call_arguments.delta","output_index":3,"delta":"@"}"#,
        r#"{"type":"response.output_item.done","output_index":3,"item":{"type":"mcp_call","arguments":"{}"}}"#,
        "/delta",
        Arguments,
    ),
    (
        Responses,
        r#"{"type":"response.custom_tool_call_input.delta","output_index":0,"delta":"@"}"#,
        r#"{"type":"response.completed","response":{"output":[]}}"#,
        "/delta",
        Prose,
    ),
    (
        Responses,
        r#"{"type":"response.code_interpreter_call_code.delta","output_index":0,"delta":"@"}"#,
        r#"{"type":"error","message":"x"}"#,
        "/delta",
        Prose,
    ),
    (
        Generate,
        r#"{"candidates":[{"index":1,"content":{"role":"model","parts":[{"text":"@"}]}}]}"#,
        r#"{"candidates":[{"index":1,"content":{"parts":[{"functionCall":{"name":"n","args":{}}}]},"finishReason":"STOP"}]}"#,
        "/candidates/0/content/parts/0/text",
        Prose,
    ),
];

fn feed(surface: Surface, stream: &str) -> String {
    let (mut rehydrate, mut out) = (Stream::new(surface, vault()), Vec::new());
    rehydrate.push(stream.as_bytes(), &mut out);
    rehydrate.finish(&mut out);
    String::from_utf8(out).unwrap()
}

/// The text that a client puts together from the data of events.
fn gather<'e>(documents: impl Iterator<Item = &'e str>, pointer: &str) -> String {
    let mut text = String::new();
    for document in documents.filter(|document| *document != "[DONE]") {
        let event: Value = serde_json::from_str(document).unwrap();
        text += event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    }
    text
}

#[test]
fn every_text_of_a_stream_takes_every_form_at_every_cut() {
    for (surface, template, end, pointer, kind) in STREAMS {
        for (said, expected) in FORMS {
            let spelled = kind.spell(said);
            let borders: Vec<usize> = spelled.char_indices().map(|(at, _)| at).skip(1).collect();
            let singly: Vec<String> = spelled.chars().map(String::from).collect();
            let halves =
                borders.iter().map(|at| vec![spelled[..*at].to_owned(), spelled[*at..].to_owned()]);
            for pieces in halves.chain([singly]) {
                let events: Vec<String> =
                    pieces.iter().map(|piece| fill(template, piece)).collect();
                let stream: String =
                    events.iter().map(|event| format!("data: {event}\n\n")).collect();
                let with_end = format!("{stream}data: {end}\n\n");
                // What ends in the middle has lost nothing either.
                for given in [&with_end, &stream] {
                    let met = feed(*surface, given);
                    let data = met.lines().filter_map(|line| line.strip_prefix("data: "));
                    let text = gather(data, pointer);
                    assert_eq!(kind.read(&text), *expected, "{surface:?} {template}: {pieces:?}");
                }
                if *surface == Generate {
                    let given = format!("[{}]", events.join("\n,\n"));
                    let mut stream = Stream::new(Generate, vault()).of_documents();
                    let mut out = Vec::new();
                    stream.push(given.as_bytes(), &mut out);
                    stream.finish(&mut out);
                    let all: Vec<Value> = serde_json::from_slice(&out).unwrap();
                    let all: Vec<String> = all.iter().map(Value::to_string).collect();
                    let text = gather(all.iter().map(String::as_str), pointer);
                    assert_eq!(kind.read(&text), *expected, "{template}: {pieces:?}");
                }
            }
        }
    }
}

/// Events that say a text whole: what comes with it must not differ from the deltas.
const DONE: &[(Surface, &str, Kind)] = &[
    (
        Messages,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"mcp_tool_result","content":[{"type":"text","text":"@"}]}}"#,
        Prose,
    ),
    (
        Messages,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"bash_code_execution_tool_result","content":{"stdout":"@"}}}"#,
        Prose,
    ),
    (
        Messages,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":{"cited_text":"@"}}}"#,
        Prose,
    ),
    (
        Messages,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"compaction_delta","content":"@"}}"#,
        Prose,
    ),
    (Messages, r#"{"type":"error","error":{"message":"@"}}"#, Prose),
    (Chat, r#"{"choices":[{"index":0,"message":{"content":"@"},"finish_reason":"stop"}]}"#, Prose),
    (Chat, r#"{"error":{"message":"@"}}"#, Prose),
    (Responses, r#"{"type":"response.output_text.done","text":"@"}"#, Prose),
    (Responses, r#"{"type":"response.refusal.done","refusal":"@"}"#, Prose),
    (
        Responses,
        r#"{"type":"response.content_part.done","part":{"type":"output_text","text":"@"}}"#,
        Prose,
    ),
    (Responses, r#"{"type":"response.reasoning_summary_text.done","text":"@"}"#, Prose),
    (
        Responses,
        r#"{"type":"response.output_item.done","item":{"type":"message","content":[{"text":"@"}]}}"#,
        Prose,
    ),
    (
        Responses,
        r#"{"type":"response.output_item.done","item":{"type":"function_call","name":"n","arguments":"@"}}"#,
        Arguments,
    ),
    (
        Responses,
        r#"{"type":"response.function_call_arguments.done","name":"n","arguments":"@"}"#,
        Arguments,
    ),
    (Responses, r#"{"type":"response.custom_tool_call_input.done","input":"@"}"#, Prose),
    (Responses, r#"{"type":"response.code_interpreter_call_code.done","code":"@"}"#, Prose),
    (
        Responses,
        r#"{"type":"response.completed","response":{"output":[{"content":[{"text":"@"}]}]}}"#,
        Prose,
    ),
    (
        Responses,
        r#"{"type":"response.completed","response":{"output":[{"type":"function_call","arguments":"@"}]}}"#,
        Arguments,
    ),
    (
        Responses,
        r#"{"type":"response.incomplete","response":{"output":[{"summary":[{"text":"@"}]}]}}"#,
        Prose,
    ),
    (Responses, r#"{"type":"response.failed","response":{"error":{"message":"@"}}}"#, Prose),
    (Responses, r#"{"type":"error","message":"@"}"#, Prose),
    (
        Generate,
        r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"n","args":{"@x":0,"a":"@"}}}]}}]}"#,
        Prose,
    ),
    (Generate, r#"{"error":{"message":"@"}}"#, Prose),
];

#[test]
fn every_event_that_says_a_text_whole_takes_every_form() {
    for (surface, template, kind) in DONE {
        for (said, expected) in FORMS {
            let met = feed(*surface, &format!("data: {}\n\n", fill(template, &kind.spell(said))));
            let (before, after) = template.split_once("\"@\"").unwrap();
            let data = met.strip_prefix("data: ").unwrap().trim_end();
            let value =
                data.strip_prefix(before).and_then(|rest| rest.strip_suffix(after)).unwrap();
            let value: String = serde_json::from_str(value).unwrap();
            assert_eq!(kind.read(&value), *expected, "{surface:?} {template}: {said}");
        }
    }
}
