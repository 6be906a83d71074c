//! What is configured: files, addresses, providers, model, encryption.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;

use nix::sys::statvfs::statvfs;

use super::{Bed, Check};
use crate::cli::warnings;
use crate::config::{Config, Embeddings, Provider, Transport};
use crate::embed::model::installed;
use crate::store::{Access, HEADER, Secret};
use crate::warden::{self, identity};

pub(super) fn checks(bed: &Bed<'_>) -> Vec<Check> {
    let config = match &bed.config {
        Ok(config) => config,
        Err(errors) => {
            let count = errors.count();
            let found = format!("{count} problem{}", if count == 1 { "" } else { "s" });
            let wrong = Check::failed("configuration", found, "prxy config check says where.");
            return vec![wrong, directory(bed), state(bed)];
        }
    };
    let mut checks = vec![configuration(config), directory(bed), state(bed), listen(bed, config)];
    checks.push(nameservers(config));
    checks.push(roots(config));
    checks.extend(config.providers.iter().map(|each| provider(bed, each)));
    checks.extend(model(bed, config));
    checks.push(encryption(bed, config));
    checks
}

fn configuration(config: &Config) -> Check {
    let file = config
        .file
        .as_ref()
        .map_or("no file, defaults".to_owned(), |file| file.path.display().to_string());
    let warnings = warnings::of(config);
    match warnings.is_empty() {
        true => Check::ok("configuration", file),
        false => Check::warning("configuration", file, warnings.join("\n")),
    }
}

fn directory(bed: &Bed<'_>) -> Check {
    let dir = &bed.data_dir;
    let shown = dir.display();
    let known = match fs::metadata(dir) {
        Ok(known) if known.is_dir() => known,
        Ok(_) => {
            return Check::failed("data directory", format!("{shown} is none"), "Move it away.");
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Check::ok(
                "data directory",
                format!("{shown} is not there yet; the start makes it"),
            );
        }
        Err(error) => {
            return Check::failed(
                "data directory",
                format!("{shown}: {error}"),
                "sudo prxy doctor",
            );
        }
    };
    if let Err(wrong) = identity::check_owner(known.uid(), known.mode(), nix::unistd::geteuid()) {
        return match bed.root {
            true => Check::failed(
                "data directory",
                format!("{shown}: {wrong}"),
                "The start is refused.",
            ),
            false => Check::warning(
                "data directory",
                format!("{shown}: {wrong}"),
                "Fine if root runs prxy.",
            ),
        };
    }
    match statvfs(dir).map(|room| room.blocks_available() * room.fragment_size()) {
        Ok(left) if left < LEAST_ROOM => Check::warning(
            "data directory",
            format!("{shown}: {} MiB are left", left >> 20),
            "When it is full, requests with new values are refused: make room.",
        ),
        Ok(left) => Check::ok("data directory", format!("{shown}, {} MiB left", left >> 20)),
        Err(error) => {
            Check::failed("data directory", format!("{shown}: {error}"), "Look at the disk.")
        }
    }
}

/// What is in the data directory belongs to the roles alone.
fn state(bed: &Bed<'_>) -> Check {
    let mut open = Vec::new();
    for dir in [identity::state(&bed.data_dir), identity::audit(&bed.data_dir)] {
        match dir.symlink_metadata() {
            Ok(known) if !known.is_dir() => open.push(format!("{} is no directory", dir.display())),
            Ok(known) if known.mode() & 0o077 != 0 => {
                open.push(format!("{} is open to others", dir.display()));
            }
            _ => {}
        }
    }
    match open.is_empty() {
        true => Check::ok("permissions", "state and audit log are their roles' alone"),
        false => Check::failed("permissions", open.join("; "), "chmod 700; the start does it too."),
    }
}

fn listen(bed: &Bed<'_>, config: &Config) -> Check {
    let Some(at) = config.listen.tcp else {
        return Check::ok("listen", format!("{}, at no address", config.listen));
    };
    let taken =
        TABLES.iter().any(|table| fs::read_to_string(table).is_ok_and(|text| listens(&text, at)));
    match (taken, bed.runs()) {
        (false, true) if at.port() != 0 => Check::warning(
            "listen",
            format!("nobody listens on {at} here, though a daemon runs"),
            "It may be in another network namespace, or its configuration has changed since: prxy reload",
        ),
        (true, true) => Check::ok("listen", format!("{at}, and somebody listens there")),
        (true, false) => Check::failed(
            "listen",
            format!("another program listens on {at}"),
            "End it (ss -ltnp says what it is), or choose another address: listen",
        ),
        _ => Check::ok("listen", format!("{at} is free")),
    }
}

/// Whether `/proc/net/tcp` or `tcp6` has a listener on this address, or on all of them.
fn listens(table: &str, at: SocketAddr) -> bool {
    let port = format!("{:04X}", at.port());
    table.lines().skip(1).any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let (local, state) = (fields.next().unwrap_or_default(), fields.nth(1).unwrap_or_default());
        let (host, its) = local.split_once(':').unwrap_or_default();
        let own = hex(at);
        state == LISTENING && its == port && (host == own || host.bytes().all(|b| b == b'0'))
    })
}

/// As the kernel prints it: words of 32 bits in this machine's order.
fn hex(at: SocketAddr) -> String {
    let octets = match at.ip() {
        std::net::IpAddr::V4(ip) => ip.octets().to_vec(),
        std::net::IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let words = octets.as_chunks::<4>().0;
    words.iter().map(|word| format!("{:08X}", u32::from_ne_bytes(*word))).collect()
}

fn nameservers(config: &Config) -> Check {
    let from = if config.nameservers.is_empty() { "/etc/resolv.conf" } else { "dns.nameservers" };
    match warden::nameservers(config) {
        Err(error) => Check::failed("nameservers", error.to_string(), "Set dns.nameservers."),
        Ok(none) if none.is_empty() => {
            match config.providers.iter().any(|p| p.name_to_resolve().is_some()) {
                true => Check::failed(
                    "nameservers",
                    format!("{from} names none: no provider has an address"),
                    "Set dns.nameservers, or pin addresses with resolve: false.",
                ),
                false => Check::ok("nameservers", "none is needed"),
            }
        }
        Ok(some) => {
            let some: Vec<_> = some.iter().map(ToString::to_string).collect();
            Check::ok("nameservers", format!("{} from {from}; not asked here", some.join(", ")))
        }
    }
}

fn roots(config: &Config) -> Check {
    let needs =
        |provider: &&Provider| matches!(provider.transport, Transport::Tls { ca_file: None, .. });
    if !config.providers.iter().any(|provider| needs(&provider)) {
        return Check::ok("roots", "the system's are not needed");
    }
    match rustls_native_certs::load_native_certs().certs.len() {
        0 => Check::failed(
            "roots",
            "the system has no trusted certificates",
            "apt-get install ca-certificates, or set ca_file",
        ),
        some => Check::ok("roots", format!("{some} trusted certificates")),
    }
}

fn provider(bed: &Bed<'_>, provider: &Provider) -> Check {
    let name = &provider.name;
    let key = match &provider.key_name {
        None => "clients' own keys".to_owned(),
        Some(key) => match (bed.env)(key).is_some() {
            true => format!("key from {key}"),
            // The daemon's environment and credentials are not this process's.
            false => format!("key from {key} if the daemon has it"),
        },
    };
    let to = format!("{name}: {}:{}, {key}", provider.host, provider.port);
    if let Transport::Tls { ca_file: Some(file), .. } = &provider.transport
        && let Err(error) = fs::File::open(file)
    {
        let found = format!("{name}: ca_file {}: {error}", file.display());
        return match bed.root {
            true => Check::failed("provider", found, "The start is refused: put the file there."),
            false => Check::warning("provider", found, "sudo prxy doctor"),
        };
    }
    let routes = bed.warden.as_ref().and_then(|warden| warden["routes"].as_array());
    let Some(routes) = routes else {
        return Check::ok("provider", format!("{to}; not connected to here"));
    };
    let route = routes.iter().find(|route| route["provider"] == name.as_str());
    match route.map(|route| route["addresses"].as_array().map_or(0, Vec::len)) {
        None => Check::warning(
            "provider",
            format!("{to}; the running daemon does not know it"),
            "prxy reload",
        ),
        Some(0) => Check::failed(
            "provider",
            format!("{to}; the running daemon has found no address for it"),
            "Look at the nameservers, and at `pinned` and `private`; journalctl -u prxy says why.",
        ),
        Some(count) => {
            let s = if count == 1 { "" } else { "es" };
            Check::ok("provider", format!("{to}, {count} address{s}"))
        }
    }
}

fn model(bed: &Bed<'_>, config: &Config) -> Option<Check> {
    let Embeddings::Local { model } = &config.embeddings else { return None };
    let state = identity::state(&bed.data_dir);
    Some(match (installed::note(&state, model), bed.root) {
        (Ok(note), _) => Check::ok(
            "model",
            format!("{model}, {} dimensions, sha256 {}", note.dimensions, note.sha256),
        ),
        (Err(_), false) => {
            Check::warning("model", format!("{model} cannot be read"), "sudo prxy doctor")
        }
        (Err(error), true) => Check::failed("model", error.to_string(), "prxy model add DIR"),
    })
}

fn encryption(bed: &Bed<'_>, config: &Config) -> Check {
    const NAME: &str = "encryption";
    let state = identity::state(&bed.data_dir);
    let encrypted = fs::symlink_metadata(state.join(HEADER)).is_ok();
    let exists = fs::symlink_metadata(state.join("prxy.db")).is_ok();
    let wanted = config.encrypt.is_some();
    if !bed.root && fs::read_dir(&state).is_err() && state.exists() {
        return Check::warning(NAME, "the state cannot be looked at", "sudo prxy doctor");
    }
    if wanted && exists && !encrypted {
        let found = "the configuration demands it, and the state is in the open";
        return Check::failed(NAME, found, "Stop prxy, then: prxy encrypt");
    }
    if !wanted && !encrypted {
        return Check::ok(NAME, "the state is not encrypted, and need not be");
    }
    let secret = match &bed.arguments.key_file {
        Some(path) => Secret::from_file(path).map(Some),
        None => Secret::find(config.encrypt.as_ref(), bed.env),
    };
    match secret {
        Err(error) => Check::failed(NAME, error.to_string(), "The start is refused."),
        // A credential of systemd's is there for the service alone.
        Ok(None) if bed.runs() => Check::ok(NAME, "the running daemon has the passphrase"),
        Ok(None) => Check::warning(
            NAME,
            "no passphrase is to be found here",
            "Fine if the service has it as a credential. To check one: --key-file",
        ),
        Ok(secret) => match (Access { secret, encrypted_only: wanted }).check(&state) {
            Ok(()) if encrypted => Check::ok(NAME, "the passphrase opens the state"),
            Ok(()) => Check::ok(NAME, "a passphrase is there for the state that will be made"),
            Err(error) => Check::failed(NAME, error.to_string(), "Look for the right passphrase."),
        },
    }
}

const TABLES: &[&str] = &["/proc/net/tcp", "/proc/net/tcp6"];
const LISTENING: &str = "0A";
const LEAST_ROOM: u64 = 256 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_found_in_the_kernels_table() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue\n\
                     \x20  0: 0100007F:0C1B 00000000:0000 0A 00000000:00000000\n\
                     \x20  1: 0200000A:0C1C 0100000A:0050 01 00000000:00000000\n\
                     \x20  2: 00000000:0016 00000000:0000 0A 00000000:00000000\n";
        for (at, expected) in [
            ("127.0.0.1:3099", true),
            ("127.0.0.2:3099", false),
            ("127.0.0.1:3100", false),
            ("10.0.0.2:3100", false),
            ("10.9.9.9:22", true),
        ] {
            assert_eq!(listens(table, at.parse().unwrap()), expected, "{at}");
        }
        let six = "head\n 0: 00000000000000000000000001000000:0C1B 0:0 0A\n";
        assert!(listens(six, "[::1]:3099".parse().unwrap()));
        assert!(!listens(six, "[::2]:3099".parse().unwrap()));
    }
}
