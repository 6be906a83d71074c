//! The contents of every `ca_file`: read with the configuration, because who uses them has no files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::load::read_regular;
use super::problem::Kind;
use super::{Config, Transport};

/// PEM text by path, unchecked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bundles(BTreeMap<PathBuf, Vec<u8>>);

/// A trust bundle cannot be read.
#[derive(Debug, Error)]
#[error("cannot read trust roots from {}: {cause}", path.display())]
pub struct BundleError {
    path: PathBuf,
    cause: &'static str,
}

impl Bundles {
    /// Reads every file that `config` names, each once.
    ///
    /// # Errors
    /// The first file that is not regular, not readable, or too large.
    pub fn read(config: &Config) -> Result<Self, BundleError> {
        let mut bundles = BTreeMap::new();
        let mut left = MAX_TOTAL;
        for provider in &config.providers {
            let Transport::Tls { ca_file: Some(path), .. } = &provider.transport else { continue };
            if bundles.contains_key(path) {
                continue;
            }
            let pem =
                read_regular(path, left.min(MAX_ONE), |_| Ok(())).map_err(|kind| BundleError {
                    path: path.clone(),
                    cause: match kind {
                        Kind::Unreadable(std::io::ErrorKind::NotFound) => "there is no such file",
                        Kind::Unreadable(std::io::ErrorKind::PermissionDenied) => {
                            "permission denied; what runs reads in the folders of its start only"
                        }
                        Kind::NotRegular => "it is no regular file",
                        Kind::TooLarge => "too large: 1 MiB each, 4 MiB together",
                        _ => "it is not readable",
                    },
                })?;
            left -= pem.len() as u64;
            bundles.insert(path.clone(), pem);
        }
        Ok(Self(bundles))
    }

    /// What was read from `path`.
    pub fn get(&self, path: &Path) -> Option<&[u8]> {
        self.0.get(path).map(Vec::as_slice)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&Path, &[u8])> {
        self.0.iter().map(|(path, pem)| (path.as_path(), pem.as_slice()))
    }
}

impl FromIterator<(PathBuf, Vec<u8>)> for Bundles {
    fn from_iter<T: IntoIterator<Item = (PathBuf, Vec<u8>)>>(bundles: T) -> Self {
        Self(bundles.into_iter().collect())
    }
}

const MAX_ONE: u64 = 1 << 20;
const MAX_TOTAL: u64 = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::load;

    #[test]
    fn every_file_is_read_once_and_what_is_no_plain_file_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| dir.path().join(name).display().to_string();
        std::fs::write(file("ca.pem"), "PEM").unwrap();
        std::fs::write(file("large.pem"), vec![b'x'; (1 << 20) + 1]).unwrap();
        nix::unistd::mkfifo(Path::new(&file("pipe")), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let with = |ca: &str| {
            load(&format!(
                "providers: {{ openai: {{ ca_file: '{ca}' }}, anthropic: {{ ca_file: '{ca}' }} }}"
            ))
            .unwrap()
        };
        let read = Bundles::read(&with(&file("ca.pem"))).unwrap();
        assert_eq!(read, [(file("ca.pem").into(), b"PEM".to_vec())].into_iter().collect());
        for (name, cause) in [
            ("absent", "there is no such file"),
            ("pipe", "it is no regular file"),
            (".", "it is no regular file"),
            ("large.pem", "too large: 1 MiB each, 4 MiB together"),
        ] {
            let error = Bundles::read(&with(&file(name))).unwrap_err();
            let path = file(name);
            assert_eq!(error.to_string(), format!("cannot read trust roots from {path}: {cause}"));
        }
    }
}
