use super::tokens::{Counter, Tokenizer, estimate};
use super::*;

/// The parts of each item, one letter each, with the ids of calls and results.
fn shape(surface: Surface, body: &str) -> (Vec<String>, bool) {
    let root = Node::read(body.as_bytes()).unwrap();
    let conversation = Conversation::read(surface, &root).unwrap();
    let item = |item: &Item<'_>| {
        let role = match item.role {
            Role::Instruction => 'I',
            Role::User => 'U',
            Role::Model => 'M',
        };
        let parts: Vec<String> = item
            .parts
            .iter()
            .map(|part| match part {
                Part::Text(node) => node.text().unwrap().into_owned(),
                Part::Thinking(_) => "(thinks)".to_owned(),
                Part::Call { id, name, .. } => format!("{name}#{}", id.as_deref().unwrap_or("?")),
                Part::Result { id } => format!("=#{}", id.as_deref().unwrap_or("?")),
                Part::Said(node) => format!("\"{}\"", node.text().unwrap()),
                Part::Found(name) => format!("+{name}"),
                Part::Attachment(_) => "(attachment)".to_owned(),
                Part::Opaque(_) => "(opaque)".to_owned(),
                Part::Other(_) => "(other)".to_owned(),
            })
            .collect();
        format!("{role} {}", parts.join(" "))
    };
    (conversation.items.iter().map(item).collect(), conversation.continued)
}

#[track_caller]
fn check(surface: Surface, body: &str, expected: &[&str]) {
    let (items, continued) = shape(surface, body);
    assert_eq!((items, continued), (expected.iter().map(|s| (*s).to_owned()).collect(), false));
}

#[test]
fn every_surface_is_read() {
    check(
        Surface::Messages,
        r#"{"messages":[{"role":"user","content":"hi"},
            {"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"s"},
              {"type":"redacted_thinking","data":"AA"},{"type":"text","text":"ok"},
              {"type":"tool_use","id":"a","name":"f","input":{"x":1}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":[
              {"type":"text","text":"r"},{"type":"image","source":{}},{"type":"tool_reference","tool_name":"g"}]},
              {"type":"document","source":{}},{"type":"new"}]}]}"#,
        &["U hi", "M (thinks) (opaque) ok f#a", "U =#a \"r\" (attachment) +g (attachment) (other)"],
    );
    check(
        Surface::Chat,
        r#"{"messages":[{"role":"system","content":"s"},
            {"role":"user","content":[{"type":"text","text":"hi"},{"type":"image_url","image_url":{}}]},
            {"role":"assistant","content":null,"reasoning_content":"t","tool_calls":[
              {"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},
              {"id":"b","type":"custom","custom":{"name":"g","input":"x"}}]},
            {"role":"tool","tool_call_id":"a","content":"r"},
            {"role":"assistant","function_call":{"name":"h","arguments":"{}"}},
            {"role":"function","name":"h","content":"r"}]}"#,
        &["I s", "U hi (attachment)", "M (thinks) f#a g#b", "U =#a \"r\"", "M h#?", "U =#? \"r\""],
    );
    check(
        Surface::Responses,
        r#"{"input":[{"role":"developer","content":"s"},{"role":"user","content":"hi"},
            {"type":"reasoning","summary":[],"encrypted_content":"AA"},
            {"type":"function_call","call_id":"a","name":"f","arguments":"{}"},
            {"type":"function_call_output","call_id":"a","output":[{"type":"input_text","text":"r"},{"type":"input_image"}]},
            {"type":"custom_tool_call","call_id":"b","name":"g","input":"x"},
            {"type":"custom_tool_call_output","call_id":"b","output":"r"},
            {"type":"web_search_call","id":"w"},{"type":"mcp_approval_request","id":"m","name":"h","arguments":"{}"},
            {"type":"mcp_approval_response","approval_request_id":"m","approve":true},
            {"type":"compaction","encrypted_content":"AA"},
            {"type":"message","role":"assistant","content":[{"type":"output_text","text":"ok"}]}]}"#,
        &[
            "I s",
            "U hi",
            "M (opaque)",
            "M f#a",
            "U =#a \"r\" (attachment)",
            "M g#b",
            "U =#b \"r\"",
            "M (other)",
            "M h#m",
            "U =#m (other)",
            "I (other)",
            "M ok",
        ],
    );
    check(
        Surface::Generate,
        r#"{"contents":[{"parts":[{"text":"hi"},{"inlineData":{"mimeType":"image/png","data":"AA"}}]},
            {"role":"model","parts":[{"text":"t","thought":true},{"functionCall":{"name":"f","args":{}},"thoughtSignature":"AA"}]},
            {"role":"user","parts":[{"function_response":{"name":"f","response":{"result":"r"}}}]},
            {"role":"model","parts":[{"executableCode":{"code":"1"}}]}]}"#,
        &["U hi (attachment)", "M (thinks) f#? (opaque)", "U =#? \"r\"", "M (other)"],
    );
}

#[test]
fn a_request_that_goes_on_from_what_the_provider_keeps_is_known() {
    for (surface, body) in [
        (Surface::Responses, r#"{"input":[],"previous_response_id":"r"}"#),
        (Surface::Responses, r#"{"input":[],"conversation":{"id":"c"}}"#),
        (Surface::Responses, r#"{"input":[{"type":"item_reference","id":"i"}]}"#),
        (Surface::Messages, r#"{"messages":[],"thread":{"type":"continue","id":"t"}}"#),
        (Surface::Messages, r#"{"messages":[{"role":"user","content":[{"type":"compaction"}]}]}"#),
        (Surface::Generate, r#"{"contents":[],"cachedContent":"cachedContents/c"}"#),
    ] {
        assert!(shape(surface, body).1, "{body}");
    }
    for (surface, body) in [
        (Surface::Responses, r#"{"input":[],"previous_response_id":null}"#),
        (Surface::Messages, r#"{"messages":[],"thread":{"type":"create"}}"#),
    ] {
        assert!(!shape(surface, body).1, "{body}");
    }
}

#[test]
fn models_of_openai_are_counted_and_others_estimated() {
    for (model, tokenizer) in [
        ("gpt-4o-2024-08-06", Tokenizer::O200k),
        ("openai/gpt-oss-120b", Tokenizer::O200k),
        ("ft:gpt-4.1-mini:acme::x", Tokenizer::O200k),
        ("gpt-4-turbo", Tokenizer::Estimate),
        ("claude-opus-4-1", Tokenizer::Estimate),
        ("gemini-2.5-pro", Tokenizer::Estimate),
    ] {
        assert_eq!(Tokenizer::of(model), tokenizer, "{model}");
    }
    // From the page of OpenAI's tokenizer.
    for (text, tokens) in [("", 0), ("hello world", 2), ("antidisestablishmentarianism", 6)] {
        assert_eq!(Tokenizer::O200k.count(text), tokens, "{text}");
    }
}

#[test]
fn the_estimate_is_never_below_the_count_for_prose_code_and_json() {
    let readme = include_str!("../../../../README.md");
    let code = include_str!("tokens.rs");
    let json = include_str!("../../redact/mask/tests/goldens/anthropic.in.json");
    for (name, text) in [
        ("prose", readme),
        ("code", code),
        ("json", json),
        ("german", "Die Überweisung wurde am Donnerstag vom Sachbearbeiter zurückgestellt."),
        ("chinese", "请把这份合同翻译成英文，并总结主要条款。"),
        ("japanese", "この関数はなぜ遅いのですか。"),
        ("russian", "Пожалуйста, проверьте счёт за прошлый месяц."),
        ("numbers", "1234567890 3.14159 2026-11-22T01:02:03Z 0x7fffffff"),
        ("base64", "U2hhbGwgSSBjb21wYXJlIHRoZWUgdG8gYSBzdW1tZXIncyBkYXk/"),
    ] {
        let (high, counted) = (estimate(text), Tokenizer::O200k.count(text));
        println!("{name}: {:.2}", high as f64 / counted as f64);
        assert!(high >= counted, "{name}: {high} for {counted}");
    }
}

#[test]
fn a_history_that_is_sent_again_is_not_counted_anew() {
    let text = "word ".repeat(200_000);
    let body = format!(r#"{{"messages":[{{"role":"user","content":"{text}"}}]}}"#);
    let root = Node::read(body.as_bytes()).unwrap();
    let conversation = Conversation::read(Surface::Messages, &root).unwrap();
    let counter = Counter::default();
    let count = || {
        let began = std::time::Instant::now();
        let tokens = counter.item("gpt-4o", body.as_bytes(), &conversation.items[0]);
        (tokens, began.elapsed())
    };
    let (first, again) = (count(), count());
    assert_eq!(first.0, again.0);
    assert!(again.1 * 4 < first.1, "{:?} {:?}", first.1, again.1);
}
