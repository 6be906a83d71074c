//! The `prxy` binary: arguments in, one answer or one error out.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Not a word into the network, not even why.
    if !prxy::cli::may_speak() {
        return ExitCode::FAILURE;
    }
    let args = std::env::args_os().skip(1);
    let (mut input, mut out) = (std::io::stdin().lock(), std::io::stdout());
    match prxy::cli::run(args, &|name| std::env::var_os(name), &mut input, &mut out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !matches!(failure, prxy::cli::Failure::Said(_)) {
                eprintln!("{failure}");
            }
            failure.exit_code()
        }
    }
}
