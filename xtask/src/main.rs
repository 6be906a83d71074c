//! Every command that developers and CI run: `cargo xtask VERB`, one module per verb.
#![expect(clippy::print_stdout, reason = "some verbs answer on standard output")]

mod bench;
mod bench_context;
mod bench_kernel;
mod build;
mod ci;
mod demo;
mod dist;
mod fuzz;
mod model;
mod quality;
mod run;
mod sdk_test;
mod setup;
mod shell;
mod soak;
mod supply;
mod test;
mod tidy;

use std::process::ExitCode;

use anyhow::{Result, bail};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (verb, rest) = arguments.split_first().map_or(("help", &[][..]), |(v, r)| (v.as_str(), r));
    match dispatch(verb, rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask {verb}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(verb: &str, rest: &[String]) -> Result<()> {
    match verb {
        "setup" => setup::all(),
        "build" => build::run(rest),
        "run" => run::run(rest),
        "demo" => demo::run(rest),
        "dist" => dist::run(rest),
        "test" => test::run(rest),
        "sdk-test" => sdk_test::run(rest),
        "bench" => bench::run(rest),
        "bench-context" => bench_context::run(rest),
        "bench-kernel" => bench_kernel::run(rest),
        "soak" => soak::run(rest),
        "quality" => quality::run(rest),
        "fuzz" => fuzz::run(rest),
        "model" => model::fetch().map(|dir| eprintln!("{}", dir.display())),
        "sbom" => supply::sbom(rest),
        "licences" => supply::texts().map(|texts| print!("{texts}")),
        "reproduce" => supply::reproduce(rest),
        "ci" => ci::run(),
        "tidy" => tidy::run(),
        "help" | "--help" | "-h" => {
            eprint!("{HELP}");
            Ok(())
        }
        _ => bail!("unknown verb\n{HELP}"),
    }
}

const HELP: &str = "\
cargo xtask VERB
  setup   install what the build needs: rust-src, bpf-linker (the other verbs call it)
  build   kernel object and daemon [--release], or the kernel object alone [--kernel]
  run     build, then start the daemon [arguments of `prxy serve`]
  demo    show the whole promise on this machine, without key or internet
  dist    a .deb and a tarball, the same bytes from the same sources [--binary FILE]
          [--version VERSION] [--out DIR] [--quick]
  test    all tests, as root [arguments of `cargo test`]
  sdk-test  the providers' own SDKs for Python and Node drive the daemon; part of `test`
  bench   measure latency, throughput, memory and start [--json FILE]
  bench-context  tokens that ipc and mcp-optimizer save on a made-up day of an agent
  bench-kernel  measure the kernel programs: nanoseconds a run, throughput with and without
  soak    conversations without end while everything fails, judged [--minutes N] [--plot FILE]
  quality measure the detectors on the corpus, against its floors [--quick] [--label L] [--lang L]
          [--format F] [--show-misses N] [--write] [--floors] [--export DIR]
  model   fetch the model for local embeddings (90 MB), and print its directory
  fuzz    random bytes at every parser, 60 seconds each [--seconds N] [TARGET]...
  tidy    formatting, lints, licences and the project's own rules
  sbom    what a release is made of, in CycloneDX [FILE]
  licences  the licence texts of everything in a release
  reproduce  build a release twice and compare the bytes; what is committed [--kernel: that alone]
  ci      what CI runs: tidy, test, quality, demo
";
