//! The `gslab` program.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = gslab::cli::Arguments::parse();
    match gslab::cli::run(arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
