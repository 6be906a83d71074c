//! `prxy client`, and what `prxy config` says to machines.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use super::{fed, in_dir};
use crate::audit::sha256;

#[test]
fn a_token_is_shown_once_and_only_its_hash_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    let file = dir.path().join("config.yaml");
    fs::write(&file, "# ours\nlisten: 127.0.0.1:1 # here\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let answer =
        |line: &str| -> Value { serde_json::from_str(&in_dir(path, line).unwrap()).unwrap() };

    let told = answer("client add ward-7 --json");
    assert_eq!(told["written"], false);
    assert_eq!(fs::read_to_string(&file).unwrap(), "# ours\nlisten: 127.0.0.1:1 # here\n");

    let told = answer("client add ward-7 --write --json");
    let token = told["token"].as_str().unwrap();
    assert!(token.starts_with("prxy-") && token.len() == 5 + 64, "{token}");
    let sum = sha256(token.as_bytes());
    assert_eq!(told["sha256"], sum);
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(
        text,
        format!(
            "# ours\nlisten: 127.0.0.1:1 # here\nclients:\n  ward-7:\n    key_sha256: ['{sum}']\n"
        )
    );
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    assert_ne!(answer("client add ward-8 --write --json")["token"], token);
    assert_eq!(
        in_dir(path, "client list").unwrap(),
        "ward-7                            1 key, the general rules\n\
         ward-8                            1 key, the general rules\n"
    );
    assert_eq!(
        answer("client list --json"),
        json!([
            { "client": "ward-7", "keys": 1, "rules": false },
            { "client": "ward-8", "keys": 1, "rules": false },
        ])
    );
    for (line, said) in [
        ("client add ward-7", "there is a client `ward-7` already"),
        ("client add Ward", "\"Ward\" is no name for a client"),
        ("client add", "which name?"),
    ] {
        let (text, status) = in_dir(path, line).unwrap_err();
        assert!(text.starts_with(&format!("prxy: {said}")), "{text}");
        assert_eq!(status, "ExitCode(unix_exit_status(1))");
    }
    let before = "clients: {}\n";
    fs::write(&file, before).unwrap();
    assert!(
        in_dir(path, "client add ward-7 --write").unwrap_err().0.contains("nothing is written")
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
}

#[test]
fn a_first_client_makes_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    let path = path.to_str().unwrap();
    in_dir(path, "client add ward-7 --write").unwrap();
    assert!(in_dir(path, "client list").unwrap().starts_with("ward-7 "));
}

#[test]
fn machines_are_told_of_problems_with_their_places() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    fs::write(dir.path().join("config.yaml"), "enforcement: of\n").unwrap();
    let (out, result) = fed(path, "config check --json", b"");
    assert_eq!(result.unwrap_err().1, "ExitCode(unix_exit_status(64))");
    let told: Value = serde_json::from_str(&out).unwrap();
    let message = "unknown enforcement `of`; known: `required`, `best-effort`";
    assert_eq!(
        told,
        json!({
            "ok": false, "file": "DIR/config.yaml", "warnings": [],
            "problems": [{ "source": "DIR/config.yaml", "line": 1, "column": 14, "message": message }],
        })
    );
    fs::write(dir.path().join("config.yaml"), "listen: 127.0.0.1:1\n").unwrap();
    let (out, result) = fed(path, "config check --json", b"");
    assert_eq!(result, Ok(()));
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        told,
        json!({ "ok": true, "file": "DIR/config.yaml", "warnings": [], "problems": [] })
    );
    let shown: Value = serde_json::from_str(&in_dir(path, "config show --json").unwrap()).unwrap();
    assert_eq!(
        shown["values"][0],
        json!({
            "path": ["listen"], "value": "127.0.0.1:1",
            "origin": { "file": "DIR/config.yaml", "line": 1 },
        })
    );
}
