//! How blobs are encrypted: XChaCha20-Poly1305, under names that are keyed hashes.

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::StoreError;
use crate::sys::random;

/// Closes and opens files under one key.
#[derive(Clone)]
pub(super) struct Seal {
    cipher: XChaCha20Poly1305,
    names: Zeroizing<[u8; 32]>,
}

impl Seal {
    /// Both keys come from the state's.
    pub(super) fn from_master(master: &[u8; 32]) -> Self {
        let key = Zeroizing::new(blake3::derive_key("prxy state 1: blob content", master));
        let names = Zeroizing::new(blake3::derive_key("prxy state 1: blob names", master));
        Self { cipher: XChaCha20Poly1305::new((&*key).into()), names }
    }

    /// The name under which a text with this id is kept.
    pub(super) fn name(&self, id: &[u8; 32]) -> [u8; 32] {
        *blake3::keyed_hash(&self.names, id).as_bytes()
    }

    /// The id's name goes in as well: a file under another's name does not open.
    pub(super) fn close(&self, id: &[u8; 32], content: &[u8]) -> Result<Vec<u8>, StoreError> {
        let failed = |_| StoreError::Seal;
        let nonce: [u8; NONCE] = random::bytes().map_err(|_| StoreError::Seal)?;
        let name = self.name(id);
        let payload = Payload { msg: content, aad: &name };
        let closed = self.cipher.encrypt(XNonce::from_slice(&nonce), payload).map_err(failed)?;
        Ok([&[VERSION][..], &name, &nonce, &closed].concat())
    }

    /// What was closed as `id`; `None` for anything else.
    pub(super) fn open(&self, id: &[u8; 32], file: &[u8]) -> Option<Vec<u8>> {
        let name = self.name(id);
        self.open_as(file, Some(&name))
    }

    /// What was closed under the name that the file itself has inside.
    pub(super) fn open_named(&self, file: &[u8]) -> Option<Vec<u8>> {
        self.open_as(file, None)
    }

    fn open_as(&self, file: &[u8], expected: Option<&[u8; 32]>) -> Option<Vec<u8>> {
        let rest = file.strip_prefix(&[VERSION])?;
        let (name, rest) = rest.split_at_checked(32)?;
        let (nonce, closed) = rest.split_at_checked(NONCE)?;
        if expected.is_some_and(|expected| expected != name) {
            return None;
        }
        let payload = Payload { msg: closed, aad: name };
        self.cipher.decrypt(XNonce::from_slice(nonce), payload).ok()
    }
}

const VERSION: u8 = 1;
const NONCE: usize = 24;
