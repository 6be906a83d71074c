use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use super::super::{KeptTools, Stream, whole};
use super::{Fixed, empty, vault};
use crate::provider::Surface;

/// Text with placeholders, beginnings of placeholders and everything that looks like one.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "<EMAIL_1>", "<EMAIL_2>", "<PERSON_1>", "EMAIL_1", " EMAIL_2. ", "&lt;PERSON_1&gt;", "<email_1>",
            "<PERSON_1s>", "<PERSON_2's>", "\\u003cEMAIL_1\\u003e", "<EMAIL\\_1>", "<PERSON_10>", "<PERSON_12>", "<API_KEY_1>",
            "<API_KEY_2>", "<LITERAL_1>", "<LITERAL_2>",
        ]).prop_map(str::to_owned),
        2 => prop::sample::select(vec![
            "<", "<E", "<EMAIL_", "&lt;", "&g", "EMAIL_", "E", ".", "-", "'s", "s", "x", "$", "EMAIL_1=", "<EMAIL_1", "<PERSON_1", "<API_KEY", "<EMAIL_9>", "<PHONE_1>", ">", "<<",
            "a < b", "\\", "\\u003c", "\\u", "u003c", "003c", "\"", "\n", "\u{2028}", "_1>", "</b>",
        ]).prop_map(str::to_owned),
        2 => "\\PC{0,6}",
        1 => "[ a-zA-Z_0-9<>]{0,10}",
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// What a text must come back as: what it comes back as in one piece.
fn expected(text: &str, tool: bool, vault: &Fixed) -> String {
    let message =
        if tool { json!({"function_call": {"arguments": text}}) } else { json!({"content": text}) };
    let body = json!({"choices": [{"message": message}]}).to_string();
    let restored = whole(Surface::Chat, body.as_bytes(), vault, &KeptTools::default());
    let restored: Value = serde_json::from_slice(&restored.unwrap_or(body.into_bytes())).unwrap();
    let message = &restored["choices"][0]["message"];
    let text = if tool { &message["function_call"]["arguments"] } else { &message["content"] };
    text.as_str().unwrap().to_owned()
}

/// A spelling of `text` as a JSON string: 0 plain, 1 with escaped brackets, 2 all escaped.
fn spell(text: &str, spelling: u8) -> String {
    let mut out = serde_json::to_string(text).unwrap();
    match spelling {
        0 => {}
        1 => out = out.replace('<', "\\u003c").replace('>', "\\u003E"),
        _ => {
            let units = text.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
            out = format!("\"{}\"", units.collect::<String>());
        }
    }
    out
}

fn cut<'a>(text: &'a str, cuts: &[Index]) -> Vec<&'a str> {
    let borders: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let mut places: Vec<usize> = cuts.iter().map(|cut| borders[cut.index(borders.len())]).collect();
    places.extend([0, text.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect()
}

fn feed(surface: Surface, vault: Arc<Fixed>, stream: &[u8], sizes: &[usize]) -> Vec<u8> {
    let mut rehydrate = Stream::new(surface, vault);
    let (mut out, mut rest, mut sizes) = (Vec::new(), stream, sizes.iter().cycle());
    while !rest.is_empty() {
        let (chunk, later) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
        rehydrate.push(chunk, &mut out);
        rest = later;
    }
    rehydrate.finish(&mut out);
    out
}

/// The data of every event, as a plain client reads them.
fn data(stream: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(stream).unwrap().replace("\r\n", "\n");
    let mut events = Vec::new();
    for event in text.split_terminator("\n\n") {
        let data = event.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
        events.push(if data == "[DONE]" {
            json!(data)
        } else {
            serde_json::from_str(data).unwrap()
        });
    }
    events
}

/// One lane of a generated stream: where it goes, its text, and how it is cut and spelled.
#[derive(Debug, Clone)]
struct Source {
    index: u64,
    tool: Option<u64>,
    text: String,
    cuts: Vec<Index>,
    spelling: u8,
}

fn source() -> impl Strategy<Value = Source> {
    (
        0..3u64,
        prop::option::of(0..2u64),
        text(),
        prop::collection::vec(any::<Index>(), 0..12),
        0..3u8,
    )
        .prop_map(|(index, tool, text, cuts, spelling)| Source {
            index,
            tool,
            text,
            cuts,
            spelling,
        })
}

fn sources() -> impl Strategy<Value = Vec<Source>> {
    prop::collection::vec(source(), 1..4).prop_map(|mut sources| {
        sources.sort_by_key(|source| (source.index, source.tool));
        sources.dedup_by_key(|source| (source.index, source.tool));
        sources
    })
}

/// What the provider streams in a lane: prose, or for a tool the spelled JSON of `{text: text}`.
fn streamed(source: &Source) -> String {
    match source.tool {
        None => source.text.clone(),
        Some(_) => {
            let string = spell(&source.text, source.spelling);
            format!("{{{string}:{string}}}")
        }
    }
}

fn open_ai(sources: &[Source], order: &[Index], end: &str) -> Vec<u8> {
    let texts: Vec<String> = sources.iter().map(streamed).collect();
    let pieces: Vec<Vec<&str>> =
        sources.iter().zip(&texts).map(|(s, text)| cut(text, &s.cuts)).collect();
    let mut next = vec![0; sources.len()];
    let mut order = order.iter().cycle();
    let mut out = String::new();
    while next.iter().zip(&pieces).any(|(next, pieces)| *next < pieces.len()) {
        let open: Vec<usize> =
            (0..sources.len()).filter(|lane| next[*lane] < pieces[*lane].len()).collect();
        let lane = open[order.next().unwrap().index(open.len())];
        let raw = spell(pieces[lane][next[lane]], (sources[lane].spelling + 1) % 3);
        next[lane] += 1;
        let delta = match sources[lane].tool {
            None => format!("{{\"content\":{raw}}}"),
            Some(tool) => format!(
                "{{\"tool_calls\":[{{\"index\":{tool},\"function\":{{\"arguments\":{raw}}}}}]}}"
            ),
        };
        let index = sources[lane].index;
        out += &format!(
            "data: {{\"id\":\"c\",\"choices\":[{{\"index\":{index},\"delta\":{delta}}}]}}{end}{end}"
        );
    }
    for index in 0..3 {
        out += &format!(
            "data: {{\"choices\":[{{\"index\":{index},\"delta\":{{}},\"finish_reason\":\"stop\"}}]}}{end}{end}"
        );
    }
    (out + "data: [DONE]" + end + end).into_bytes()
}

fn anthropic(sources: &[Source], end: &str) -> Vec<u8> {
    let mut out = String::new();
    for (index, source) in sources.iter().enumerate() {
        let text = streamed(source);
        for piece in cut(&text, &source.cuts) {
            let (kind, field) = if source.tool.is_some() {
                ("input_json_delta", "partial_json")
            } else {
                ("text_delta", "text")
            };
            let raw = spell(piece, (source.spelling + 1) % 3);
            out += &format!(
                "event: content_block_delta{end}data: {{\"type\":\"content_block_delta\",\"index\":{index},\"delta\":{{\"type\":\"{kind}\",\"{field}\":{raw}}}}}{end}{end}"
            );
        }
        out += &format!(
            "event: content_block_stop{end}data: {{\"type\":\"content_block_stop\",\"index\":{index}}}{end}{end}"
        );
    }
    out.into_bytes()
}

fn restored(source: &Source, vault: &Fixed) -> Value {
    let text = expected(&streamed(source), source.tool.is_some(), vault);
    read(source, &text)
}

fn read(source: &Source, text: &str) -> Value {
    if source.tool.is_some() { serde_json::from_str(text).unwrap() } else { json!(text) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn completions_come_back_whatever_the_cuts(
        sources in sources(),
        order in prop::collection::vec(any::<Index>(), 1..20),
        sizes in prop::collection::vec(1..120usize, 1..20),
        end in prop::sample::select(vec!["\n", "\r\n"]),
    ) {
        let given = open_ai(&sources, &order, end);
        let out = feed(Surface::Chat, vault(), &given, &sizes);
        let mut texts: BTreeMap<(u64, Option<u64>), String> = BTreeMap::new();
        let mut finished = vec![];
        let events = data(&out);
        for event in &events {
            let Some(choice) = event.get("choices").map(|choices| &choices[0]) else { continue };
            let index = choice["index"].as_u64().unwrap();
            prop_assert!(!finished.contains(&index));
            if choice["finish_reason"].is_string() {
                finished.push(index);
            }
            if let Some(content) = choice["delta"]["content"].as_str() {
                texts.entry((index, None)).or_default().push_str(content);
            }
            let call = &choice["delta"]["tool_calls"][0];
            if let Some(part) = call["function"]["arguments"].as_str() {
                texts.entry((index, call["index"].as_u64())).or_default().push_str(part);
            }
        }
        for source in &sources {
            let text = &texts[&(source.index, source.tool)];
            prop_assert_eq!(read(source, text), restored(source, &vault()));
        }
        prop_assert_eq!(events.last(), Some(&json!("[DONE]")));
        prop_assert!(events.len() <= data(&given).len() + sources.len());
    }

    #[test]
    fn messages_come_back_whatever_the_cuts(
        sources in sources(),
        sizes in prop::collection::vec(1..120usize, 1..20),
        end in prop::sample::select(vec!["\n", "\r\n"]),
    ) {
        let given = anthropic(&sources, end);
        let out = feed(Surface::Messages, vault(), &given, &sizes);
        let mut texts = vec![String::new(); sources.len()];
        let mut stopped = 0;
        let events = data(&out);
        for event in &events {
            let index = usize::try_from(event["index"].as_u64().unwrap()).unwrap();
            prop_assert_eq!(index, stopped);
            stopped += usize::from(event["type"] == "content_block_stop");
            for field in ["text", "partial_json"] {
                texts[index].push_str(event["delta"][field].as_str().unwrap_or(""));
            }
        }
        for (source, text) in sources.iter().zip(&texts) {
            prop_assert_eq!(read(source, text), restored(source, &vault()));
        }
        prop_assert!(events.len() <= data(&given).len() + sources.len());
    }

    #[test]
    fn an_empty_vault_leaves_every_byte(
        sources in sources(),
        order in prop::collection::vec(any::<Index>(), 1..20),
        sizes in prop::collection::vec(1..120usize, 1..20),
        end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
    ) {
        let given = open_ai(&sources, &order, end);
        prop_assert_eq!(&feed(Surface::Chat, empty(), &given, &sizes), &given);
        let given = anthropic(&sources, end);
        prop_assert_eq!(&feed(Surface::Messages, empty(), &given, &sizes), &given);
    }

    #[test]
    fn damaged_streams_are_never_a_panic_and_events_stay_apart(
        sources in sources(),
        order in prop::collection::vec(any::<Index>(), 1..20),
        damage in prop::collection::vec((any::<Index>(), any::<u8>(), any::<bool>()), 1..6),
        sizes in prop::collection::vec(1..120usize, 1..20),
    ) {
        for (surface, mut given) in [
            (Surface::Chat, open_ai(&sources, &order, "\n")),
            (Surface::Messages, anthropic(&sources, "\n")),
        ] {
            for (at, byte, insert) in &damage {
                let at = at.index(given.len());
                if *insert { given.insert(at, *byte) } else { given[at] = *byte }
            }
            let whole = feed(surface, vault(), &given, &[given.len()]);
            prop_assert_eq!(feed(surface, vault(), &given, &sizes), whole);
        }
    }

    #[test]
    fn random_bytes_pass(bytes in prop::collection::vec(any::<u8>(), 0..300), sizes in prop::collection::vec(1..9usize, 1..9)) {
        for surface in [Surface::Messages, Surface::Chat, Surface::Responses, Surface::Generate] {
            prop_assert_eq!(&feed(surface, vault(), &bytes, &sizes), &bytes);
        }
    }
}

#[test]
#[ignore = "prints a figure; run in release"]
fn throughput_of_stream() {
    let event = |text: &str| {
        format!(
            "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":\"{text}\"}}}}\n\n"
        )
    };
    for (name, texts) in [
        ("plain", vec!["hello there "]),
        ("escapes", vec!["a\\n\\\"b\\\" "]),
        ("placeholders", vec!["to <EMAIL_1> and"]),
        ("split placeholders", vec!["to <EMA", "IL_1> and"]),
    ] {
        let events: Vec<String> = texts.iter().map(|text| event(text)).collect();
        let mut stream = Stream::new(Surface::Messages, vault());
        let mut out = Vec::new();
        let rounds = 200_000;
        let started = std::time::Instant::now();
        for event in events.iter().cycle().take(rounds) {
            out.clear();
            stream.push(std::hint::black_box(event.as_bytes()), &mut out);
            std::hint::black_box(&out);
        }
        let each = started.elapsed().as_nanos() as f64 / rounds as f64;
        println!("stream {name}: {each:.0} ns per event");
    }
}
