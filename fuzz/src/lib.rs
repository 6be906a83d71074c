//! What random bytes are thrown at: one function for each parser, with an oracle where there is one.
//!
//! A target panics when something is wrong. `cargo xtask fuzz` runs them under libFuzzer; the unit test
//! here runs every seed and every input that was once a finding. Not for data that has a meaning: that
//! is what the property tests beside the code make.

mod config;
mod json;
mod redact;
mod stream;
mod wire;

/// One target.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name on the command line and in `seeds/`.
    pub name: &'static str,
    /// What it shows, in one line.
    pub what: &'static str,
    /// Panics at a finding.
    pub run: fn(&[u8]),
}

/// The target of this name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// All targets; `xtask/src/fuzz.rs` reads the names from here.
pub const TARGETS: &[Target] = &[
    Target {
        name: "json",
        what: "the JSON walk agrees with serde_json, edits stay in their string",
        run: json::walked,
    },
    Target {
        name: "documents",
        what: "arrays and lines are cut the same wherever they are split",
        run: json::documents,
    },
    Target {
        name: "sse",
        what: "events are cut the same wherever they are split, and lose no byte",
        run: stream::events,
    },
    Target {
        name: "rehydrate",
        what: "a damaged answer is restored the same wherever it is split",
        run: stream::restored,
    },
    Target {
        name: "answer",
        what: "a placeholder cut anywhere comes back as in one piece",
        run: stream::cut,
    },
    Target {
        name: "detect",
        what: "every detector, alone and together, names text that is there",
        run: redact::detected,
    },
    Target {
        name: "placeholders",
        what: "what is masked and restored is the text that was masked",
        run: redact::placeholders,
    },
    Target {
        name: "request",
        what: "what is accepted passes the gate's look, twice the same",
        run: redact::request,
    },
    Target {
        name: "client_hello",
        what: "a first TLS message is judged without a panic",
        run: wire::client_hello,
    },
    Target {
        name: "messages",
        what: "messages between roles and DNS answers are read without a panic",
        run: wire::messages,
    },
    Target {
        name: "config",
        what: "a configuration is refused, or shown as one that means the same",
        run: config::configured,
    },
];

/// The first byte as a number below `below`, and the rest.
fn choice(data: &[u8], below: usize) -> Option<(usize, &[u8])> {
    let (first, rest) = data.split_first()?;
    // Seeds are text: `0` is the first choice.
    Some((usize::from(first.wrapping_sub(b'0')) % below, rest))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_target_holds_on_its_seeds_and_on_what_was_once_a_finding() {
        let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
        for target in TARGETS {
            let folder = seeds.join(target.name);
            let mut files: Vec<_> = fs::read_dir(&folder)
                .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
                .map(|entry| entry.unwrap().path())
                .collect();
            files.sort();
            assert!(!files.is_empty(), "{} has no seed", target.name);
            for file in files {
                eprintln!("{}", file.display());
                (target.run)(&fs::read(&file).unwrap());
            }
        }
    }
}
