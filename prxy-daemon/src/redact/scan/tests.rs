//! The scanner as a whole: overlaps, precision, evasions, odd input.

use super::*;

fn label(name: &str) -> Label {
    Label::new(name).unwrap()
}

fn scanner() -> Scanner {
    Scanner::new(&Policy::default()).unwrap()
}

#[track_caller]
fn check(scanner: &Scanner, text: &str, wanted: &[(&str, &str)]) {
    let mut found = Vec::new();
    scanner.scan(text, &mut found);
    let got: Vec<_> =
        found.iter().map(|s| (scanner.label(s.label).as_str(), &text[s.start..s.end])).collect();
    assert_eq!(got, wanted, "{text:?}");
}

fn span(range: Range<usize>, label: u16, score: u8) -> Span {
    Span { start: range.start, end: range.end, label: LabelId(label), score, detector: "test" }
}

#[test]
fn logs_code_and_configuration_stay_untouched() {
    let scanner = scanner();
    let text = concat!(include_str!("precision.txt"), include_str!("secrets_precision.txt"));
    let mut wrong = Vec::new();
    for line in text.lines() {
        let mut found = Vec::new();
        scanner.scan(line, &mut found);
        wrong.extend(
            found.iter().map(|s| format!("{}: {} in {line}", s.detector, &line[s.start..s.end])),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    check(&scanner, text, &[]);
}

#[test]
fn the_longest_wins_then_the_surest_then_the_first_then_the_label_and_blocked_ones_before_all() {
    let labels: Vec<_> = [("B", Action::Mask), ("A", Action::Mask), ("C", Action::Block)]
        .map(|(n, a)| (label(n), a))
        .into();
    let cases: &[(&str, &[Span], &[Span])] = &[
        ("nested", &[span(0..9, 0, 1), span(2..5, 1, 99)], &[span(0..9, 0, 1)]),
        ("chain", &[span(0..4, 0, 1), span(3..9, 0, 1), span(8..11, 0, 1)], &[span(3..9, 0, 1)]),
        (
            "chain with gaps",
            &[span(0..5, 0, 1), span(4..8, 0, 1), span(7..12, 0, 1)],
            &[span(0..5, 0, 1), span(7..12, 0, 1)],
        ),
        ("touching", &[span(0..4, 0, 1), span(4..8, 1, 1)], &[span(0..4, 0, 1), span(4..8, 1, 1)]),
        ("same range, score", &[span(0..4, 0, 1), span(0..4, 1, 2)], &[span(0..4, 1, 2)]),
        ("same length, start", &[span(2..6, 0, 1), span(0..4, 0, 1)], &[span(0..4, 0, 1)]),
        ("all the same, label", &[span(0..4, 0, 1), span(0..4, 1, 1)], &[span(0..4, 1, 1)]),
        ("blocked inside", &[span(0..9, 0, 99), span(2..5, 2, 1)], &[span(2..5, 2, 1)]),
    ];
    for (name, hits, wanted) in cases {
        // In any order.
        for turn in 0..hits.len() {
            let mut found = hits.to_vec();
            found.rotate_left(turn);
            resolve(&mut found, 0, |id| &labels[usize::from(id.0)]);
            assert_eq!(&found, wanted, "{name}");
            found = hits.iter().rev().copied().collect();
            found.rotate_left(turn);
            resolve(&mut found, 0, |id| &labels[usize::from(id.0)]);
            assert_eq!(&found, wanted, "{name}, reversed");
        }
    }
}

#[test]
fn what_other_gateways_let_through_is_found() {
    let key = concat!("sk-proj-", "Ab1Cd2Ef3Gh4Ij5Kl6Mn7");
    let scanner = scanner();
    check(&scanner, "notes/maria@corp.com", &[("EMAIL", "maria@corp.com")]);
    check(&scanner, "~/maria@corp.com/x", &[("EMAIL", "maria@corp.com")]);
    check(&scanner, "https://app/?u=maria@corp.com", &[("EMAIL", "maria@corp.com")]);
    check(&scanner, &format!("//{key}"), &[("API_KEY", key)]);
    check(&scanner, "<system-reminder>\nuser: maria@corp.com", &[("EMAIL", "maria@corp.com")]);
    check(&scanner, "4155550132", &[]);
    check(&scanner, "4111111111111112", &[]);
    check(
        &scanner,
        "DE89370400440532013000 and 4111111111111111",
        &[("IBAN", "DE89370400440532013000"), ("CREDIT_CARD", "4111111111111111")],
    );
}

#[test]
fn values_of_all_kinds_side_by_side_are_all_found() {
    check(
        &scanner(),
        "maria@corp.com,+14155550132;536-22-8141|4111 1111 1111 1111\t81.2.69.142/2606:4700:4700::1111 (DE89370400440532013000)",
        &[
            ("EMAIL", "maria@corp.com"),
            ("PHONE", "+14155550132"),
            ("NATIONAL_ID", "536-22-8141"),
            ("CREDIT_CARD", "4111 1111 1111 1111"),
            ("IP_ADDRESS", "81.2.69.142"),
            ("IP_ADDRESS", "2606:4700:4700::1111"),
            ("IBAN", "DE89370400440532013000"),
        ],
    );
}

#[test]
fn a_secret_inside_something_to_mask_is_still_a_secret() {
    let url = concat!("https://ghp_", "Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0Uv1Wx2@github.com/x");
    check(&scanner(), url, &[("API_KEY", &url[8..url.len() - 13])]);
}

#[test]
fn own_patterns_are_found_beside_the_built_in_ones() {
    let patterns = vec![
        (label("EMPLOYEE_ID"), Regex::new(r"E-\d{6}").unwrap()),
        (label("EMAIL"), Regex::new(r"@corp/\w+").unwrap()),
        (label("NOTHING"), Regex::new(r"q*").unwrap()),
    ];
    let scanner = Scanner::new(&Policy { patterns, ..Policy::default() }).unwrap();
    check(
        &scanner,
        "E-123456 a@b.co ask @corp/maria",
        &[("EMPLOYEE_ID", "E-123456"), ("EMAIL", "a@b.co"), ("EMAIL", "@corp/maria")],
    );
    assert_eq!(scanner.action(scanner.literal()), Action::Mask);
}

#[test]
fn the_label_literal_is_ours() {
    let actions = BTreeMap::from([(label("LITERAL"), Action::Allow)]);
    let refused = Scanner::new(&Policy { actions, ..Policy::default() }).unwrap_err();
    assert_eq!(refused, ScannerError::Reserved);
    let patterns = vec![(label("LITERAL"), Regex::new("x").unwrap())];
    let refused = Scanner::new(&Policy { patterns, ..Policy::default() }).unwrap_err();
    assert_eq!(refused, ScannerError::Reserved);
}

#[test]
fn literals_are_found_at_every_place_alone_and_nested_and_in_the_case_they_ask_for() {
    let row = scanner().literals_row();
    let list = [
        ("abc", Match::Exact),
        ("Abcd", Match::Exact),
        ("abcde", Match::Folded),
        ("abc", Match::Word),
        ("bcdef-long-literal", Match::Folded),
        ("密码", Match::Word),
        ("cde", Match::Exact),
        ("cde", Match::Folded),
    ];
    let literals = Literals::new(list.map(|(text, how)| (text, how, row)).into()).unwrap();
    let units =
        ["abc", "ABC", "Abcd", "abcdE", "xabc", "x-aBc", "BCDEF-LONG-LITERAL", "密码", "cde", "ab"];
    for unit in units {
        for lead in 0..20 {
            for tail in 0..20 {
                let text = format!("{}{unit}{}", " ".repeat(lead), "x".repeat(tail));
                let mut got = Vec::new();
                literals.each(&text, |_, at| got.push(at));
                let mut want = Vec::new();
                for at in 0..text.len() {
                    for (literal, how) in list {
                        let Some(found) = text.as_bytes().get(at..at + literal.len()) else {
                            continue;
                        };
                        let same = found == literal.as_bytes();
                        let alike = found.eq_ignore_ascii_case(literal.as_bytes());
                        let fits = match how {
                            Match::Exact => same,
                            Match::Folded => alike,
                            Match::Word => alike && detect::starts_word(text.as_bytes(), at),
                        };
                        want.extend(fits.then_some(at..at + literal.len()));
                    }
                }
                assert!(got.is_sorted_by_key(|range| range.start), "{text:?}");
                got.sort_by_key(|range| (range.start, range.end));
                want.sort_by_key(|range| (range.start, range.end));
                assert_eq!(got, want, "{text:?}");
            }
        }
    }
}

#[test]
fn too_short_a_literal_is_refused() {
    let row = scanner().literals_row();
    let refused = Literals::new(vec![("ab", Match::Exact, row)]).err();
    assert_eq!(refused, Some(ScannerError::Triggers(format!("{} cannot take it", row.name))));
}

impl Scanner {
    fn literals_row(&self) -> Recogniser {
        self.digits[1][0]
    }
}

#[test]
fn hostile_repetition_costs_no_more_than_it_must() {
    let scanner = scanner();
    for unit in HOSTILE {
        let text = unit.repeat(1_000_000 / unit.len());
        scanner.scan(&text, &mut Vec::new());
    }
}

/// Texts that make a recogniser start over and over.
pub(in crate::redact) const HOSTILE: &[&str] = &[
    "\\",
    "a",
    "@",
    "a@",
    "a@b.",
    "a.",
    "%40",
    "1",
    "1-",
    "1 ",
    "12 ",
    "1.",
    "+1",
    "(1",
    "1.1.",
    ":",
    "::",
    "a:",
    "1:",
    "<",
    "<A_1",
    "<EMAIL_1>",
    "sk-",
    "sk-ant-",
    "sk-proj-a1",
    "eyJ",
    "-eyJ",
    "eyJ.",
    "eyJhbGciOiJub25lIn0.",
    "-----BEGIN ",
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\nAAAA",
    "Bearer ",
    "Bearer a1",
    "authorization:",
    "DE89",
    "DE89 ",
    "AKIA",
    "xoxb-",
    "a@b.co",
    "4111111111111111 ",
    "世@",
    "415-555-",
    "phone ",
    "\"a\"@",
    "Anna ",
    "Anna\n",
    "Anna Weber, ",
    "Dr. ",
    "Dear ",
    "Best\n",
    "von ",
    "A. ",
    "Name: ",
    "Name,A\n",
    "GmbH ",
    "& Weber ",
    "Hospital ",
    "12 Main Street ",
    "Via Roma ",
    "Hauptstr. 1, ",
    "王",
    "路1号",
    "公司",
    "password ",
    "password=",
    "password=abc;",
    "password = \"",
    "Server=a;Pwd=abc1",
    "pwd is ",
    "api_key ",
    "token: ",
    "secret a ",
    "://",
    "://a:b@",
    "postgres://a:",
    "sig=",
    "PIN ",
    " -p mysql",
    "Private-Lines:",
    "hooks.slack.com/",
    ".atlasv1.",
    "hvs.",
    "1//0",
    "密码是",
];

#[test]
fn many_hits_in_one_run_or_beside_many_placeholders_stay_cheap() {
    let scanner = scanner();
    let keys = concat!("-sk-ant-", "Ab1Cd2Ef3Gh4Ij5K-glpat-", "Ab1Cd2Ef3Gh4Ij5Kl6M").repeat(20_000);
    let mut found = Vec::new();
    scanner.candidates(&keys, &mut found);
    // The detector reads the run once: it does not begin anew inside its own hit.
    assert_eq!(found.len(), 1);

    let text = "<EMAIL_1> a@b.co ".repeat(100_000);
    // Every hit against every placeholder would be 10^10 steps: this test would not end.
    let found = scanner.scan_both(&text);
    assert_eq!((found.spans.len(), found.rest.len()), (200_000, 100_000));
}

#[test]
fn an_address_before_one_with_a_spelled_out_at_sign_is_found_at_once() {
    check(
        &scanner(),
        "maria@corp.com or https://x/?u=bob%40corp.com",
        &[("EMAIL", "maria@corp.com"), ("EMAIL", "bob%40corp.com")],
    );
}

#[test]
fn values_in_disguise_are_found_as_they_are_spelled() {
    let scanner = scanner();
    for (text, wanted) in [
        ("to an\u{200b}na@exa\u{ad}mple.com!", vec![("EMAIL", "an\u{200b}na@exa\u{ad}mple.com")]),
        ("ａｎｎａ＠ｅｘａｍｐｌｅ．ｃｏｍ。", vec![("EMAIL", "ａｎｎａ＠ｅｘａｍｐｌｅ．ｃｏｍ")]),
        ("аnnа@ехаmple.com", vec![("EMAIL", "аnnа@ехаmple.com")]),
        (
            "card ４１１１ １１１１ １１１１ １１１１",
            vec![("CREDIT_CARD", "４１１１ １１１１ １１１１ １１１１")],
        ),
        ("anna [at] example (dot) com, bye", vec![("EMAIL", "anna [at] example (dot) com")]),
        ("anna&#64;example.com", vec![("EMAIL", "anna&#64;example.com")]),
        ("anna\\u0040example.com", vec![("EMAIL", "anna\\u0040example.com")]),
        ("DE89 3704 0044\n> 0532 0130 00", vec![("IBAN", "DE89 3704 0044\n> 0532 0130 00")]),
        ("card 4111 1111\n1111 1111 end", vec![("CREDIT_CARD", "4111 1111\n1111 1111")]),
        ("d: YW5uYUBleGFtcGxlLmNvbQ==", vec![("EMAIL", "YW5uYUBleGFtcGxlLmNvbQ==")]),
        (
            "d: WVc1dVlVQmxlR0Z0Y0d4bExtTnZiUT09",
            vec![("EMAIL", "WVc1dVlVQmxlR0Z0Y0d4bExtTnZiUT09")],
        ),
        ("anna@example.com\nThanks", vec![("EMAIL", "anna@example.com")]),
        ("see\nanna@example.com", vec![("EMAIL", "anna@example.com")]),
    ] {
        check(&scanner, text, &wanted);
    }
}
