//! Patterns: kept, found again, counted, evicted, apart by tenant.

use super::*;
use crate::embed::search::Packed;
use crate::embed::{Embedder as _, OFFLINE, Offline};
use crate::store::TENANT;
use crate::store::patterns::{
    CONFIRMED, Counts, Lesson, Offered, Outcome, Pattern, Patterns, WHOSE, reporter,
};

fn vector(text: &str) -> Packed {
    Packed::new(&Offline.embed(text).unwrap())
}

fn lesson(problem: &str, evidence: &'static str, conversation: &str) -> Lesson {
    Lesson {
        problem: problem.to_owned(),
        remedy: format!("do something about {problem}"),
        evidence,
        model: "m".to_owned(),
        conversation: conversation.to_owned(),
        vector: vector(problem),
        embedder: OFFLINE,
    }
}

fn learn(kept: &Patterns, tenant: &str, lesson: &Lesson, most: usize) {
    kept.learn(tenant, lesson, |known| known.problem == lesson.problem, &[], most);
}

fn near(kept: &Patterns, tenant: &str, problem: &str) -> Vec<i64> {
    let found = kept.near(tenant, &[vector(problem)], 0.5, 9, OFFLINE);
    found.into_iter().map(|(pattern, _)| pattern.id).collect()
}

/// The turn of a reporter.
fn turn(whose: &str, number: u8) -> [u8; 32] {
    let mut turn = [number; 32];
    turn[..WHOSE].copy_from_slice(&reporter(whose));
    turn
}

fn counts(pattern: &Pattern) -> (u64, u64, u64, u64) {
    (pattern.seen, pattern.uses, pattern.successes, pattern.failures)
}

const A: &str = "Error: Cannot find module 'webpack-merge'";
const B: &str = "fatal: refusing to merge unrelated histories";
const C: &str = "Address already in use while binding the port";

#[test]
fn a_pattern_is_found_by_its_tenant_alone_and_after_a_restart() {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path()).unwrap();
    learn(&store.patterns(), "t", &lesson(A, "said", "c1"), 9);
    learn(&store.patterns(), "u", &lesson(B, "said", "c1"), 9);
    assert_eq!(near(&store.patterns(), "t", A), [1]);
    assert_eq!(near(&store.patterns(), "u", A), [0; 0]);
    assert_eq!(near(&store.patterns(), "u", B), [2]);
    drop(store);
    let store = Store::open(dir.path()).unwrap();
    let kept = store.patterns();
    assert_eq!(near(&kept, "t", A), [1]);
    assert_eq!(kept.report("u", &[1], Outcome::Worked).unwrap(), None);
    assert_eq!(kept.report("t", &[1, 9], Outcome::Worked).unwrap(), None);
    kept.offer(&turn("t", 1), &[1]);
    let (counted, known) = kept.report("t", &[1], Outcome::Failed).unwrap().unwrap().remove(0);
    assert_eq!((counts(&counted), counted.rate(), known), ((1, 1, 0, 1), 0.5, true));
    // Another process has deleted it.
    sql(&dir, "DELETE FROM pattern WHERE tenant = 't'");
    assert_eq!(near(&kept, "t", A), [0; 0]);
    assert_eq!(kept.tenants().unwrap(), ["u"]);
}

#[test]
fn the_same_in_another_conversation_is_seen_again_and_an_echo_is_not() {
    let store = Store::in_memory().unwrap();
    let kept = store.patterns();
    for (evidence, conversation) in [
        ("said", "c1"),
        ("said", "c1"),
        ("tested", "c2"),
        (CONFIRMED, "c2"),
        (CONFIRMED, "c2"),
        ("said", "c3"),
    ] {
        learn(&kept, "t", &lesson(A, evidence, conversation), 9);
    }
    kept.learn("t", &lesson(A, "said", "c4"), |_| true, &[1], 9);
    let all = kept.all(None).unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!((counts(&all[0]), all[0].evidence.as_str()), ((3, 0, 1, 0), CONFIRMED));
    assert_eq!(all[0].conversation, "c3");
}

#[test]
fn the_least_useful_go_and_never_the_newest_or_anothers() {
    let store = Store::in_memory().unwrap();
    let kept = store.patterns();
    learn(&kept, "t", &lesson(A, "said", "c"), 2);
    learn(&kept, "t", &lesson(B, "said", "c"), 2);
    learn(&kept, "u", &lesson(C, "said", "c"), 2);
    kept.offer(&turn("t", 1), &[2]);
    kept.report("t", &[2], Outcome::Worked).unwrap();
    learn(&kept, "t", &lesson(C, "said", "c"), 2);
    let left = |tenant| kept.all(Some(tenant)).unwrap().iter().map(|it| it.id).collect::<Vec<_>>();
    assert_eq!((left("t"), left("u")), (vec![2, 4], vec![3]));
    assert_eq!((near(&kept, "t", A), near(&kept, "t", C)), (vec![], vec![4]));
    assert_eq!(kept.delete(&[2, 9]).unwrap(), Err(9));
    assert_eq!(left("t"), [2, 4]);
    assert_eq!(kept.delete(&[2]).unwrap(), Ok(()));
    assert_eq!(kept.clear(Some("t")).unwrap(), 1);
    assert_eq!((left("t"), left("u"), near(&kept, "t", C)), (vec![], vec![3], vec![]));
}

#[test]
fn an_offer_is_noted_once_and_settled_once() {
    let store = Store::in_memory().unwrap();
    let kept = store.patterns();
    learn(&kept, "t", &lesson(A, "said", "c"), 9);
    learn(&kept, "t", &lesson(B, "said", "c"), 9);
    let (first, second) = ([1; 32], [2; 32]);
    kept.offer(&first, &[1, 2]);
    kept.offer(&first, &[1, 2]);
    kept.offer(&second, &[1]);
    let offered = |turn, pattern| Offered { turn, pattern };
    let all = [offered(1, 1), offered(1, 2), offered(2, 1)];
    assert_eq!(kept.offered(&[[0; 32], first, second]), all);
    kept.settle(&[first], Outcome::Worked);
    kept.settle(&[first, second], Outcome::Failed);
    let known: Vec<_> = kept.all(None).unwrap().iter().map(counts).collect();
    assert_eq!(known, [(1, 2, 1, 1), (1, 1, 1, 0)]);
}

#[test]
fn a_reporter_counts_once_for_each_turn_that_it_was_offered_in() {
    let store = Store::in_memory().unwrap();
    let kept = store.patterns();
    learn(&kept, "t", &lesson(A, "said", "c"), 9);
    learn(&kept, "everybody", &lesson(B, "said", "c"), 9);
    let report = |whose, outcome| {
        let rows = kept.report(whose, &[2], outcome).unwrap().unwrap();
        let (row, counted) = rows.first().unwrap();
        (row.successes, row.failures, *counted)
    };
    assert_eq!(report("t", Outcome::Worked), (0, 0, false));
    for turn in [turn("t", 1), turn("t", 1), turn("t", 2), turn("u", 1)] {
        kept.offer(&turn, &[2]);
    }
    assert_eq!(report("t", Outcome::Unclear), (0, 0, false));
    assert_eq!(report("t", Outcome::Worked), (1, 0, true));
    assert_eq!(report("t", Outcome::Failed), (1, 1, true));
    assert_eq!(report("t", Outcome::Failed), (1, 1, false));
    assert_eq!(report("u", Outcome::Failed), (1, 2, true));
    assert_eq!(report("v", Outcome::Failed), (1, 2, false));
    // All or none.
    kept.offer(&turn("t", 3), &[1, 2]);
    assert_eq!(kept.report("u", &[2, 1], Outcome::Worked).unwrap(), None);
    assert_eq!(report("t", Outcome::Worked), (2, 2, true));
}

#[test]
fn what_was_imported_for_a_tenant_is_for_all_its_keys_and_what_was_learned_is_not() {
    let store = Store::in_memory().unwrap();
    let kept = store.patterns();
    let key = format!("{TENANT}/k1");
    // As versions wrote it that told no keys apart.
    learn(&kept, TENANT, &lesson(A, "said", "c"), 9);
    assert_eq!((near(&kept, &key, A), near(&kept, TENANT, A)), (vec![], vec![1]));
    assert_eq!(kept.report(&key, &[1], Outcome::Unclear).unwrap(), None);
    kept.import(TENANT, &[(lesson(B, "imported", "c"), Counts::default())]).unwrap();
    assert_eq!((near(&kept, &key, B), near(&kept, "t", B)), (vec![2], vec![]));
    assert!(kept.report(&key, &[2], Outcome::Unclear).unwrap().is_some());
    // Nobody changes it by saying it again.
    learn(&kept, &key, &lesson(B, "said", "c"), 9);
    let all = kept.all(None).unwrap();
    assert_eq!(all.iter().map(|it| it.evidence.as_str()).collect::<Vec<_>>(), ["said", "imported"]);
    learn(&kept, &key, &lesson(C, "said", "c"), 9);
    assert_eq!((near(&kept, &key, C), near(&kept, &format!("{TENANT}/k2"), C)), (vec![3], vec![]));
}
