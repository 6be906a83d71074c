//! Made-up conversations of agents: the same seed makes the same one, on every surface.

use serde_json::{Map, Value, json};

use super::strict::{Rules, signature};

/// Numbers that look random (xorshift64*).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The same seed gives the same numbers.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `end`, which is above 0.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }

    /// True once in `of` times.
    pub fn one_in(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }

    /// One of these.
    pub fn pick<'p>(&mut self, from: &[&'p str]) -> &'p str {
        from[self.below(from.len())]
    }
}

/// How a conversation is made.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// How often the user speaks.
    pub turns: usize,
    /// How many rounds of calls follow at most.
    pub rounds: usize,
    /// How many words a text has at most.
    pub words: usize,
    /// How many words a tool says at most.
    pub said: usize,
    /// In one of how many of the user's texts there is a picture; 0: in none.
    pub pictures: usize,
    /// What the user's texts are about, in turn; without any, about nothing.
    pub topics: &'static [Topic],
}

/// What a user wants.
#[derive(Debug)]
pub struct Topic {
    /// How the text begins.
    pub text: &'static str,
    /// What the model calls for it.
    pub tools: &'static [&'static str],
}

/// A conversation as it grows.
#[derive(Debug)]
pub struct Session {
    /// Whose shape it has.
    pub rules: Rules,
    /// Everything but the list of turns.
    pub frame: Map<String, Value>,
    /// The turns.
    pub items: Vec<Value>,
    /// After how many items the client sends a request.
    pub requests: Vec<usize>,
}

impl Session {
    /// Makes one; `names` are the tools that it calls.
    pub fn new(rules: Rules, seed: u64, shape: Shape, names: &[&str]) -> Self {
        let mut dice = Dice::new(seed);
        let frame = frame(rules, &mut dice);
        let mut session = Self { rules, frame, items: Vec::new(), requests: Vec::new() };
        if rules == Rules::Chat && dice.one_in(2) {
            session.items.push(json!({"role": "system", "content": prose(&mut dice, 20)}));
        }
        for turn in 0..shape.turns {
            let topic = shape.topics.get(turn % shape.topics.len().max(1));
            let names = topic.map_or(names, |topic| topic.tools);
            let mut text = prose(&mut dice, shape.words);
            if let Some(topic) = topic {
                text = format!("{} {text}", topic.text);
            }
            let item = session.user(&text, shape, &mut dice);
            session.items.push(item);
            if matches!(rules, Rules::Chat | Rules::Responses) && dice.one_in(12) {
                let order = json!({"role": "developer", "content": prose(&mut dice, 12)});
                let mut order = order;
                if rules == Rules::Responses {
                    order["type"] = "message".into();
                }
                session.items.push(order);
            }
            session.requests.push(session.items.len());
            for round in 0..dice.below(shape.rounds + 1) {
                session.round(&format!("{turn}x{round}"), shape, names, &mut dice);
                session.requests.push(session.items.len());
            }
            if turn + 1 < shape.turns {
                let text = prose(&mut dice, shape.words);
                session.answer(&format!("{turn}x"), &text, &mut dice);
            }
        }
        session
    }

    /// The request with the first `count` items, marked as coding agents do.
    pub fn request(&self, count: usize) -> Vec<u8> {
        let mut items = self.items[..count].to_vec();
        if self.rules == Rules::Messages {
            mark(&mut items);
        }
        self.body(items)
    }

    /// The same without marks, which move from request to request.
    pub fn unmarked(&self, count: usize) -> Vec<u8> {
        self.body(self.items[..count].to_vec())
    }

    fn body(&self, items: Vec<Value>) -> Vec<u8> {
        let mut body = self.frame.clone();
        let key = match self.rules {
            Rules::Messages | Rules::Chat => "messages",
            Rules::Responses => "input",
            Rules::Generate => "contents",
        };
        body.insert(key.to_owned(), items.into());
        serde_json::to_vec(&body).unwrap_or_default()
    }

    fn user(&self, text: &str, shape: Shape, dice: &mut Dice) -> Value {
        match self.rules {
            Rules::Messages if shape.pictures > 0 && dice.one_in(shape.pictures) => {
                json!({"role": "user", "content": [
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}},
                {"type": "text", "text": text}]})
            }
            Rules::Messages if dice.one_in(2) => {
                json!({"role": "user", "content": [{"type": "text", "text": text}]})
            }
            Rules::Messages | Rules::Chat => json!({"role": "user", "content": text}),
            Rules::Responses if dice.one_in(2) => {
                json!({"type": "message", "role": "user", "content": text})
            }
            Rules::Responses => json!({"type": "message", "role": "user",
                "content": [{"type": "input_text", "text": text}]}),
            Rules::Generate => json!({"role": "user", "parts": [{"text": text}]}),
        }
    }

    fn answer(&mut self, id: &str, text: &str, dice: &mut Dice) {
        match self.rules {
            Rules::Messages => {
                let mut blocks = thought(dice);
                blocks.push(json!({"type": "text", "text": text}));
                self.items.push(json!({"role": "assistant", "content": blocks}));
            }
            Rules::Chat => self.items.push(json!({"role": "assistant", "content": text})),
            Rules::Responses => {
                if dice.one_in(2) {
                    self.items.push(reasoning(id));
                }
                self.items.push(json!({"type": "message", "role": "assistant",
                    "content": [{"type": "output_text", "text": text, "annotations": []}]}));
            }
            Rules::Generate => {
                self.items.push(json!({"role": "model", "parts": [{"text": text}]}));
            }
        }
    }

    /// The model calls tools, which answer.
    fn round(&mut self, id: &str, shape: Shape, names: &[&str], dice: &mut Dice) {
        let calls: Vec<(String, &str, Value)> = (0..1 + dice.below(3))
            .map(|n| {
                let input = json!({"path": dice.pick(PATHS), "query": prose(dice, 6)});
                (format!("call_{id}_{n}"), dice.pick(names), input)
            })
            .collect();
        let said: Vec<String> = calls.iter().map(|_| prose(dice, shape.said)).collect();
        match self.rules {
            Rules::Messages => {
                let mut blocks = thought(dice);
                if blocks.is_empty() {
                    blocks = signed();
                }
                blocks.extend(calls.iter().map(|(id, name, input)| {
                    json!({"type": "tool_use", "id": id, "name": name, "input": input})
                }));
                let results: Vec<Value> = calls
                    .iter()
                    .zip(&said)
                    .map(|((id, ..), said)| match dice.one_in(2) {
                        true => json!({"type": "tool_result", "tool_use_id": id, "content": said}),
                        false => json!({"type": "tool_result", "tool_use_id": id,
                            "content": [{"type": "text", "text": said}]}),
                    })
                    .collect();
                self.items.push(json!({"role": "assistant", "content": blocks}));
                self.items.push(json!({"role": "user", "content": results}));
            }
            Rules::Chat => {
                let calls: Vec<Value> = calls
                    .iter()
                    .map(|(id, name, input)| {
                        json!({"id": id, "type": "function",
                            "function": {"name": name, "arguments": input.to_string()}})
                    })
                    .collect();
                let answers = calls.iter().zip(&said).map(|(call, said)| {
                    json!({"role": "tool", "tool_call_id": call["id"], "content": said})
                });
                let answers: Vec<Value> = answers.collect();
                self.items.push(json!({"role": "assistant", "content": null, "tool_calls": calls}));
                self.items.extend(answers);
            }
            Rules::Responses => {
                let reasoned = dice.one_in(2);
                if reasoned {
                    self.items.push(reasoning(id));
                }
                // Some clients put each result behind its call, some behind all of them.
                let mixed = dice.one_in(3);
                let (mut all, mut answers) = (Vec::new(), Vec::new());
                for (n, ((call, name, input), said)) in calls.iter().zip(&said).enumerate() {
                    let own = match reasoned {
                        true => format!("fc_of_rs_{id}_{n}"),
                        false => format!("fc_{id}_{n}"),
                    };
                    all.push(json!({"type": "function_call", "id": own, "call_id": call,
                        "name": name, "arguments": input.to_string()}));
                    let answer =
                        json!({"type": "function_call_output", "call_id": call, "output": said});
                    if mixed { all.push(answer) } else { answers.push(answer) }
                }
                self.items.extend(all.into_iter().chain(answers));
            }
            Rules::Generate => {
                let parts: Vec<Value> = calls
                    .iter()
                    .enumerate()
                    .map(|(n, (_, name, input))| {
                        let mut part = json!({"functionCall": {"name": name, "args": input}});
                        if n == 0 {
                            part["thoughtSignature"] = signature(name).into();
                        }
                        part
                    })
                    .collect();
                let answers: Vec<Value> = calls
                    .iter()
                    .zip(&said)
                    .map(|((_, name, _), said)| {
                        json!({"functionResponse": {"name": name, "response": {"result": said}}})
                    })
                    .collect();
                self.items.push(json!({"role": "model", "parts": parts}));
                self.items.push(json!({"role": "user", "parts": answers}));
            }
        }
    }
}

fn frame(rules: Rules, dice: &mut Dice) -> Map<String, Value> {
    let system = prose(dice, 30);
    let frame = match rules {
        Rules::Messages => json!({"model": "lab", "max_tokens": 100, "stream": true,
            "thinking": {"type": "enabled", "budget_tokens": 50},
            "system": [{"type": "text", "text": system, "cache_control": {"type": "ephemeral"}}]}),
        Rules::Chat => json!({"model": "lab", "max_completion_tokens": 100, "temperature": 0.5}),
        Rules::Responses => json!({"model": "lab", "max_output_tokens": 100, "store": false,
            "instructions": system}),
        Rules::Generate => json!({"generationConfig": {"maxOutputTokens": 100},
            "systemInstruction": {"parts": [{"text": system}]}}),
    };
    frame.as_object().cloned().unwrap_or_default()
}

/// As coding agents do: the last two turns of the user say up to where the provider remembers.
fn mark(items: &mut [Value]) {
    let users = items.iter_mut().rev().filter(|item| item["role"] == "user");
    for item in users.filter(|item| item["content"].is_array()).take(2) {
        if let Some(block) = item["content"].as_array_mut().and_then(|blocks| blocks.last_mut()) {
            block["cache_control"] = json!({"type": "ephemeral"});
        }
    }
}

fn thought(dice: &mut Dice) -> Vec<Value> {
    if dice.one_in(2) { signed() } else { Vec::new() }
}

fn signed() -> Vec<Value> {
    let text = "I should look first.";
    vec![json!({"type": "thinking", "thinking": text, "signature": signature(text)})]
}

fn reasoning(id: &str) -> Value {
    let id = format!("rs_{id}");
    let sealed = signature(&id);
    json!({"type": "reasoning", "id": id, "summary": [], "encrypted_content": sealed})
}

/// Sentences of one to `most` words.
pub fn prose(dice: &mut Dice, most: usize) -> String {
    let mut text = String::new();
    for n in 0..1 + dice.below(most) {
        if n > 0 {
            text.push_str(if dice.one_in(9) { ". " } else { " " });
        }
        text.push_str(match dice.below(40) {
            0 => dice.pick(PATHS),
            1 => dice.pick(CUES),
            2 => "\"quoted\\\n",
            _ => dice.pick(WORDS),
        });
    }
    text
}

const PATHS: &[&str] = &[
    "src/main.rs",
    "src/billing/retry.rs",
    "docs/design.md",
    "config/limits.yaml",
    "migrations/0042_add_index.sql",
    "web/app.tsx",
    "Cargo.toml",
    "tests/orders.py",
];
const CUES: &[&str] = &[
    "we decided to keep the old format",
    "todo check the second region",
    "error: timed out",
    "never deploy on a Friday",
    "the root cause was the cache",
    "next step is the migration",
];
const WORDS: &[&str] = &[
    "the", "order", "service", "returns", "a", "list", "of", "invoices", "and", "each", "retry",
    "waits", "for", "queue", "region", "limit", "index", "customer", "table", "größer", "東京",
    "deploy", "branch", "merge", "review", "issue", "ticket", "calendar", "meeting", "latency",
    "budget", "report", "export", "schema", "column", "token", "cache", "worker", "thread",
    "socket", "packet", "signal", "buffer", "parser", "printer", "window", "button", "colour",
];
