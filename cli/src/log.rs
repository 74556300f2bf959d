//! The program's log: to stderr, for people or for machines.

use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Look {
    /// For people on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// Starts logging; `RUST_LOG` chooses what, `otherwise` if it is not set. Calls after the first change nothing.
pub fn start(look: Look, otherwise: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(otherwise));
    let terminal = std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let json = match look {
        Look::Auto => !terminal,
        Look::Pretty => false,
        Look::Json => true,
    };
    let colours = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    // a second call finds a log that is there already
    let _ = if json { lines.json().try_init() } else { lines.with_ansi(colours).with_target(false).try_init() };
}
