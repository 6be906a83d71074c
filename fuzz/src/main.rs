//! The fuzzer: `PRXY_FUZZ_TARGET` names the target, arguments are libFuzzer's.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
use std::sync::OnceLock;

#[cfg(fuzzing)]
static RUN: OnceLock<fn(&[u8])> = OnceLock::new();

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(
    init: {
        let name = std::env::var("PRXY_FUZZ_TARGET").unwrap_or_default();
        let Some(target) = prxy_fuzz::target(&name) else {
            eprintln!("PRXY_FUZZ_TARGET={name}: no such target");
            std::process::exit(2);
        };
        RUN.get_or_init(|| target.run);
    },
    |data: &[u8]| {
        if let Some(run) = RUN.get() {
            run(data);
        }
    }
);

/// Without the fuzzer's instruments there is nothing to do but to say what there is.
#[cfg(not(fuzzing))]
fn main() {
    for target in prxy_fuzz::TARGETS {
        eprintln!("{:<13} {}", target.name, target.what);
    }
    eprintln!("run them with `cargo xtask fuzz`");
}
