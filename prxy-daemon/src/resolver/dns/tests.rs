use proptest::prelude::*;

use super::*;

const NAME: &str = "api.example.com";

fn secret(id: u8) -> Secret {
    let mut secret = [0xa5; 34];
    secret[0] = 0;
    secret[1] = id;
    secret
}

fn question() -> Question {
    Question::new(NAME, Kind::A, secret(7)).unwrap()
}

/// An answer that repeats `question`, with these records.
fn reply(question: &Question, flags: u16, records: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = question.bytes();
    bytes[2..4].copy_from_slice(&flags.to_be_bytes());
    bytes[6..8].copy_from_slice(&u16::try_from(records.len()).unwrap().to_be_bytes());
    bytes.extend(records.concat());
    bytes
}

/// A record; an empty owner is a pointer to the question's name.
fn record(owner: &str, kind: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = match owner {
        "" => vec![0xc0, 12],
        owner => encode_name(owner).unwrap(),
    };
    bytes.extend(kind.to_be_bytes());
    bytes.extend([0, 1]);
    bytes.extend(ttl.to_be_bytes());
    bytes.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    bytes.extend(data);
    bytes
}

fn alias(owner: &str, target: &str) -> Vec<u8> {
    record(owner, TYPE_CNAME, 90, &encode_name(target).unwrap())
}

fn address(owner: &str, last: u8) -> Vec<u8> {
    record(owner, TYPE_A, 300, &[192, 0, 2, last])
}

fn found(last: &[u8], ttl: u32) -> Result<Answer, DnsError> {
    let address = |last: &u8| IpAddr::from([192, 0, 2, *last]);
    Ok(Answer::Addresses(last.iter().map(address).collect(), ttl))
}

#[test]
fn records_come_to_these_addresses() {
    let long: Vec<_> = (0..8)
        .map(|i| alias(&format!("n{i}.example"), &format!("n{}.example", i + 1)))
        .chain([alias("", "n0.example")])
        .collect();
    let with = |records: &[Vec<u8>], owner: &str| [records, &[address(owner, 1)]].concat();
    type Case = (&'static str, Vec<Vec<u8>>, Result<Answer, DnsError>);
    let cases: Vec<Case> = vec![
        ("nothing", vec![], found(&[], 0)),
        ("one", vec![address("", 1)], found(&[1], 300)),
        (
            "smallest ttl",
            vec![address("", 1), record("", 1, 60, &[192, 0, 2, 2])],
            found(&[1, 2], 60),
        ),
        ("ttl 0", vec![record("", 1, 0, &[192, 0, 2, 1])], found(&[1], 0)),
        ("ttl 2^31-1", vec![record("", 1, 0x7fff_ffff, &[192, 0, 2, 1])], found(&[1], 0x7fff_ffff)),
        ("ttl 2^31 is none", vec![record("", 1, 1 << 31, &[192, 0, 2, 1])], found(&[1], 0)),
        ("stranger", vec![address("evil.example", 66)], found(&[], 0)),
        ("beside a stranger", vec![address("evil.example", 66), address("", 1)], found(&[1], 300)),
        ("parent", vec![address("example.com", 66)], found(&[], 0)),
        ("other case", vec![address("API.eXample.com", 1)], found(&[1], 300)),
        ("wrong type", vec![record("", 28, 60, &[0; 16])], found(&[], 0)),
        ("a of 16 bytes", vec![record("", 1, 60, &[0; 16])], found(&[], 0)),
        ("https record", vec![record("", 65, 60, &[0, 1, 0]), address("", 1)], found(&[1], 300)),
        ("aliased", vec![alias("", "b.example"), address("b.example", 1)], found(&[1], 90)),
        ("alias behind", vec![address("b.example", 1), alias("", "b.example")], found(&[1], 90)),
        ("alias elsewhere", vec![alias("", "b.example"), address("c.example", 1)], found(&[], 0)),
        ("alias alone", vec![alias("", "b.example")], found(&[], 0)),
        ("beside an alias", vec![alias("", "b.example"), address("", 66)], found(&[], 0)),
        ("alias to itself", vec![alias("", NAME), address("", 1)], found(&[], 0)),
        (
            "loop",
            vec![alias("", "b.example"), alias("b.example", NAME), address("", 1)],
            found(&[], 0),
        ),
        ("longest chain", with(&long[1..], "n8.example"), found(&[], 0)),
        ("eight aliases", with(&[&long[..7], &long[8..]].concat(), "n7.example"), found(&[1], 90)),
        ("nine aliases", with(&long, "n8.example"), found(&[], 0)),
    ];
    for (case, records, expected) in cases {
        let question = question();
        for over in [Over::Udp, Over::Tcp] {
            let read = question.read(&reply(&question, 0x8180, &records), over);
            assert_eq!(read, expected, "{case}");
        }
    }
    let other_class = {
        let mut bytes = address("", 66);
        bytes[5] = 3;
        bytes
    };
    let question = question();
    assert_eq!(question.read(&reply(&question, 0x8180, &[other_class]), Over::Udp), found(&[], 0));
}

#[test]
fn records_beyond_the_limit_are_not_read() {
    let question = question();
    let mut many = vec![address("", 1); 128];
    many.push(vec![0xff; 3]);
    let read = question.read(&reply(&question, 0x8180, &many), Over::Tcp);
    assert!(matches!(read, Ok(Answer::Addresses(all, 300)) if all.len() == 128));
}

#[test]
fn what_does_not_answer_the_question_is_refused() {
    let asked = question();
    let records = [address("", 1)];
    let good = reply(&asked, 0x8180, &records);
    let other = |name, kind, id| {
        let other = Question::new(name, kind, secret(id)).unwrap();
        reply(&other, 0x8180, &records)
    };
    let mut two_questions = good.clone();
    two_questions[5] = 2;
    let mut other_class = good.clone();
    other_class[12 + asked.name.len() + 3] = 3;
    for (case, bytes, expected) in [
        ("wrong id", other(NAME, Kind::A, 8), DnsError::Foreign),
        ("wrong name", other("api.example.net", Kind::A, 7), DnsError::Foreign),
        ("wrong type", other(NAME, Kind::Aaaa, 7), DnsError::Foreign),
        ("wrong class", other_class, DnsError::Foreign),
        ("two questions", two_questions, DnsError::Foreign),
        ("a query", reply(&asked, 0x0100, &records), DnsError::Foreign),
        ("an update", reply(&asked, 0xa980, &records), DnsError::Foreign),
        ("formerr", reply(&asked, 0x8181, &[]), DnsError::Failed(1)),
        ("servfail", reply(&asked, 0x8182, &[]), DnsError::Failed(2)),
        ("refused", reply(&asked, 0x8185, &records), DnsError::Failed(5)),
    ] {
        for over in [Over::Udp, Over::Tcp] {
            assert_eq!(asked.read(&bytes, over), Err(expected), "{case}");
        }
    }
    for length in 0..good.len() {
        assert_eq!(asked.read(&good[..length], Over::Udp), Err(DnsError::Malformed));
    }
}

#[test]
fn other_letters_and_truncation_ask_for_tcp() {
    let asked = question();
    let good = reply(&asked, 0x8180, &[address("", 1)]);
    assert_ne!(asked.name, asked.name.to_ascii_lowercase(), "letters of both cases are sent");
    let mut other_case = good.clone();
    other_case[12..12 + asked.name.len()].make_ascii_lowercase();
    assert_eq!(asked.read(&other_case, Over::Udp), Ok(Answer::AskOverTcp));
    assert_eq!(asked.read(&other_case, Over::Tcp), found(&[1], 300));
    let cut = reply(&asked, 0x8380, &[address("", 1)]);
    assert_eq!(asked.read(&cut, Over::Udp), Ok(Answer::AskOverTcp));
    assert_eq!(asked.read(&cut, Over::Tcp), Err(DnsError::Malformed));
    let none = reply(&asked, 0x8183, &[]);
    assert_eq!(asked.read(&none, Over::Udp), found(&[], 0));
}

#[test]
fn pointers_lead_backwards_only() {
    let asked = question();
    let at = u8::try_from(asked.bytes().len()).unwrap();
    let rest = [0, 1, 0, 1, 0, 0, 0, 0, 0, 0];
    for (case, owner) in [
        ("to itself", vec![0xc0, at]),
        ("forwards", vec![0xc0, at + 4]),
        ("to a loop", vec![1, b'a', 0xc0, at]),
        ("out of the message", vec![0xff, 0xff]),
        ("unknown form", vec![0x80, 1]),
    ] {
        let bytes = reply(&asked, 0x8180, &[[owner, rest.to_vec()].concat()]);
        assert_eq!(asked.read(&bytes, Over::Udp), Err(DnsError::Malformed), "{case}");
    }
}

#[test]
fn names_that_dns_cannot_carry_are_refused() {
    for name in ["", "a..b", ".", &"a".repeat(64), &"a.".repeat(130)] {
        let refused = Question::new(name, Kind::A, secret(1)).map(|_| ());
        assert_eq!(refused, Err(DnsError::Name), "{name}");
    }
}

/// Whether `bytes` repeats what only the nameserver was told.
fn repeats(question: &Question, bytes: &[u8]) -> bool {
    let asked = question.bytes();
    bytes.len() >= asked.len() && bytes[..2] == asked[..2] && bytes[12..asked.len()] == asked[12..]
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_or_take_a_foreign_answer(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let question = question();
        for over in [Over::Udp, Over::Tcp] {
            let read = question.read(&bytes, over);
            prop_assert!(!matches!(read, Ok(Answer::Addresses(..))) || repeats(&question, &bytes));
        }
    }

    #[test]
    fn no_damage_makes_it_panic_or_take_a_foreign_answer(
        secret in any::<[u8; 32]>(),
        at in 0usize..200,
        put in proptest::collection::vec(any::<u8>(), 0..6),
        cut in 0usize..6,
    ) {
        let mut whole = [7; 34];
        whole[2..].copy_from_slice(&secret);
        let question = Question::new(NAME, Kind::A, whole).unwrap();
        let records = [alias("", "b.example"), address("b.example", 1), address("", 2)];
        let mut bytes = reply(&question, 0x8180, &records);
        let at = at.min(bytes.len());
        let end = (at + cut).min(bytes.len());
        bytes.splice(at..end, put);
        let read = question.read(&bytes, Over::Udp);
        prop_assert!(!matches!(read, Ok(Answer::Addresses(..))) || repeats(&question, &bytes));
    }

    #[test]
    fn random_records_never_panic(body in proptest::collection::vec(any::<u8>(), 0..400), count in any::<u16>()) {
        let question = question();
        let mut bytes = reply(&question, 0x8180, &[body]);
        bytes[6..8].copy_from_slice(&count.to_be_bytes());
        let _ = question.read(&bytes, Over::Tcp);
    }
}
