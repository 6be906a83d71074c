//! Test harness: a little internet of network namespaces, with everyone in it a mock but prxy.
//!
//! `lab` is the topology, `provider`, `dns` and `attacker` live in it, `capture` watches the wire,
//! `daemon` starts prxy, `systemd` runs it as a service, `attack` tries to get out of its roles, and `scene` puts all of it
//! together. `manual` reads the documentation. `agent` and `session` are made-up conversations, `strict` judges them as their APIs do; `metrics` reads what a daemon counts. One file per promise lies in `tests/`; each of them needs root and fails without.
//!
//! Not for unit tests of the daemon, which stand beside the code.

pub mod agent;
pub mod attack;
pub mod attacker;
pub mod capture;
pub mod clock;
pub mod daemon;
pub mod dns;
#[expect(clippy::unwrap_used, reason = "a reader for tests fails loudly")]
#[path = "../../prxy-daemon/src/metrics/tests/strict.rs"]
pub mod exposition;
pub mod http;
pub mod lab;
pub mod manual;
pub mod metrics;
pub mod netns;
pub mod pcap;
pub mod policy;
pub mod provider;
pub mod random;
pub mod reader;
pub mod roles;
pub mod samples;
pub mod scene;
#[path = "../../prxy-daemon/src/pipeline/ipc/tests/session.rs"]
pub mod session;
#[path = "../../prxy-daemon/src/pipeline/ipc/tests/strict.rs"]
pub mod strict;
pub mod sys;
pub mod systemd;
pub mod tls;
pub mod traffic;

/// Waits until a condition holds, for at most ten seconds; no fixed sleeps in tests.
#[macro_export]
macro_rules! eventually {
    ($condition:expr $(, $($message:tt)+)?) => {{
        let deadline = ::std::time::Instant::now() + ::std::time::Duration::from_secs(10);
        while !$condition {
            if ::std::time::Instant::now() > deadline {
                panic!("never came true: {}{}", stringify!($condition),
                    ::std::string::String::new() $(+ ": " + &format!($($message)+))?);
            }
            ::std::thread::sleep(::std::time::Duration::from_millis(10));
        }
    }};
}
