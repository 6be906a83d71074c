//! `listen:` — where clients connect: an address, a unix socket, or both.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use super::decode::Found;
use super::problem::{Kind, Quoted};
use super::yaml::{Node, Value};

/// Where clients connect; at least one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Port 0 lets the kernel choose (tests).
    pub tcp: Option<SocketAddr>,
    /// A unix socket.
    pub unix: Option<PathBuf>,
}

impl Listen {
    /// Whether other machines can connect.
    pub fn is_open(&self) -> bool {
        self.tcp.is_some_and(|address| !address.ip().is_loopback())
    }
}

impl Default for Listen {
    fn default() -> Self {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 3099).into()
    }
}

impl From<SocketAddr> for Listen {
    fn from(address: SocketAddr) -> Self {
        Self { tcp: Some(address), unix: None }
    }
}

/// One item: `ADDRESS:PORT`, an IPv6 address in brackets, or `unix:PATH`.
pub(super) fn item(text: &str) -> Option<Listen> {
    if let Some(path) = text.strip_prefix(UNIX) {
        let usable = !path.is_empty() && !path.ends_with('/') && !path.contains('\0');
        return usable.then(|| Listen { tcp: None, unix: Some(path.into()) });
    }
    address(text).map(Listen::from)
}

pub(super) fn address(text: &str) -> Option<SocketAddr> {
    text.parse().ok().filter(|at: &SocketAddr| !at.ip().is_multicast())
}

pub(super) fn decode(node: &Node, found: &mut Found) -> Option<Listen> {
    let items = match &node.value {
        Value::List(items) if !items.is_empty() => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let mut all = Listen { tcp: None, unix: None };
    for node in items {
        let text = found.text(node, "an address")?;
        let Some(Listen { tcp, unix }) = item(text) else {
            found.add(node.span, Kind::BadListen(Quoted::new(text)));
            return None;
        };
        if (tcp.is_some() && all.tcp.is_some()) || (unix.is_some() && all.unix.is_some()) {
            found.add(node.span, Kind::ListenTwice);
        }
        all = Listen { tcp: all.tcp.or(tcp), unix: all.unix.or(unix) };
    }
    Some(all)
}

/// Makes a relative path relative to the file that names it.
pub(super) fn anchor(listen: &mut Listen, folder: &Path) {
    if let Some(path) = &mut listen.unix {
        *path = folder.join(&*path);
    }
}

impl fmt::Display for Listen {
    /// As in the configuration.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tcp = self.tcp.map(|address| format!("'{address}'"));
        let path = |path: &PathBuf| {
            super::summary::quoted(&format!("{UNIX}{}", path.to_string_lossy())).into_owned()
        };
        match (tcp, self.unix.as_ref().map(path)) {
            (Some(tcp), Some(unix)) => write!(f, "[{tcp}, {unix}]"),
            (one, other) => f.write_str(&one.or(other).unwrap_or_default()),
        }
    }
}

const UNIX: &str = "unix:";

#[cfg(test)]
mod tests {
    use crate::config::tests::load;

    #[test]
    fn what_is_read_is_shown_as_it_was() {
        for (text, expected) in [
            ("", "'127.0.0.1:3099'"),
            ("listen: '[::1]:1'", "'[::1]:1'"),
            ("listen: unix:/run/prxy/prxy.sock", "'unix:/run/prxy/prxy.sock'"),
            ("listen: ['unix:/a b/c', 127.0.0.1:3099]", "['127.0.0.1:3099', 'unix:/a b/c']"),
        ] {
            let config = load(text).unwrap();
            assert_eq!(config.listen.to_string(), expected);
            assert_eq!(
                load(&config.summary().to_string()).unwrap().listen,
                config.listen,
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_place_to_listen_is_refused() {
        for text in [
            "'unix:'",
            "'unix:/a/'",
            "[]",
            "[127.0.0.1:1, 127.0.0.1:2]",
            "['unix:/a', 'unix:/b']",
            "'tcp:127.0.0.1:1'",
        ] {
            assert!(load(&format!("listen: {text}")).is_err(), "{text}");
        }
    }

    #[test]
    fn only_loopback_is_for_everybody() {
        let key = "ab".repeat(32);
        let client = format!("clients: {{ ward: {{ key_sha256: ['{key}'] }} }}");
        for (listen, open) in [
            ("127.0.0.1:1", false),
            ("127.9.9.9:1", false),
            ("'[::1]:1'", false),
            ("unix:/run/p.sock", false),
            ("0.0.0.0:1", true),
            ("'[::]:1'", true),
            ("'[::ffff:127.0.0.1]:1'", true),
            ("192.0.2.7:1", true),
            ("[10.0.0.1:1, 'unix:/run/p.sock']", true),
        ] {
            let alone = load(&format!("listen: {listen}"));
            assert_eq!(alone.is_err(), open, "{listen}");
            let with = load(&format!("listen: {listen}\n{client}")).unwrap();
            assert_eq!(with.listen.is_open(), open, "{listen}");
            if let Err(errors) = alone {
                let told = errors.to_string();
                assert!(
                    told.contains("other machines can reach") && told.contains(":1:9"),
                    "{told}"
                );
            }
        }
    }
}
