//! Finds the kernel object that `cargo xtask build` made, for `include_bytes!`.

use std::path::{Path, PathBuf};

fn main() {
    println!("cargo::rerun-if-env-changed=PRXY_BPF_OBJECT");
    let object = std::env::var_os("PRXY_BPF_OBJECT").map_or_else(in_target, PathBuf::from);
    println!("cargo::rerun-if-changed={}", object.display());
    if !object.is_file() {
        println!(
            "cargo::error=no kernel object at {}: run `cargo xtask build` once, it makes it",
            object.display()
        );
    }
    println!("cargo::rustc-env=PRXY_BPF_OBJECT={}", object.display());
}

/// `<target>/bpf/prxy-ebpf.o`; the build script's own folder is `<target>/<profile>/build/X/out`.
fn in_target() -> PathBuf {
    let out = std::env::var_os("OUT_DIR").map(PathBuf::from).unwrap_or_default();
    out.ancestors().nth(4).map(Path::to_owned).unwrap_or_default().join("bpf/prxy-ebpf.o")
}
