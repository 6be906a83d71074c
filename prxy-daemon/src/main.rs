//! The `prxy` binary: arguments in, one answer or one error out.

use std::process::ExitCode;

fn main() -> ExitCode {
    let args = std::env::args_os().skip(1);
    match prxy::cli::run(args, &|name| std::env::var_os(name), &mut std::io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !matches!(failure, prxy::cli::Failure::Program(_)) {
                eprintln!("{failure}");
            }
            failure.exit_code()
        }
    }
}
