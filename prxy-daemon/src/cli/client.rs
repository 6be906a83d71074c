//! `prxy client …`: tokens by which clients are told apart.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{Arguments, Failure, keys, print, sources};
use crate::audit::sha256;
use crate::config::{Config, Origin, Text, client_lines, is_client_name, with_client};
use crate::sys::random;

/// Makes a token and prints it with what the configuration needs to know it; this is the only time
/// that anybody sees it.
pub(super) fn add(
    arguments: Arguments,
    env: &dyn Fn(&str) -> Option<OsString>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let [name] = &arguments.places[..] else {
        return Err(anyhow!("which name? For instance prxy client add ward-7").into());
    };
    let name = name.to_string_lossy().into_owned();
    let sources = sources(keys::places(&arguments), env);
    let (config, text) = Origin::of(&sources).load()?;
    let random = random::bytes::<32>().map_err(anyhow::Error::new)?;
    let digits: Zeroizing<String> =
        Zeroizing::new(random.iter().map(|byte| format!("{byte:02x}")).collect());
    let token = Zeroizing::new(format!("{PREFIX}{}", *digits));
    let sum = sha256(token.as_bytes());
    if !is_client_name(&name) {
        let wrong = anyhow!("{name:?} is no name for a client: {CLIENT_NAME}");
        return Err(wrong.into());
    }
    if config.clients.iter().any(|client| client.name == name) {
        let known = anyhow!(
            "there is a client `{name}` already: to give it a second key, add the SHA-256 of one \
             to its key_sha256"
        );
        return Err(known.into());
    }
    let alone = format!("clients:\n{}", client_lines("  ", &name, &sum));
    let file = sources.file().unwrap_or_else(|| config.data_dir.join("config.yaml"));
    if arguments.write {
        let old = text.0.unwrap_or_default();
        let new = with_client(&old, &name, &sum).map_err(|error| {
            anyhow!(
                "{}: {error}; nothing is written: without --write, prxy prints what to add",
                file.display()
            )
        })?;
        // The whole of it, as the daemon will read it.
        let read = Origin::of(&sources).parse(&Text(Some(new.clone())))?;
        if !read.clients.iter().any(|client| client.name == name) {
            return Err(anyhow!("the client cannot be added to {}", file.display()).into());
        }
        replace(&file, &new).with_context(|| format!("cannot write {}", file.display()))?;
    }
    let text = match arguments.json {
        true => format!(
            "{}\n",
            json!({
                "client": name, "token": *token, "sha256": sum, "written": arguments.write, "file": file,
            })
        ),
        false => {
            let place = file.display();
            let rest = match arguments.write {
                true => format!("Its SHA-256 is in {place}. In effect with: prxy reload\n"),
                false => format!(
                    "To let prxy know it, add to {place}, and then run prxy reload:\n\n{alone}"
                ),
            };
            format!("Token of {name}, shown this once: {}\n{rest}", *token)
        }
    };
    print(out, &text)
}

/// Who is in the configuration.
pub(super) fn list(
    arguments: Arguments,
    env: &dyn Fn(&str) -> Option<OsString>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let as_json = arguments.json;
    let config = Config::load(&sources(arguments, env))?;
    let rules =
        |name: &str| config.policy().is_some_and(|policy| policy.clients.contains_key(name));
    let text = match as_json {
        true => {
            let rows = config.clients.iter().map(|client| {
                json!({ "client": client.name, "keys": client.keys.len(), "rules": rules(&client.name) })
            });
            format!("{}\n", rows.collect::<Value>())
        }
        false if config.clients.is_empty() => "no clients are configured\n".to_owned(),
        false => config
            .clients
            .iter()
            .map(|client| {
                let (keys, own) = (client.keys.len(), rules(&client.name));
                let s = if keys == 1 { "" } else { "s" };
                let own = if own { "rules of its own" } else { "the general rules" };
                format!("{:32}  {keys} key{s}, {own}\n", client.name)
            })
            .collect(),
    };
    print(out, &text)
}

/// Puts a new file in the place of the old one, with its owner and mode, all at once.
fn replace(file: &Path, text: &str) -> anyhow::Result<()> {
    let file: PathBuf = match file.canonicalize() {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => file.to_owned(),
        Err(error) => return Err(error.into()),
    };
    let folder = file.parent().context("it has no folder")?;
    fs::create_dir_all(folder)?;
    let known = match file.metadata() {
        Ok(known) if known.is_file() => Some(known),
        Ok(_) => bail!("it is no file"),
        Err(_) => None,
    };
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let fresh = folder.join(name);
    let mut options = OpenOptions::new();
    let mut new = options.write(true).create_new(true).mode(0o600).open(&fresh)?;
    let written = (|| -> std::io::Result<()> {
        new.write_all(text.as_bytes())?;
        match &known {
            Some(known) => {
                fchown(&new, Some(known.uid()), Some(known.gid()))?;
                new.set_permissions(known.permissions())?;
            }
            None => new.set_permissions(Permissions::from_mode(0o644))?,
        }
        new.sync_all()?;
        fs::rename(&fresh, &file)?;
        File::open(folder)?.sync_all()
    })();
    if written.is_err() {
        drop(fs::remove_file(&fresh));
    }
    Ok(written?)
}

const CLIENT_NAME: &str = "a to z, 0 to 9, `-` and `_`, a letter first, at most 32 characters";
/// By this, people and scanners know it for what it is.
const PREFIX: &str = "prxy-";
