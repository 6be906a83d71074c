//! A copy of the state that a daemon could run on, made while another one does.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use rusqlite::params;

use super::blob;
use super::key::HEADER;
use super::replace::{make, sync};
use super::{BLOBS, FILE, Store, StoreError};

impl Store {
    /// Copies this state into the empty directory `to`: the database as it is now, and every blob
    /// that it may speak of. An encrypted one stays so, with the same secret.
    ///
    /// # Errors
    /// It is on no disk, or `to` cannot be written.
    pub fn back_up(&self, to: &Path) -> Result<(), StoreError> {
        let path = self.database.path.as_deref();
        let Some(dir) = path.and_then(Path::parent) else {
            let source = io::Error::new(io::ErrorKind::NotFound, "the state is on no disk");
            return Err(StoreError::Unusable { path: to.to_owned(), source });
        };
        // First, so that what is removed meanwhile is there; and again, for what is added.
        copy_blobs(dir, to)?;
        let copy = to.join(FILE);
        make(&copy)?;
        let strange = || unusable(&copy, io::ErrorKind::InvalidFilename.into());
        let name = copy.to_str().ok_or_else(strange)?;
        self.database.connection().execute("VACUUM INTO ?1", params![name])?;
        copy_blobs(dir, to)?;
        let header = dir.join(HEADER);
        if header.exists() {
            let copied = fs::copy(&header, to.join(HEADER));
            copied.map_err(|source| unusable(&header, source))?;
            sync(&to.join(HEADER))?;
        }
        sync(&copy)?;
        sync(to)
    }
}

fn copy_blobs(dir: &Path, to: &Path) -> Result<(), StoreError> {
    let to = to.join(BLOBS);
    for path in blob::files(&dir.join(BLOBS))? {
        let name = path.file_name().unwrap_or_default();
        let copy = to.join(name);
        if name.to_string_lossy().starts_with(blob::UNFINISHED) || copy.exists() {
            continue;
        }
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&to);
        made.map_err(|source| unusable(&to, source))?;
        match fs::copy(&path, &copy) {
            // Removed since the directory was read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            copied => copied.map_err(|source| unusable(&copy, source))?,
        };
        sync(&copy)?;
    }
    Ok(())
}

fn unusable(path: &Path, source: io::Error) -> StoreError {
    StoreError::Unusable { path: path.to_owned(), source }
}
