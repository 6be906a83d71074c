//! The texts in `blob/` within limits: what is unused for too long goes, then what was used the
//! longest ago.
//!
//! When a text was used is the time of its file, so that it lasts over restarts. Whoever brings a
//! text that is there uses it. A state that is on no disk keeps none.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use super::{BlobId, Blobs, StoreError, blob, housekeeping, now};

/// How much is kept, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Of all files together; 0 keeps nothing.
    pub max_bytes: u64,
    /// How long a text is kept that nobody uses.
    pub unused: Duration,
}

/// The texts of one state.
#[derive(Debug)]
pub struct Shelf {
    blobs: Blobs,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    /// `None`: nobody has set a limit yet.
    room: Option<Room>,
    /// At least what there is; `None`: nobody has looked yet.
    bytes: Option<u64>,
}

/// A text, as the disk has it.
pub(super) struct Kept {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    /// In seconds since 1970.
    pub(super) used: i64,
}

impl Shelf {
    pub(super) fn new(blobs: Blobs) -> Self {
        Self { blobs, held: Mutex::new(Held { room: None, bytes: None }) }
    }

    /// From now on these limits hold; what is beyond them is removed soon.
    pub fn limit(self: &Arc<Self>, room: Room) {
        let first = self.held().room.replace(room).is_none();
        let Some(dir) = self.blobs.dir().filter(|_| first) else { return };
        let shelf = Arc::downgrade(self);
        let run = move || {
            while let Some(shelf) = Weak::upgrade(&shelf) {
                if let Err(error) = shelf.trim(&mut shelf.held(), now(), None) {
                    tracing::warn!(reason = error.reason(), %error, "blob/ keeps too much");
                }
                drop(shelf);
                thread::sleep(LOOK_EVERY);
            }
        };
        if let Err(error) = housekeeping::spawn("prxy-shelf", dir, run) {
            tracing::warn!(reason = error.reason(), %error, "blob/ is looked at when it grows only");
        }
    }

    /// Keeps a text; where it takes more than all the room it is not kept, and that is no error.
    ///
    /// # Errors
    /// The disk does not take it, or the limits cannot be kept.
    pub fn keep(&self, content: &[u8]) -> Result<BlobId, StoreError> {
        let id = BlobId::of(content);
        if self.blobs.dir().is_none() || self.blobs.touch(&id, now())? {
            return Ok(id);
        }
        let most = self.held().room.map_or(u64::MAX, |room| room.max_bytes);
        if let Some((path, bytes)) = self.blobs.add(content, most)? {
            let mut held = self.held();
            held.bytes = held.bytes.map(|known| known + bytes);
            let fits = |room: Room| held.bytes.is_some_and(|bytes| bytes <= room.max_bytes);
            if !held.room.is_none_or(fits) {
                self.trim(&mut held, now(), Some(&path))?;
            }
        }
        Ok(id)
    }

    /// Notes that a text is in use, if it is there still.
    ///
    /// # Errors
    /// Its file cannot be changed.
    pub fn used(&self, id: &BlobId) -> Result<(), StoreError> {
        self.blobs.touch(id, now()).map(drop)
    }

    /// Removes what is beyond the limits, until a tenth of the room is free; `newest` goes last.
    fn trim(&self, held: &mut Held, now: i64, newest: Option<&Path>) -> Result<(), StoreError> {
        let Some(Room { max_bytes, unused }) = held.room else { return Ok(()) };
        let mut all = self.blobs.listed()?;
        all.sort_by_key(|kept| (newest == Some(&*kept.path), kept.used, kept.path.clone()));
        let mut bytes = all.iter().map(|kept| kept.bytes).sum::<u64>();
        let most = if bytes > max_bytes { max_bytes - max_bytes / 10 } else { max_bytes };
        let before = now.saturating_sub_unsigned(unused.as_secs());
        // Until this is over, the sum is not known.
        held.bytes = None;
        for kept in all {
            if bytes > most || kept.used < before {
                blob::remove(&kept.path)?;
                bytes -= kept.bytes;
            }
        }
        held.bytes = Some(bytes);
        Ok(())
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const LOOK_EVERY: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::time::UNIX_EPOCH;

    use tempfile::TempDir;

    use super::super::seal::Seal;
    use super::*;

    /// So many texts of about a kilobyte that do not compress.
    fn text(n: u32) -> Vec<u8> {
        let mut bytes = vec![0; 1000];
        blake3::Hasher::new().update(&n.to_le_bytes()).finalize_xof().fill(&mut bytes);
        bytes
    }

    fn shelf(dir: &TempDir, seal: Option<Seal>, max_bytes: u64) -> Arc<Shelf> {
        let shelf = Arc::new(Shelf::new(Blobs::open(&dir.path().join("blob"), seal)));
        // Not `limit`, whose thread would look when it likes.
        shelf.held().room = Some(Room { max_bytes, unused: Duration::from_secs(1000) });
        shelf
    }

    fn keep(shelf: &Shelf, texts: std::ops::Range<u32>) {
        for n in texts {
            shelf.keep(&text(n)).unwrap();
        }
    }

    fn has(shelf: &Shelf, n: u32) -> bool {
        shelf.blobs.get(&BlobId::of(&text(n))).unwrap().is_some()
    }

    /// As if a text had been used so many seconds ago.
    fn aged(shelf: &Shelf, n: u32, secs: u64) {
        let path = shelf.blobs.path(&BlobId::of(&text(n))).unwrap();
        let used = UNIX_EPOCH + Duration::from_secs(now().unsigned_abs() - secs);
        File::open(path).unwrap().set_modified(used).unwrap();
    }

    fn disk(dir: &TempDir) -> u64 {
        let files = fs::read_dir(dir.path().join("blob")).unwrap();
        files.map(|file| file.unwrap().metadata().unwrap().len()).sum()
    }

    #[test]
    fn at_the_limit_what_was_used_the_longest_ago_goes() {
        for seal in [None, Some(Seal::from_master(&[7; 32]))] {
            let dir = tempfile::tempdir().unwrap();
            let one = shelf(&dir, seal, 12_000);
            let all = |shelf: &Shelf| (0..12).filter(|n| has(shelf, *n)).collect::<Vec<u32>>();
            keep(&one, 0..10);
            assert_eq!(all(&one), (0..10).collect::<Vec<_>>(), "up to the limit all stay");
            (0..10).for_each(|n| aged(&one, n, 500 - u64::from(n)));
            // Another conversation has the same text, or the same one goes on.
            one.keep(&text(0)).unwrap();
            one.used(&BlobId::of(&text(1))).unwrap();
            one.keep(&text(10)).unwrap();
            one.keep(&text(11)).unwrap();
            assert!(disk(&dir) <= 12_000, "{}", disk(&dir));
            let left = all(&one);
            assert!([0, 1, 9, 10, 11].iter().all(|n| left.contains(n)), "{left:?}");
            assert!(!left.contains(&2) && !left.contains(&3), "{left:?}");
            // What is gone and brought again is kept again.
            one.keep(&text(2)).unwrap();
            assert!(has(&one, 2) && disk(&dir) <= 12_000);
        }
    }

    #[test]
    fn a_restart_knows_what_was_used_last() {
        let dir = tempfile::tempdir().unwrap();
        let before = shelf(&dir, None, u64::MAX);
        keep(&before, 0..10);
        (0..10).for_each(|n| aged(&before, n, 500));
        before.used(&BlobId::of(&text(4))).unwrap();
        drop(before);
        let after = shelf(&dir, None, 5_000);
        after.keep(&text(20)).unwrap();
        assert!(disk(&dir) <= 5_000);
        assert!(has(&after, 4) && has(&after, 20) && !has(&after, 0));
    }

    #[test]
    fn what_nobody_uses_goes_and_what_is_larger_than_the_room_never_comes() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = shelf(&dir, None, 1 << 20);
        keep(&shelf, 0..3);
        aged(&shelf, 0, 1001);
        aged(&shelf, 1, 900);
        shelf.trim(&mut shelf.held(), now(), None).unwrap();
        assert_eq!([0, 1, 2].map(|n| has(&shelf, n)), [false, true, true]);
        for most in [500, 0] {
            shelf.held().room = Some(Room { max_bytes: most, unused: Duration::MAX });
            shelf.keep(&text(7)).unwrap();
            assert!(!has(&shelf, 7) && has(&shelf, 2));
        }
        shelf.trim(&mut shelf.held(), now(), None).unwrap();
        assert_eq!(disk(&dir), 0);
    }

    #[test]
    fn many_at_once_stay_within_the_limit() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = shelf(&dir, None, 20_000);
        thread::scope(|scope| {
            for worker in 0..4 {
                let shelf = &shelf;
                scope.spawn(move || {
                    for n in 0..40 {
                        // Half of them are everybody's.
                        let n = if n % 2 == 0 { n } else { n + 100 * worker };
                        let id = shelf.keep(&text(n)).unwrap();
                        let kept = shelf.blobs.get(&id).unwrap();
                        assert!(kept.is_none_or(|kept| kept == text(n)));
                    }
                });
            }
        });
        assert!((10_000..=20_000).contains(&disk(&dir)), "{}", disk(&dir));
        assert!(shelf.held().bytes.unwrap() >= disk(&dir), "never less than there is");
    }

    #[test]
    fn what_is_on_no_disk_is_not_kept() {
        let shelf = Shelf::new(Blobs::in_memory());
        let id = shelf.keep(&text(1)).unwrap();
        assert_eq!(shelf.blobs.get(&id).unwrap(), None);
    }
}
