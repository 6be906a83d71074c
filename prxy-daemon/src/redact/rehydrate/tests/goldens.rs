//! Whole streams, file by file: `name.in.sse` becomes `name.out.sse`, wherever it is cut.

use std::path::Path;
use std::sync::Arc;

use super::super::{KeptTools, Stream};
use super::vault;
use crate::provider::Surface;

#[track_caller]
fn check(surface: Surface, name: &str, end: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/redact/rehydrate/tests/goldens");
    let given = std::fs::read(folder.join(format!("{name}.in.{end}"))).unwrap();
    let wanted = std::fs::read_to_string(folder.join(format!("{name}.out.{end}"))).unwrap();
    for size in [given.len(), 1, 3, 64, 1000] {
        let masked = Arc::new(["WebFetch".to_owned()].into());
        let kept = KeptTools { masked, secrets: None };
        let mut stream = Stream::new(surface, vault()).keeping(kept);
        if end != "sse" {
            stream = stream.of_documents();
        }
        let mut out = Vec::new();
        given.chunks(size).for_each(|chunk| stream.push(chunk, &mut out));
        stream.finish(&mut out);
        let out = String::from_utf8(out).unwrap();
        for (met, wanted) in out.lines().zip(wanted.lines()) {
            assert_eq!(met, wanted, "{name}, in pieces of {size}");
        }
        assert_eq!(out, wanted);
    }
}

#[test]
fn whole_streams_are_restored_as_the_golden_files_say() {
    check(Surface::Messages, "anthropic", "sse");
    check(Surface::Chat, "chat", "sse");
    check(Surface::Responses, "responses", "sse");
    check(Surface::Completions, "completions", "sse");
    check(Surface::Generate, "google", "sse");
    check(Surface::Generate, "google", "json");
    check(Surface::MessageBatch, "batch", "jsonl");
}
