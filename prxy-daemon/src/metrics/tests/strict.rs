//! Reads the text of metrics as strictly as Prometheus does, and more. The harness of the promises uses it too.

use std::collections::{BTreeMap, BTreeSet};

/// One series: its name with suffix, and its labels in their order.
pub type Series = (String, Vec<(String, String)>);

/// A family: its name, its kind and its labels.
pub type Row = (&'static str, &'static str, &'static [&'static str]);

/// Every sample of a text.
///
/// # Panics
/// The text breaks any rule of the format 0.0.4, or says anything that the table does not.
#[track_caller]
pub fn parse(text: &str, table: &[Row]) -> BTreeMap<Series, f64> {
    assert!(text.ends_with('\n') && !text.contains('\r'), "lines end in one way");
    let mut samples = BTreeMap::new();
    let (mut help, mut open): (Option<&str>, Option<&Row>) = (None, None);
    let mut seen = BTreeSet::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, words) = rest.split_once(' ').unwrap();
            assert!(!words.is_empty(), "{line}");
            assert!(seen.insert(name.to_owned()), "{name} stands twice");
            help = Some(name);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(help, Some(name), "a type without its help");
            let row = table.iter().find(|row| row.0 == name).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(kind, row.1, "{name}");
            open = Some(row);
        } else {
            assert!(!line.starts_with('#') && !line.is_empty(), "{line:?}");
            let row = open.unwrap_or_else(|| panic!("a sample without a type: {line}"));
            let (series, value) = sample(line);
            check_row(row, &series);
            let number: f64 = value.parse().unwrap_or_else(|_| panic!("{line}"));
            assert!(number.is_finite() && number >= 0.0, "{line}");
            if row.1 == "counter" {
                assert!(value.bytes().all(|byte| byte.is_ascii_digit()), "{line}");
            }
            assert_eq!(samples.insert(series, number), None, "twice: {line}");
        }
    }
    assert_eq!(seen.len(), table.len(), "every family has a header");
    check_histograms(&samples);
    samples
}

/// One line: the series and its value.
pub fn sample(line: &str) -> (Series, &str) {
    let name_end = line.find(['{', ' ']).unwrap();
    let (name, mut rest) = line.split_at(name_end);
    let mut labels = Vec::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (label, value) = rest.split_once("=\"").unwrap();
            let mut decoded = String::new();
            let mut chars = value.char_indices();
            let end = loop {
                match chars.next().unwrap() {
                    (at, '"') => break at,
                    (_, '\\') => decoded.push(match chars.next().unwrap().1 {
                        'n' => '\n',
                        c @ ('\\' | '"') => c,
                        c => panic!("\\{c}"),
                    }),
                    (_, c) => decoded.push(c),
                }
            };
            labels.push((label.to_owned(), decoded));
            rest = &value[end + 1..];
            match rest.strip_prefix(',') {
                Some(more) => rest = more,
                None => break,
            }
        }
        rest = rest.strip_prefix('}').unwrap();
    }
    let value = rest.strip_prefix(' ').unwrap();
    assert!(!value.contains(' '), "{line}");
    ((name.to_owned(), labels), value)
}

fn check_row((family, kind, labels): &Row, (name, named): &Series) {
    let suffix = name.strip_prefix(family).unwrap_or_else(|| panic!("{name} is elsewhere"));
    let mut expected = labels.to_vec();
    match (*kind, suffix) {
        ("histogram", "_bucket") => expected.push("le"),
        ("histogram", "_sum" | "_count") | ("counter" | "gauge", "") => {}
        _ => panic!("{name} is no {kind}"),
    }
    let names: Vec<_> = named.iter().map(|(label, _)| label.as_str()).collect();
    assert_eq!(names, expected, "{name}");
}

/// Buckets only grow, the last one is the count, and all of them are there.
fn check_histograms(samples: &BTreeMap<Series, f64>) {
    let mut buckets: BTreeMap<Series, Vec<(f64, f64)>> = BTreeMap::new();
    for ((name, labels), value) in samples {
        if let Some(name) = name.strip_suffix("_bucket") {
            let (le, own) = labels.split_last().unwrap();
            let bound = if le.1 == "+Inf" { f64::INFINITY } else { le.1.parse().unwrap() };
            buckets.entry((name.to_owned(), own.to_vec())).or_default().push((bound, *value));
        }
    }
    for ((name, labels), mut buckets) in buckets {
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(buckets.is_sorted_by_key(|(_, count)| *count), "{name}");
        assert_eq!(buckets.last().unwrap().0, f64::INFINITY, "{name}");
        let count = samples[&(format!("{name}_count"), labels.clone())];
        assert_eq!(buckets.last().unwrap().1, count, "{name}");
        assert!(samples.contains_key(&(format!("{name}_sum"), labels)), "{name}");
    }
}
