//! What only some shapes hold: documents, signed thinking, text as numbers, look-alikes.

use super::*;
use crate::json;
use crate::redact::Attachments;

fn source(data: &str) -> String {
    format!(
        r#"{{"messages":[{{"content":[{{"type":"document","source":{{"type":"base64","data":"{data}"}}}}]}}]}}"#
    )
}

const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ";

#[test]
fn what_nobody_can_read_is_refused_unless_it_is_allowed() {
    let open = Policy { attachments: Attachments::Allow, ..Policy::default() };
    let open = Masker::new(&open).unwrap();
    let url = format!("data:image/png;base64,{PNG}");
    for (surface, body, path) in [
        (Surface::Messages, source(PNG), "$.messages[0].content[0].source.data"),
        (
            Surface::Chat,
            format!(r#"{{"messages":[{{"content":[{{"image_url":{{"url":"{url}"}}}}]}}]}}"#),
            "$.messages[0].content[0].image_url.url",
        ),
        (
            Surface::Responses,
            format!(
                r#"{{"input":[{{"content":[{{"type":"input_image","image_url":"{url}"}}]}}]}}"#
            ),
            "$.input[0].content[0].image_url",
        ),
        (
            Surface::Responses,
            format!(
                r#"{{"input":[{{"output":{{"type":"computer_screenshot","image_url":"{url}"}}}}]}}"#
            ),
            "$.input[0].output.image_url",
        ),
        (
            Surface::Generate,
            format!(r#"{{"contents":[{{"parts":[{{"inlineData":{{"data":"{PNG}"}}}}]}}]}}"#),
            "$.contents[0].parts[0].inlineData.data",
        ),
        (Surface::Inputs, r#"{"input":[1,2]}"#.to_owned(), "$.input[0]"),
        (Surface::Inputs, r#"{"input":[[1],[2]]}"#.to_owned(), "$.input[0][0]"),
        (Surface::Completions, r#"{"prompt":[1]}"#.to_owned(), "$.prompt[0]"),
    ] {
        let text = format!(
            "what stands at {path} cannot be read, so nobody can say that it is clean (guardrails: attachments)"
        );
        check_refused(&masker(), surface, &body, "attachment-blocked", &text);
        let look = |masker: &Masker| {
            let walked = json::walk(body.as_bytes(), &mut masker.checker(surface, body.as_bytes()));
            walked.map_err(|error| Refusal::from(error).reason())
        };
        assert_eq!(look(&masker()), Err("attachment-blocked"), "{body}");
        assert_eq!(look(&open), Ok(()), "{body}");
        check_masked(&open, surface, &body, &body);
    }
}

#[test]
fn what_is_declared_or_looks_like_no_text_is_refused_though_it_is_utf8() {
    let open = Policy { attachments: Attachments::Allow, ..Policy::default() };
    let open = Masker::new(&open).unwrap();
    let blocked = Err("attachment-blocked");
    let typed = |kind: &str, data: &str| {
        let behind = format!(r#"{{"type":"base64","data":"{data}","media_type":"{kind}"}}"#);
        let before = format!(r#"{{"media_type":"{kind}","data":"{data}","type":"base64"}}"#);
        [behind, before]
    };
    let cases = [
        // `a,b`, which is text, and said to be none.
        (typed("application/pdf", "YSxi"), blocked),
        (typed("image/svg+xml", "YSxi"), blocked),
        (typed("application/octet-stream", "YSxi"), blocked),
        (typed("image/png", ""), blocked),
        // The first bytes of a picture.
        (typed("image/png", "iVBORw0KGgo="), blocked),
        (typed("text/plain", "iVBORw0KGgo="), blocked),
        // `%PDF-1.4` and `{\rtf1 a}`, said to be text.
        (typed("text/plain", "JVBERi0xLjQ="), blocked),
        (typed("text/plain", "e1xydGYxIGF9"), blocked),
        // `Köln` in Latin-1, and what is no base64.
        (typed("text/csv", "S/ZsbjtL"), blocked),
        (typed("text/csv", "not base64"), blocked),
        (typed("text/csv", "YSxi"), Ok(())),
        (typed("application/x-ndjson", "YSxi"), Ok(())),
        (typed("text/csv", ""), Ok(())),
    ];
    for (sources, wanted) in cases {
        for source in sources {
            let body = format!(r#"{{"messages":[{{"content":[{{"source":{source}}}]}}]}}"#);
            let surface = Surface::Messages;
            let sent = |masker: &Masker| {
                let sent = masker.request(surface, body.as_bytes(), &Memory::default());
                sent.map(|_| ()).map_err(|refusal| refusal.reason())
            };
            let look = |masker: &Masker| {
                let check = &mut masker.checker(surface, body.as_bytes());
                let walked = json::walk(body.as_bytes(), check);
                walked.map_err(|error| Refusal::from(error).reason())
            };
            assert_eq!((sent(&masker()), look(&masker())), (wanted, wanted), "{body}");
            assert_eq!((sent(&open), look(&open)), (Ok(()), Ok(())), "{body}");
        }
    }
    // Elsewhere the same words are a tool's own.
    let body = r#"{"messages":[{"content":[{"type":"tool_use","input":{"source":{"type":"base64","media_type":"image/png","data":"iVBORw0KGgo="}}}]}]}"#;
    check_masked(&masker(), Surface::Messages, body, body);
    for (surface, body) in [
        (
            Surface::Generate,
            r#"{"contents":[{"parts":[{"inlineData":{"data":"YSxi","mimeType":"application/pdf"}}]}]}"#,
        ),
        (Surface::Generate, r#"{"contents":[{"parts":[{"inlineData":{"data":"iVBORw0K"}}]}]}"#),
        (
            Surface::Chat,
            r#"{"messages":[{"content":[{"input_audio":{"data":"YSxi","format":"wav"}}]}]}"#,
        ),
        (
            Surface::Chat,
            r#"{"messages":[{"content":[{"file":{"file_data":"data:application/pdf;base64,YSxi"}}]}]}"#,
        ),
        (Surface::Chat, r#"{"messages":[{"content":[{"file":{"file_data":"iVBORw0K"}}]}]}"#),
    ] {
        let refused = masker().request(surface, body.as_bytes(), &Memory::default());
        assert_eq!(refused.map(|_| ()).map_err(|refusal| refusal.reason()), blocked, "{body}");
    }
}

#[test]
fn a_secret_in_a_document_in_base64_blocks() {
    // "AWS_SECRET: ghp_…" as a text file.
    let text = concat!("key gh", "p_a8Fk2LmQ9xRb4TzW1cVn8LpYd3Hs6GtJ5qWe");
    let mut data = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let group = chunk.iter().fold(0_u32, |group, byte| group << 8 | u32::from(*byte));
        let group = group << (8 * (3 - chunk.len()));
        for digit in 0..=chunk.len() {
            data.push(char::from(digits[(group >> (18 - 6 * digit) & 63) as usize]));
        }
    }
    data.push_str(&"=".repeat((4 - data.len() % 4) % 4));
    let body = source(&data);
    let refusal = masker().request(Surface::Messages, body.as_bytes(), &Broken).unwrap_err();
    assert_eq!(refusal.reason(), "blocked-label");
}

#[test]
fn signed_thinking_passes_as_it_came_and_raw_values_in_it_do_not() {
    let body = |thinking: &str| {
        format!(
            r#"{{"messages":[{{"role":"assistant","content":[{{"type":"thinking","thinking":"{thinking}","signature":"c2ln"}}]}}]}}"#
        )
    };
    let echo = body("Write <EMAIL_1>, PERSON_2 and \\u003cEMAIL_3\\u003e.");
    check_masked(&masker(), Surface::Messages, &echo, &echo);
    check_refused(
        &masker(),
        Surface::Messages,
        &body("a@b.co"),
        "unsafe-position",
        "EMAIL at $.messages[0].content[0].thinking cannot be masked there",
    );
}

#[test]
fn whatever_would_be_restored_is_a_literal_first() {
    let body = |text: &str| format!(r#"{{"system":"{text}"}}"#);
    check_masked(
        &masker(),
        Surface::Messages,
        &body("EMAIL_1 <email_2> &lt;PHONE_1&gt; a@b.co"),
        &body("<LITERAL_1> <LITERAL_2> <LITERAL_3> <EMAIL_1>"),
    );
    let code = body("MY_EMAIL_1 EMAIL_1_x email_1 $EMAIL_1 FOO_1 obj.EMAIL_1 EMAIL_1= <foo_1> a_1");
    check_masked(&masker(), Surface::Messages, &code, &code);
}
