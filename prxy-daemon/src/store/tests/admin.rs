//! Lists, deletion, expiry, import and older versions.

use std::collections::BTreeMap;

use tempfile::TempDir;

use super::*;
use crate::store::schema;

fn listed(store: &Store, tenant: Option<&str>, label: Option<&str>) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    store
        .entries(tenant, label, &mut |entry| {
            rows.push((entry.placeholder(), entry.value));
            true
        })
        .unwrap();
    rows
}

fn age(dir: &TempDir, value: &str, days: i64) {
    let change = format!(
        "UPDATE entry SET used = unixepoch() - {} WHERE value = '{value}'",
        days * 24 * 3600
    );
    sql(dir, &change);
}

#[test]
fn what_was_deleted_stays_a_placeholder_and_its_number_is_not_used_again() {
    let dir = TempDir::new().unwrap();
    let (daemon, other) = (Store::open(dir.path()).unwrap(), Store::open(dir.path()).unwrap());
    for (value, expected) in [("Ada", "1"), ("ADA", "1_2"), ("ada", "1_3"), ("Bob", "2")] {
        assert_eq!(spelled(&daemon, "t", "PERSON", value), expected);
    }
    let person = |store: &Store, name: &str| original_of(store, "t", &format!("PERSON_{name}"));
    let second = split("PERSON_1_2").unwrap().1;
    assert_eq!(other.delete("t", "PERSON", second).unwrap(), 1);
    assert_eq!((person(&daemon, "1_2"), person(&daemon, "1")), (None, Some("Ada".to_owned())));
    assert_eq!(spelled(&daemon, "t", "PERSON", "ADA"), "1_4");
    // With the first spelling go all.
    assert_eq!(other.delete("t", "PERSON", Number::first(1)).unwrap(), 3);
    for name in ["1", "1_2", "1_3", "1_4"] {
        assert_eq!(person(&daemon, name), None, "{name}");
    }
    assert_eq!(spelled(&daemon, "t", "PERSON", "ada"), "3");
    assert_eq!(other.delete("t", "PERSON", Number::first(2)).unwrap(), 1);
    assert_eq!(other.delete("t", "PERSON", Number::first(2)).unwrap(), 0);
    assert_eq!(other.delete("u", "PERSON", Number::first(3)).unwrap(), 0);
    assert_eq!(spelled(&daemon, "t", "PERSON", "Cyd"), "4");
    other.tidy().unwrap();
    drop((daemon, other));
    for file in ["prxy.db", "prxy.db-wal"] {
        let bytes = fs::read(dir.path().join(file)).unwrap_or_default();
        assert!(!bytes.windows(3).any(|bytes| bytes == b"Bob"), "{file} still holds it");
    }
}

#[test]
fn what_nobody_uses_expires_with_all_of_its_spellings() {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let rows = ["Ada", "ADA", "Bob", "Cyd", "CYD"];
    rows.iter().for_each(|value| drop(spelled(&store, "t", "PERSON", value)));
    for value in ["Ada", "ADA", "Bob", "Cyd"] {
        age(&dir, value, 40);
    }
    let before = |days: i64| now() - days * 24 * 3600;
    assert_eq!(store.expire(before(50)).unwrap(), 0);
    // A use is noted, and keeps it.
    assert_eq!(spelled(&store, "t", "PERSON", "Bob"), "2");
    assert_eq!(store.expire(before(30)).unwrap(), 2);
    let left: Vec<_> = listed(&store, None, None).into_iter().map(|row| row.1).collect();
    assert_eq!(left, ["Bob", "Cyd", "CYD"]);
    assert_eq!(original(&store, "t", "PERSON", 1), None);
    assert_eq!(spelled(&store, "t", "PERSON", "Ada"), "4");
}

#[test]
fn thousands_expire_and_a_number_that_was_typed_stays_taken() {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let email = label("EMAIL");
    let texts: Vec<String> = (0..5000).map(|n| format!("user{n}@example.org")).collect();
    let values: Vec<(&Label, &str)> = texts.iter().map(|text| (&email, text.as_str())).collect();
    store.vault("t").number_all(&values).unwrap();
    store.vault("t").typed(&[("PERSON", Number::first(1))], Lasts::OneAnswer).unwrap();
    sql(&dir, "UPDATE entry SET used = 1 WHERE number % 2 = 0 OR label = 'PERSON'");
    assert_eq!(store.expire(2).unwrap(), 2500);
    assert_eq!(listed(&store, None, None).len(), 2500);
    assert_eq!(spelled(&store, "t", "PERSON", "Ada"), "2");
}

#[test]
fn the_store_of_another_proxy_comes_in_and_goes_out_again() {
    let text = r#"{"reverse": {"<PERSON_1>": "Ada", "<PERSON_3>": "Bob", "<EMAIL_1>": "a@b.org",
        "<DATE_2>": "1 May", "PERSON_4": "x", "<PERSON_0>": "x", "<L1_1>": "x", "<EMAIL_9>": 5},
        "counters": {"PERSON": 7, "EMAIL": 1, "URL": 4, "bad": 1, "DATE": -1}}"#;
    let file = AnonStore::read(text).unwrap();
    assert_eq!(file.skipped, 6);
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(spelled(&store, "t", "EMAIL", "c@b.org"), "1");
    let done = store.import("t", &file.entries, &file.last).unwrap();
    assert_eq!(done, Imported { added: 3, renumbered: 1, known: 0 });
    assert_eq!(original(&store, "t", "PERSON", 3).as_deref(), Some("Bob"));
    assert_eq!(original(&store, "t", "DATE", 2).as_deref(), Some("1 May"));
    assert_eq!(spelled(&store, "t", "EMAIL", "a@b.org"), "2");
    assert_eq!(spelled(&store, "t", "PERSON", "ADA"), "1_2");
    assert_eq!(spelled(&store, "t", "PERSON", "Cyd"), "8");
    assert_eq!(spelled(&store, "t", "URL", "x"), "5");
    // Again: nothing is new.
    let done = store.import("t", &file.entries, &file.last).unwrap();
    assert_eq!(done, Imported { added: 0, renumbered: 0, known: 4 });

    let mut entries = Vec::new();
    store
        .entries(Some("t"), None, &mut |entry| {
            entries.push(entry);
            true
        })
        .unwrap();
    let last: BTreeMap<_, _> =
        store.stats().unwrap().into_iter().map(|row| (row.label, row.last)).collect();
    let again = AnonStore::read(&AnonStore::write(&entries, &last)).unwrap();
    let copy = Store::in_memory().unwrap();
    let done = copy.import("u", &again.entries, &again.last).unwrap();
    assert_eq!(done, Imported { added: entries.len() as u64, renumbered: 0, known: 0 });
    assert_eq!(listed(&copy, None, None), listed(&store, None, None));
    assert_eq!(spelled(&copy, "u", "PERSON", "New"), "9");
}

#[test]
fn a_file_that_is_no_store_is_refused() {
    for (text, told) in [
        ("{}", "`reverse` is missing: neither anon-proxy's store nor lines of JSON"),
        (
            r#"{"reverse": {}}"#,
            "`counters` is missing: neither anon-proxy's store nor lines of JSON",
        ),
        ("{\"placeholder\":\"<A_1>\",\"value\":\"x\"}\nno", "not JSON (line 2)"),
        ("[]", "`placeholder` is missing: neither anon-proxy's store nor lines of JSON"),
    ] {
        assert_eq!(AnonStore::read(text).unwrap_err().to_string(), told, "{text}");
    }
    let lines = "\n{\"placeholder\":\"<A_1_2>\",\"value\":\"x\"}\n";
    assert_eq!(AnonStore::read(lines).unwrap().entries, [("A_1_2".to_owned(), "x".to_owned())]);
}

#[test]
fn an_older_database_is_changed_in_place_and_a_copy_is_kept() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join(FILE), include_bytes!("version-1.db")).unwrap();
    for _ in 0..2 {
        let store = Store::open(dir.path()).unwrap();
        assert_eq!(original(&store, "default", "EMAIL", 1).as_deref(), Some("a@b.org"));
        assert_eq!(original(&store, "default", "EMAIL", 2).as_deref(), Some("A@b.org"));
        assert_eq!(spelled(&store, "default", "EMAIL", "A@b.org"), "2");
        assert_eq!(spelled(&store, "default", "EMAIL", "a@B.org"), "1_2");
        assert_eq!(spelled(&store, "default", "EMAIL", "new@b.org"), "10");
        assert_eq!(original(&store, "other", "EMAIL", 1).as_deref(), Some("c@d.org"));
    }
    let copy = schema::backup(&dir.path().join(FILE), 1);
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    let old = Connection::open(&copy).unwrap();
    let rows: i64 = old.query_row("SELECT count(*) FROM vault", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 3);
}

#[test]
fn a_change_of_version_that_fails_changes_nothing() {
    let dir = TempDir::new().unwrap();
    drop(Store::open(dir.path()).unwrap());
    // Of version 1 by its word, but without its tables.
    sql(&dir, "PRAGMA user_version = 1");
    assert_eq!(Store::open(dir.path()).unwrap_err().reason(), "store-failed");
    let version = Connection::open(dir.path().join(FILE)).unwrap();
    let version: i64 = version.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 1);
}

#[test]
fn what_is_in_memory_is_forgotten_and_what_is_for_a_request_with_it() {
    let store = Store::in_memory().unwrap();
    assert_eq!(spelled(&store, "t", "EMAIL", "a@b.org"), "1");
    assert_eq!(spelled(&store, "t", "EMAIL", "c@b.org"), "2");
    assert_eq!(original(&store, "t", "EMAIL", 2).as_deref(), Some("c@b.org"));
    assert_eq!(original(&Store::in_memory().unwrap(), "t", "EMAIL", 2), None);
    let store = Store::in_memory().unwrap().of_requests();
    assert_eq!(spelled(&store, "t", "EMAIL", "a@b.org"), "1");
    assert_eq!(spelled(&store, "t", "EMAIL", "c@b.org"), "1");
    assert_eq!(original(&store, "t", "EMAIL", 1), None);
}

#[test]
fn what_is_remembered_is_bounded() {
    let store = Store::in_memory().unwrap();
    let email = label("EMAIL");
    for round in 0..5 {
        let texts: Vec<String> =
            (0..20_000).map(|n| format!("user{round}-{n}@example.org")).collect();
        let values: Vec<(&Label, &str)> =
            texts.iter().map(|text| (&email, text.as_str())).collect();
        store.vault("t").number_all(&values).unwrap();
    }
    for tenant in 0..3000 {
        store.vault(&format!("tenant {tenant}")).may_begin("");
    }
    let cached = database(&store).cache().len();
    assert!(cached <= 4 * (16 << 10) + 1024, "{cached}");
}

#[test]
fn what_there_is_is_counted_at_once_and_then_now_and_then() {
    let store = Store::in_memory().unwrap();
    for name in ["Ada", "Bob", "Cyd"] {
        spelled(&store, "t", "PERSON", name);
    }
    assert_eq!(store.count(), Some(3));
    spelled(&store, "other", "PERSON", "Dan");
    assert_eq!(store.count(), Some(3), "counted again at once");
    assert!(store.size().is_some_and(|bytes| bytes > 4096 && bytes % 512 == 0));
}
