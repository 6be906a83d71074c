//! `metrics:` — where what is counted can be read.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::decode::{Fields, Found};
use super::listen;
use super::problem::{Kind, Quoted};
use super::providers::path;

/// Where what is counted can be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// A unix socket; `None`: the usual one in the data directory.
    pub socket: Option<PathBuf>,
    /// An address on loopback, if that is wanted as well.
    pub listen: Option<SocketAddr>,
}

impl Metrics {
    /// The unix socket of a daemon with this data directory.
    pub fn socket_in(&self, data_dir: &Path) -> PathBuf {
        self.socket.clone().unwrap_or_else(|| data_dir.join(USUAL))
    }
}

pub(super) fn decode(fields: Fields<'_>, found: &mut Found) -> Metrics {
    let socket = fields.get("socket").and_then(|node| path(node, found));
    let listen = fields.get("listen").and_then(|node| {
        let text = found.text(node, "an address")?;
        let address = listen::address(text).filter(|address| address.ip().is_loopback());
        if address.is_none() {
            found.add(node.span, Kind::MetricsListen(Quoted::new(text)));
        }
        address
    });
    Metrics { socket, listen }
}

/// Makes a relative path relative to the file that names it.
pub(super) fn anchor(metrics: &mut Metrics, folder: &Path) {
    if let Some(socket) = &mut metrics.socket {
        *socket = folder.join(&*socket);
    }
}

impl fmt::Display for Metrics {
    /// As in the configuration.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let socket = self
            .socket
            .as_ref()
            .map(|socket| format!("socket: {}", super::summary::quoted(&socket.to_string_lossy())));
        let listen = self.listen.map(|listen| format!("listen: '{listen}'"));
        let both: Vec<_> = socket.into_iter().chain(listen).collect();
        write!(f, "{{ {} }}", both.join(", "))
    }
}

pub(super) const KEYS: &[&str] = &["socket", "listen"];
const USUAL: &str = "metrics.sock";

#[cfg(test)]
mod tests {
    use crate::config::tests::load;

    #[test]
    fn what_is_read_is_shown_as_it_was() {
        for (text, expected) in [
            ("", ""),
            ("metrics: {}", ""),
            ("metrics: { listen: 127.0.0.1:9464 }", "metrics: { listen: '127.0.0.1:9464' }\n"),
            (
                "metrics: { socket: /run/prxy/m.sock, listen: '[::1]:9464' }",
                "metrics: { socket: '/run/prxy/m.sock', listen: '[::1]:9464' }\n",
            ),
        ] {
            let config = load(text).unwrap();
            let summary = config.summary().to_string();
            let shown: String = summary
                .lines()
                .filter(|line| line.starts_with("metrics"))
                .map(|line| format!("{line}\n"))
                .collect();
            assert_eq!(shown, expected);
            assert_eq!(load(&summary).unwrap().metrics, config.metrics, "{text}");
        }
    }

    #[test]
    fn whatever_others_could_reach_is_refused() {
        for text in ["0.0.0.0:9464", "192.0.2.7:9464", "'[::]:9464'", "9464", "localhost:9464"] {
            let errors = load(&format!("metrics: {{ listen: {text} }}")).unwrap_err().to_string();
            assert!(
                errors.contains("an address on loopback") || errors.contains("expected"),
                "{errors}"
            );
        }
        assert!(load("metrics: { port: 1 }").is_err());
    }
}
