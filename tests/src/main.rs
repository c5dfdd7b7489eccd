//! The `farthing` binary again, as the one that the whole-system tests run: cargo builds a package's binaries
//! for its own tests only.

use std::process::ExitCode;

fn main() -> ExitCode {
    farthing_cli::main()
}
