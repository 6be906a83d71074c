//! The log's files: the current one and those that rotation has set aside.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::line::{Line, MAX_LINE, digest};

/// The file that is written to.
pub(super) const CURRENT: &str = "egress.jsonl";

/// The name of a file that begins with line `seq`; sorted by name is sorted by age.
pub(super) fn rotated_name(seq: u64) -> String {
    format!("egress-{seq:012}.jsonl")
}

/// The first line's number, if this is the name of a rotated file.
pub(super) fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("egress-")?.strip_suffix(".jsonl")?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// The files that this daemon has rotated, the oldest first.
pub(super) fn rotated(dir: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if let Some(number) = entry.file_name().to_str().and_then(number_of) {
            files.push((number, entry.path()));
        }
    }
    files.sort();
    Ok(files)
}

/// Every file of a log, also those that another program has renamed (`egress.jsonl.1`), in the
/// order of their lines. Compressed ones are not read.
pub(super) fn all(dir: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let packed = PACKED.iter().any(|end| name.ends_with(end));
        let ours = name.starts_with("egress") && name.contains(".jsonl") && !packed;
        if ours && entry.file_type()?.is_file() {
            files.push(entry.path());
        }
    }
    in_order(files)
}

/// Sorts files by the number of their first line; those without one come last.
pub(super) fn in_order(files: Vec<PathBuf>) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut numbered = Vec::new();
    for path in files {
        numbered.push((first_number(&path)?.unwrap_or(NO_LINES), path));
    }
    numbered.sort();
    Ok(numbered)
}

/// The number of the first line that is one.
fn first_number(path: &Path) -> io::Result<Option<u64>> {
    let mut reader = BufReader::new(File::open(path)?.take(MAX_CUT as u64));
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        if reader.read_until(b'\n', &mut bytes)? == 0 {
            return Ok(None);
        }
        bytes.pop_if(|byte| *byte == b'\n');
        if let Some(line) = Line::read(&bytes) {
            return Ok(Some(line.seq));
        }
    }
}

/// Opens a file of the log for appending; never through a link.
pub(super) fn open(path: &Path, create: bool) -> io::Result<File> {
    let mut options = File::options();
    options.create(create).read(true).append(true).mode(0o600).custom_flags(libc::O_NOFOLLOW);
    options.open(path)
}

/// Where a file ends.
#[derive(Debug)]
pub(super) struct End {
    /// The number and the hash of the last line; `None` for an empty file.
    pub(super) last: Option<(u64, String)>,
    /// The number of the first line; `None` for an empty file.
    pub(super) first: Option<u64>,
    /// Bytes after the last line, which a crash has cut.
    pub(super) cut: Vec<u8>,
    /// The last line is whole, only its end is missing.
    pub(super) unended: bool,
}

/// Finds the last line of a file; `None` if what it ends with is not ours.
pub(super) fn end(path: &Path) -> io::Result<Option<End>> {
    let mut file = File::options().read(true).custom_flags(libc::O_NOFOLLOW).open(path)?;
    let length = file.metadata()?.len();
    let begin = length.saturating_sub((MAX_LINE + MAX_CUT) as u64);
    file.seek(SeekFrom::Start(begin))?;
    let mut tail = Vec::new();
    file.take((MAX_LINE + MAX_CUT) as u64).read_to_end(&mut tail)?;
    if tail.is_empty() {
        return Ok(Some(End { last: None, first: None, cut: Vec::new(), unended: false }));
    }
    let first = first_number(path)?;
    let mut until = tail.len();
    loop {
        let ended = tail[..until].last() == Some(&b'\n');
        let content = until - usize::from(ended);
        let start = tail[..content].iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        if let Some(line) = Line::read(&tail[start..content]) {
            return Ok(Some(End {
                last: Some((line.seq, digest(&tail[start..content]))),
                first,
                cut: tail[until..].to_vec(),
                unended: !ended,
            }));
        }
        if start == 0 || tail.len() - start > MAX_CUT {
            // A file that never got its first line whole is all cut.
            let whole = begin == 0 && tail.len() <= MAX_CUT && first.is_none();
            let cut = End { last: None, first: None, cut: tail, unended: false };
            return Ok(whole.then_some(cut));
        }
        until = start;
    }
}

/// The same file under the same name?
pub(super) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let here = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(there) => Ok((here.dev(), here.ino()) == (there.dev(), there.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// The name in `dir` that an open file has now.
pub(super) fn name_of(file: &File, dir: &Path) -> io::Result<Option<String>> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if is_at(file, &entry.path())? {
            return Ok(entry.file_name().into_string().ok());
        }
    }
    Ok(None)
}

/// Stands for the first number of a file that has no line.
pub(super) const NO_LINES: u64 = u64::MAX;
const PACKED: &[&str] = &[".gz", ".xz", ".zst", ".bz2"];
/// The most that a crash can cut: what waits for the disk at once.
pub(super) const MAX_CUT: usize = 4 << 20;
