//! Log lines as CloudWatch Logs Insights reads them: one JSON object a line, without colours.

use tracing_subscriber::EnvFilter;

/// Sends `tracing` to standard output as JSON lines, filtered by `RUST_LOG` (default `info`). Later calls do nothing.
pub fn init() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().json().flatten_event(true).with_current_span(false).with_env_filter(filter);
    // an error means that somebody else has installed a subscriber already, which is then the one to use
    lines.with_ansi(false).try_init().ok();
}
