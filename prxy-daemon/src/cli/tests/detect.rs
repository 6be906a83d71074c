//! Texts in; spans, masked texts and restored texts out.

use std::fs;

use serde_json::{Value, json};

use super::fed;

#[test]
fn a_text_answers_with_its_spans_in_words_or_as_json() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().to_str().unwrap();
    let text = "größe: ada@lovelace.org\nand ::1 <EMAIL_1>".as_bytes();
    let (out, result) = fed(dir, "detect", text);
    assert_eq!(result, Ok(()));
    let words: Vec<&str> = out.split_whitespace().collect();
    assert_eq!((words[0], words[1], words[4]), ("9..25", "EMAIL", "ada@lovelace.org"));
    assert_eq!(words.len(), 5, "{out}");

    let (out, _) = fed(dir, "detect --json", text);
    let out: Value = serde_json::from_str(&out).unwrap();
    let span = &out["spans"][0];
    assert_eq!((&span["start"], &span["end"]), (&json!(9), &json!(25)));
    assert!(span["score"].as_f64().is_some_and(|score| score > 0.0 && score <= 1.0));
    assert_eq!((fed(dir, "detect", b""), fed(dir, "mask", b"")), {
        let nothing = (String::new(), Ok(()));
        (nothing.clone(), nothing)
    });
}

#[test]
fn what_a_text_holds_cannot_steer_the_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().to_str().unwrap();
    let config = "pipeline:\n  - guardrails: { patterns: { ODD: 'x.y' } }\n";
    fs::write(format!("{dir}/config.yaml"), config).unwrap();
    let (out, result) = fed(dir, "detect", b"x\x1by");
    assert_eq!(result, Ok(()));
    assert!(out.ends_with(" x\\u{1b}y\n"), "{out}");
}

#[test]
fn lines_are_answered_one_by_one_until_one_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().to_str().unwrap();
    let good = "{\"id\":\"a\",\"text\":\"mail ada@lovelace.org\",\"more\":1}\n\n\
                {\"id\":7,\"text\":\"none\"}\n";
    let (out, result) = fed(dir, "detect --jsonl", good.as_bytes());
    assert_eq!(result, Ok(()));
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["id"], "a");
    let span = &lines[0]["spans"][0];
    assert_eq!((&span["start"], &span["end"]), (&json!(5), &json!(21)));
    assert_eq!(span["label"], "EMAIL");
    assert_eq!(lines[1], json!({ "id": 7, "spans": [] }));

    for (line, told) in [
        (&b"{"[..], "not JSON (column 1)"),
        (b"[]", "not a JSON object"),
        (b"{\"text\":\"\"}", "no `id` that is a string or a number"),
        (b"{\"id\":1}", "no `text` that is a string"),
        (b"{\"id\":1,\"text\":\"\\ud800\"}", "not JSON (column 23)"),
        (b"\xff", "not UTF-8 (byte 0)"),
    ] {
        let input = [good.as_bytes(), line, b"\n", good.as_bytes()].concat();
        let (out, result) = fed(dir, "detect --jsonl", &input);
        let (text, status) = result.unwrap_err();
        assert_eq!(out.lines().count(), 2);
        assert!(text.starts_with("prxy: line 4: "), "{text}");
        assert!(text.ends_with(told), "{text}");
        assert_eq!(status, "ExitCode(unix_exit_status(1))");
    }
}

#[test]
fn the_configured_policy_decides_what_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().to_str().unwrap();
    let row = |line: &str| {
        let (out, result) = fed(dir, line, b"");
        assert_eq!(result, Ok(()));
        let rows: Value = serde_json::from_str(&out).unwrap();
        rows.as_array().unwrap().iter().find(|row| row["label"] == "EMAIL").unwrap().clone()
    };
    let before = row("detect --labels --json");
    assert_eq!((&before["default"], &before["action"]), (&json!("mask"), &json!("mask")));
    assert_eq!(before["detectors"][0], "email");
    let (out, _) = fed(dir, "detect --labels", b"");
    assert!(out.starts_with("label ") && out.contains("\nEMAIL "), "{out}");

    let config = "pipeline:\n  - guardrails: { policy: { EMAIL: allow } }\n";
    fs::write(format!("{dir}/config.yaml"), config).unwrap();
    assert_eq!(row("detect --labels --json")["action"], "allow");
    assert_eq!(fed(dir, "detect", b"ada@lovelace.org"), (String::new(), Ok(())));

    let config = "pipeline:\n  - guardrails: { patterns: { MRN: 'MRN\\d+' }, deny: { MRN: [xx], IBAN: [yy] }, \
                  ignore_labels: [IBAN, EMAIL], policy: { MRN: block } }\n";
    fs::write(format!("{dir}/config.yaml"), config).unwrap();
    assert_eq!(row("detect --labels --json")["action"], "ignore");
    let (out, _) = fed(dir, "detect --labels", b"");
    let ends = [
        "IBAN               mask     mask     deny",
        "MRN                mask     block    pattern deny",
    ];
    assert!(ends.iter().all(|line| out.lines().any(|own| own == *line)), "{out}");
    fs::write(format!("{dir}/config.yaml"), "pipelin: 1\n").unwrap();
    let (_, result) = fed(dir, "detect", b"");
    assert_eq!(result.unwrap_err().1, "ExitCode(unix_exit_status(64))");
}

#[test]
fn mask_then_unmask_gives_the_text_back_and_numbers_stay() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().to_str().unwrap();
    let text = "ada@lovelace.org, bob@lovelace.org, ada@lovelace.org <b> <EMAIL_9> <EMAIL_1> <EM";
    let masked = "<EMAIL_1>, <EMAIL_2>, <EMAIL_1> <b> <EMAIL_9> <LITERAL_1> <EM";
    for _ in 0..2 {
        assert_eq!(fed(dir, "mask", text.as_bytes()), (masked.to_owned(), Ok(())));
    }
    assert_eq!(fed(dir, "unmask", masked.as_bytes()), (text.to_owned(), Ok(())));
    let unknown = b"<EMAIL_3> stays";
    assert_eq!(fed(dir, "unmask", unknown), ("<EMAIL_3> stays".to_owned(), Ok(())));

    let other = tempfile::tempdir().unwrap();
    let other = other.path().to_str().unwrap();
    let (out, result) = fed(other, "mask --memory", text.as_bytes());
    assert_eq!((out.as_str(), result), (masked, Ok(())));
    assert!(!fs::exists(format!("{other}/state")).unwrap());
}

#[test]
fn a_blocked_label_prints_nothing_and_says_which() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().to_str().unwrap();
    let config = "pipeline:\n  - guardrails: { policy: { EMAIL: block } }\n";
    fs::write(format!("{dir}/config.yaml"), config).unwrap();
    let (out, result) = fed(dir, "mask", b"ada@lovelace.org");
    assert_eq!(out, "");
    let (text, status) = result.unwrap_err();
    assert_eq!(text, "prxy: EMAIL at $ is blocked by policy");
    assert_eq!(status, "ExitCode(unix_exit_status(1))");
    let (_, result) = fed(dir, "mask", b"\xff");
    assert_eq!(result.unwrap_err().0, "prxy: standard input is not UTF-8 (byte 0)");
}

#[test]
fn a_vault_that_is_to_be_forgotten_is_written_nowhere() {
    for scope in ["memory", "request"] {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().to_str().unwrap();
        fs::write(format!("{dir}/config.yaml"), format!("vault: {{ scope: {scope} }}\n")).unwrap();
        let masked = "<EMAIL_1>".to_owned();
        assert_eq!(fed(dir, "mask", b"ada@lovelace.org"), (masked.clone(), Ok(())));
        assert_eq!(fed(dir, "unmask", masked.as_bytes()), (masked, Ok(())));
        assert!(!fs::exists(format!("{dir}/state")).unwrap(), "{scope}");
    }
}
