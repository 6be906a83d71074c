//! The models that are installed: one directory each in `model/` of the gateway's directory.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::files::{self, ALL, json, malformed, unreadable};
use super::{Model, ModelError};

/// What is noted of a model when it is installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The name that the configuration uses.
    pub name: String,
    /// How many numbers its vectors have.
    pub dimensions: usize,
    /// Of `model.safetensors`.
    pub sha256: String,
}

/// The open files of a model that is to be installed.
pub struct Source(Vec<(&'static str, File)>);

impl Source {
    /// Opens everything that is needed of the model in `dir`.
    ///
    /// # Errors
    /// A file is missing, too large or none.
    pub fn open(dir: &Path) -> Result<Self, ModelError> {
        let open = |file| Ok((file, files::open(dir, file)?));
        ALL.into_iter().map(open).collect::<Result<_, _>>().map(Self)
    }
}

/// Whether a model may be called so: the name is one of a directory.
pub fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.starts_with(plain)
        && name.len() <= MAX_NAME
        && name.chars().all(|c| plain(c) || "-_.".contains(c))
}

/// Copies a model and checks it; it is there whole, or not at all. `told` hears how many bytes of how
/// many are copied.
///
/// # Errors
/// It cannot be used, or there is one of that name.
pub fn add(
    state: &Path,
    from: Source,
    name: &str,
    told: &dyn Fn(u64, u64),
) -> Result<Note, ModelError> {
    let to = place(state, name)?;
    if to.symlink_metadata().is_ok() {
        return Err(ModelError::Installed(name.to_owned()));
    }
    let models = state.join(MODELS);
    let in_models = |source| ModelError::Directory { dir: models.display().to_string(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(&models).map_err(in_models)?;
    // No model's name begins with a dot.
    let part = models.join(format!(".{name}.{}", std::process::id()));
    let added = copy(from, &part, name, told).and_then(|note| {
        fs::rename(&part, &to).and_then(|()| File::open(&models)?.sync_all()).map_err(in_models)?;
        Ok(note)
    });
    if added.is_err() {
        // What is left of it has no model's name, so nothing but space is lost.
        let _ = fs::remove_dir_all(&part);
    }
    added
}

/// What is checked is the copy: nobody else writes to it.
fn copy(
    Source(from): Source,
    to: &Path,
    name: &str,
    told: &dyn Fn(u64, u64),
) -> Result<Note, ModelError> {
    let whole = from.iter().filter_map(|(_, file)| Some(file.metadata().ok()?.len())).sum();
    let mut done = 0;
    let make = |dir: PathBuf| {
        let shown = dir.display().to_string();
        let made = DirBuilder::new().mode(0o700).create(&dir);
        made.map_err(|source| ModelError::Directory { dir: shown, source })
    };
    make(to.to_owned())?;
    for (file, read) in from {
        if let Some((folder, _)) = file.split_once('/') {
            make(to.join(folder))?;
        }
        let copied = create(&to.join(file)).and_then(|mut written| {
            let mut read = read.take(files::most(file));
            loop {
                match io::copy(&mut read.by_ref().take(PIECE), &mut written)? {
                    0 => break written.sync_all(),
                    length => done += length,
                }
                told(done, whole);
            }
        });
        copied.map_err(|source| unreadable(file, source))?;
    }
    let model = Model::load(to, name)?;
    let note = Note {
        name: name.to_owned(),
        dimensions: model.dimensions(),
        sha256: model.sha256().to_owned(),
    };
    let text = serde_json::to_string(&note).map_err(|error| malformed(NOTE, error))?;
    let written = create(&to.join(NOTE)).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|source| unreadable(NOTE, source))?;
    Ok(note)
}

/// Bytes between two words of how far it is.
const PIECE: u64 = 1024 * 1024;

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Reads an installed model.
///
/// # Errors
/// It is not there, or not as it was installed.
pub fn load(state: &Path, name: &str) -> Result<Model, ModelError> {
    let dir = place(state, name)?;
    let noted = note(state, name)?;
    let model = Model::load(&dir, name)?;
    match model.sha256() == noted.sha256 {
        true => Ok(model),
        false => Err(ModelError::Changed(name.to_owned())),
    }
}

/// What is noted of an installed model.
///
/// # Errors
/// There is none of that name.
pub fn note(state: &Path, name: &str) -> Result<Note, ModelError> {
    let dir = place(state, name)?;
    match dir.symlink_metadata() {
        Ok(known) if known.is_dir() => json(NOTE, &files::read(&dir, NOTE)?),
        _ => Err(not_installed(state, name)),
    }
}

/// All that are installed, by name.
///
/// # Errors
/// The directory cannot be read.
pub fn all(state: &Path) -> Result<Vec<Note>, ModelError> {
    let models = state.join(MODELS);
    let failed = |source| ModelError::Directory { dir: models.display().to_string(), source };
    let entries = match fs::read_dir(&models) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry.map_err(failed)?.file_name().into_string().ok());
    }
    names.retain(|name| is_name(name));
    names.sort_unstable();
    names.iter().map(|name| note(state, name)).collect()
}

/// Deletes an installed model. A daemon that uses it keeps it until it ends.
///
/// # Errors
/// There is none of that name, or it cannot be deleted.
pub fn remove(state: &Path, name: &str) -> Result<(), ModelError> {
    let dir = place(state, name)?;
    match dir.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => Err(not_installed(state, name)),
        _ => fs::remove_dir_all(&dir)
            .map_err(|source| ModelError::Directory { dir: dir.display().to_string(), source }),
    }
}

fn place(state: &Path, name: &str) -> Result<PathBuf, ModelError> {
    match is_name(name) {
        true => Ok(state.join(MODELS).join(name)),
        false => Err(ModelError::BadName(name.to_owned())),
    }
}

fn not_installed(state: &Path, name: &str) -> ModelError {
    let dir = state.join(MODELS).display().to_string();
    ModelError::NotInstalled { name: name.to_owned(), dir }
}

const MODELS: &str = "model";
const NOTE: &str = "installed.json";
const MAX_NAME: usize = 64;
