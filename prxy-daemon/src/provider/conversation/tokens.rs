//! How many tokens a conversation takes: counted where the vocabulary is public, else estimated high.
//!
//! OpenAI's newer models are counted with their own vocabulary, which is loaded when the first of
//! their requests comes (some 70 MB). For everything else [`estimate`] takes at least what the
//! provider's tokenizer takes for prose, code and JSON; see `docs/pipeline/ipc.md` for how much more.

use super::memo::Memo;
use super::{Conversation, Item, Part, Tool};
use crate::json::{Node, Value};

/// How a text is turned into a number of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tokenizer {
    /// The vocabulary of GPT-4o and all that came after it.
    O200k,
    /// [`estimate`].
    Estimate,
}

impl Tokenizer {
    /// The one for a model, by the name that the provider gives it.
    pub fn of(model: &str) -> Self {
        let name = model.rsplit('/').next().unwrap_or(model);
        let name = name.strip_prefix("ft:").unwrap_or(name);
        let known = O200K.iter().any(|family| name.starts_with(family));
        if known { Self::O200k } else { Self::Estimate }
    }

    /// How many tokens `text` is.
    pub fn count(self, text: &str) -> u64 {
        match self {
            Self::O200k => bpe_openai::o200k_base().count(text) as u64,
            Self::Estimate => estimate(text),
        }
    }
}

/// What a text takes at most, but for rare scripts and noise.
///
/// Every four letters of a word, or two capitals, are a token, and so is every other visible
/// character, every line, and every run of blanks beyond the one before a word. Of alphabets outside ASCII two letters are
/// one, of scripts with thousands of them two are three.
pub fn estimate(text: &str) -> u64 {
    let mut tokens = 0;
    let mut rest = text.chars().peekable();
    while let Some(symbol) = rest.next() {
        let mut run = |same: fn(&char) -> bool| {
            let mut length = 1_u64;
            while rest.next_if(same).is_some() {
                length += 1;
            }
            length
        };
        tokens += match symbol {
            'a'..='z' => run(char::is_ascii_lowercase).div_ceil(4),
            'A'..='Z' => match run(char::is_ascii_uppercase) {
                1 => run(char::is_ascii_lowercase).div_ceil(4),
                capitals => capitals.div_ceil(2),
            },
            ' ' => u64::from(run(|symbol| *symbol == ' ') > 1),
            _ if symbol.is_ascii() => 1,
            '\u{80}'..='\u{2ff}' => 1,
            '\u{300}'..='\u{7ff}' => run(|symbol| symbol.len_utf8() == 2).div_ceil(2),
            _ if symbol.len_utf8() == 3 => (3 * run(|symbol| symbol.len_utf8() == 3)).div_ceil(2),
            _ => 3,
        };
    }
    tokens
}

/// Counts, and remembers what it has counted.
#[derive(Debug)]
pub struct Counter {
    known: Memo<u64>,
}

impl Default for Counter {
    fn default() -> Self {
        Self { known: Memo::new(MEMORY) }
    }
}

impl Counter {
    /// What an item takes, with the marks around it.
    pub fn item(&self, model: &str, source: &[u8], item: &Item<'_>) -> u64 {
        self.remembered(model, source, item.node, |tokenizer| {
            AROUND + item.parts.iter().map(|part| in_part(tokenizer, model, part)).sum::<u64>()
        })
    }

    /// What stands above the turns: the system prompt, the tools, and the frame of the answer.
    pub fn fixed(&self, model: &str, source: &[u8], conversation: &Conversation<'_>) -> u64 {
        let tools = conversation.tools.iter().map(|tool| self.tool(model, source, tool));
        let system = conversation.system.iter().map(|node| {
            self.remembered(model, source, node, |tokenizer| match node.text() {
                Some(text) => tokenizer.count(&text),
                None => as_spelled(tokenizer, source, node),
            })
        });
        FRAME + tools.sum::<u64>() + system.sum::<u64>()
    }

    /// What the declaration of a tool takes.
    pub fn tool(&self, model: &str, source: &[u8], tool: &Tool<'_>) -> u64 {
        self.remembered(model, source, tool.node, |tokenizer| {
            AROUND + as_spelled(tokenizer, source, tool.node)
        })
    }

    fn remembered(
        &self,
        model: &str,
        source: &[u8],
        node: &Node<'_>,
        count: impl FnOnce(Tokenizer) -> u64,
    ) -> u64 {
        let tokenizer = Tokenizer::of(model);
        let costly = is_costly(model);
        let rule = u8::from(tokenizer == Tokenizer::O200k) + 2 * u8::from(costly);
        let spelled = source.get(node.range.clone()).unwrap_or_default();
        self.known.remember(rule, spelled, || Some(count(tokenizer))).unwrap_or(u64::MAX / 4)
    }
}

fn in_part(tokenizer: Tokenizer, model: &str, part: &Part<'_>) -> u64 {
    match part {
        Part::Text(node) | Part::Said(node) | Part::Thinking(node) => {
            AROUND + node.text().map_or(0, |text| tokenizer.count(&text))
        }
        Part::Call { name, input, .. } => {
            let input = input.map_or(0, |input| match input.text() {
                Some(text) => tokenizer.count(&text),
                None => spelled(tokenizer, input),
            });
            2 * AROUND + tokenizer.count(name) + input
        }
        Part::Result { .. } => 2 * AROUND,
        Part::Found(name) => AROUND + tokenizer.count(name),
        Part::Attachment(node) => attachment(model, node),
        // Base64 of what was once text, or a signature that counts for less.
        Part::Opaque(node) => node.range.len() as u64 / 4,
        Part::Other(node) => AROUND + spelled(tokenizer, node),
    }
}

/// A value as it is spelled in the request, marks and all.
fn as_spelled(tokenizer: Tokenizer, source: &[u8], node: &Node<'_>) -> u64 {
    let spelled = source.get(node.range.clone()).unwrap_or_default();
    std::str::from_utf8(spelled).map_or(spelled.len() as u64, |text| tokenizer.count(text))
}

/// The same without the document at hand: the sum over keys and values, and one for each mark.
fn spelled(tokenizer: Tokenizer, node: &Node<'_>) -> u64 {
    match &node.value {
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| 3 + tokenizer.count(key.raw()) + spelled(tokenizer, value))
            .sum::<u64>(),
        Value::Array(elements) => {
            2 + elements.iter().map(|element| 1 + spelled(tokenizer, element)).sum::<u64>()
        }
        Value::Text(token) => 2 + tokenizer.count(token.raw()),
        Value::Number(token) => 1 + tokenizer.count(token.raw()),
        Value::Literal(_) => 2,
    }
}

/// Images by the most that a model takes for one, documents by their size.
fn attachment(model: &str, node: &Node<'_>) -> u64 {
    let bytes = longest(node) as u64 * 3 / 4;
    let kind = node.text_of("type").unwrap_or_default();
    let image = kind.contains("image") || kind.contains("screenshot");
    let mime = node
        .any(&["inlineData", "inline_data", "fileData", "file_data"])
        .and_then(|data| data.any(&["mimeType", "mime_type"]))
        .and_then(Node::text);
    if image || mime.is_some_and(|mime| mime.starts_with("image/")) {
        return if is_costly(model) { COSTLY_IMAGE } else { IMAGE };
    }
    (bytes / BYTES_OF_A_TOKEN).clamp(LEAST_DOCUMENT, MOST_DOCUMENT)
}

/// Models that take many times more for an image than their kin.
fn is_costly(model: &str) -> bool {
    model.contains("gpt-4o-mini")
}

/// The longest string in a value: the data, if there is some.
fn longest(node: &Node<'_>) -> usize {
    match &node.value {
        Value::Object(members) => members.iter().map(|(_, node)| longest(node)).max().unwrap_or(0),
        Value::Array(elements) => elements.iter().map(longest).max().unwrap_or(0),
        Value::Text(token) => token.range.len(),
        _ => 0,
    }
}

/// OpenAI's families with this vocabulary; the older ones (GPT-4, GPT-3.5) are estimated.
const O200K: [&str; 10] =
    ["gpt-4o", "gpt-4.1", "gpt-4.5", "gpt-5", "gpt-oss", "o1", "o3", "o4", "chatgpt-4o", "codex"];
/// What stands around a message, a block or a tool: role and separators.
const AROUND: u64 = 4;
/// What a provider adds of its own: the frame of the answer, and the preamble of tools, which is
/// 300 to 700 tokens where it is published.
const FRAME: u64 = 700;
/// More than a picture of the greatest size takes with any provider at its default.
const IMAGE: u64 = 5_000;
/// A picture of 1024 by 1024 is 25,501 for these.
const COSTLY_IMAGE: u64 = 48_000;
/// Of a PDF, whose pages count as text and as pictures.
const BYTES_OF_A_TOKEN: u64 = 6;
const LEAST_DOCUMENT: u64 = 5_000;
/// One hundred pages of the densest kind.
const MOST_DOCUMENT: u64 = 450_000;
/// At some 50 bytes an entry, both generations stay below 2 MB.
const MEMORY: usize = 16_384;
