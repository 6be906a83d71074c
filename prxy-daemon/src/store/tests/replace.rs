//! One state becomes another: encrypted, with another key, in the open, from a file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::number;
use crate::store::{
    Access, Archive, ArchiveError, BlobId, Secret, Step, Store, StoreError, convert, exchange,
};

const VALUES: [&str; 3] = ["jane.doe@corp.example", "Zoë Ångström", "tom@corp.example"];
const TEXT: &str = "a masked text of <PERSON_1> that left the conversation";

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes()).unwrap()
}

fn access(secret: Option<&Secret>) -> Access {
    Access { secret: secret.cloned(), encrypted_only: secret.is_some() }
}

/// A state with values, a blob and a file of somebody else's.
fn filled(dir: &Path, secret: Option<&Secret>) {
    let store = Store::open_with(dir, &access(secret)).unwrap();
    for value in VALUES {
        number(&store, "t", "EMAIL", value);
    }
    store.blobs().put(TEXT.as_bytes()).unwrap();
    fs::create_dir(dir.join("model")).unwrap();
    fs::write(dir.join("model/weights"), b"1234").unwrap();
}

#[track_caller]
fn holds_all(dir: &Path, secret: Option<&Secret>) {
    let store = Store::open_with(dir, &access(secret)).unwrap();
    let vault = store.vault("t");
    for (at, value) in VALUES.iter().enumerate() {
        let number = crate::redact::Number::first(at as u32 + 1);
        assert_eq!(vault.original("EMAIL", number).as_deref(), Some(*value));
    }
    let text = store.blobs().get(&BlobId::of(TEXT.as_bytes())).unwrap();
    assert_eq!(text.as_deref(), Some(TEXT.as_bytes()));
    assert_eq!(fs::read(dir.join("model/weights")).unwrap(), b"1234");
}

/// Every file below the directory that has one of the values, or the text, in it.
fn showing(dir: &Path) -> Vec<String> {
    let told = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|at| at == text.as_bytes());
    let shows = |bytes: &[u8]| VALUES.iter().chain([&TEXT]).any(|text| told(bytes, text));
    let all = contents(dir).into_iter().filter(|(_, bytes)| shows(bytes));
    all.map(|(path, _)| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
}

fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => all.extend(contents(&path)),
            false => drop(all.insert(path.clone(), fs::read(&path).unwrap())),
        }
    }
    all
}

fn anyway(_: Step) -> Result<(), StoreError> {
    Ok(())
}

#[test]
fn a_state_goes_from_each_kind_to_each_other_and_shows_nothing_while_it_is_encrypted() {
    let (one, two) = (secret("the first passphrase"), secret("the second passphrase"));
    let data = tempfile::tempdir().unwrap();
    let (dir, fresh) = (data.path().join("state"), data.path().join("state.new"));
    filled(&dir, None);
    let open = showing(&dir);
    assert!(open.contains(&"prxy.db".to_owned()), "{open:?}");
    let ways = [(None, Some(&one)), (Some(&one), Some(&two)), (Some(&two), None)];
    for (from, to) in ways {
        fs::create_dir(&fresh).unwrap();
        convert(&dir, &fresh, &access(from), to, &anyway).unwrap();
        holds_all(&dir, from);
        exchange(&dir, &fresh).unwrap();
        holds_all(&dir, to);
        holds_all(&fresh, from);
        fs::remove_dir_all(&fresh).unwrap();
        assert_eq!(showing(&dir).is_empty(), to.is_some(), "{:?}", showing(&dir));
        if to.is_some() {
            let refused = |secret| Store::open_with(&dir, &secret).unwrap_err().reason();
            assert_eq!(refused(Access::default()), "store-locked");
            assert_eq!(refused(access(Some(&secret("another passphrase")))), "store-wrong-key");
            if let Some(from) = from {
                assert_eq!(refused(access(Some(from))), "store-wrong-key");
            }
        }
    }
}

#[test]
fn whatever_ends_it_early_leaves_the_old_state_as_it_was() {
    let new = secret("the new passphrase");
    let data = tempfile::tempdir().unwrap();
    let (dir, fresh) = (data.path().join("state"), data.path().join("state.new"));
    filled(&dir, None);
    let steps = Mutex::new(Vec::new());
    let note = |step| {
        steps.lock().unwrap().push(step);
        Ok(())
    };
    fs::create_dir(&fresh).unwrap();
    convert(&dir, &fresh, &Access::default(), Some(&new), &note).unwrap();
    let mut steps = steps.into_inner().unwrap();
    // How far the copy was when it was looked at is another time something else.
    steps.retain(|step| !matches!(step, Step::Copy(done, whole) if *done > 0 && done < whole));
    steps.dedup();
    assert!(steps.len() >= 4 && steps.last() == Some(&Step::Done), "{steps:?}");
    let before = contents(&dir);
    for fatal in steps {
        fs::remove_dir_all(&fresh).unwrap();
        fs::create_dir(&fresh).unwrap();
        let full = |step| if step == fatal { Err(StoreError::Full) } else { Ok(()) };
        let ended = convert(&dir, &fresh, &Access::default(), Some(&new), &full);
        assert!(matches!(ended, Err(StoreError::Full)), "{fatal:?} {ended:?}");
        assert_eq!(contents(&dir), before, "{fatal:?}");
    }
    holds_all(&dir, None);
}

#[test]
fn a_wrong_key_touches_nothing() {
    let (right, wrong) = (secret("the right passphrase"), secret("the wrong passphrase"));
    let data = tempfile::tempdir().unwrap();
    let (dir, fresh) = (data.path().join("state"), data.path().join("state.new"));
    filled(&dir, Some(&right));
    let before = contents(&dir);
    fs::create_dir(&fresh).unwrap();
    for with in [Access::default(), access(Some(&wrong))] {
        assert!(Store::open_with(&dir, &with).is_err());
        assert!(convert(&dir, &fresh, &with, None, &anyway).is_err());
    }
    assert_eq!((contents(&dir), contents(&fresh)), (before, BTreeMap::new()));
    holds_all(&dir, Some(&right));
}

#[test]
fn a_state_that_should_be_encrypted_is_made_so_or_refused() {
    let key = secret("a passphrase of ours");
    let dir = tempfile::tempdir().unwrap();
    let demanded = Access { secret: None, encrypted_only: true };
    let fresh = dir.path().join("fresh");
    assert_eq!(Store::open_with(&fresh, &demanded).unwrap_err().reason(), "store-locked");
    filled(&fresh, Some(&key));
    holds_all(&fresh, Some(&key));
    assert_eq!(showing(&fresh), [] as [String; 0]);
    let plain = dir.path().join("plain");
    filled(&plain, None);
    let refused = Store::open_with(&plain, &access(Some(&key))).unwrap_err();
    assert_eq!(refused.reason(), "store-not-encrypted");
    // A secret that is not needed does no harm.
    drop(Store::open_with(&plain, &Access { secret: Some(key), encrypted_only: false }).unwrap());
}

#[test]
fn a_damaged_page_of_an_encrypted_database_is_an_error() {
    let key = secret("a passphrase of ours");
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), Some(&key));
    let path = dir.path().join("prxy.db");
    let good = fs::read(&path).unwrap();
    for at in [100, good.len() / 2, good.len() - 100] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(&path, bad).unwrap();
        let read = Store::open_with(dir.path(), &access(Some(&key))).and_then(|store| {
            store.entries(None, None, &mut |_| true)?;
            store.stats()
        });
        // A page that nothing reads may be damaged unseen.
        if let Err(error) = &read {
            assert_eq!(error.reason(), "store-corrupt", "{at} {error}");
        }
        assert!(read.is_err() || at != 100);
    }
}

#[test]
fn a_backup_is_a_state_of_its_own_with_the_same_key() {
    let key = secret("a passphrase of ours");
    for key in [None, Some(&key)] {
        let data = tempfile::tempdir().unwrap();
        let (dir, copy) = (data.path().join("state"), data.path().join("copy"));
        filled(&dir, key);
        let store = Store::open_with(&dir, &access(key)).unwrap();
        fs::create_dir(&copy).unwrap();
        store.back_up(&copy).unwrap();
        assert_eq!(showing(&copy).is_empty(), key.is_some());
        number(&store, "t", "EMAIL", "later@corp.example");
        fs::create_dir(copy.join("model")).unwrap();
        fs::write(copy.join("model/weights"), b"1234").unwrap();
        holds_all(&copy, key);
        let entries = |dir: &Path| {
            let store = Store::open_with(dir, &access(key)).unwrap();
            store.stats().unwrap().iter().map(|row| row.entries).sum::<u64>()
        };
        assert_eq!((entries(&dir), entries(&copy)), (4, 3));
    }
}

#[test]
fn what_is_exported_comes_in_again_and_a_damaged_file_brings_nothing() {
    let dir = tempfile::tempdir().unwrap();
    filled(&dir.path().join("a"), None);
    let store = Store::open(&dir.path().join("a")).unwrap();
    store.blobs().put(b"\xff\x00 no text").unwrap();
    assert!(!store.is_empty().unwrap());
    let mut file = Vec::new();
    let counted = Archive::write(&store, &mut file, &|_| {}).unwrap();
    // A tenant, a counter, three entries.
    assert_eq!((counted.rows, counted.blobs), (5, 2));

    let key = secret("a passphrase of ours");
    let other = dir.path().join("b");
    let fresh = Store::open_with(&other, &access(Some(&key))).unwrap();
    assert!(fresh.is_empty().unwrap());
    assert_eq!(Archive::read(&fresh, &mut &*file, &|_| {}).unwrap(), counted);
    drop(fresh);
    fs::create_dir(other.join("model")).unwrap();
    fs::write(other.join("model/weights"), b"1234").unwrap();
    holds_all(&other, Some(&key));
    let again = Store::open_with(&other, &access(Some(&key))).unwrap();
    let mut twice = Vec::new();
    Archive::write(&again, &mut twice, &|_| {}).unwrap();
    let sorted = |file: &[u8]| {
        let text = str::from_utf8(file).unwrap();
        let mut lines: Vec<_> = text.lines().skip(1).map(str::to_owned).collect();
        lines.pop();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&twice), sorted(&file));

    let text = String::from_utf8(file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let joined = |lines: &[&str]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    let without_end = joined(&lines[..lines.len() - 1]);
    for (bad, told) in [
        (String::new(), "no export"),
        ("{\"prxy\":\"vault\",\"format\":1}\n".into(), "no export"),
        (text.replacen("\"format\":1", "\"format\":2", 1), "no export"),
        (text.replacen("\"schema\":", "\"schema\":1", 1), "tables of version"),
        (without_end.clone(), "cut off"),
        (text[..text.len() / 2].to_owned(), "damaged"),
        (text.replacen("jane", "joan", 1), "cut off"),
        (text.replacen("\"entry\"", "\"entri\"", 1), "damaged"),
        (format!("{text}{{}}\n"), "cut off"),
    ] {
        let place = tempfile::tempdir().unwrap();
        let store = Store::open(place.path()).unwrap();
        let refused = Archive::read(&store, &mut bad.as_bytes(), &|_| {}).unwrap_err();
        assert!(refused.to_string().contains(told), "{told}: {refused}");
        assert!(!matches!(refused, ArchiveError::Store(_)), "{refused}");
        assert!(store.is_empty().unwrap(), "{told}");
    }
}

#[test]
fn what_is_merged_keeps_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let (here, there) =
        (Store::open(&dir.path().join("a")).unwrap(), Store::open(&dir.path().join("b")).unwrap());
    number(&here, "t", "EMAIL", "first@corp.example");
    number(&there, "t", "EMAIL", "other@corp.example");
    number(&there, "t", "EMAIL", "first@corp.example");
    number(&there, "u", "EMAIL", "own@corp.example");
    let done = here.merge(&there).unwrap();
    assert_eq!((done.added, done.renumbered, done.known), (1, 1, 1));
    let first = crate::redact::Number::first;
    let told = |tenant: &str, at| here.vault(tenant).original("EMAIL", first(at));
    assert_eq!(told("t", 1).as_deref(), Some("first@corp.example"));
    assert_eq!(told("t", 2).as_deref(), Some("other@corp.example"));
    assert_eq!(told("u", 1).as_deref(), Some("own@corp.example"));
}

/// An export with these rows of the vault's tables.
fn export(tenants: &str, counters: &str, entries: &str) -> String {
    let mut empty = Vec::new();
    Archive::write(&Store::in_memory().unwrap(), &mut empty, &|_| {}).unwrap();
    let (mut text, mut rows) = (String::new(), 0);
    for line in str::from_utf8(&empty).unwrap().lines() {
        if !line.contains("\"end\"") {
            text.push_str(&format!("{line}\n"));
        }
        for (table, more) in [("tenant", tenants), ("counter", counters), ("entry", entries)] {
            if line.contains(&format!("\"table\":\"{table}\"")) && !more.is_empty() {
                text.push_str(&format!("{more}\n"));
                rows += 1;
            }
        }
    }
    let sum = blake3::hash(text.as_bytes()).to_hex().to_string();
    let end = serde_json::json!({ "rows": rows, "blobs": 0, "blake3": sum });
    format!("{text}{}\n", serde_json::json!({ "end": end }))
}

#[test]
fn numbers_that_nobody_can_count_on_from_do_not_come_in() {
    const MOST: u64 = 99_999_999;
    for (counter, entry, expected) in [
        (format!(r#"[1,"EMAIL",{MOST},1]"#), String::new(), Ok(0)),
        (format!(r#"[1,"EMAIL",{},1]"#, MOST + 1), String::new(), Err("counter")),
        (r#"[1,"EMAIL",4294967295,1]"#.into(), String::new(), Err("counter")),
        (r#"[1,"EMAIL",9223372036854775807,1]"#.into(), String::new(), Err("counter")),
        (r#"[1,"EMAIL",-1,1]"#.into(), String::new(), Err("counter")),
        (r#"[1,"EMAIL",1,4294967295]"#.into(), String::new(), Err("counter")),
        (String::new(), r#"[1,"EMAIL",4294967295,1,"x",1,1,1,1,1]"#.into(), Err("entry")),
        (String::new(), r#"[1,"EMAIL",1,4294967295,"x",1,1,1,1,1]"#.into(), Err("entry")),
        (String::new(), r#"[1,"EMAIL",1,1,"x",1,1,4294967295,1,1]"#.into(), Err("entry")),
        // Of another type than its column.
        (r#"[1,"EMAIL","one",1]"#.into(), String::new(), Err("damaged")),
        // Of no tenant: left out, and said.
        (r#"[7,"EMAIL",1,1]"#.into(), r#"[7,"EMAIL",1,1,"x",1,1,1,1,1]"#.into(), Ok(2)),
    ] {
        let store = Store::in_memory().unwrap();
        let text = export(r#"[1,"t"]"#, &counter, &entry);
        let read = Archive::read(&store, &mut text.as_bytes(), &|_| {});
        match (read, expected) {
            (Ok(read), Ok(stray)) => assert_eq!(read.stray, stray, "{counter} {entry}"),
            (Err(error), Err(told)) => {
                assert!(error.to_string().contains(told), "{counter} {entry}: {error}");
                assert!(store.is_empty().unwrap());
            }
            (read, _) => panic!("{counter} {entry}: {read:?}"),
        }
    }
}

#[test]
fn a_label_without_numbers_left_refuses_new_values_and_knows_the_old_ones() {
    let dir = tempfile::TempDir::new().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let email = crate::redact::Label::new("EMAIL").unwrap();
    let vault = |tenant: &str| store.vault(tenant);
    assert_eq!(number(&store, "t", "EMAIL", "first@corp.example"), 1);
    for last in [99_999_999_u32, u32::MAX] {
        super::sql(&dir, &format!("UPDATE counter SET last = {last}"));
        let error = vault("t").number(&email, "second@corp.example").unwrap_err();
        assert_eq!(error.to_string(), "vault: no number is left for this label");
        assert_eq!(number(&store, "t", "EMAIL", "first@corp.example"), 1);
        assert_eq!(number(&store, &format!("other{last}"), "EMAIL", "a@corp.example"), 1);
    }
    // Another spelling.
    for last in [99_999_999_u32, u32::MAX] {
        super::sql(&dir, &format!("UPDATE entry SET spellings = {last} WHERE value LIKE 'first%'"));
        let error = vault("t").number(&email, "First@corp.example").unwrap_err();
        assert_eq!(error.to_string(), "vault: no number is left for this label");
    }
}
