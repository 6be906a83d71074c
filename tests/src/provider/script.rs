//! What a mock provider answers, and how the answer is cut into events and writes.

use std::time::Duration;

/// An answer and the way it is sent.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// What is said.
    pub reply: Reply,
    /// How a streamed answer is cut.
    pub split: Split,
    /// How it ends.
    pub ending: Ending,
}

/// What a mock provider says.
#[derive(Clone, Debug, Default)]
pub enum Reply {
    /// The last text of the user, as received: its placeholders come back.
    #[default]
    Echo,
    /// This text.
    Text(String),
    /// A tool call whose arguments hold what the user wrote and every placeholder seen.
    Tool(ToolCall),
    /// A status other than 200 and a body.
    Status(u16, String),
    /// A redirect to this URL.
    Redirect(String),
    /// These exact bytes, head included, then close.
    Raw(Vec<u8>),
    /// Nothing, until the client goes away.
    Silence,
}

/// How a tool call is written.
#[derive(Clone, Debug)]
pub struct ToolCall {
    /// The tool's name.
    pub name: String,
    /// How angle brackets are written inside the argument's JSON.
    pub brackets: Brackets,
}

/// How `<` and `>` are written inside JSON that the model produces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Brackets {
    /// As they are.
    Plain,
    /// As `\u003c` and `\u003e`.
    Escaped,
}

/// How a streamed answer is cut.
#[derive(Clone, Debug)]
pub struct Split {
    /// How much text each delta holds.
    pub delta: Delta,
    /// How the bytes of the stream are cut into writes.
    pub write: Write,
    /// The end of each line.
    pub newline: Newline,
    /// Whether comment lines stand between events.
    pub comments: Comments,
    /// A pause after each write.
    pub pause: Duration,
}

/// How much text one delta holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delta {
    /// All of it.
    Whole,
    /// At most this many bytes, cut at a character's boundary.
    Bytes(usize),
    /// One character.
    Char,
}

/// How the bytes of a stream are cut into TCP writes (and HTTP chunks).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// All at once.
    Whole,
    /// One write for each event.
    Event,
    /// One write for so many events.
    Events(usize),
    /// Writes of so many bytes, wherever that cuts.
    Bytes(usize),
    /// Two writes, cut at this byte.
    At(usize),
}

/// The end of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Newline {
    /// `\n`
    Lf,
    /// `\r\n`
    CrLf,
}

/// Whether comments stand between events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comments {
    /// None.
    Absent,
    /// `: keep-alive` before each event.
    Present,
}

/// How an answer ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// As it should.
    #[default]
    Clean,
    /// The connection is cut after so many bytes of body.
    CutAfter(usize),
    /// Nothing more comes after so many writes; the connection stays open.
    HangAfter(usize),
}

impl Default for Split {
    fn default() -> Self {
        Self {
            delta: Delta::Bytes(5),
            write: Write::Event,
            newline: Newline::Lf,
            comments: Comments::Absent,
            pause: Duration::ZERO,
        }
    }
}

impl Script {
    /// This reply, sent in the usual way.
    pub fn reply(reply: Reply) -> Self {
        Self { reply, ..Self::default() }
    }

    /// An echo, cut in this way.
    pub fn echo(split: Split) -> Self {
        Self { split, ..Self::default() }
    }

    /// A call of `name`, cut in this way.
    pub fn tool(name: &str, brackets: Brackets, split: Split) -> Self {
        let reply = Reply::Tool(ToolCall { name: name.into(), brackets });
        Self { reply, split, ending: Ending::Clean }
    }
}

impl Split {
    /// Every way of cutting that has broken a gateway before.
    pub fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for delta in [Delta::Whole, Delta::Char, Delta::Bytes(2), Delta::Bytes(7)] {
            for write in [Write::Whole, Write::Event, Write::Events(3), Write::Bytes(1)] {
                all.push(Self { delta, write, ..Self::default() });
            }
        }
        for newline in [Newline::Lf, Newline::CrLf] {
            for comments in [Comments::Absent, Comments::Present] {
                for write in [Write::Event, Write::Bytes(1), Write::Bytes(13)] {
                    all.push(Self { newline, comments, write, ..Self::default() });
                }
            }
        }
        all
    }

    /// Cuts text into deltas.
    pub fn deltas<'a>(&self, text: &'a str) -> Vec<&'a str> {
        let limit = match self.delta {
            Delta::Whole => return vec![text],
            Delta::Char => 1,
            Delta::Bytes(limit) => limit.max(1),
        };
        let mut deltas = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let first = rest.chars().next().map_or(1, char::len_utf8);
            let mut end = limit.clamp(first, rest.len().max(first));
            while !rest.is_char_boundary(end) {
                end -= 1;
            }
            deltas.push(&rest[..end]);
            rest = &rest[end..];
        }
        deltas
    }

    /// Joins events into a stream and cuts that into writes. An event comes as (name, data).
    pub fn writes(&self, events: &[(Option<&str>, String)]) -> Vec<Vec<u8>> {
        let end = if self.newline == Newline::Lf { "\n" } else { "\r\n" };
        let texts = events.iter().map(|(name, data)| {
            let mut text = String::new();
            if self.comments == Comments::Present {
                text.push_str(&format!(": keep-alive{end}{end}"));
            }
            if let Some(name) = name {
                text.push_str(&format!("event: {name}{end}"));
            }
            text.push_str(&format!("data: {data}{end}{end}"));
            text.into_bytes()
        });
        match self.write {
            Write::Whole => vec![texts.flatten().collect()],
            Write::Event => texts.collect(),
            Write::Events(n) => {
                let texts: Vec<_> = texts.collect();
                texts.chunks(n.max(1)).map(<[_]>::concat).collect()
            }
            Write::Bytes(n) => {
                let bytes: Vec<u8> = texts.flatten().collect();
                bytes.chunks(n.max(1)).map(<[_]>::to_vec).collect()
            }
            Write::At(at) => {
                let bytes: Vec<u8> = texts.flatten().collect();
                let (first, second) = bytes.split_at(at.min(bytes.len()));
                [first, second].iter().filter(|p| !p.is_empty()).map(|p| p.to_vec()).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cutting_loses_and_adds_nothing() {
        let text = "héllo <EMAIL_1> 😀 wörld";
        for split in Split::all() {
            assert_eq!(split.deltas(text).concat(), text, "{split:?}");
        }
        let events = [(Some("a"), "1".to_owned()), (None, "2".to_owned())];
        let whole = Split { write: Write::Whole, ..Split::default() }.writes(&events).concat();
        for write in [Write::Event, Write::Events(9), Write::Bytes(1), Write::At(3), Write::At(99)]
        {
            let split = Split { write, ..Split::default() };
            assert_eq!(split.writes(&events).concat(), whole, "{write:?}");
        }
        assert_eq!(String::from_utf8(whole).unwrap(), "event: a\ndata: 1\n\ndata: 2\n\n");
    }
}
