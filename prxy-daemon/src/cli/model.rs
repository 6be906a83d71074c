//! `prxy model …`: the local models that make vectors of texts.

use std::ffi::OsString;
use std::fs::DirBuilder;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, lchown};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use prxy_common::Role;
use serde_json::{Value, json};

use super::definition::Verb;
use super::progress::{Counter, over};
use super::{Arguments, Failure, data_dir, print, vault};
use crate::embed::model::installed::{self, Note, Source};
use crate::warden::identity;

/// Does what the words say.
pub(super) fn run(
    arguments: Arguments,
    env: &dyn Fn(&str) -> Option<OsString>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let Arguments { verb, places, name, json, .. } = arguments;
    let state = data_dir(arguments.data_dir, env)?.join("state");
    let text = match verb {
        Verb::ModelAdd => {
            let note = add(&state, &places, name)?;
            match json {
                true => format!("{}\n", json!(note)),
                false => format!(
                    "{}To use it: embeddings: {{ provider: local, model: '{}' }}\n",
                    in_words(&note),
                    note.name
                ),
            }
        }
        Verb::ModelRemove => {
            let [name] = &places[..] else {
                return Err(anyhow!("which model? `prxy model show` prints their names").into());
            };
            let name = name.to_string_lossy();
            vault::become_owner(&state)?;
            installed::remove(&state, &name).map_err(anyhow::Error::new)?;
            match json {
                true => format!("{}\n", json!({ "removed": name })),
                false => format!("{name} removed\n"),
            }
        }
        _ => {
            vault::become_owner(&state)?;
            let notes = installed::all(&state).map_err(anyhow::Error::new)?;
            match json {
                true => format!("{}\n", Value::from_iter(notes.iter().map(|note| json!(note)))),
                false if notes.is_empty() => "no model is installed\n".to_owned(),
                false => notes.iter().map(in_words).collect(),
            }
        }
    };
    print(out, &text)
}

fn add(state: &Path, places: &[PathBuf], name: Option<String>) -> anyhow::Result<Note> {
    let [dir] = places else { bail!("which directory? One with a model.safetensors") };
    let dir = dir.canonicalize().with_context(|| dir.display().to_string())?;
    let name = match name {
        Some(name) => name,
        None => dir.file_name().unwrap_or_default().to_string_lossy().into_owned(),
    };
    // Before root becomes somebody else, who may not read them.
    let files = Source::open(&dir).with_context(|| dir.display().to_string())?;
    make(state).with_context(|| state.display().to_string())?;
    vault::become_owner(state)?;
    let counter = Counter::default();
    let added = installed::add(state, files, &name, &|done, whole| counter.tell((0, done, whole)));
    over();
    Ok(added?)
}

/// The gateway's directory, as the daemon will make it; it may not have run yet.
fn make(state: &Path) -> std::io::Result<()> {
    if let Some(data) = state.parent() {
        std::fs::create_dir_all(data)?;
    }
    match DirBuilder::new().mode(0o700).create(state) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    match identity::user(Role::Gateway) {
        Some((uid, gid)) if state.symlink_metadata()?.uid() == 0 => {
            lchown(state, Some(uid.as_raw()), Some(gid.as_raw()))
        }
        _ => Ok(()),
    }
}

fn in_words(note: &Note) -> String {
    let Note { name, dimensions, sha256 } = note;
    format!("{name}: {dimensions} dimensions, sha256 {sha256}\n")
}
