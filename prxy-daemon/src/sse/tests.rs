use proptest::prelude::*;

use super::*;

fn events(splitter: &mut Splitter, chunk: &[u8]) -> Vec<String> {
    splitter.push(chunk).map(|event| text(event.unwrap().raw())).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[track_caller]
fn splits(stream: &str, expected: &[&str], rest: &str) {
    let mut splitter = Splitter::new();
    assert_eq!(events(&mut splitter, stream.as_bytes()), expected);
    assert_eq!(text(&splitter.finish()), rest);
}

#[test]
fn events_end_at_a_blank_line_of_any_kind() {
    splits("data: a\n\ndata: b\n\n", &["data: a\n\n", "data: b\n\n"], "");
    splits("data: a\r\n\r\ndata: b\r\n\r\n", &["data: a\r\n\r\n", "data: b\r\n\r\n"], "");
    splits("data: a\r\rdata: b\r\r", &["data: a\r\r", "data: b\r\r"], "");
    splits("data: a\n\r\ndata: b\r\n\n", &["data: a\n\r\n", "data: b\r\n\n"], "");
    splits(": ping\n\n\n\ndata: a\n\n", &[": ping\n\n", "\n", "\n", "data: a\n\n"], "");
}

#[test]
fn bytes_without_a_blank_line_come_out_at_the_end() {
    splits("data: a\n\ndata: [DONE]", &["data: a\n\n"], "data: [DONE]");
    splits("data: a\n\ndata: [DONE]\n", &["data: a\n\n"], "data: [DONE]\n");
    splits("", &[], "");
}

#[test]
fn an_event_that_ends_in_a_carriage_return_is_not_kept_waiting_for_a_line_feed() {
    let mut splitter = Splitter::new();
    assert_eq!(events(&mut splitter, b"data: a\r\n\r"), ["data: a\r\n\r"]);
    assert_eq!(events(&mut splitter, b"\ndata: b\r\n\r\n"), ["\n", "data: b\r\n\r\n"]);
}

#[test]
fn fields_are_found_in_their_own_bytes() {
    for (raw, name, payload) in [
        ("event: ping\ndata: {}\n\n", Some("ping"), Some("{}")),
        ("data:{}\n\n", None, Some("{}")),
        ("data:  {}\r\n\r\n", None, Some(" {}")),
        ("\ndata: x\n\n", None, Some("x")),
        ("data\n\n", None, Some("")),
        ("data: a\ndata: b\n\n", None, Some("a\nb")),
        (": data: x\n\n", None, None),
        ("database: x\n\n", None, None),
        ("\u{feff}data: x\n\n", None, Some("x")),
        ("id: 1\nevent: a\nevent: b\nretry: 3\n\n", Some("b"), None),
        ("data: no end", None, Some("no end")),
        ("\n", None, None),
    ] {
        let event = Event::new(raw.as_bytes());
        assert_eq!(event.name().map(text).as_deref(), name, "{raw:?}");
        assert_eq!(event.payload().map(|p| text(&p.bytes)).as_deref(), payload, "{raw:?}");
    }
}

#[test]
fn new_data_leave_every_other_byte_as_it_is() {
    for (raw, data, expected) in [
        (": c\nevent:x\ndata:old\nid: 7\n\n", "new", ": c\nevent:x\ndata:new\nid: 7\n\n"),
        ("data: old\r\n\r\n", "new", "data: new\r\n\r\n"),
        ("data: old", "new", "data: new"),
        ("data: a\r\n: c\r\ndata: b\r\n\r\n", "x\ny", "data: x\r\ndata: y\r\n: c\r\n\r\n"),
        ("data: a\rdata: b\r\r", "x", "data: x\r\r"),
    ] {
        let event = Event::new(raw.as_bytes());
        let mut out = Vec::new();
        event.write_with(&event.payload().unwrap(), data.as_bytes(), &mut out);
        assert_eq!(text(&out), expected);
    }
}

#[test]
fn an_event_without_end_is_refused_and_loses_nothing() {
    let mut splitter = Splitter::new();
    let chunk = vec![b'x'; MAX_EVENT_BYTES / 2];
    assert_eq!(events(&mut splitter, b"data: a\n\ndata: "), ["data: a\n\n"]);
    assert!(splitter.push(&chunk).next().is_none());
    let mut last = splitter.push(&chunk);
    assert_eq!(last.next().unwrap().unwrap_err(), TooLarge);
    assert!(last.next().is_none());
    assert_eq!(splitter.finish().len(), MAX_EVENT_BYTES + 6);

    let whole = ["data: a\n\ndata: ", &"x".repeat(MAX_EVENT_BYTES), "\n\ndata: b\n\n"].concat();
    let mut last = splitter.push(whole.as_bytes());
    assert_eq!(last.next().unwrap().unwrap().raw(), b"data: a\n\n");
    assert_eq!(last.next().unwrap().unwrap_err(), TooLarge);
    assert!(last.next().is_none());
    assert_eq!(splitter.finish(), &whole.as_bytes()[9..]);
}

#[test]
fn a_long_event_in_small_pieces_is_searched_once() {
    let mut splitter = Splitter::new();
    for _ in 0..(1 << 20) {
        assert!(splitter.push(b"01234567").next().is_none());
    }
    assert_eq!(events(&mut splitter, b"\n\n").len(), 1);
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        "data: ?\\PC{0,12}",
        Just(String::new()),
        Just("event: content_block_delta".to_owned()),
        ":[ a-z]{0,5}",
    ];
    let end = prop::sample::select(vec!["\n", "\r\n", "\r"]);
    prop::collection::vec((line, end), 0..20).prop_map(|lines| {
        lines.iter().flat_map(|(line, end)| [line.as_bytes(), end.as_bytes()].concat()).collect()
    })
}

proptest! {
    #[test]
    fn the_cuts_between_chunks_change_nothing(
        stream in stream(),
        sizes in prop::collection::vec(1..9usize, 1..20),
    ) {
        let mut whole = Splitter::new();
        let expected = payloads(whole.push(&stream));
        let mut splitter = Splitter::new();
        let (mut seen, mut bytes, mut rest, mut sizes) = (vec![], vec![], &stream[..], sizes.iter().cycle());
        while !rest.is_empty() {
            let (chunk, later) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
            rest = later;
            let complete: Vec<_> = splitter.push(chunk).map(Result::unwrap).collect();
            bytes.extend(complete.iter().flat_map(|event| event.raw().to_vec()));
            seen.extend(payloads(complete.into_iter().map(Ok)));
        }
        prop_assert_eq!(seen, expected);
        bytes.extend(splitter.finish());
        prop_assert_eq!(bytes, stream);
    }
}

fn payloads<'a>(events: impl Iterator<Item = Result<Event<'a>, TooLarge>>) -> Vec<Option<Vec<u8>>> {
    // A line feed that comes after its carriage return is an event without fields.
    let raw = events.map(Result::unwrap).filter(|event| event.raw() != b"\n");
    raw.map(|event| event.payload().map(|payload| payload.bytes.into_owned())).collect()
}
