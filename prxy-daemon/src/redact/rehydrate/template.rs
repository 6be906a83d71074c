//! The extra event that brings held text when no event of the provider can.

use crate::json::escape_into;
use crate::provider::answer::Field;

/// One text of a stream: a content block, or a field of a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lane {
    /// The provider's index of the block, choice, item or candidate.
    pub(super) index: u64,
    /// Which of its texts.
    pub(super) field: Field,
    /// The provider's index of the tool call or of the part of an item; [`THOUGHT`]. 0 where there is none.
    pub(super) tool: u64,
}

/// An event up to its text, and from there on.
#[derive(Default)]
pub(super) struct Template {
    before: Vec<u8>,
    after: Vec<u8>,
}

/// What stands around the JSON of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// Server-sent events.
    Events,
    /// An array that grows, or lines.
    Documents,
}

/// The parts of an event that its followers share.
pub(super) struct Shape<'a> {
    pub(super) framing: Framing,
    /// The event's name.
    pub(super) name: Option<&'a [u8]>,
    /// How it ends its lines.
    pub(super) line_end: &'a [u8],
    /// Its own members that are strings or numbers, such as `"id":"…"`.
    pub(super) members: &'a mut dyn Iterator<Item = &'a [u8]>,
}

impl Template {
    /// An event of this shape with text for `lane`.
    pub(super) fn new(lane: Lane, shape: Shape<'_>) -> Self {
        let Lane { index, tool, .. } = lane;
        let mut before = Vec::with_capacity(256);
        let events = matches!(shape.framing, Framing::Events);
        if let Some(name) = shape.name.filter(|name| events && name.len() <= MAX_NAME) {
            before.extend_from_slice(b"event: ");
            before.extend_from_slice(if is_block(lane.field) {
                b"content_block_delta"
            } else {
                name
            });
            before.extend_from_slice(shape.line_end);
        }
        before.extend_from_slice(if events { b"data: {" } else { b"{" });
        let (head, tail) = match lane.field {
            Field::BlockText => (block(index, "text_delta\",\"text"), "\"}}"),
            Field::BlockInput => (block(index, "input_json_delta\",\"partial_json"), "\"}}"),
            Field::Content => (delta(index, "\"content"), "\"},\"finish_reason\":null}]}"),
            Field::Refusal => (delta(index, "\"refusal"), "\"},\"finish_reason\":null}]}"),
            Field::ReasoningContent => {
                (delta(index, "\"reasoning_content"), "\"},\"finish_reason\":null}]}")
            }
            Field::Reasoning => (delta(index, "\"reasoning"), "\"},\"finish_reason\":null}]}"),
            Field::Transcript => {
                (delta(index, "\"audio\":{\"transcript"), "\"}},\"finish_reason\":null}]}")
            }
            Field::FunctionArguments => {
                (delta(index, "\"function_call\":{\"arguments"), "\"}},\"finish_reason\":null}]}")
            }
            Field::ToolArguments => (
                delta(
                    index,
                    &format!("\"tool_calls\":[{{\"index\":{tool},\"function\":{{\"arguments"),
                ),
                "\"}}]},\"finish_reason\":null}]}",
            ),
            Field::ToolInput => (
                delta(index, &format!("\"tool_calls\":[{{\"index\":{tool},\"custom\":{{\"input")),
                "\"}}]},\"finish_reason\":null}]}",
            ),
            Field::Text => (
                format!("\"choices\":[{{\"index\":{index},\"text\":\""),
                "\",\"finish_reason\":null}]}",
            ),
            // What the event says beside its delta places it.
            Field::Delta => ("\"delta\":\"".to_owned(), "\",\"logprobs\":[]}"),
            Field::Summary | Field::ItemArguments | Field::ItemInput => {
                ("\"delta\":\"".to_owned(), "\"}")
            }
            Field::PartText => {
                let thought = if tool == THOUGHT { "\"thought\":true," } else { "" };
                let part = format!(
                    "\"candidates\":[{{\"index\":{index},\"content\":{{\"role\":\"model\",\"parts\":[{{{thought}\"text\":\""
                );
                (part, "\"}]}}]}")
            }
        };
        if !is_block(lane.field) {
            for member in
                shape.members.filter(|member| member.len() <= MAX_MEMBER).take(MAX_MEMBERS)
            {
                before.extend_from_slice(member);
                before.push(b',');
            }
        }
        before.extend_from_slice(head.as_bytes());
        let end = if events { shape.line_end } else { b"" };
        let after = [tail.as_bytes(), end, end].concat();
        Self { before, after }
    }

    /// Appends the event with `text`.
    pub(super) fn write(&self, text: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.before);
        escape_into(out, text);
        out.extend_from_slice(&self.after);
    }
}

fn is_block(field: Field) -> bool {
    matches!(field, Field::BlockText | Field::BlockInput)
}

fn block(index: u64, kind: &str) -> String {
    format!("\"type\":\"content_block_delta\",\"index\":{index},\"delta\":{{\"type\":\"{kind}\":\"")
}

fn delta(index: u64, field: &str) -> String {
    format!("\"choices\":[{{\"index\":{index},\"delta\":{{{field}\":\"")
}

/// The `tool` of a lane of Google's that is a thought.
pub(super) const THOUGHT: u64 = 1;
/// What is longer or more is left out of extra events: a provider must not make prxy keep it.
const MAX_NAME: usize = 64;
const MAX_MEMBER: usize = 512;
const MAX_MEMBERS: usize = 16;
