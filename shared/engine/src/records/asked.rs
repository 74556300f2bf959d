//! What lines of history call the work that somebody asked for and that waits for its turn: it is written much later, and
//! a line that only said so would not say why.

/// A first sync.
pub const FIRST_SYNC: &str = "adopt";
/// A stock file.
pub const STOCK_FILE: &str = "import";
/// A file that a stock feed read.
pub const STOCK_FEED: &str = "stock-feed";
/// A restore, or a run taken back.
pub const RESTORE: &str = "restore";
/// A change of rules.
pub const RULES: &str = "rules";
/// A kit that was made, changed or ended.
pub const KIT: &str = "kit";
/// A product that got another SKU, or was matched.
pub const MAPPING: &str = "mapping";
/// A location or a store that another warehouse feeds.
pub const LINK: &str = "link";
/// Somebody asked to look now.
pub const LOOK: &str = "sync";
/// What was decided about a quarantine.
pub const QUARANTINE: &str = "quarantine";
/// Another writer was said to have stopped.
pub const RELEASE: &str = "release";
/// An account goes on after a pause or a freeze.
pub const RESUMED: &str = "resumed";
/// A rush of sales, or its end: what is held back of it changes.
pub const RUSH: &str = "rush";
