//! Text full of personal data and secrets, all of it made up, and requests that carry it.

use serde_json::{Value, json};

use crate::http;
use crate::provider::Format;

/// Personal data as it stands in `TICKET`: label and exact spelling.
pub const PERSONAL: &[(&str, &str)] = &[
    ("PERSON", "Jane"),
    ("EMAIL", "jane.doe@acme-mail.com"),
    ("EMAIL", "Ops+Berlin@sub.acme-mail.co.uk"),
    ("PHONE", "+1 415-555-2671"),
    ("NATIONAL_ID", "536-22-1849"),
    ("CREDIT_CARD", "4111 1111 1111 1111"),
    ("IBAN", "DE89 3704 0044 0532 0130 00"),
    ("IP_ADDRESS", "81.2.69.142"),
    ("IP_ADDRESS", "2a00:1450:4001:81b::200e"),
];

/// A support ticket that holds all of `PERSONAL`, one value twice, and look-alikes.
pub const TICKET: &str = "Ticket 4711: Jane (jane.doe@acme-mail.com, phone +1 415-555-2671) cannot \
log in since build 10.2.3.\nHer SSN 536-22-1849 and card 4111 1111 1111 1111 were typed into the \
wrong form; please refund to DE89 3704 0044 0532 0130 00.\nCopies went to \
Ops+Berlin@sub.acme-mail.co.uk. Login came from 81.2.69.142 and 2a00:1450:4001:81b::200e, not \
from 127.0.0.1. Answer to jane.doe@acme-mail.com, \"quoted\" \\ with 😀 and a < b, order 2026-11-21.";

/// Look-alikes in `TICKET` that must reach the provider as they are.
pub const HARMLESS: &[&str] = &["Ticket 4711", "127.0.0.1", "a < b", "2026-11-21", "😀"];

/// Secrets, each of which blocks a request: what it is and its text, put together at run time so
/// that this file does not look like a leak.
pub fn secrets() -> Vec<(&'static str, String)> {
    let tail = "9fK2mQx7Rb4TzW1cVn8LpYd3";
    let join = |parts: &[&str]| parts.concat();
    vec![
        ("openai", join(&["sk-", "a8Fk2LmQ9xRb4TzW1cVn", "T3Blbk", "FJ", "8LpYd3Hs6GtJ5qWe7ZuX"])),
        ("anthropic", join(&["sk-", "ant-api03-", tail, tail, tail, &tail[..21], "AA"])),
        ("aws", join(&["AK", "IA", "Q3EGRZ7WX5PLM2TN"])),
        ("github", join(&["gh", "p_", "a8Fk2LmQ9xRb4TzW1cVn8LpYd3Hs6GtJ5qWe"])),
        ("google", join(&["AI", "za", "SyD9fK2mQx7Rb4TzW1cVn8LpYd3Hs6GtJ5q"])),
        ("slack", join(&["xo", "xb-", "238497561029-2384975610293-", tail])),
        ("stripe", join(&["sk_", "live_", tail])),
        ("bearer", join(&["Authorization: ", "Bearer ", tail, tail])),
        (
            "jwt",
            join(&[
                "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
                ".eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkphbmUifQ",
                ".SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c",
            ]),
        ),
        (
            "pem",
            join(&[
                "-----BEGIN ",
                "PRIVATE KEY-----\n",
                "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg9fK2mQx7Rb4TzW1c\n",
                "-----END ",
                "PRIVATE KEY-----",
            ]),
        ),
    ]
}

/// The path of a format.
pub fn path(format: Format) -> &'static str {
    match format {
        Format::Anthropic => "/v1/messages",
        Format::OpenAi => "/v1/chat/completions",
    }
}

/// How an answer is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// In one piece.
    Whole,
    /// As a stream of events.
    Streamed,
}

/// A request with one user message.
pub fn ask(format: Format, text: &str, delivery: Delivery) -> Value {
    let stream = delivery == Delivery::Streamed;
    let messages = json!([{"role": "user", "content": text}]);
    match format {
        Format::Anthropic => json!({"model": "claude-sonnet-4-5", "max_tokens": 1024,
            "stream": stream, "messages": messages}),
        Format::OpenAi => json!({"model": "gpt-5", "stream": stream, "messages": messages}),
    }
}

/// The bytes of a request that posts JSON.
pub fn post(path: &str, body: &Value) -> Vec<u8> {
    let headers = [("content-type", "application/json"), ("x-api-key", "test-key")];
    http::request("POST", path, &headers, body.to_string().as_bytes())
}

/// The bytes of a request with one user message.
pub fn request(format: Format, text: &str, delivery: Delivery) -> Vec<u8> {
    post(path(format), &ask(format, text, delivery))
}

/// A request with `text` in one place, for each place where a provider would read it.
pub fn everywhere(format: Format, text: &str) -> Vec<(&'static str, Value)> {
    let schema = json!({"type": "object", "properties": {"to": {"type": "string",
        "description": text}}, "required": ["to"]});
    let input = json!({"to": text, "deep": [{"er": text}], "n": 1.50});
    let mut places = vec![("user message", ask(format, text, Delivery::Whole))];
    let mut place = |name, edit: &dyn Fn(&mut Value)| {
        let mut request = ask(format, "please go on", Delivery::Whole);
        edit(&mut request);
        places.push((name, request));
    };
    match format {
        Format::Anthropic => {
            place("system", &|r| r["system"] = json!(text));
            place("system blocks", &|r| {
                r["system"] = json!([{"type": "text", "text": text,
                "cache_control": {"type": "ephemeral"}}])
            });
            place("text block", &|r| {
                r["messages"][0]["content"] = json!([{"type": "text", "text": text}]);
            });
            place("earlier turns", &|r| {
                r["messages"] = json!([{"role": "user", "content": text},
                    {"role": "assistant", "content": [{"type": "text", "text": text}]},
                    {"role": "user", "content": "and now?"}]);
            });
            place("tool definition", &|r| {
                r["tools"] = json!([{"name": "mail", "description": text, "input_schema": schema}]);
            });
            let used = |result: Value| {
                json!([{"role": "user", "content": "go"},
                    {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1",
                        "name": "mail", "input": input}]},
                    {"role": "user", "content": [{"type": "tool_result",
                        "tool_use_id": "toolu_1", "content": result}]}])
            };
            place("tool_use input", &|r| r["messages"] = used(json!("ok")));
            place("tool_result text", &|r| r["messages"] = used(json!(text)));
            place("tool_result blocks", &|r| {
                r["messages"] = used(json!([{"type": "text", "text": text}]));
            });
        }
        Format::OpenAi => {
            place("system", &|r| {
                r["messages"] = json!([{"role": "system", "content": text},
                    {"role": "developer", "content": text}, {"role": "user", "content": "go"}]);
            });
            place("text part", &|r| {
                r["messages"][0]["content"] = json!([{"type": "text", "text": text}]);
            });
            place("earlier turns", &|r| {
                r["messages"] = json!([{"role": "user", "content": text},
                    {"role": "assistant", "content": text},
                    {"role": "user", "content": "and now?"}]);
            });
            place("tool definition", &|r| {
                r["tools"] = json!([{"type": "function", "function":
                    {"name": "mail", "description": text, "parameters": schema}}]);
            });
            let used = |result: Value| {
                json!([{"role": "user", "content": "go"},
                    {"role": "assistant", "content": null, "tool_calls": [{"id": "call_1",
                        "type": "function",
                        "function": {"name": "mail", "arguments": input.to_string()}}]},
                    {"role": "tool", "tool_call_id": "call_1", "content": result}])
            };
            place("tool call arguments", &|r| r["messages"] = used(json!("ok")));
            place("tool message", &|r| r["messages"] = used(json!(text)));
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ticket_holds_what_it_claims() {
        for (label, value) in PERSONAL {
            assert!(TICKET.contains(value), "{label}");
        }
        for harmless in HARMLESS {
            assert!(TICKET.contains(harmless), "{harmless}");
        }
    }

    #[test]
    fn every_place_holds_the_text() {
        for format in [Format::Anthropic, Format::OpenAi] {
            for (place, request) in everywhere(format, "NEEDLE") {
                assert!(request.to_string().contains("NEEDLE"), "{format:?} {place}");
            }
        }
    }
}
