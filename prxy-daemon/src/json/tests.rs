use std::convert::Infallible;
use std::fmt::Write as _;

use proptest::prelude::*;
use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess};

use super::*;

/// Every token with its path, one a line.
#[derive(Default)]
struct Trace(String);

impl<'a> Visitor<'a> for Trace {
    type Error = Infallible;

    fn string(&mut self, path: &Path<'a>, token: StringToken<'a>) -> Result<(), Infallible> {
        let kind = if token.is_key { "key" } else { "string" };
        writeln!(self.0, "{path} {kind} {:?}", token.decode()).unwrap();
        Ok(())
    }

    fn number(&mut self, path: &Path<'a>, token: NumberToken<'a>) -> Result<(), Infallible> {
        writeln!(self.0, "{path} number {}", token.raw()).unwrap();
        Ok(())
    }

    fn literal(&mut self, path: &Path<'a>, literal: Literal) -> Result<(), Infallible> {
        writeln!(self.0, "{path} {literal:?}").unwrap();
        Ok(())
    }

    fn enter(
        &mut self,
        path: &Path<'a>,
        container: Container,
        at: usize,
    ) -> Result<(), Infallible> {
        writeln!(self.0, "{path} {container:?} from {at}").unwrap();
        Ok(())
    }

    fn leave(
        &mut self,
        path: &Path<'a>,
        _container: Container,
        range: std::ops::Range<usize>,
    ) -> Result<(), Infallible> {
        writeln!(self.0, "{path} until {}", range.end).unwrap();
        Ok(())
    }
}

#[derive(Default)]
struct Strings<'a>(Vec<StringToken<'a>>);

impl<'a> Visitor<'a> for Strings<'a> {
    type Error = Infallible;

    fn string(&mut self, _path: &Path<'a>, token: StringToken<'a>) -> Result<(), Infallible> {
        self.0.push(token);
        Ok(())
    }
}

fn strings(source: &str) -> Vec<StringToken<'_>> {
    let mut strings = Strings::default();
    walk(source.as_bytes(), &mut strings).unwrap();
    strings.0
}

struct Nothing;

impl Visitor<'_> for Nothing {
    type Error = Infallible;
}

#[track_caller]
fn refuses(source: impl AsRef<[u8]>, kind: SyntaxKind, at: usize) {
    let source = source.as_ref();
    let error = walk(source, &mut Nothing).expect_err(&String::from_utf8_lossy(source));
    assert_eq!(error, WalkError::Syntax(SyntaxError { kind, at }));
}

#[test]
fn a_walk_shows_every_token_with_its_path() {
    let mut trace = Trace::default();
    let source = r#" {"a":[1,-2.5e+3,{"b c":"x\ny"}],"n":null,"t":true,"f":false,"e":{},"g":[]} "#;
    walk(source.as_bytes(), &mut trace).unwrap();
    let expected = "\
$ Object from 1
$ key \"a\"
$[\"…\"] Array from 6
$[\"…\"][0] number 1
$[\"…\"][1] number -2.5e+3
$[\"…\"][2] Object from 17
$[\"…\"][2] key \"b c\"
$[\"…\"][2][\"…\"] string \"x\\ny\"
$[\"…\"][2] until 31
$[\"…\"] until 32
$ key \"n\"
$[\"…\"] Null
$ key \"t\"
$[\"…\"] True
$ key \"f\"
$[\"…\"] False
$ key \"e\"
$[\"…\"] Object from 65
$[\"…\"] until 67
$ key \"g\"
$[\"…\"] Array from 72
$[\"…\"] until 74
$ until 75
";
    assert_eq!(trace.0, expected);
}

#[test]
fn what_is_not_json_is_refused_with_its_place() {
    use SyntaxKind::*;
    for (source, kind, at) in [
        ("", UnexpectedEnd, 0),
        ("  ", UnexpectedEnd, 2),
        ("{", UnexpectedEnd, 1),
        ("[1,]", UnexpectedByte, 3),
        ("[,1]", UnexpectedByte, 1),
        ("{\"a\":1,}", UnexpectedByte, 7),
        ("{\"a\" 1}", UnexpectedByte, 5),
        ("{a:1}", UnexpectedByte, 1),
        ("{1:1}", UnexpectedByte, 1),
        ("[1 2]", UnexpectedByte, 3),
        ("[1}", UnexpectedByte, 2),
        ("{} {}", TrailingData, 3),
        ("nulll", TrailingData, 4),
        ("nul", UnexpectedEnd, 3),
        ("nuLl", UnexpectedByte, 2),
        ("NaN", UnexpectedByte, 0),
        ("'a'", UnexpectedByte, 0),
        ("// c\n1", UnexpectedByte, 0),
        ("\u{a0}1", UnexpectedByte, 0),
        ("\"abc", UnexpectedEnd, 4),
        ("\"a\nb\"", ControlCharacter, 2),
        ("\"12345678\u{1f}\"", ControlCharacter, 9),
        ("\"\\x\"", BadEscape, 2),
        ("\"\\u12g4\"", BadEscape, 5),
        ("\"\\u12", UnexpectedEnd, 5),
        ("\"\\", UnexpectedEnd, 2),
        ("01", BadNumber, 1),
        ("-", BadNumber, 1),
        ("-a", BadNumber, 1),
        ("1.", BadNumber, 2),
        (".5", UnexpectedByte, 0),
        ("+1", UnexpectedByte, 0),
        ("1e", BadNumber, 2),
        ("1e+", BadNumber, 3),
        ("0x10", TrailingData, 1),
        ("\u{feff}{}", ByteOrderMark, 0),
    ] {
        refuses(source, kind, at);
    }
    refuses(b"\"a\xff\"", NotUtf8, 2);
    refuses(b"\"\xed\xa0\x80\"", NotUtf8, 1);
    refuses("[".repeat(129) + &"]".repeat(129), TooDeep, 128);
}

#[test]
fn depth_up_to_the_limit_is_walked() {
    let source = "[".repeat(128) + &"]".repeat(128);
    assert_eq!(walk(source.as_bytes(), &mut Nothing), Ok(()));
}

#[test]
fn a_visitors_error_ends_the_walk() {
    struct Stop(usize);
    impl<'a> Visitor<'a> for Stop {
        type Error = &'static str;
        fn number(&mut self, _: &Path<'a>, _: NumberToken<'a>) -> Result<(), &'static str> {
            self.0 += 1;
            if self.0 == 2 { Err("second") } else { Ok(()) }
        }
    }
    let mut stop = Stop(0);
    assert_eq!(walk(b"[1,2,3,", &mut stop), Err(WalkError::Visitor("second")));
    assert_eq!(stop.0, 2);
}

#[test]
fn strings_decode_whatever_their_spelling() {
    for (source, expected) in [
        (r#""""#, ""),
        (r#""plain""#, "plain"),
        (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
        (r#""\u003cEMAIL_1\u003E""#, "<EMAIL_1>"),
        (r#""\ud83d\ude00 ok""#, "😀 ok"),
        (r#""a\ud83d""#, "a\u{fffd}"),
        (r#""\ud83d\n""#, "\u{fffd}\n"),
        (r#""\ude00\ud83d""#, "\u{fffd}\u{fffd}"),
        (r#""\ud83d\ud83d\ude00""#, "\u{fffd}😀"),
        (r#""日本\u672c""#, "日本本"),
    ] {
        let tokens = strings(source);
        assert_eq!(tokens[0].decode(), expected, "{source}");
        assert!(tokens[0].is(expected));
        assert_eq!(tokens[0].escaped, source.contains('\\'));
    }
}

#[test]
fn a_decoded_range_finds_its_raw_bytes() {
    let source = r#"["x\u00e9\ud83d\ude00<é\n\ud800>end"]"#;
    let token = &strings(source)[0];
    let text = token.decode();
    let mut locator = token.locator();
    for (part, raw) in [
        ("x", "x"),
        ("é", r"\u00e9"),
        ("😀<", r"\ud83d\ude00<"),
        ("<é\n", r"<é\n"),
        ("\u{fffd}>", r"\ud800>"),
        ("end", "end"),
        ("xé", r"x\u00e9"),
    ] {
        let start = text.find(part).unwrap();
        let range = locator.raw_range(start..start + part.len());
        assert_eq!(&source[range], raw);
    }
    let all = locator.raw_range(0..text.len());
    assert_eq!(all, token.range);
}

#[test]
fn paths_match_patterns_whatever_the_spelling_of_keys() {
    struct Matches(Vec<String>);
    impl<'a> Visitor<'a> for Matches {
        type Error = Infallible;
        fn string(&mut self, path: &Path<'a>, token: StringToken<'a>) -> Result<(), Infallible> {
            if !token.is_key && path.matches(&["messages", "[]", "content"]) {
                self.0.push(format!("content {}", token.raw()));
            }
            if path.matches(&["messages", "*", "input", "**"]) {
                self.0.push(format!("input {}", token.raw()));
            }
            Ok(())
        }
    }
    let source = r#"{"messages":[{"c\u006fntent":"a","input":{"k":["v"]}},{"content":["b"]}],"content":"c"}"#;
    let mut matches = Matches(Vec::new());
    walk(source.as_bytes(), &mut matches).unwrap();
    assert_eq!(matches.0, ["content a", "input k", "input v"]);
}

#[test]
fn a_path_never_shows_a_key_that_may_be_a_value() {
    struct Last(String);
    impl<'a> Visitor<'a> for Last {
        type Error = Infallible;
        fn literal(&mut self, path: &Path<'a>, _: Literal) -> Result<(), Infallible> {
            self.0 = format!("{path} {path:?}");
            Ok(())
        }
    }
    for (key, shown) in [
        ("input_text", "$.input_text $.input_text"),
        ("mcpServers", "$.mcpServers $.mcpServers"),
        ("Zaphod", "$[\"…\"] $[\"…\"]"),
        ("user7", "$[\"…\"] $[\"…\"]"),
        ("a@b.org", "$[\"…\"] $[\"…\"]"),
        ("4111111111111111", "$[\"…\"] $[\"…\"]"),
        ("sk_live_4eC39HqLyjWDarjtT1zdp7dc", "$[\"…\"] $[\"…\"]"),
        ("", "$[\"…\"] $[\"…\"]"),
    ] {
        let mut last = Last(String::new());
        walk(format!("{{\"{key}\":null}}").as_bytes(), &mut last).unwrap();
        assert_eq!(last.0, shown);
    }
}

#[test]
fn debug_output_holds_no_text() {
    let source = r#"["secret",12345]"#;
    let shown = format!("{:?} {:?}", strings(source), Edits::new());
    assert!(!shown.contains("secret"), "{shown}");
}

#[test]
fn edits_change_their_ranges_and_nothing_else() {
    let source = b"0123456789";
    let mut edits = Edits::new();
    assert!(edits.is_empty());
    assert_eq!(edits.apply(source), source);
    edits.replace(7..9, b"<B>");
    edits.replace_text(1..3, "\"\n");
    edits.replace(10..10, b"end");
    assert_eq!(edits.len(), 3);
    assert_eq!(edits.apply(source), b"0\\\"\\n3456<B>9end");
}

#[test]
fn overlapping_edits_let_nothing_of_their_ranges_through() {
    let mut edits = Edits::new();
    edits.replace(2..6, b"<A>");
    edits.replace(4..8, b"<B>");
    edits.replace(5..6, b"<C>");
    assert_eq!(edits.apply(b"0123456789"), b"01<A><B><C>89");
}

#[test]
fn escaped_text_is_one_line_of_json() {
    let mut out = Vec::new();
    escape_into(&mut out, "a\"b\\c\n\r\t\u{0}\u{1f}\u{7f}é\u{2028}\u{2029}\u{2030}/");
    let expected = "a\\\"b\\\\c\\n\\r\\t\\u0000\\u001f\u{7f}é\\u2028\\u2029\u{2030}/";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

/// All strings of a document, keys and values, as `serde_json` reads them.
#[derive(Debug, Default, PartialEq)]
struct Reference(Vec<String>);

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> de::Visitor<'de> for Collect {
            type Value = Reference;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("anything")
            }
            fn visit_str<E>(self, text: &str) -> Result<Reference, E> {
                Ok(Reference(vec![text.to_owned()]))
            }
            fn visit_u64<E>(self, _: u64) -> Result<Reference, E> {
                Ok(Reference::default())
            }
            fn visit_i64<E>(self, _: i64) -> Result<Reference, E> {
                Ok(Reference::default())
            }
            fn visit_f64<E>(self, _: f64) -> Result<Reference, E> {
                Ok(Reference::default())
            }
            fn visit_bool<E>(self, _: bool) -> Result<Reference, E> {
                Ok(Reference::default())
            }
            fn visit_unit<E>(self) -> Result<Reference, E> {
                Ok(Reference::default())
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Reference, A::Error> {
                let mut all = Reference::default();
                while let Some(part) = seq.next_element::<Reference>()? {
                    all.0.extend(part.0);
                }
                Ok(all)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Reference, A::Error> {
                let mut all = Reference::default();
                while let Some((key, part)) = map.next_entry::<String, Reference>()? {
                    all.0.push(key);
                    all.0.extend(part.0);
                }
                Ok(all)
            }
        }
        deserializer.deserialize_any(Collect)
    }
}

fn string_literal() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[ -!#-\\[\\]-~]{0,20}",
        1 => "\\PC{0,4}".prop_map(|s| s.replace(['"', '\\'], "")),
        1 => Just("\\n".to_owned()),
        1 => Just("\\\"".to_owned()),
        1 => Just("\\ud83d\\uDE00".to_owned()),
        1 => "\\\\u00[0-9a-fA-F]{2}",
        1 => "\\\\u[2-7][0-9a-f]{3}",
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

fn document() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        string_literal(),
        "-?(0|[1-9][0-9]{0,5})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,2})?",
        Just("true".to_owned()),
        Just("null".to_owned()),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let space = "[ \\n\\t]{0,2}";
        prop_oneof![
            (prop::collection::vec(inner.clone(), 0..5), space)
                .prop_map(|(items, space)| format!("[{space}{}{space}]", items.join(","))),
            (prop::collection::vec((string_literal(), inner), 0..5), space).prop_map(
                |(items, space)| {
                    let members: Vec<_> =
                        items.iter().map(|(k, v)| format!("{k}{space}:{space}{v}")).collect();
                    format!("{{{}{space}}}", members.join(","))
                }
            ),
        ]
    })
}

fn agree(source: &[u8]) {
    let mut seen = Strings::default();
    let ours = walk(source, &mut seen);
    let grammar = std::str::from_utf8(source).ok().map(serde_json::from_str::<IgnoredAny>);
    let reference = matches!(grammar, Some(Ok(_)));
    if ours == Err(WalkError::Syntax(SyntaxError { kind: SyntaxKind::TooDeep, at: 128 })) {
        return;
    }
    assert_eq!(ours.is_ok(), reference, "{ours:?} {}", String::from_utf8_lossy(source));
    // Out-of-range numbers and lone surrogates are grammar, but no values to serde_json.
    if let Ok(reference) = serde_json::from_slice::<Reference>(source) {
        let decoded: Vec<String> = seen.0.iter().map(|token| token.decode().into_owned()).collect();
        assert_eq!(decoded, reference.0);
    }
}

proptest! {
    #[test]
    fn documents_read_as_serde_json_reads_them(source in document()) {
        agree(source.as_bytes());
        prop_assert!(walk(source.as_bytes(), &mut Nothing).is_ok());
    }

    #[test]
    fn damaged_documents_are_refused_exactly_when_serde_json_refuses(
        source in document(),
        at in any::<prop::sample::Index>(),
        damage in prop_oneof![
            prop::sample::select(b"\"\\{}[],:0123456789eE+-.tfn u\n\x1f\x7f\x80\xe2\xff".to_vec()),
            any::<u8>(),
        ],
        how in 0..3u8,
    ) {
        let mut bytes = source.into_bytes();
        let at = at.index(bytes.len());
        match how {
            0 => bytes[at] = damage,
            1 => bytes.insert(at, damage),
            _ => drop(bytes.remove(at)),
        }
        agree(&bytes);
    }

    #[test]
    fn random_bytes_are_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        agree(&bytes);
    }

    #[test]
    fn every_decoded_range_maps_to_bytes_that_decode_to_it(
        literal in string_literal(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let token = &strings(&literal)[0];
        let text = token.decode();
        let borders: Vec<usize> = (0..=text.len()).filter(|at| text.is_char_boundary(*at)).collect();
        let mut locator = token.locator();
        for cut in cuts.windows(2) {
            let (a, b) = (borders[cut[0].index(borders.len())], borders[cut[1].index(borders.len())]);
            let range = a.min(b)..a.max(b);
            let raw = locator.raw_range(range.clone());
            let part = format!("\"{}\"", &literal[raw]);
            prop_assert_eq!(strings(&part)[0].decode(), &text[range]);
        }
    }

    #[test]
    fn escaped_text_comes_back(text in any::<String>()) {
        let mut out = b"\"".to_vec();
        escape_into(&mut out, &text);
        out.push(b'"');
        prop_assert_eq!(&serde_json::from_slice::<String>(&out).unwrap(), &text);
        let source = String::from_utf8(out).unwrap();
        prop_assert_eq!(strings(&source)[0].decode(), text);
    }
}

#[test]
#[ignore = "prints a figure; run in release"]
fn throughput_of_walk() {
    let prose = "The quick brown fox jumps over the lazy dog, again and again. ".repeat(20_000);
    let code = "fn main() {\\n    println!(\\\"{}\\\", 1 < 2);\\n}\\n".repeat(20_000);
    let small = r#"{"role":"user","content":[{"type":"text","text":"hi there"}]},"#.repeat(20_000);
    for (name, source) in [
        ("prose", format!("\"{prose}\"")),
        ("code", format!("\"{code}\"")),
        ("messages", format!("[{}1]", small)),
    ] {
        let started = std::time::Instant::now();
        let rounds = 50;
        for _ in 0..rounds {
            walk(std::hint::black_box(source.as_bytes()), &mut Nothing).unwrap();
        }
        let seconds = started.elapsed().as_secs_f64();
        println!("walk {name}: {:.2} GB/s", (source.len() * rounds) as f64 / seconds / 1e9);
    }
}
