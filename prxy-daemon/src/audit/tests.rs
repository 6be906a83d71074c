//! Real logs, and everything that can happen to them.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use proptest::prelude::*;
use prxy_common::{Event, Reason, Role};
use serde_json::{Value, json};

use super::*;
use crate::sys::time::monotonic;

const NEVER: Rotation = Rotation { max_bytes: u64::MAX, keep: 0 };

fn denied(port: u16) -> Event {
    Event { role: 3, hook: 2, verdict: 0, reason: 4, port, ..Event::default() }
}

fn run(dir: &Path, rotation: Rotation, lines: u16) {
    let mut log = EgressLog::open(dir, rotation, surroundings()).unwrap();
    for port in 1..=lines {
        log.append(&denied(port));
        log.flush().unwrap();
    }
    log.append_stop("signal", json!([]));
    log.flush().unwrap();
}

fn current(dir: &Path) -> PathBuf {
    dir.join("egress.jsonl")
}

fn check(dir: &Path) -> Report {
    verify(&[dir.to_owned()], None).unwrap()
}

/// What is wrong, without file names.
fn faults(dir: &Path, head: Option<&str>) -> Vec<String> {
    verify(&[dir.to_owned()], head).unwrap().faults
}

fn text(dir: &Path) -> String {
    fs::read_to_string(current(dir)).unwrap()
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn the_chain_holds_over_restarts() {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        run(dir.path(), NEVER, 2);
    }
    let report = check(dir.path());
    let last = text(dir.path()).lines().last().unwrap().to_owned();
    let expected = Report {
        files: 1,
        lines: 12,
        first_seq: 1,
        last_seq: 12,
        head: sha256(last.as_bytes()),
        starts: 3,
        stops: 3,
        ..Report::default()
    };
    assert_eq!(report, expected);
    assert!(text(dir.path()).contains(r#""reason":"not-allowlisted""#));
}

#[test]
fn every_edit_of_a_single_byte_is_found() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), NEVER, 2);
    // A cut in the middle, and the start that names it.
    let mut file = File::options().append(true).open(current(dir.path())).unwrap();
    file.write_all(br#"{"address":"10.0"#).unwrap();
    run(dir.path(), NEVER, 1);
    let head = check(dir.path()).head;
    assert_eq!(check(dir.path()).cuts.len(), 1);
    let real = fs::read(current(dir.path())).unwrap();
    let last_line = real[..real.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap();
    for at in 0..real.len() {
        for other in [real[at] ^ 1, b'\n'] {
            if other == real[at] {
                continue;
            }
            let mut edited = real.clone();
            edited[at] = other;
            fs::write(current(dir.path()), edited).unwrap();
            let (with, without) = (faults(dir.path(), Some(&head)), faults(dir.path(), None));
            assert_ne!(with, Vec::<String>::new(), "byte {at} as {other}");
            // Without a head that is known, the last line has nothing to be held against.
            if at <= last_line {
                assert_ne!(without, Vec::<String>::new(), "byte {at} as {other}");
            }
        }
    }
}

#[test]
fn lines_that_are_dropped_swapped_repeated_or_inserted_are_found() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), NEVER, 6);
    let real: Vec<String> = text(dir.path()).lines().map(str::to_owned).collect();
    let head = check(dir.path()).head;
    let attempt = |lines: &[String], what: &str| {
        fs::write(current(dir.path()), lines.join("\n") + "\n").unwrap();
        assert_ne!(faults(dir.path(), Some(&head)), Vec::<String>::new(), "{what}");
        faults(dir.path(), None)
    };
    for at in 0..real.len() {
        let last = at + 1 == real.len();
        let mut lines = real.clone();
        lines.remove(at);
        let found = attempt(&lines, "dropped");
        assert_eq!(found.is_empty(), last, "{found:?}");
        for to in 0..real.len() {
            let mut lines = real.clone();
            lines.swap(at, to);
            if at != to {
                assert_ne!(attempt(&lines, "swapped"), Vec::<String>::new());
            }
            let mut lines = real.clone();
            lines.insert(to, real[at].clone());
            let found = faults_of(&dir, &lines);
            assert_ne!(found, Vec::<String>::new(), "{at} repeated at {to}");
        }
        // A line that fits where it stands.
        let mut lines = real.clone();
        let mut forged: Value = serde_json::from_str(&lines[at]).unwrap();
        forged["role"] = json!("gateway");
        lines.insert(at, forged.to_string());
        assert_ne!(faults_of(&dir, &lines), Vec::<String>::new(), "inserted at {at}");
    }
    fs::write(current(dir.path()), real.join("\n") + "\n").unwrap();
    assert_eq!(faults(dir.path(), Some(&head)), Vec::<String>::new());
}

fn faults_of(dir: &tempfile::TempDir, lines: &[String]) -> Vec<String> {
    fs::write(current(dir.path()), lines.join("\n") + "\n").unwrap();
    faults(dir.path(), None)
}

#[test]
fn faults_say_where_and_what() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), NEVER, 4);
    let real: Vec<String> = text(dir.path()).lines().map(str::to_owned).collect();
    let mut edited = real.clone();
    edited[2] = edited[2].replace("netgate", "gateway");
    let mut swapped = real.clone();
    swapped.swap(1, 2);
    let without = |range: std::ops::Range<usize>| {
        let mut lines = real.clone();
        lines.drain(range);
        lines
    };
    let mut noise = real.clone();
    noise.insert(3, "noise".into());
    for (lines, told) in [
        (
            edited,
            vec![
                "egress.jsonl:4: is not the line that followed: line 3 before it was changed, or this one",
            ],
        ),
        (without(1..3), vec!["egress.jsonl:2: lines 2 to 3 are missing before it"]),
        (
            without(0..1),
            vec![
                "egress.jsonl:1: lines 1 to 1 are missing, and no line says that they were deleted",
            ],
        ),
        (
            swapped,
            vec![
                "egress.jsonl:2: lines 2 to 2 are missing before it",
                "egress.jsonl:3: has number 2 where 4 should be: repeated, inserted or out of order",
                "egress.jsonl:4: lines 3 to 3 are missing before it",
            ],
        ),
        (noise, vec!["egress.jsonl:4: is no audit line, and no start says that a crash cut it"]),
    ] {
        assert_eq!(faults_of(&dir, &lines), told);
    }
    let unknown = "0123456789abcdef".repeat(4);
    fs::write(current(dir.path()), real.join("\n") + "\n").unwrap();
    assert_eq!(
        faults(dir.path(), Some(&unknown)),
        vec![format!("the log does not contain this head: {unknown}")]
    );
}

#[test]
fn a_head_that_was_kept_shows_a_cut_off_end_and_a_log_written_anew() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), NEVER, 2);
    let head = check(dir.path()).head;
    run(dir.path(), NEVER, 2);
    let report = verify(&[dir.path().to_owned()], Some(&head)).unwrap();
    assert_eq!((report.holds(), report.after_head), (true, Some(4)));
    let kept: Vec<String> = text(dir.path()).lines().take(3).map(str::to_owned).collect();
    fs::write(current(dir.path()), kept.join("\n") + "\n").unwrap();
    assert!(check(dir.path()).holds());
    assert_eq!(
        faults(dir.path(), Some(&head)),
        vec![format!("the log does not contain this head: {head}")]
    );
    fs::remove_file(current(dir.path())).unwrap();
    run(dir.path(), NEVER, 2);
    assert_eq!(
        faults(dir.path(), Some(&head)),
        vec![format!("the log does not contain this head: {head}")]
    );
}

#[test]
fn what_a_crash_cuts_is_named_by_the_next_start_wherever_it_cut() {
    let whole = tempfile::tempdir().unwrap();
    run(whole.path(), NEVER, 3);
    let real = fs::read(current(whole.path())).unwrap();
    for at in 0..real.len() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(current(dir.path()), &real[..at]).unwrap();
        run(dir.path(), NEVER, 1);
        let report = check(dir.path());
        assert_eq!(report.faults, Vec::<String>::new(), "cut at {at}");
        let kept = real[..at].iter().filter(|byte| **byte == b'\n').count() as u64;
        let ended = at == 0 || real[at - 1] == b'\n';
        // A line that lost nothing but its end is whole.
        let only_the_end = !ended && real[at] == b'\n';
        assert_eq!(report.cuts.len(), usize::from(!ended && !only_the_end), "cut at {at}");
        assert_eq!(report.lines, kept + u64::from(only_the_end) + 3, "cut at {at}");
        // A crash in the very next write.
        let again = fs::read(current(dir.path())).unwrap();
        fs::write(current(dir.path()), &again[..again.len() - 100]).unwrap();
        run(dir.path(), NEVER, 1);
        assert_eq!(check(dir.path()).faults, Vec::<String>::new(), "cut at {at}");
    }
}

#[test]
fn what_a_power_cut_leaves_behind_is_named_too_and_a_changed_end_is_not_gone_on_with() {
    for garbage in [vec![0; 5000], b"\n\n".to_vec(), b"half\nlines\n{\"seq\":1}\n".to_vec()] {
        let dir = tempfile::tempdir().unwrap();
        run(dir.path(), NEVER, 2);
        let mut file = File::options().append(true).open(current(dir.path())).unwrap();
        file.write_all(&garbage).unwrap();
        assert!(check(dir.path()).holds() || garbage.ends_with(b"\n"));
        run(dir.path(), NEVER, 2);
        let report = check(dir.path());
        assert_eq!((report.faults.clone(), report.cuts.len()), (vec![], 1), "{garbage:?}");
    }
    let dir = tempfile::tempdir().unwrap();
    fs::write(current(dir.path()), "x".repeat(6 << 20)).unwrap();
    let refused = EgressLog::open(dir.path(), NEVER, json!({})).unwrap_err();
    assert!(matches!(refused, AuditError::NotALog { .. }), "{refused}");
}

#[test]
fn rotation_keeps_the_chain_and_says_what_it_deletes() {
    let dir = tempfile::tempdir().unwrap();
    let rotation = Rotation { max_bytes: 3000, keep: 3 };
    run(dir.path(), rotation, 20);
    run(dir.path(), rotation, 40);
    let found = names(dir.path());
    assert_eq!(found.len(), 4, "{found:?}");
    let report = check(dir.path());
    assert!(report.holds() && report.deleted_before && report.first_seq > 1, "{report:?}");
    assert_eq!((report.files, report.stops), (4, 1));
    let begin = fs::read_to_string(dir.path().join(&found[1])).unwrap();
    let begin: Value = serde_json::from_str(begin.lines().next().unwrap()).unwrap();
    assert_eq!((&begin["event"], &begin["continues"]), (&json!("rotated"), &json!(found[0])));

    // Any file that is missing shows: an old one, one between, and the current one to who knows it.
    for name in &found {
        let (path, aside) = (dir.path().join(name), dir.path().join("aside"));
        fs::rename(&path, &aside).unwrap();
        let told = faults(dir.path(), Some(&report.head));
        assert_ne!(told, Vec::<String>::new(), "{name}");
        fs::rename(&aside, &path).unwrap();
    }
    // Files that are named one by one are put into order; one that is named twice is not.
    let mut files: Vec<_> = found.iter().map(|name| dir.path().join(name)).rev().collect();
    assert_eq!(verify(&files, None).unwrap(), report);
    files.push(files[0].clone());
    assert!(!verify(&files, None).unwrap().holds());
}

#[test]
fn without_a_number_to_keep_nothing_is_ever_deleted() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), Rotation { max_bytes: 1000, keep: 0 }, 60);
    let report = check(dir.path());
    assert!(report.holds() && report.first_seq == 1 && report.files > 15, "{report:?}");
}

/// As the flush does after a second.
fn look(log: &mut EgressLog) {
    log.looked_long_ago();
    log.flush().unwrap();
}

#[test]
fn rotation_by_another_program_keeps_the_chain() {
    let dir = tempfile::tempdir().unwrap();
    let moved = |number: u32| dir.path().join(format!("egress.jsonl.{number}"));
    let mut log = EgressLog::open(dir.path(), NEVER, json!({})).unwrap();
    log.append(&denied(1));
    log.flush().unwrap();
    fs::rename(current(dir.path()), moved(1)).unwrap();
    // Renamed; what is written before it is noticed goes where the file went.
    log.append(&denied(2));
    log.flush().unwrap();
    look(&mut log);
    log.append(&denied(3));
    log.flush().unwrap();
    // Renamed, and an empty file made in its place.
    fs::rename(current(dir.path()), moved(2)).unwrap();
    File::create(current(dir.path())).unwrap();
    look(&mut log);
    // Copied and emptied.
    log.append(&denied(4));
    log.flush().unwrap();
    fs::copy(current(dir.path()), moved(3)).unwrap();
    File::options().write(true).open(current(dir.path())).unwrap().set_len(0).unwrap();
    log.append(&denied(5));
    look(&mut log);
    drop(log);
    // Renamed while no daemon runs.
    fs::rename(current(dir.path()), moved(4)).unwrap();
    run(dir.path(), NEVER, 1);
    let report = check(dir.path());
    assert_eq!((report.faults.clone(), report.files, report.lines), (vec![], 5, 12));
    // Removed: nobody can say that it was not there.
    let mut log = EgressLog::open(dir.path(), NEVER, json!({})).unwrap();
    fs::remove_file(current(dir.path())).unwrap();
    log.append(&denied(6));
    look(&mut log);
    assert_eq!(faults(dir.path(), None).len(), 1);
}

#[test]
fn a_crash_between_two_files_breaks_nothing() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), NEVER, 3);
    let half = dir.path().join("egress-000000000001.jsonl");
    fs::rename(current(dir.path()), &half).unwrap();
    let mut file = File::options().append(true).open(&half).unwrap();
    file.write_all(b"{\"cut").unwrap();
    run(dir.path(), NEVER, 1);
    let report = check(dir.path());
    assert_eq!((report.faults, report.cuts.len(), report.lines), (vec![], 1, 9));
    // The same, after the next file was made and its first line cut.
    fs::rename(current(dir.path()), dir.path().join("egress-000000000006.jsonl")).unwrap();
    fs::write(current(dir.path()), "{\"continues\"").unwrap();
    run(dir.path(), NEVER, 1);
    let report = check(dir.path());
    assert_eq!((report.faults, report.cuts.len(), report.lines), (vec![], 2, 13));
}

#[test]
fn a_flood_is_counted_and_neither_fills_the_disk_nor_goes_unsaid() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = EgressLog::open(dir.path(), NEVER, json!({})).unwrap();
    let flood = 6000;
    for _ in 0..flood {
        log.append(&denied(1));
    }
    log.flush().unwrap();
    assert!(check(dir.path()).holds());
    let written = text(dir.path()).matches(r#""event":"decision""#).count() as u64;
    assert!((2000..3000).contains(&written), "{written}");
    let last: Value = serde_json::from_str(text(dir.path()).lines().last().unwrap()).unwrap();
    assert_eq!((&last["event"], &last["count"]), (&json!("omitted"), &json!(flood - written)));
    // More of it is said once a second, however often the log is flushed.
    let before = text(dir.path()).lines().count();
    for _ in 0..1000 {
        log.append_lost(1);
        log.flush().unwrap();
    }
    let after = text(dir.path()).lines().count();
    assert!(after <= before + 20, "{after}");
}

#[test]
fn a_flood_hides_neither_other_roles_nor_anything_new() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = EgressLog::open(dir.path(), NEVER, json!({})).unwrap();
    for _ in 0..6000 {
        log.append(&denied(1));
    }
    // The same role goes where it may, and tries something else; another role does what it did.
    let new = [
        Event { verdict: 1, reason: 1, port: 443, ..denied(1) },
        denied(2),
        Event { reason: 5, ..denied(1) },
        Event { role: 4, ..denied(1) },
        Event { role: 4, ..denied(1) },
    ];
    for event in &new {
        log.append(event);
    }
    log.flush().unwrap();
    let text = text(dir.path());
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let decisions: Vec<_> = lines.iter().filter(|line| line["event"] == "decision").collect();
    assert!(decisions.len() < 4000, "{}", decisions.len());
    let last: Vec<_> = decisions[decisions.len() - new.len()..].iter().collect();
    for (line, event) in last.iter().zip(&new) {
        assert_eq!(line["port"], event.port);
        assert_eq!(line["role"], Role::from_code(event.role.into()).unwrap().name());
        assert_eq!(line["reason"], Reason::from_code(event.reason.into()).unwrap().name());
    }
    let told = lines.last().unwrap();
    let count = 6000 + new.len() - decisions.len();
    let (role, reason) = (Role::from_code(3).unwrap(), Reason::from_code(4).unwrap());
    assert_eq!(told["count"], count);
    let decisions = json!([{ "role": role.name(), "reason": reason.name(), "count": count }]);
    assert_eq!(told["decisions"], decisions);
}

#[test]
fn a_log_that_is_rotated_while_it_is_read_is_not_said_to_be_broken() {
    let dir = tempfile::tempdir().unwrap();
    let rotation = Rotation { max_bytes: 3000, keep: 3 };
    run(dir.path(), rotation, 30);
    let path = dir.path().to_owned();
    let writer = std::thread::spawn(move || {
        let mut log = EgressLog::open(&path, rotation, json!({})).unwrap();
        for _ in 0..40 {
            for _ in 0..20 {
                log.append(&denied(1));
                log.flush().unwrap();
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    });
    let mut wrong = Vec::new();
    while !writer.is_finished() {
        match verify(&[dir.path().to_owned()], None) {
            Ok(report) if report.holds() => {}
            other => {
                wrong.push(other.map(|report| report.faults).map_err(|error| error.to_string()))
            }
        }
    }
    writer.join().unwrap();
    assert_eq!(wrong, Vec::<Result<Vec<String>, String>>::new());
}

#[test]
fn lines_that_a_full_disk_has_cost_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = EgressLog::open(dir.path(), NEVER, json!({})).unwrap();
    log.flush().unwrap();
    log.write_to(File::options().write(true).open("/dev/full").unwrap());
    let rounds = 4 * (1 << 20) / 50;
    for _ in 0..rounds {
        log.append_event("filler", json!({}));
    }
    assert!(log.flush().is_err());
    assert_eq!(log.status()["failing"], true);
    log.write_to(File::options().append(true).open(current(dir.path())).unwrap());
    log.flush().unwrap();
    assert_eq!(log.status()["failing"], false);
    assert!(check(dir.path()).holds());
    let text = text(dir.path());
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(last["event"], "omitted");
    let kept = text.matches(r#""event":"filler""#).count() as u64;
    assert_eq!(last["count"].as_u64().unwrap() + kept, rounds as u64);
    assert_eq!(log.status()["omitted"], last["count"]);
}

#[test]
fn the_chain_goes_on_after_a_long_line_and_no_link_is_followed() {
    let dir = tempfile::tempdir().unwrap();
    let addresses: Vec<_> = (0..4000).map(|n| format!("netgate [2001:db8::{n}]:443")).collect();
    let totals: Vec<_> = Role::ALL
        .iter()
        .flat_map(|r| Reason::ALL.iter().map(|w| json!([r.name(), w.name(), 1_u64 << 60])))
        .collect();
    for _ in 0..2 {
        let mut log = EgressLog::open(dir.path(), NEVER, json!({})).unwrap();
        log.append_event("generation", json!({ "added": addresses, "removed": addresses }));
        log.append_stop("signal", json!(totals));
        log.flush().unwrap();
    }
    let report = check(dir.path());
    assert_eq!((report.holds(), report.lines), (true, 6));
    let elsewhere = tempfile::tempdir().unwrap();
    let other = elsewhere.path().join("other");
    fs::rename(current(dir.path()), &other).unwrap();
    std::os::unix::fs::symlink(&other, current(dir.path())).unwrap();
    assert!(EgressLog::open(dir.path(), NEVER, json!({})).is_err());
}

#[test]
fn the_end_is_read_and_followed_over_rotations() {
    let dir = tempfile::tempdir().unwrap();
    let rotation = Rotation { max_bytes: 2000, keep: 0 };
    run(dir.path(), rotation, 30);
    let seq = |lines: &[Vec<u8>]| -> Vec<u64> {
        let seq = |line: &Vec<u8>| serde_json::from_slice::<Value>(line).unwrap()["seq"].as_u64();
        lines.iter().filter_map(seq).collect()
    };
    let last = check(dir.path()).last_seq;
    for count in [0, 1, 5, 20, 1000] {
        let (lines, mut follow) = Follow::open(dir.path(), count).unwrap();
        let first = (last + 1).saturating_sub(count as u64).max(1);
        assert_eq!(seq(&lines), (first..=last).collect::<Vec<_>>(), "{count}");
        assert_eq!(follow.read_on().unwrap(), Vec::<Vec<u8>>::new());
    }
    let (_, mut follow) = Follow::open(dir.path(), 0).unwrap();
    let mut log = EgressLog::open(dir.path(), rotation, json!({})).unwrap();
    let mut seen = Vec::new();
    for port in 0..50 {
        log.append(&denied(port));
        log.flush().unwrap();
        // Sometimes a file ends with the last line that was read.
        if port % 7 == 0 || (20..30).contains(&port) {
            seen.extend(seq(&follow.read_on().unwrap()));
        }
    }
    seen.extend(seq(&follow.read_on().unwrap()));
    assert_eq!(seen, (last + 1..=log.head().seq).collect::<Vec<_>>());
}

#[test]
fn lines_are_told_in_words_and_steer_no_terminal() {
    let line = |fields: Value| fields.to_string().into_bytes();
    let deny = line(json!({
        "event": "decision", "time_ms": 1_795_262_400_123_u64, "role": "netgate", "verdict": "deny",
        "reason": "not-allowlisted", "address": "10.77.0.66", "port": 443, "hook": "connect4",
    }));
    let lines = [
        deny.clone(),
        deny,
        line(json!({
            "event": "decision", "time_ms": 951_782_400_000_u64, "role": "resolver",
            "verdict": "allow", "reason": "allowlisted", "address": "fd77::53", "port": 53,
            "hook": "connect6",
        })),
        line(
            json!({ "event": "generation", "time_ms": 0, "generation": 2, "why": "a\u{1b}[2Jb\u{202e}" }),
        ),
        b"\x1b[31m".to_vec(),
    ];
    let told = [
        "2026-11-21T12:00:00.123Z  netgate   deny  not-allowlisted      10.77.0.66:443           connect4  x2",
        "2000-02-29T00:00:00.000Z  resolver  allow allowlisted          [fd77::53]:53            connect6",
        "1970-01-01T00:00:00.000Z  generation generation=2 why=a\\u001b[2Jb?",
        "                          (not an audit line: 5 bytes)",
    ];
    assert_eq!(describe(&lines), told);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever is put in the place of whatever part of a log: it is found, or it is the end that
    /// is missing, which a known head shows.
    #[test]
    fn no_damage_goes_unseen(at in 0.0..1.0, cut in 0usize..600, put in prop::collection::vec(any::<u8>(), 0..60)) {
        let dir = tempfile::tempdir().unwrap();
        run(dir.path(), NEVER, 4);
        let head = check(dir.path()).head;
        let real = fs::read(current(dir.path())).unwrap();
        let at = (at * real.len() as f64) as usize;
        let end = (at + cut).min(real.len());
        let damaged = [&real[..at], &put, &real[end..]].concat();
        let same = damaged == real || damaged == real[..real.len() - 1];
        // Behind the last line there is nothing yet that a start would have named.
        let behind = damaged.starts_with(&real);
        fs::write(current(dir.path()), damaged).unwrap();
        let found = faults(dir.path(), Some(&head));
        prop_assert_eq!(found.is_empty(), same || (behind && found.is_empty()));
    }
}

#[test]
fn a_log_of_many_megabytes_is_verified_in_little_memory() {
    let dir = tempfile::tempdir().unwrap();
    let mut file = File::create(current(dir.path())).unwrap();
    let (mut previous, filler) = ("0".repeat(64), "x".repeat(400));
    let mut block = String::new();
    for seq in 1..=100_000 {
        let line = format!(
            r#"{{"event":"filler","filler":"{filler}","previous":"{previous}","seq":{seq}}}"#
        );
        previous = sha256(line.as_bytes());
        block.push_str(&line);
        block.push('\n');
        if block.len() > 1 << 20 {
            file.write_all(block.as_bytes()).unwrap();
            block.clear();
        }
    }
    file.write_all(block.as_bytes()).unwrap();
    let began = monotonic();
    let report = check(dir.path());
    let took = monotonic() - began;
    assert_eq!((report.holds(), report.lines, report.head), (true, 100_000, previous));
    assert!(took < Duration::from_secs(20), "{took:?}");
}
