//! One line: its place in the chain, read back from its bytes.

use std::borrow::Cow;

use serde::Deserialize;
use sha2::{Digest, Sha256};

/// What every line has, and what the verifier needs of some.
#[derive(Debug, Deserialize)]
pub(super) struct Line<'a> {
    /// 1, 2, 3, … over all files.
    pub(super) seq: u64,
    /// The hash of the line before; zeros before the first.
    #[serde(borrow)]
    pub(super) previous: Cow<'a, str>,
    /// What it tells of.
    #[serde(borrow)]
    pub(super) event: Cow<'a, str>,
    /// Of `start`: how many bytes before it a crash has cut, if any.
    pub(super) cut_bytes: Option<u64>,
    /// Of `start`: their hash.
    #[serde(borrow)]
    pub(super) cut_sha256: Option<Cow<'a, str>>,
    /// Of `deleted`: the last line of the file that was deleted.
    pub(super) last_seq: Option<u64>,
    /// Of `deleted`: its hash.
    #[serde(borrow)]
    pub(super) last_sha256: Option<Cow<'a, str>>,
}

impl<'a> Line<'a> {
    /// Reads a line without its end; `None` if it is not one of ours.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let line: Self = serde_json::from_slice(bytes).ok()?;
        is_hash(&line.previous).then_some(line)
    }
}

/// The hash of a line without its end, as `sha256sum` prints it.
pub fn digest(line: &[u8]) -> String {
    hex(&Sha256::digest(line))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// 64 hexadecimal digits, small letters.
pub fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// What stands as the hash of the line before the first.
pub(super) fn no_hash() -> String {
    "0".repeat(64)
}

/// The longest line names every address of a whole allowlist.
pub(super) const MAX_LINE: usize = 1 << 20;
