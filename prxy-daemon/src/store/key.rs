//! The key of an encrypted state: made from what only its owner knows, and never stored.
//!
//! Beside the database stands a header, `encryption.json`, with what it takes to make the key again
//! and nothing secret. A state is encrypted if it has one.

use std::ffi::OsString;
use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use nix::fcntl::RenameFlags;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::Zeroizing;

use super::StoreError;
use super::blob::{self, hex};
use super::seal::Seal;
use crate::config::{Encrypt, USUAL_STATE_KEY};
use crate::sys::{cipher, random};

/// A passphrase, or the content of a key file; wiped from memory when it goes.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

/// Why there is no [`Secret`].
#[derive(Debug, Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("cannot read the key file {}: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others could read it as well.
    #[error("the key file {} is open to others; chmod 600 it", path.display())]
    OpenToOthers {
        /// Which file.
        path: PathBuf,
    },
    /// It is too short to be a secret, or too long to be read.
    #[error("a passphrase has at least {LEAST} bytes, and at most {MOST}")]
    Length,
}

impl Secret {
    /// Reads it from where the configuration says, or from the usual place; `None` if nothing is
    /// there.
    ///
    /// # Errors
    /// What is there cannot be read or used.
    pub fn find(
        from: Option<&Encrypt>,
        env: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Option<Self>, SecretError> {
        let name = match from {
            Some(Encrypt::File(path)) => return Self::from_file(path).map(Some),
            Some(Encrypt::Name(name)) => name,
            None => USUAL_STATE_KEY,
        };
        // systemd says who may read a credential; its mode does not.
        let credential = env("CREDENTIALS_DIRECTORY").map(|dir| Path::new(&dir).join(name));
        if let Some(path) = credential.filter(|path| path.exists()) {
            return Self::read(&path, Mode::Any).map(Some);
        }
        let Some(value) = env(name).filter(|value| !value.is_empty()) else { return Ok(None) };
        Self::new(&Zeroizing::new(value.into_vec())).map(Some)
    }

    /// Takes a passphrase without the line end behind it.
    ///
    /// # Errors
    /// It is too short or too long.
    pub fn new(bytes: &[u8]) -> Result<Self, SecretError> {
        let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        match (LEAST..=MOST).contains(&text.len()) {
            true => Ok(Self(Zeroizing::new(text.to_vec()))),
            false => Err(SecretError::Length),
        }
    }

    /// Reads a key file, which must be its owner's alone.
    ///
    /// # Errors
    /// It cannot be read, others could read it, or it has no usable length.
    pub fn from_file(path: &Path) -> Result<Self, SecretError> {
        Self::read(path, Mode::OwnerOnly)
    }

    fn read(path: &Path, mode: Mode) -> Result<Self, SecretError> {
        let unreadable =
            |source: io::Error| SecretError::Unreadable { path: path.to_owned(), source };
        let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path);
        let file = file.map_err(unreadable)?;
        let known = file.metadata().map_err(unreadable)?;
        if mode == Mode::OwnerOnly && known.is_file() && known.mode() & 0o077 != 0 {
            return Err(SecretError::OpenToOthers { path: path.to_owned() });
        }
        // All at once: a vector that grows leaves copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(MOST + 3));
        file.take(MOST as u64 + 3).read_to_end(&mut bytes).map_err(unreadable)?;
        Self::new(&bytes)
    }
}

/// Who may read a key file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    OwnerOnly,
    Any,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// How a state may be opened.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// What opens it if it is encrypted.
    pub secret: Option<Secret>,
    /// Whether one that is not encrypted is refused, and a new one is made encrypted.
    pub encrypted_only: bool,
}

impl Access {
    /// Whether it opens the state in `dir`, as far as that is encrypted.
    ///
    /// # Errors
    /// It does not.
    pub fn check(&self, dir: &Path) -> Result<(), StoreError> {
        Key::find(dir, self).map(drop)
    }
}

/// The key itself, for the database and for the blobs.
#[derive(Clone)]
pub(super) struct Key(Zeroizing<[u8; 32]>);

impl Key {
    /// The key of the state in `dir`; `None` if that is not encrypted.
    pub(super) fn find(dir: &Path, access: &Access) -> Result<Option<Self>, StoreError> {
        let Some(header) = Header::read(dir)? else { return Ok(None) };
        let secret = access.secret.as_ref().ok_or(StoreError::Locked)?;
        header.key(secret).map(Some)
    }

    /// A new key with its header in `dir`; fails if that has one.
    pub(super) fn make(dir: &Path, secret: &Secret) -> Result<Self, StoreError> {
        let unusable = |source| StoreError::Unusable { path: dir.join(HEADER), source };
        let mut header = Header {
            version: VERSION,
            kdf: KDF.to_owned(),
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            lanes: LANES,
            salt: hex(&random::bytes::<16>().map_err(unusable)?),
            check: String::new(),
        };
        let key = header.derive(secret)?;
        header.check = hex(&key.check());
        let mut text = serde_json::to_vec_pretty(&header)
            .map_err(|error| unusable(io::Error::other(error)))?;
        text.push(b'\n');
        let how = RenameFlags::RENAME_NOREPLACE;
        blob::write(dir, &dir.join(HEADER), &text, how).map_err(unusable)?;
        Ok(key)
    }

    /// Lets the connection read and write with it, before anything else is done there.
    pub(super) fn unlock(&self, connection: &rusqlite::Connection) -> Result<(), StoreError> {
        // What it has to say is in the error; it would say it on standard error as well.
        connection.execute_batch("PRAGMA cipher_log_level = NONE")?;
        cipher::unlock(connection, &self.database()).map_err(StoreError::from)
    }

    /// As `ATTACH … KEY` takes it.
    pub(super) fn spelled(&self) -> Zeroizing<String> {
        cipher::spelled(&self.database())
    }

    pub(super) fn seal(&self) -> Seal {
        Seal::from_master(&self.0)
    }

    fn database(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(blake3::derive_key("prxy state 1: database", &*self.0))
    }

    /// Tells a wrong passphrase from a damaged file; says nothing of the other keys.
    fn check(&self) -> [u8; 32] {
        blake3::derive_key("prxy state 1: check", &*self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// What stands in `encryption.json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    version: u32,
    kdf: String,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: String,
    check: String,
}

impl Header {
    fn read(dir: &Path) -> Result<Option<Self>, StoreError> {
        let path = dir.join(HEADER);
        let Some(text) = blob::read(&path)? else { return Ok(None) };
        let strange = || StoreError::Header { path: path.clone() };
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let versioned: Versioned = serde_json::from_slice(&text).map_err(|_| strange())?;
        if versioned.version > VERSION {
            let (found, known) = (versioned.version.into(), VERSION.into());
            return Err(StoreError::TooNew { found, known });
        }
        let header: Self = serde_json::from_slice(&text).map_err(|_| strange())?;
        let sane = header.kdf == KDF
            && header.memory_kib <= MOST_MEMORY_KIB
            && header.passes <= MOST_PASSES
            && header.lanes <= MOST_LANES;
        if sane { Ok(Some(header)) } else { Err(strange()) }
    }

    fn key(&self, secret: &Secret) -> Result<Key, StoreError> {
        let key = self.derive(secret)?;
        // Not secret, so the time that this takes may be.
        if hex(&key.check()) == self.check { Ok(key) } else { Err(StoreError::WrongKey) }
    }

    fn derive(&self, secret: &Secret) -> Result<Key, StoreError> {
        let mut key = Zeroizing::new([0; 32]);
        Params::new(self.memory_kib, self.passes, self.lanes, Some(key.len()))
            .map(|params| Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
            .and_then(|argon| argon.hash_password_into(&secret.0, self.salt.as_bytes(), &mut *key))
            .map_err(|_| StoreError::Header { path: HEADER.into() })?;
        Ok(Key(key))
    }
}

/// Stands beside an encrypted database.
pub(crate) const HEADER: &str = "encryption.json";
const VERSION: u32 = 1;
const KDF: &str = "argon2id";
/// The second choice of RFC 9106, section 4, with one lane: a core is enough, and lanes would give an
/// attacker no more work.
const MEMORY_KIB: u32 = 64 << 10;
const PASSES: u32 = 3;
const LANES: u32 = 1;
/// A header that asks for more is none of ours.
const MOST_MEMORY_KIB: u32 = 4 << 20;
const MOST_PASSES: u32 = 1000;
const MOST_LANES: u32 = 64;
/// Argon2 makes guessing slow, not impossible.
const LEAST: usize = 12;
const MOST: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_secret_makes_the_same_key_and_another_one_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let secret = Secret::new(b"correct horse battery\n").unwrap();
        assert!(matches!(Key::find(dir.path(), &Access::default()), Ok(None)));
        let made = Key::make(dir.path(), &secret).unwrap();
        let access =
            |secret: &Secret| Access { secret: Some(secret.clone()), encrypted_only: false };
        let found = Key::find(dir.path(), &access(&secret)).unwrap().unwrap();
        assert_eq!(*made.0, *found.0);
        let other = Secret::new(b"correct horse batterY").unwrap();
        let wrong = Key::find(dir.path(), &access(&other)).unwrap_err();
        assert_eq!(wrong.reason(), "store-wrong-key");
        assert_eq!(Key::find(dir.path(), &Access::default()).unwrap_err().reason(), "store-locked");
        let header = std::fs::read_to_string(dir.path().join(HEADER)).unwrap();
        assert!(header.contains("\"memory_kib\": 65536"), "{header}");
        for shown in [format!("{secret:?}"), format!("{made:?}"), header] {
            assert!(!shown.contains("horse") && !shown.contains(&hex(&*made.0)), "{shown}");
        }
        let again = tempfile::tempdir().unwrap();
        assert_ne!(*Key::make(again.path(), &secret).unwrap().0, *made.0, "without salt");
    }

    #[test]
    fn a_header_that_is_not_ours_is_refused() {
        let secret = Secret::new(b"correct horse battery").unwrap();
        let access = Access { secret: Some(secret), encrypted_only: true };
        let good = r#"{"version":1,"kdf":"argon2id","memory_kib":64,"passes":1,"lanes":1,"salt":"0011223344556677","check":"00"}"#;
        for (from, to, reason) in [
            ("", "", "store-wrong-key"),
            ("\"version\":1", "\"version\":2", "store-too-new"),
            ("argon2id", "none", "store-header"),
            ("\"passes\":1", "\"passes\":0", "store-header"),
            ("\"passes\":1", "\"passes\":1001", "store-header"),
            ("\"memory_kib\":64", "\"memory_kib\":4194305", "store-header"),
            ("\"lanes\":1", "\"lanes\":65", "store-header"),
            ("0011223344556677", "", "store-header"),
            ("{", "", "store-header"),
            ("}", ",\"more\":1}", "store-header"),
        ] {
            let dir = tempfile::tempdir().unwrap();
            std::fs::write(dir.path().join(HEADER), good.replacen(from, to, 1)).unwrap();
            let refused = Key::find(dir.path(), &access).unwrap_err();
            assert_eq!(refused.reason(), reason, "{from} {to}");
        }
    }

    #[test]
    fn a_key_file_is_its_owners_alone_and_long_enough() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let read = |content: &[u8], mode: u32| {
            std::fs::write(&path, content).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            Secret::from_file(&path)
        };
        let good = Secret::new(b"twelve bytes").unwrap();
        assert_eq!(read(b"twelve bytes", 0o600).unwrap(), good);
        assert_eq!(read(b"twelve bytes\n", 0o400).unwrap(), good);
        assert_eq!(read(b"twelve bytes\r\n", 0o400).unwrap(), good);
        assert!(matches!(read(b"twelve bytes", 0o640), Err(SecretError::OpenToOthers { .. })));
        assert!(matches!(read(b"twelve bytes", 0o604), Err(SecretError::OpenToOthers { .. })));
        assert!(matches!(read(b"eleven byte\n", 0o600), Err(SecretError::Length)));
        assert!(matches!(read(&[b'x'; MOST + 1], 0o600), Err(SecretError::Length)));
        assert!(matches!(Secret::from_file(dir.path()), Err(SecretError::Unreadable { .. })));
    }
}
