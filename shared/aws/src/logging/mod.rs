//! Log lines as CloudWatch Logs Insights reads them: one JSON object a line, without colours; and metrics among them.

mod emf;

use emf::Emf;
use std::io::Write;
use tracing_subscriber::filter::{EnvFilter, LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

/// Where the stack's name is: a dimension of its metrics.
const STACK: &str = "STACK_NAME";

/// Sends `tracing` to standard output as JSON lines, filtered by `RUST_LOG` (default `info`); and whatever the engine tells
/// under [`engine::meter::METRICS`] as metrics, whatever the filter says. Later calls do nothing.
pub fn init() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    // short: each byte is paid for, and CloudWatch knows the time
    let lines = fmt::layer().json().flatten_event(true).with_current_span(false).with_span_list(false);
    let lines = lines.with_ansi(false).with_target(false).without_time();
    let stack = std::env::var(STACK).unwrap_or_else(|_| "evenstock".to_owned());
    let metrics =
        Emf::new(stack, print).with_filter(Targets::new().with_target(engine::meter::METRICS, LevelFilter::DEBUG));
    // an error means that somebody else has installed a subscriber already, which is then the one to use
    tracing_subscriber::registry().with(lines.with_filter(filter)).with(metrics).try_init().ok();
}

fn print(line: &str) {
    // a closed standard output is nothing that a metric could mend
    writeln!(std::io::stdout().lock(), "{line}").ok();
}
