mod admin;
mod patterns;
mod replace;
mod spellings;

use std::fs;
use std::sync::Barrier;

use tempfile::TempDir;

use super::*;
use crate::redact::placeholder::split;
use crate::redact::{Label, Lasts, Number, Typed};

fn label(name: &str) -> Label {
    Label::new(name).unwrap()
}

/// `3`, or `3_2` for the second spelling of the third value.
fn spelled(store: &Store, tenant: &str, name: &str, value: &str) -> String {
    store.vault(tenant).number(&label(name), value).unwrap().to_string()
}

/// For values that have no other spelling.
fn number(store: &Store, tenant: &str, name: &str, value: &str) -> u32 {
    spelled(store, tenant, name, value).parse().unwrap()
}

fn original(store: &Store, tenant: &str, name: &str, number: u32) -> Option<String> {
    original_of(store, tenant, &format!("{name}_{number}"))
}

fn original_of(store: &Store, tenant: &str, name: &str) -> Option<String> {
    let (label, number) = split(name).unwrap();
    store.vault(tenant).original(label, number).map(|value| value.to_string())
}

fn firsts<const N: usize>(numbers: [u32; N]) -> [Number; N] {
    numbers.map(Number::first)
}

fn database(store: &Store) -> &Database {
    &store.database
}

fn rows(dir: &TempDir) -> i64 {
    let connection = Connection::open(dir.path().join(FILE)).unwrap();
    connection.query_row("SELECT count(*) FROM entry", [], |row| row.get(0)).unwrap()
}

fn sql(dir: &TempDir, statements: &str) {
    Connection::open(dir.path().join(FILE)).unwrap().execute_batch(statements).unwrap();
}

#[test]
fn numbers_count_from_one_for_every_label_and_stay_with_their_value() {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let numbers = [
        number(&store, "t", "EMAIL", "a@b.org"),
        number(&store, "t", "EMAIL", "c@b.org"),
        number(&store, "t", "EMAIL", "a@b.org"),
        number(&store, "t", "PERSON", "a@b.org"),
        number(&store, "t", "EMAIL", ""),
    ];
    assert_eq!(numbers, [1, 2, 1, 1, 3]);
    assert_eq!(original(&store, "t", "EMAIL", 2).as_deref(), Some("c@b.org"));
    assert_eq!(original(&store, "t", "EMAIL", 3).as_deref(), Some(""));
    assert_eq!(original(&store, "t", "EMAIL", 4), None);
    assert_eq!(original(&store, "t", "PHONE", 1), None);
}

#[test]
fn a_restart_keeps_numbers_and_goes_on_counting() {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(number(&store, "t", "EMAIL", "a@b.org"), 1);
    assert_eq!(number(&store, "t", "EMAIL", "c@d.org"), 2);
    drop(store);
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(original(&store, "t", "EMAIL", 1).as_deref(), Some("a@b.org"));
    assert_eq!(number(&store, "t", "EMAIL", "e@f.org"), 3);
    assert_eq!(number(&store, "t", "EMAIL", "c@d.org"), 2);
}

#[test]
fn a_crash_right_after_numbering_loses_nothing() {
    let (dir, copy) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(number(&store, "t", "EMAIL", "a@b.org"), 1);
    // What a process that dies now leaves behind: no close, no checkpoint.
    for file in ["prxy.db", "prxy.db-wal"] {
        fs::copy(dir.path().join(file), copy.path().join(file)).unwrap();
    }
    let reopened = Store::open(copy.path()).unwrap();
    assert_eq!(original(&reopened, "t", "EMAIL", 1).as_deref(), Some("a@b.org"));
}

#[test]
fn a_number_is_not_given_again_when_its_entry_is_gone() {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(number(&store, "t", "EMAIL", "a@b.org"), 1);
    assert_eq!(number(&store, "t", "EMAIL", "c@d.org"), 2);
    drop(store);
    sql(&dir, "DELETE FROM entry");
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(original(&store, "t", "EMAIL", 2), None);
    assert_eq!(number(&store, "t", "EMAIL", "c@d.org"), 3);
}

#[test]
fn tenants_do_not_see_each_other() {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(number(&store, "ada", "EMAIL", "a@b.org"), 1);
    assert_eq!(number(&store, "bob", "EMAIL", "c@d.org"), 1);
    assert_eq!(number(&store, "bob", "EMAIL", "a@b.org"), 2);
    assert_eq!(original(&store, "ada", "EMAIL", 1).as_deref(), Some("a@b.org"));
    assert_eq!(original(&store, "bob", "EMAIL", 1).as_deref(), Some("c@d.org"));
    assert_eq!(original(&store, "ada", "EMAIL", 2), None);
    assert!(!store.vault("eve").may_begin(""));
}

#[test]
fn many_values_are_numbered_in_one_transaction() {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let (email, person) = (label("EMAIL"), label("PERSON"));
    let values = [(&email, "a"), (&person, "a"), (&email, "b"), (&email, "a")];
    assert_eq!(store.vault("t").number_all(&values).unwrap(), firsts([1, 1, 2, 1]));
    assert_eq!(store.vault("t").number_all(&[]).unwrap(), firsts([]));
    assert_eq!(rows(&dir), 3);
}

#[test]
fn threads_that_race_for_a_value_get_one_number() {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let barrier = Barrier::new(8);
    let race = |thread: usize| {
        barrier.wait();
        let own = number(&store, "t", "EMAIL", &format!("own-{thread}"));
        let shared: Vec<u32> =
            (0..50).map(|n| number(&store, "t", "EMAIL", &format!("v{n}"))).collect();
        assert_eq!(original(&store, "t", "EMAIL", own), Some(format!("own-{thread}")));
        shared
    };
    let seen: Vec<Vec<u32>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|thread| scope.spawn(move || race(thread))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(seen.iter().all(|numbers| *numbers == seen[0]));
    assert_eq!(rows(&dir), 58);
}

#[test]
fn two_processes_on_one_database_agree() {
    let dir = TempDir::new().unwrap();
    let (one, two) = (Store::open(dir.path()).unwrap(), Store::open(dir.path()).unwrap());
    assert_eq!(number(&one, "t", "EMAIL", "a"), 1);
    assert_eq!(number(&two, "t", "EMAIL", "b"), 2);
    assert_eq!(number(&one, "t", "EMAIL", "c"), 3);
    assert_eq!(number(&two, "t", "EMAIL", "c"), 3);
    assert_eq!(number(&one, "t", "EMAIL", "b"), 2);
}

#[test]
fn known_values_of_a_large_vault_are_answered_without_the_database() {
    let dir = TempDir::new().unwrap();
    let email = label("EMAIL");
    let texts: Vec<String> = (0..10_000).map(|n| format!("user{n}@example.org")).collect();
    let values: Vec<(&Label, &str)> = texts.iter().map(|text| (&email, text.as_str())).collect();
    Store::open(dir.path()).unwrap().vault("t").number_all(&values).unwrap();
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(number(&store, "t", "EMAIL", &texts[0]), 1);
    for (at, text) in texts.iter().enumerate() {
        assert_eq!(number(&store, "t", "EMAIL", text), at as u32 + 1);
        assert_eq!(original(&store, "t", "EMAIL", at as u32 + 1).as_ref(), Some(text));
    }
    // Whoever needed the connection now would wait for ever.
    let _connection = database(&store).connection();
    for (at, text) in texts.iter().enumerate() {
        assert_eq!(number(&store, "t", "EMAIL", text), at as u32 + 1);
        assert_eq!(original(&store, "t", "EMAIL", at as u32 + 1).as_ref(), Some(text));
    }
    assert!(store.vault("t").may_begin("EMAIL_9999"));
}

#[test]
fn values_of_any_size_and_content_come_back_exactly() {
    let dir = TempDir::new().unwrap();
    let values = ["x\0y\u{1F600}\r\n\u{feff}'--".to_owned(), "é".repeat(1 << 20)];
    for value in &values {
        let store = Store::open(dir.path()).unwrap();
        let number = number(&store, "t", "API_KEY", value);
        drop(store);
        let store = Store::open(dir.path()).unwrap();
        assert_eq!(original(&store, "t", "API_KEY", number).as_ref(), Some(value));
    }
}

#[test]
fn placeholders_begin_only_with_labels_and_numbers_in_use() {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path()).unwrap();
    for n in 0..12 {
        number(&store, "t", "API_KEY", &n.to_string());
    }
    number(&store, "t", "API", "x");
    let vault = store.vault("t");
    for prefix in
        ["", "A", "API", "API_", "API_1", "API_K", "API_KEY", "API_KEY_", "API_KEY_1", "API_KEY_12"]
    {
        assert!(vault.may_begin(prefix), "{prefix}");
    }
    for prefix in [
        "B",
        "APIX",
        "API_2",
        "API_0",
        "API_KEY_0",
        "API_KEY_01",
        "API_KEY_13",
        "API_KEY_1X",
        "API_KEY_99999999999999999999",
    ] {
        assert!(!vault.may_begin(prefix), "{prefix}");
    }
}

#[test]
fn a_write_that_fails_is_an_error_and_numbers_nothing() {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let vault = store.vault("t");
    let (email, person) = (label("EMAIL"), label("PERSON"));
    assert_eq!(number(&store, "t", "EMAIL", "first"), 1);
    sql(
        &dir,
        "CREATE TRIGGER full BEFORE INSERT ON entry WHEN new.value = 'secret-value'
        BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END",
    );
    let error = vault.number_all(&[(&person, "b"), (&email, "secret-value")]).unwrap_err();
    assert_eq!(error.to_string(), "vault: the database failed: disk I/O error");
    assert_eq!(vault.original("PERSON", Number::first(1)), None);
    assert_eq!(vault.original("EMAIL", Number::first(2)), None);
    sql(&dir, "DROP TRIGGER full");
    assert_eq!(
        vault.number_all(&[(&person, "c"), (&email, "secret-value")]).unwrap(),
        firsts([1, 2])
    );
}

#[test]
fn a_full_disk_is_an_error_and_numbers_nothing() {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let pages: i64 = {
        let connection = database(&store).connection();
        let pages = connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        connection.pragma_update(None, "max_page_count", pages).unwrap();
        pages
    };
    let long = "x".repeat(1 << 20);
    let error = store.vault("t").number(&label("EMAIL"), &long).unwrap_err();
    assert!(error.to_string().contains("full"), "{error}");
    assert_eq!(original(&store, "t", "EMAIL", 1), None);
    database(&store).connection().pragma_update(None, "max_page_count", pages + 10_000).unwrap();
    assert_eq!(number(&store, "t", "EMAIL", &long), 1);
}

#[test]
fn a_vault_that_cannot_be_read_refuses_to_number() {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path()).unwrap();
    sql(&dir, "DROP TABLE entry");
    let error = store.vault("t").number(&label("EMAIL"), "secret-value").unwrap_err();
    assert!(!error.to_string().contains("secret-value"));
    assert_eq!(original(&store, "t", "EMAIL", 1), None);
}

#[test]
fn files_are_for_their_owner_only() {
    let dir = TempDir::new().unwrap();
    let below = dir.path().join("state");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let store = Store::open(&below).unwrap();
    number(&store, "t", "EMAIL", "a");
    assert_eq!(mode(&below), 0o700);
    for file in ["prxy.db", "prxy.db-wal", "prxy.db-shm"] {
        assert_eq!(mode(&below.join(file)), 0o600, "{file}");
    }
    drop(store);
    fs::set_permissions(below.join(FILE), Permissions::from_mode(0o644)).unwrap();
    drop(Store::open(&below).unwrap());
    assert_eq!(mode(&below.join(FILE)), 0o600);
}

#[test]
fn what_cannot_be_used_is_refused_with_a_reason() {
    let reason = |dir: &Path| Store::open(dir).unwrap_err().reason();

    let dir = TempDir::new().unwrap();
    fs::write(
        dir.path().join(FILE),
        "no database, but long enough to be read as a header of one. ".repeat(99),
    )
    .unwrap();
    assert_eq!(reason(dir.path()), "store-corrupt");

    let dir = TempDir::new().unwrap();
    drop(Store::open(dir.path()).unwrap());
    sql(&dir, "PRAGMA user_version = 99");
    assert_eq!(reason(dir.path()), "store-too-new");
    sql(&dir, "PRAGMA user_version = -1");
    assert_eq!(reason(dir.path()), "store-too-new");

    let dir = TempDir::new().unwrap();
    std::os::unix::fs::symlink("/dev/null", dir.path().join(FILE)).unwrap();
    assert_eq!(reason(dir.path()), "store-unusable");

    let dir = TempDir::new().unwrap();
    fs::create_dir(dir.path().join(FILE)).unwrap();
    assert_eq!(reason(dir.path()), "store-unusable");

    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    assert_eq!(reason(&dir.path().join("file")), "store-unusable");
}

#[test]
fn damage_inside_the_database_is_an_error_not_an_empty_vault() {
    let dir = TempDir::new().unwrap();
    let email = label("EMAIL");
    let texts: Vec<String> = (0..2000).map(|n| format!("user{n}@example.org")).collect();
    let values: Vec<(&Label, &str)> = texts.iter().map(|text| (&email, text.as_str())).collect();
    Store::open(dir.path()).unwrap().vault("t").number_all(&values).unwrap();
    sql(&dir, "PRAGMA wal_checkpoint(TRUNCATE)");
    let path = dir.path().join(FILE);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len();
    bytes[8192..middle].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    let opened = Store::open(dir.path());
    let numbered = opened
        .map_err(|e| e.to_string())
        .and_then(|store| store.vault("t").number(&email, "new").map_err(|e| e.to_string()));
    assert!(numbered.unwrap_err().contains("damaged"));
}

#[test]
fn a_database_that_must_not_be_written_is_refused() {
    if nix::unistd::geteuid().is_root() {
        println!("skipped: root may write every file");
        return;
    }
    let dir = TempDir::new().unwrap();
    drop(Store::open(dir.path()).unwrap());
    let mode = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    mode(&dir.path().join(FILE), 0o400);
    assert_eq!(Store::open(dir.path()).unwrap_err().reason(), "store-read-only");
    mode(&dir.path().join(FILE), 0o600);
    mode(dir.path(), 0o500);
    assert_eq!(Store::open(dir.path()).unwrap_err().reason(), "store-failed");
    mode(dir.path(), 0o700);
}
