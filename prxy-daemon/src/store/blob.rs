//! Texts too long for a table: one zstd file each in `blob/`, found by the hash of its content.
//!
//! In an encrypted state a file's name is a keyed hash and its content is sealed, so that neither
//! says what is in it. The id that a table keeps is the same in both.
//!
//! Not for raw values: what comes here is masked text.

use std::collections::HashMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};
use std::{fmt, str};

use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use ruzstd::decoding::StreamingDecoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::StoreError;
use super::seal::Seal;
use super::shelf::Kept;
use crate::sys::random;

/// The name of a text: the BLAKE3 hash of its bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobId([u8; 32]);

impl BlobId {
    /// The id that these bytes have.
    pub fn of(content: &[u8]) -> Self {
        Self(*blake3::hash(content).as_bytes())
    }

    /// An id that a table has kept.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// For a table to keep.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0).fmt(f)
    }
}

impl fmt::Debug for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobId({self})")
    }
}

/// All texts of one state; clones share them.
#[derive(Clone)]
pub struct Blobs(Arc<Place>);

enum Place {
    Dir { dir: PathBuf, seal: Option<Seal> },
    Memory(Mutex<HashMap<BlobId, Vec<u8>>>),
}

impl Blobs {
    /// Those in `dir`, which is made when the first one comes.
    pub(super) fn open(dir: &Path, seal: Option<Seal>) -> Self {
        Self(Arc::new(Place::Dir { dir: dir.to_owned(), seal }))
    }

    /// Of a state that is on no disk.
    pub fn in_memory() -> Self {
        Self(Arc::new(Place::Memory(Mutex::default())))
    }

    /// Keeps `content`; once this returns, a crash or a power cut does not lose it.
    ///
    /// # Errors
    /// It is longer than [`MAX_BYTES`], or the disk does not take it.
    pub fn put(&self, content: &[u8]) -> Result<BlobId, StoreError> {
        let id = BlobId::of(content);
        match &*self.0 {
            Place::Memory(all) if content.len() as u64 <= MAX_BYTES => {
                let packed = || compress_to_vec(content, CompressionLevel::Fastest);
                locked(all).entry(id).or_insert_with(packed);
            }
            _ => drop(self.add(content, u64::MAX)?),
        }
        Ok(id)
    }

    /// Keeps `content` on the disk, if it takes at most so many bytes there; says in which file, and
    /// how many they are, if it is new.
    pub(super) fn add(
        &self,
        content: &[u8],
        most: u64,
    ) -> Result<Option<(PathBuf, u64)>, StoreError> {
        if content.len() as u64 > MAX_BYTES {
            return Err(StoreError::TooLong { most: MAX_BYTES });
        }
        let Place::Dir { dir, seal } = &*self.0 else { return Ok(None) };
        let id = BlobId::of(content);
        let path = dir.join(file_name(seal.as_ref(), &id));
        if path.is_file() {
            return Ok(None);
        }
        let mut packed = compress_to_vec(content, CompressionLevel::Fastest);
        if let Some(seal) = seal {
            packed = seal.close(&id.0, &packed)?;
        }
        let bytes = packed.len() as u64;
        if bytes > most {
            return Ok(None);
        }
        write(dir, &path, &packed, RenameFlags::empty())
            .map_err(|source| unusable(&path, source))?;
        Ok(Some((path, bytes)))
    }

    /// Notes that `id` is used now, if it is there; says whether it is.
    pub(super) fn touch(&self, id: &BlobId, now: i64) -> Result<bool, StoreError> {
        let Some(path) = self.path(id) else { return Ok(false) };
        let known = match path.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            known => known.map_err(|source| unusable(&path, source))?,
        };
        if known.mtime() + USED_EVERY <= now {
            let used = UNIX_EPOCH + Duration::from_secs(now.unsigned_abs());
            let mut options = OpenOptions::new();
            options.read(true).custom_flags(libc::O_NOFOLLOW);
            // Somebody else's, put there by hand, is there all the same.
            let _ = options.open(&path).and_then(|file| file.set_modified(used));
        }
        Ok(true)
    }

    /// The file of `id`, whether or not it is there.
    pub(super) fn path(&self, id: &BlobId) -> Option<PathBuf> {
        let Place::Dir { dir, seal } = &*self.0 else { return None };
        Some(dir.join(file_name(seal.as_ref(), id)))
    }

    /// The directory, if they are on a disk.
    pub(super) fn dir(&self) -> Option<&Path> {
        match &*self.0 {
            Place::Dir { dir, .. } => Some(dir),
            Place::Memory(_) => None,
        }
    }

    /// Every whole file, in no order.
    pub(super) fn listed(&self) -> Result<Vec<Kept>, StoreError> {
        let Some(dir) = self.dir() else { return Ok(Vec::new()) };
        let mut all = Vec::new();
        for path in files(dir)? {
            if is_unfinished(&path) {
                continue;
            }
            match path.symlink_metadata() {
                // Removed since the directory was read.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(unusable(&path, source)),
                Ok(known) => all.push(Kept { bytes: known.len(), used: known.mtime(), path }),
            }
        }
        Ok(all)
    }

    /// What a file in the directory holds; `None` if it is gone.
    fn opened(&self, path: &Path) -> Result<Option<(BlobId, Vec<u8>)>, StoreError> {
        let Place::Dir { seal, .. } = &*self.0 else { return Ok(None) };
        let Some(packed) = read(path)? else { return Ok(None) };
        let strange = || StoreError::Strange { path: path.to_owned() };
        let packed = match seal {
            Some(seal) => seal.open_named(&packed).ok_or_else(strange)?,
            None => packed,
        };
        let content = inflate(&packed).ok_or_else(strange)?;
        let id = BlobId::of(&content);
        let name = path.file_name().unwrap_or_default();
        if *name != *file_name(seal.as_ref(), &id) {
            return Err(strange());
        }
        Ok(Some((id, content)))
    }

    /// The content of `id`; `None` if there is none.
    ///
    /// # Errors
    /// It cannot be read, or is not what was put there.
    pub fn get(&self, id: &BlobId) -> Result<Option<Vec<u8>>, StoreError> {
        match &*self.0 {
            Place::Memory(all) => locked(all).get(id).map(|packed| unpack(id, packed)).transpose(),
            Place::Dir { dir, seal } => {
                let path = dir.join(file_name(seal.as_ref(), id));
                let Some(packed) = read(&path)? else { return Ok(None) };
                let packed = match seal {
                    Some(seal) => seal.open(&id.0, &packed).ok_or(StoreError::Damaged(*id))?,
                    None => packed,
                };
                unpack(id, &packed).map(Some)
            }
        }
    }

    /// Shows every text that is on the disk, in no order.
    pub(super) fn each(&self, see: &mut See<'_>) -> Result<(), StoreError> {
        for kept in self.listed()? {
            if let Some((id, content)) = self.opened(&kept.path)? {
                see(&id, &content)?;
            }
        }
        Ok(())
    }

    /// Removes what a crash has left half written, if nobody can be at it any more.
    pub(super) fn sweep(&self) {
        let Place::Dir { dir, .. } = &*self.0 else { return };
        for path in files(dir).unwrap_or_default() {
            let old = || {
                let modified = path.symlink_metadata().and_then(|known| known.modified());
                modified
                    .ok()
                    .and_then(|at| at.elapsed().ok())
                    .is_some_and(|age| age.as_secs() > 3600)
            };
            if is_unfinished(&path) && old() {
                // What stays is found again next time.
                let _ = fs::remove_file(&path);
            }
        }
    }
}

/// Is shown a text.
pub(super) type See<'a> = dyn FnMut(&BlobId, &[u8]) -> Result<(), StoreError> + 'a;

impl fmt::Debug for Blobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blobs").finish_non_exhaustive()
    }
}

/// Removes a file; one that is not there is no error.
pub(super) fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unusable(path, error)),
        _ => Ok(()),
    }
}

/// Every file of the directory; none if there is no directory.
pub(super) fn files(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|source| unusable(dir, source))?,
    };
    let path = |entry: io::Result<fs::DirEntry>| entry.map(|entry| entry.path());
    entries.map(path).collect::<Result<_, _>>().map_err(|source| unusable(dir, source))
}

fn is_unfinished(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    name.as_encoded_bytes().starts_with(UNFINISHED.as_bytes())
}

/// Either the whole file is there afterwards, or none.
pub(super) fn write(dir: &Path, path: &Path, bytes: &[u8], how: RenameFlags) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let fresh = dir.join(format!("{UNFINISHED}{}", hex(&random::bytes::<8>()?)));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).custom_flags(libc::O_NOFOLLOW);
    let written = options.open(&fresh).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    // Not `fs::rename`: the call that it makes is not on the gateway's list.
    let named = written.and_then(|()| Ok(renameat2(AT_FDCWD, &fresh, AT_FDCWD, path, how)?));
    if named.is_err() {
        // The first error counts; what is left is swept up later.
        let _ = fs::remove_file(&fresh);
        return named;
    }
    File::open(dir)?.sync_all()
}

pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    let opened = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW).open(path);
    let mut file = match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|source| unusable(path, source))?,
    };
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|source| unusable(path, source))?;
    Ok(Some(bytes))
}

fn unpack(id: &BlobId, packed: &[u8]) -> Result<Vec<u8>, StoreError> {
    let content = inflate(packed).filter(|content| BlobId::of(content) == *id);
    content.ok_or(StoreError::Damaged(*id))
}

fn inflate(packed: &[u8]) -> Option<Vec<u8>> {
    let decoder = StreamingDecoder::new(packed).ok()?;
    let mut content = Vec::new();
    decoder.take(MAX_BYTES + 1).read_to_end(&mut content).ok()?;
    (content.len() as u64 <= MAX_BYTES).then_some(content)
}

fn file_name(seal: Option<&Seal>, id: &BlobId) -> String {
    seal.map_or_else(|| hex(&id.0), |seal| hex(&seal.name(&id.0)))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unusable(path: &Path, source: io::Error) -> StoreError {
    StoreError::Unusable { path: path.to_owned(), source }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The longest text; no request is longer.
pub const MAX_BYTES: u64 = 256 << 20;
pub(super) const UNFINISHED: &str = "new-";
/// A use is noted if the last note is this old, in seconds.
const USED_EVERY: i64 = 60;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::super::seal::Seal;
    use super::*;

    fn seal() -> Seal {
        Seal::from_master(&[7; 32])
    }

    #[test]
    fn what_is_put_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let all = [
            Blobs::open(&dir.path().join("plain"), None),
            Blobs::open(&dir.path().join("sealed"), Some(seal())),
            Blobs::in_memory(),
        ];
        let long = b"jane is <PERSON_1> ".repeat(20_000);
        for blobs in &all {
            for content in [&b""[..], b"a", &long] {
                let id = blobs.put(content).unwrap();
                assert_eq!(blobs.put(content).unwrap(), id);
                assert_eq!(id, BlobId::of(content));
                assert_eq!(blobs.get(&id).unwrap().as_deref(), Some(content));
            }
            assert_eq!(blobs.get(&BlobId::of(b"b")).unwrap(), None);
        }
        for (at, blobs) in all.iter().enumerate().take(2) {
            let mut seen = Vec::new();
            blobs
                .each(&mut |id, content| {
                    seen.push((*id, content.to_owned()));
                    Ok(())
                })
                .unwrap();
            seen.sort();
            let mut expected: Vec<_> =
                [&b""[..], b"a", &long].map(|it| (BlobId::of(it), it.to_owned())).into();
            expected.sort();
            assert_eq!(seen, expected, "{at}");
        }
    }

    #[test]
    fn a_file_is_for_its_owner_alone_is_small_and_says_nothing_where_it_is_sealed() {
        for (seal, readable) in [(None, true), (Some(seal()), false)] {
            let dir = tempfile::tempdir().unwrap();
            let dir = dir.path().join("blob");
            let blobs = Blobs::open(&dir, seal);
            let content = b"a line of text, then another".repeat(100);
            let id = blobs.put(&content).unwrap();
            let [file] = &files(&dir).unwrap()[..] else { panic!("one file") };
            let bytes = fs::read(file).unwrap();
            assert!(bytes.len() < content.len() / 10, "{}", bytes.len());
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(file), mode(&dir)), (0o600, 0o700));
            let shown = bytes.windows(6).any(|window| window == b"a line");
            let named = file.file_name().unwrap().to_string_lossy() == id.to_string();
            assert_eq!((shown, named), (readable, readable));
        }
    }

    #[test]
    fn a_file_that_has_changed_or_moved_is_not_believed() {
        for seal in [None, Some(seal())] {
            let dir = tempfile::tempdir().unwrap();
            let blobs = Blobs::open(dir.path(), seal);
            let (one, two) = (blobs.put(b"first text").unwrap(), blobs.put(b"second").unwrap());
            let Place::Dir { seal, .. } = &*blobs.0 else { panic!("in a directory") };
            let path = |id: &BlobId| dir.path().join(file_name(seal.as_ref(), id));
            let good = fs::read(path(&one)).unwrap();
            for at in 0..good.len() {
                let mut bad = good.clone();
                bad[at] ^= 1;
                fs::write(path(&one), &bad).unwrap();
                let got = blobs.get(&one);
                // A bit of zstd's that means nothing may change; the text may not.
                let same =
                    seal.is_none() && matches!(&got, Ok(Some(text)) if text == b"first text");
                assert!(same || matches!(got, Err(StoreError::Damaged(_))), "{at} {got:?}");
            }
            fs::write(path(&one), &good[..good.len() - 1]).unwrap();
            assert!(matches!(blobs.get(&one), Err(StoreError::Damaged(_))));
            fs::copy(path(&two), path(&one)).unwrap();
            assert!(matches!(blobs.get(&one), Err(StoreError::Damaged(_))));
        }
    }
}
