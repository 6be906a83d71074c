//! The `prxy` binary: arguments in, one answer or one error out.

use std::process::ExitCode;

fn main() -> ExitCode {
    let args = std::env::args_os().skip(1);
    let (mut input, mut out) = (std::io::stdin().lock(), std::io::stdout());
    match prxy::cli::run(args, &|name| std::env::var_os(name), &mut input, &mut out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !matches!(failure, prxy::cli::Failure::Program(_)) {
                eprintln!("{failure}");
            }
            failure.exit_code()
        }
    }
}
