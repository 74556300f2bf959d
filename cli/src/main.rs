//! `evenstock`: the hub in one process, its demo, and the client of any hub.

use std::process::ExitCode;

fn main() -> ExitCode {
    evenstock::run(evenstock::args::Cli::typed())
}
