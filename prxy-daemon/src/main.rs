//! The `prxy` binary: arguments in, one answer or one error out.

use std::io::BufReader;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Not a word into the network, not even why.
    if !prxy::cli::may_speak() {
        return ExitCode::FAILURE;
    }
    let args = std::env::args_os().skip(1);
    // Not locked: commands that take a file take `-` for standard input, and read it themselves.
    let (mut input, mut out) = (BufReader::new(std::io::stdin()), std::io::stdout());
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
